"""Which version of an app runs now.  Pure.

The controller says what an app should be; some of it waits for a counter.  The first counter seen
is a baseline and starts nothing.  ACLs, activation and names apply at once; resources, interfaces
and addresses wait for a restart, volumes for a purge.  A purge keeps the old app running until
its new volumes are there; snapshots that belong to the update are taken while it is down.  What is
in force has the version of what runs: the new one only when
nothing of it waits any more.  Source: node reference 8.3; EVE API v2, "Command counters".
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from eaves.evapi.config import (
    AppInstanceConfig,
    ContentTree,
    EdgeDevConfig,
    NetworkAdapter,
    NetworkInstanceConfig,
    Volume,
    encode_edge_dev_config,
)
from eaves.ids import AppInstanceId, VolumeId
from eaves.node.checkpoint import AppRecord
from eaves.node.runtime.snapshots_in_force import (
    Refuse,
    Restore,
    Seen,
    Start,
    Stop,
    due_with_update,
    go_back,
    rollback_counter,
    wished,
)
from eaves.node.storage.items import Snapshot
from eaves.node.storage.items import Volume as VolumeItem

VolumePresent = Callable[[VolumeId, int], bool]


@dataclass(frozen=True, slots=True)
class Decided:
    record: AppRecord
    config: AppInstanceConfig  # in force
    waits_for: str = ""  # "restart", "purge": a change is known and not yet applied
    purging: bool = False  # new volumes are being made while the old app runs
    updating: bool = False  # it is down, and snapshots are taken before it changes
    going_back: str = ""  # to this snapshot
    restored: tuple[VolumeItem, ...] = ()  # volumes that get their data from there
    beside: EdgeDevConfig | None = None  # what else knows these volumes
    snapshots: tuple[Snapshot, ...] = ()  # that should be there
    waiting: bool = False  # for facts that no item tells

    @property
    def unsettled(self) -> bool:
        """To be decided again soon, though nobody changes the configuration."""
        return self.purging or self.waiting


def app_id(app: AppInstanceConfig) -> AppInstanceId:
    return AppInstanceId(app.uuidandversion.uuid if app.uuidandversion else "")


def decide_apps(
    config: EdgeDevConfig,
    records: Mapping[AppInstanceId, AppRecord],
    present: VolumePresent,
    seen: Seen = Seen(),  # noqa: B008 - frozen, and empty for all
) -> dict[AppInstanceId, Decided]:
    """For every configured app what is in force; apps without a UUID are left out."""
    return {
        app_id(app): _with_snapshots(
            _decide(app, config, records.get(app_id(app)), present, seen), app, seen
        )
        for app in config.apps
        if app_id(app)
    }


def _with_snapshots(decided: Decided, wanted: AppInstanceConfig, seen: Seen) -> Decided:
    found = wished(
        app_id(wanted),
        wanted,
        decided.record,
        seen,
        updating=decided.updating,
        keep=decided.going_back,
    )
    record = replace(decided.record, snapshots=found.told)
    return replace(decided, record=record, snapshots=found.snapshots, waiting=found.waiting)


def _decide(
    wanted: AppInstanceConfig,
    config: EdgeDevConfig,
    record: AppRecord | None,
    present: VolumePresent,
    seen: Seen,
) -> Decided:
    if record is None:
        return _decide_versions(wanted, config, None, present, seen)
    if rollback_counter(wanted) == record.rollback_counter:
        return _decide_versions(wanted, config, record, present, seen)
    name = wanted.snapshot.active_snapshot if wanted.snapshot else ""
    down = replace(_still(wanted, record.app), activate=False)
    match go_back(app_id(wanted), wanted, config, seen):
        case Stop():
            return Decided(record, down, purging=True, going_back=name)
        case Restore(volumes, saved):
            return Decided(
                record, down, purging=True, going_back=name, restored=volumes, beside=saved
            )
        case Start(saved):
            return _restored(wanted, config, record, saved, name)
        case Refuse(why):
            told = {**record.snapshots, name: why} if name else record.snapshots
            counter = rollback_counter(wanted)
            record = replace(record, rollback_counter=counter, snapshots=told)
            return _decide_versions(wanted, config, record, present, seen)


def _restored(
    wanted: AppInstanceConfig,
    config: EdgeDevConfig,
    record: AppRecord,
    saved: EdgeDevConfig,
    name: str,
) -> Decided:
    """The saved configuration replaces what was in force; counters of before say nothing more."""
    app = replace(
        saved.apps[0], activate=wanted.activate, snapshot=wanted.snapshot, purge=wanted.purge
    )
    taken = AppRecord(
        wanted.restart.counter if wanted.restart else 0,
        wanted.purge.counter if wanted.purge else 0,
        record.incarnation + 1,
        _fragment(app, saved, config),
        rollback_counter(wanted),
        {**record.snapshots, name: ""},
    )
    return Decided(taken, app, _pending(app, wanted))


def _decide_versions(
    wanted: AppInstanceConfig,
    config: EdgeDevConfig,
    record: AppRecord | None,
    present: VolumePresent,
    seen: Seen,
) -> Decided:
    restart = wanted.restart.counter if wanted.restart else 0
    purge = wanted.purge.counter if wanted.purge else 0
    if record is None:
        counter = rollback_counter(wanted)
        return Decided(AppRecord(restart, purge, 0, _fragment(wanted, config), counter), wanted)
    held = record.held
    running = held.apps[0]
    taken = replace(record, restart_counter=restart, purge_counter=purge)
    if purge != record.purge_counter:
        if running.activate and not _volumes_there(wanted, present):
            kept = _still(wanted, running)
            return Decided(replace(record, in_force=_fragment(kept, held)), kept, purging=True)
        due = due_with_update(app_id(wanted), wanted, record, seen)
        if not all(due.values()):
            down = replace(_still(wanted, running), activate=False)
            updating = not seen.runs(app_id(wanted))
            return Decided(record, down, purging=True, updating=updating)
        told = {**record.snapshots, **due}
        return Decided(
            replace(
                taken,
                incarnation=record.incarnation + 1,
                snapshots=told,
                in_force=_fragment(wanted, config),
            ),
            wanted,
        )
    if not running.activate or _lacks_something(held):
        # Nothing runs, so nothing has to be protected: the next start takes it all.
        return Decided(replace(taken, in_force=_fragment(wanted, config)), wanted)
    if restart != record.restart_counter:
        app = replace(wanted, volume_ref_list=running.volume_ref_list)
        waits = _pending(app, wanted)
        app = _versioned(app, running) if waits else app
        taken = replace(
            taken, incarnation=record.incarnation + 1, in_force=_fragment(app, config, held)
        )
        return Decided(taken, app, waits)
    live = _apply_live(running, wanted)
    waits = _pending(live, wanted)
    live = _versioned(live, running) if waits else live
    record = replace(record, in_force=_fragment(live, config, held, known=record))
    return Decided(record, live, waits)


def _still(wanted: AppInstanceConfig, running: AppInstanceConfig) -> AppInstanceConfig:
    """What runs, with what of `wanted` may change under it."""
    return _versioned(_apply_live(running, wanted), running)


def _versioned(app: AppInstanceConfig, running: AppInstanceConfig) -> AppInstanceConfig:
    """`app`, told as the version that runs."""
    return replace(app, uuidandversion=running.uuidandversion)


def _fragment(
    app: AppInstanceConfig, *configs: EdgeDevConfig, known: AppRecord | None = None
) -> bytes:
    """`app`, its networks, volumes and their content trees, from the first config with each.

    What is `known` already is not encoded again.
    """
    refs = {(r.uuid, r.generation_count) for r in app.volume_ref_list}
    networks = _networks(app, configs)
    volumes: dict[tuple[str, int], Volume] = {}
    trees: dict[str, ContentTree] = {}
    for config in configs:
        for volume in config.volumes:
            key = (volume.uuid, volume.generation_count)
            if key not in refs or key in volumes:
                continue
            volumes[key] = volume
            tree = volume.origin.download_content_tree_id if volume.origin else ""
            trees.update({t.uuid: t for t in config.content_info if t.uuid == tree != ""})
    fragment = EdgeDevConfig(
        apps=(app,),
        network_instances=tuple(networks.values()),
        volumes=tuple(volumes.values()),
        content_info=tuple(trees.values()),
    )
    if known is not None and known.held == fragment:
        return known.in_force
    return encode_edge_dev_config(fragment)


def _networks(
    app: AppInstanceConfig, configs: Iterable[EdgeDevConfig]
) -> dict[str, NetworkInstanceConfig]:
    """The network instances that its interfaces are in."""
    used = {adapter.network_id for adapter in app.interfaces}
    found: dict[str, NetworkInstanceConfig] = {}
    for config in configs:
        for network in config.network_instances:
            name = network.uuidandversion.uuid if network.uuidandversion else ""
            if name in used:
                found.setdefault(name, network)
    return found


def _lacks_something(held: EdgeDevConfig) -> bool:
    """Whether what is in force names what no configuration ever had: it cannot have started."""
    app = held.apps[0]
    volumes = {(volume.uuid, volume.generation_count) for volume in held.volumes}
    networks = {adapter.network_id for adapter in app.interfaces} - {""}
    return not networks <= _networks(app, (held,)).keys() or any(
        (ref.uuid, ref.generation_count) not in volumes for ref in app.volume_ref_list
    )


def _volumes_there(app: AppInstanceConfig, present: VolumePresent) -> bool:
    return all(present(VolumeId(r.uuid), r.generation_count) for r in app.volume_ref_list)


def _apply_live(running: AppInstanceConfig, wanted: AppInstanceConfig) -> AppInstanceConfig:
    """`wanted`, with what needs a restart or a purge taken from `running`."""
    resources = running.fixedresources
    if resources and wanted.fixedresources:
        resources = replace(
            resources,
            disable_logs=wanted.fixedresources.disable_logs,
            boot_order=wanted.fixedresources.boot_order,  # at its next start, without a word
        )
    return replace(
        wanted,
        fixedresources=resources,
        volume_ref_list=running.volume_ref_list,
        adapters=running.adapters,
        interfaces=_live_interfaces(running.interfaces, wanted.interfaces),
        user_data=running.user_data,
        cipher_data=running.cipher_data,
        cloud_init_version=running.cloud_init_version,
    )


def _live_interfaces(
    running: tuple[NetworkAdapter, ...], wanted: tuple[NetworkAdapter, ...]
) -> tuple[NetworkAdapter, ...]:
    """Only the ACLs change under a running app."""
    if len(running) != len(wanted):
        return running
    return tuple(replace(r, acls=w.acls) for r, w in zip(running, wanted, strict=True))


def _pending(in_force: AppInstanceConfig, wanted: AppInstanceConfig) -> str:
    """What the controller's wish still needs; a purge covers a restart."""
    if (in_force.volume_ref_list, in_force.adapters) != (wanted.volume_ref_list, wanted.adapters):
        return "purge"
    # A cipher block is another text at each rendering; the counter says when it matters.
    if (in_force.fixedresources, in_force.interfaces, in_force.cloud_init_version) != (
        wanted.fixedresources,
        wanted.interfaces,
        wanted.cloud_init_version,
    ):
        return "restart"
    return ""


def with_what_is_held(
    config: EdgeDevConfig, decided: Mapping[AppInstanceId, Decided]
) -> EdgeDevConfig:
    """`config` plus what running apps hold though it dropped that: networks, volumes, content."""
    volumes = {(v.uuid, v.generation_count): v for v in config.volumes}
    trees = {(t.uuid, t.generation_count): t for t in config.content_info}
    networks = {n.uuidandversion.uuid: n for n in config.network_instances if n.uuidandversion}
    for one in decided.values():
        for kept in (one.record.held, *((one.beside,) if one.beside else ())):
            for volume in kept.volumes:
                volumes.setdefault((volume.uuid, volume.generation_count), volume)
            for tree in kept.content_info:
                trees.setdefault((tree.uuid, tree.generation_count), tree)
        if one.config.activate:
            networks = {**_networks(one.config, (one.record.held,)), **networks}
    return replace(
        config,
        network_instances=tuple(networks.values()),
        volumes=tuple(volumes.values()),
        content_info=tuple(trees.values()),
    )
