"""What one configuration changes of another, as the node acts on it.  Pure.

An app goes on running through most changes.  A counter that moved restarts it or purges it; what
needs one of the two and got none waits, and is told so.  Names only: values may be secrets.
Source: node reference 8.3; EVE API v2, "Command counters".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from eaves.evapi.config import (
    AppInstanceConfig,
    BaseOS,
    ContentTree,
    EdgeDevConfig,
    NetworkAdapter,
    UUIDandVersion,
    Volume,
)

Names = Mapping[str, str]  # of what a configuration tells by its id alone
Told = tuple[str, str]  # what it is told apart by, and what a person calls it

NODE: Final = "node"


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """Sizes in bytes.  `peak_bytes`: what is there before and what comes, before anything goes."""

    created: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()  # apps go on running
    restarted: tuple[str, ...] = ()
    purged: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    pull_bytes: int = 0
    peak_bytes: int = 0

    def __bool__(self) -> bool:
        return bool(self.created or self.changed or self.restarted or self.purged or self.deleted)


def _id_of(name: UUIDandVersion | None) -> str:
    return name.uuid if name is not None else ""


_SECTIONS: Final[Mapping[str, tuple[str, Callable[[Any, Names], Told]]]] = {
    "network_instances": (
        "network instance",
        lambda one, _: (_id_of(one.uuidandversion), one.displayname),
    ),
    "networks": ("network", lambda one, names: (one.id, names.get(one.id, one.id))),
    "datastores": ("datastore", lambda one, names: (one.id, names.get(one.id, one.id))),
    "volumes": ("volume", lambda one, _: (one.uuid, one.display_name)),
    "content_info": ("image", lambda one, _: (one.uuid, one.display_name)),
    "system_adapter_list": ("port", lambda one, _: (one.name, one.name)),
    "device_io_list": ("adapter", lambda one, _: (one.phylabel, one.phylabel)),
    "vlans": ("VLAN", lambda one, _: (one.logicallabel, one.logicallabel)),
    "bonds": ("bond", lambda one, _: (one.logicallabel, one.logicallabel)),
    "patch_envelopes": ("patch envelope", lambda one, _: (one.uuid, one.display_name)),
    "scep_profiles": (
        "certificate enrolment profile",
        lambda one, _: (one.profile_name, one.profile_name),
    ),
    "pnacs": ("port access", lambda one, _: (one.logicallabel, one.logicallabel)),
    "config_items": ("setting", lambda one, _: (one.key, one.key)),
}
_BY_THEMSELVES: Final = frozenset({"apps", "baseos", "reboot", "shutdown", "config_timestamp"})


@dataclass(slots=True)
class _Gathered:
    created: list[str] = field(default_factory=list[str])
    changed: list[str] = field(default_factory=list[str])
    restarted: list[str] = field(default_factory=list[str])
    purged: list[str] = field(default_factory=list[str])
    deleted: list[str] = field(default_factory=list[str])


def change_of(
    before: EdgeDevConfig | None, after: EdgeDevConfig | None, names: Names | None = None
) -> ConfigChange:
    """None: the node is not there (yet, or any more)."""
    names = names or {}
    old, new = before or EdgeDevConfig(), after or EdgeDevConfig()
    found = _Gathered()
    _node(before, after, found)
    for section, (noun, told) in _SECTIONS.items():
        _objects(noun, _by_id(old, section, told, names), _by_id(new, section, told, names), found)
    _apps(old, new, found)
    told_all = (found.created, found.changed, found.restarted, found.purged, found.deleted)
    if not any(told_all) and replace(old, config_timestamp=None) != replace(
        new, config_timestamp=None
    ):
        found.changed.append(NODE)  # for example its parts in another order
    created, changed, restarted, purged, deleted = (tuple(dict.fromkeys(one)) for one in told_all)
    return ConfigChange(
        created=created,
        changed=changed,
        restarted=restarted,
        purged=purged,
        deleted=deleted,
        pull_bytes=_pulls(old, new),
        peak_bytes=_peak(old, new),
    )


def _by_id(
    config: EdgeDevConfig, section: str, told: Callable[[Any, Names], Told], names: Names
) -> dict[str, tuple[str, list[object]]]:
    found: dict[str, tuple[str, list[object]]] = {}
    for one in getattr(config, section):
        key, name = told(one, names)
        found.setdefault(key, (name, []))[1].append(one)
    return found


def _objects(
    noun: str,
    old: Mapping[str, tuple[str, list[object]]],
    new: Mapping[str, tuple[str, list[object]]],
    found: _Gathered,
) -> None:
    for key, (name, parts) in new.items():
        title = f"{noun} {name}"
        if key not in old:
            found.created.append(title)
        elif _made_anew(old[key][1], parts):
            found.purged.append(title)
        elif old[key][1] != parts:
            found.changed.append(title)
    found.deleted += [f"{noun} {name}" for key, (name, _) in old.items() if key not in new]


def _made_anew(old: list[object], new: list[object]) -> bool:
    """A volume of another generation begins without what is in it now."""
    before = {one.generation_count for one in old if isinstance(one, Volume)}
    after = {one.generation_count for one in new if isinstance(one, Volume)}
    return before != after


# --- the node itself ----------------------------------------------------------------------------


def _node(before: EdgeDevConfig | None, after: EdgeDevConfig | None, found: _Gathered) -> None:
    if before is None or after is None:
        if after is not None:
            found.created.append(f"{NODE} {after.device_name}")
            if after.baseos is not None:
                found.created.append(_base_os(after.baseos))
        elif before is not None:
            found.deleted.append(f"{NODE} {before.device_name}")
        return
    if _differ(before.reboot, after.reboot):
        found.restarted.append(f"{NODE} (reboots)")
    if _differ(before.shutdown, after.shutdown):
        found.changed.append(f"{NODE} (shuts its apps down and waits for its power to be cut)")
    _base_image(before.baseos, after.baseos, found)
    named = [
        one.name.replace("_", " ")
        for one in fields(EdgeDevConfig)
        if one.name not in _SECTIONS
        and one.name not in _BY_THEMSELVES
        and getattr(before, one.name) != getattr(after, one.name)
    ]
    if named:
        found.changed.append(f"{NODE} ({', '.join(named)})")


def _differ(before: object, after: object) -> bool:
    counter = getattr(after, "counter", 0)
    return bool(counter != getattr(before, "counter", 0))


def _base_image(before: BaseOS | None, after: BaseOS | None, found: _Gathered) -> None:
    if before == after:
        return
    if after is None:
        found.deleted += [_base_os(before)] if before is not None else []
        return
    was = (before.content_tree_uuid, before.base_os_version, before.activate) if before else None
    if after.activate and was != (after.content_tree_uuid, after.base_os_version, True):
        found.restarted.append(f"{NODE} (into {_base_os(after)})")
    elif before is None:
        found.created.append(_base_os(after))
    else:
        found.changed.append(_base_os(after))


def _base_os(one: BaseOS) -> str:
    return f"base image {one.base_os_version}"


# --- its apps -----------------------------------------------------------------------------------


def _apps(old: EdgeDevConfig, new: EdgeDevConfig, found: _Gathered) -> None:
    before = {_id_of(app.uuidandversion): app for app in old.apps}
    after = {_id_of(app.uuidandversion): app for app in new.apps}
    for key, app in after.items():
        title = f"app instance {app.displayname}"
        if key not in before:
            found.created.append(title)
        elif before[key] != app:
            _app(title, before[key], app, found)
    found.deleted += [
        f"app instance {app.displayname}" for key, app in before.items() if key not in after
    ]


def _app(title: str, before: AppInstanceConfig, after: AppInstanceConfig, found: _Gathered) -> None:
    if _differ(before.purge, after.purge):
        found.purged.append(title)
    elif before.activate != after.activate:
        found.changed.append(f"{title} ({'starts' if after.activate else 'stops'})")
    elif not after.activate:
        found.changed.append(title)  # nothing runs: its next start takes it all
    elif _differ(before.restart, after.restart):
        found.restarted.append(title)
    else:
        waits = waits_for(before, after) or _start(before, after)
        found.changed.append(f"{title} (waits for a {waits})" if waits else title)


def waits_for(before: AppInstanceConfig, after: AppInstanceConfig) -> str:
    """What a running app needs before it is as it should be; empty: it changes as it runs."""
    if (before.volume_ref_list, before.adapters) != (after.volume_ref_list, after.adapters):
        return "purge"
    return "restart" if _of_a_start(before) != _of_a_start(after) else ""


def _start(before: AppInstanceConfig, after: AppInstanceConfig) -> str:
    """Other user data of the same version: a running app has what it started with."""
    was, will = ((one.user_data, one.cipher_data) for one in (before, after))
    return "start" if was != will else ""


def _of_a_start(app: AppInstanceConfig) -> tuple[object, ...]:
    """What a node says of that it waits.

    User data is not among it: a node compares its version, and takes the text itself at a start.
    """
    resources = app.fixedresources
    if resources is not None:
        resources = replace(resources, disable_logs=False, boot_order=type(resources)().boot_order)
    return resources, tuple(map(_without_rules, app.interfaces)), app.cloud_init_version


def _without_rules(adapter: NetworkAdapter) -> NetworkAdapter:
    return replace(adapter, acls=())


# --- bytes --------------------------------------------------------------------------------------


def _trees(config: EdgeDevConfig) -> dict[str, ContentTree]:
    """The same bytes are fetched and kept once."""
    return {tree.sha256 or tree.uuid: tree for tree in config.content_info}


def _volumes(config: EdgeDevConfig) -> dict[tuple[str, int], int]:
    sizes = {tree.uuid: tree.max_size_bytes for tree in config.content_info}
    return {
        (one.uuid, one.generation_count): max(
            one.maxsizebytes,
            sizes.get(one.origin.download_content_tree_id, 0) if one.origin is not None else 0,
        )
        for one in config.volumes
    }


def _pulls(old: EdgeDevConfig, new: EdgeDevConfig) -> int:
    held = _trees(old)
    return sum(tree.max_size_bytes for key, tree in _trees(new).items() if key not in held)


def _peak(old: EdgeDevConfig, new: EdgeDevConfig) -> int:
    trees = _trees(old) | _trees(new)
    volumes = _volumes(old) | _volumes(new)
    return sum(tree.max_size_bytes for tree in trees.values()) + sum(volumes.values())
