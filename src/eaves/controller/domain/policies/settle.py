"""One node: the objects that a decision comes to, admitted as those that people write.

What is refused is a fault: the others are made nevertheless, and the node is looked at again later.
"""

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from eaves.controller.domain.admission import (
    DeviceLoad,
    Refusal,
    admit_app_instance,
    admit_netinst,
    admit_volume,
)
from eaves.controller.domain.admission.networks import absent_port
from eaves.controller.domain.admission.refusal import conflict, invalid, unknown
from eaves.controller.domain.carried import (
    complete_instance,
    complete_netinst,
    complete_volume,
    with_netinst_ids,
)
from eaves.controller.domain.contract.apps import App, AppInstance, AppInterface
from eaves.controller.domain.contract.catalogue import SysModel
from eaves.controller.domain.contract.datastores import ImageConfig
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.policies.decide import Owned, decide, names_of
from eaves.controller.domain.policies.entries import ORDER, AppTemplate, Entry, Makes
from eaves.controller.domain.policies.instances import (
    FreshInstances,
    instance_of,
    references_of,
    with_transition,
)
from eaves.controller.domain.policies.selectors import Node, matches
from eaves.controller.domain.render.netinsts import with_subnets
from eaves.controller.domain.signed_images import ANY_IMAGE, ImageTrust

Carried = NetInstConfig | VolInstConfig | AppInstance


@dataclass(frozen=True)
class Site:
    """A node with what it carries.  `images` by id and by name; `needed`: what refers to objects
    of policies from outside of them, by the id of the object: names for people.
    `taken`: names in use in the enterprise, with the id of the object that has them.
    """

    device: DeviceConfig
    model: SysModel | None = None
    netinsts: tuple[NetInstConfig, ...] = ()
    volumes: tuple[VolInstConfig, ...] = ()
    instances: tuple[AppInstance, ...] = ()
    owned: tuple[Owned, ...] = ()
    bundles: Mapping[str, App] = field(default_factory=dict[str, App])
    images: Mapping[str, ImageConfig] = field(default_factory=dict[str, ImageConfig])
    references: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    taken: Mapping[tuple[Makes, str], str] = field(default_factory=dict[tuple[Makes, str], str])
    trust: ImageTrust = ANY_IMAGE

    @cached_property
    def node(self) -> Node:
        return node_of(self.device)

    @property
    def carried(self) -> tuple[str, ...]:
        """Ids."""
        netinsts = tuple(one.id for one in self.netinsts)
        volumes = tuple(one.id for one in self.volumes)
        return netinsts + volumes + tuple(one.id for one in self.instances)

    def beside(self, taken: Mapping[tuple[Makes, str], str]) -> "Site":
        """With these names in use."""
        return self._with(taken=taken)

    def complete(
        self,
        *,
        owned: tuple[Owned, ...],
        bundles: Mapping[str, App],
        images: Mapping[str, ImageConfig],
        references: Mapping[str, frozenset[str]],
        taken: Mapping[tuple[Makes, str], str],
        trust: ImageTrust,
    ) -> "Site":
        """With what policies need to know beside what the node is rendered from."""
        return self._with(
            owned=owned,
            bundles=bundles,
            images=images,
            references=references,
            taken=taken,
            trust=trust,
        )

    def _with(self, **changes: object) -> "Site":
        made = object.__new__(Site)
        # a frozen dataclass sets its fields one by one, which takes ten times as long
        made.__dict__.update(self.__dict__, **changes)
        return made


def makes_of(item: Carried) -> Makes:
    match item:
        case NetInstConfig():
            return Makes.NETINST
        case VolInstConfig():
            return Makes.VOLUME
        case AppInstance():
            return Makes.APP


def node_of(device: DeviceConfig) -> Node:
    return Node(device.id, device.name, device.project_id, device.deployment_tag, dict(device.tags))


@dataclass(frozen=True)
class Made:
    """An object as it is to be stored; `before` is None for a new one."""

    entry: Entry
    item: Carried
    before: Carried | None
    references: frozenset[str]


@dataclass(frozen=True, slots=True)
class Fault:
    source: str
    source_id: str
    key: str
    makes: Makes
    name: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Settled:
    device: DeviceConfig
    delete: tuple[tuple[Owned, Carried], ...] = ()
    made: tuple[Made, ...] = ()
    faults: tuple[Fault, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.delete or self.made)


def settle(
    site: Site, entries: Iterable[Entry], new_id: Callable[[], str], now: datetime
) -> Settled:
    """Make a node as its policies want it, as far as it can be."""
    return _settle(site, entries, new_id, FreshInstances(now))


def _settle(
    site: Site, entries: Iterable[Entry], new_id: Callable[[], str], fresh: FreshInstances
) -> Settled:
    node = site.node
    mine = tuple(entry for entry in entries if matches(entry.selector, node))
    decision = decide(node, mine, site.owned, _outgrown(site, mine))
    run = _Run(site, names_of(node, mine), mine, new_id, fresh)
    for gone in decision.delete:
        run.delete(gone)
    changes = sorted(
        [(entry.makes, entry.key, entry, owned) for owned, entry in decision.update]
        + [(entry.makes, entry.key, entry, None) for entry in decision.create],
        key=lambda change: (ORDER[change[0]], change[1]),
    )
    for _, _, entry, owned in changes:
        run.make(entry, owned)
    return Settled(site.device, tuple(run.deleted), tuple(run.made), tuple(run.faults))


def _outgrown(site: Site, entries: Iterable[Entry]) -> frozenset[str]:
    """Ids of instances that cannot become what their policy wants: a container is no machine."""
    there = {one.id: one for one in site.instances}
    owned = {one.key: there.get(one.object_id) for one in site.owned}
    found: set[str] = set()
    for entry in entries:
        current, template = owned.get(entry.key), entry.template
        if current is None or not isinstance(template, AppTemplate):
            continue
        bundle = site.bundles.get(template.bundle_id)
        manifest = bundle.manifest_json if bundle is not None else None
        if template.bundle_id == current.app_id or manifest is None:
            continue
        if manifest.app_type != current.app_type:
            found.add(current.id)
    return frozenset(found)


def settle_in_turn(
    sites: Iterable[tuple[Site, Iterable[Entry]]], new_id: Callable[[], str], now: datetime
) -> list[Settled]:
    """Nodes of one enterprise, one after the other, each with the entries of its policies.

    A name that one of them gets is taken for those behind it.
    """
    names: dict[tuple[Makes, str], str] = {}
    taken: Mapping[tuple[Makes, str], str] | None = None
    every: Mapping[tuple[Makes, str], str] = names
    settled: list[Settled] = []
    fresh = FreshInstances(now)
    for site, entries in sites:
        if site.taken is not taken:  # those of one reading have the same
            taken, every = site.taken, ChainMap(names, dict(site.taken))
        one = _settle(site.beside(every), entries, new_id, fresh)
        for made in one.made:
            if made.before is None:
                names[made.entry.makes, made.item.name] = made.item.id
        settled.append(one)
    return settled


class _Run:
    """The node as it becomes while the changes are gone through."""

    def __init__(
        self,
        site: Site,
        names: Mapping[str, str],
        entries: tuple[Entry, ...],
        new_id: Callable[[], str],
        fresh: FreshInstances,
    ) -> None:
        self._site, self._names, self._new_id = site, names, new_id
        self._fresh, self._now = fresh, fresh.now
        carried: tuple[Carried, ...] = (*site.netinsts, *site.volumes, *site.instances)
        self._there: dict[str, Carried] = {item.id: item for item in carried}
        self._ids = {owned.key: owned.object_id for owned in site.owned}
        self._aliases = {(entry.source.id, entry.alias): entry.key for entry in entries}
        self.deleted: list[tuple[Owned, Carried]] = []
        self.made: list[Made] = []
        self.faults: list[Fault] = []
        self._kept: set[str] = set()  # keys of what should go and cannot

    def delete(self, owned: Owned) -> None:
        item = self._there.get(owned.object_id)
        if item is None:
            return
        users = [
            one
            for one, uses in self._site.references.items()
            if owned.object_id in uses and one in self._there and one != owned.object_id
        ]
        if users:
            names = ", ".join(repr(self._there[one].name) for one in sorted(users))
            text = f"{owned.makes.noun} {item.name!r} is still used by {names}; change them first"
            self._kept.add(owned.key)
            self.faults.append(
                Fault(
                    "a policy that left",
                    owned.source_id,
                    owned.key,
                    owned.makes,
                    item.name,
                    (text,),
                )
            )
            return
        del self._there[owned.object_id]
        del self._ids[owned.key]
        self.deleted.append((owned, item))

    def make(self, entry: Entry, owned: Owned | None) -> None:
        if entry.key in self._kept:
            return  # the one before has to go first
        current = self._there.get(owned.object_id) if owned is not None else None
        name = current.name if current is not None else self._names[entry.key]
        object_id = current.id if current is not None else self._new_id()
        refusals, item, references = self._build(entry, current, object_id, name)
        if current is None:
            refusals = (*self._refuse_taken(entry.makes, name), *refusals)
        if refusals:
            self._fault(entry, name, refusals)
            return
        self._there[object_id] = item
        self._ids[entry.key] = object_id
        self.made.append(Made(entry, item, current, references - {"", object_id}))

    def _fault(self, entry: Entry, name: str, refusals: Iterable[Refusal]) -> None:
        reasons = tuple(dict.fromkeys(one.details for one in refusals))
        source = entry.source
        self.faults.append(Fault(source.text, source.id, entry.key, entry.makes, name, reasons))

    def _refuse_taken(self, makes: Makes, name: str) -> tuple[Refusal, ...]:
        holder = self._site.taken.get((makes, name))
        gone = {owned.object_id for owned, _ in self.deleted}
        here = any(item.name == name for item in self._of(makes))
        if not here and (holder is None or holder in gone):
            return ()
        return (
            conflict(
                "name",
                f"the name {name!r} belongs to another {makes.noun}; rename or delete that one, or "
                "give the policy another part of the name",
            ),
        )

    def _of(self, makes: Makes) -> tuple[Carried, ...]:
        return tuple(item for item in self._there.values() if makes_of(item) is makes)

    def _build(
        self, entry: Entry, current: Carried | None, object_id: str, name: str
    ) -> tuple[tuple[Refusal, ...], Carried, frozenset[str]]:
        site, device = self._site, self._site.device
        match entry.template:
            case NetInstConfig() as template:
                before = current if isinstance(current, NetInstConfig) else None
                return self._netinst(entry, template, before, object_id, name)
            case VolInstConfig() as template:
                was = current if isinstance(current, VolInstConfig) else None
                wanted = template.model_copy(
                    update={
                        "id": object_id,
                        "name": name,
                        "title": template.title or name,
                        "device_id": device.id,
                        "size_bytes": max(template.size_bytes, was.size_bytes if was else 0),
                    }
                )
                volume = complete_volume(wanted, was, project=device.project_id)
                image = site.images.get(volume.image)
                refusals = admit_volume(
                    volume, was, device=device, model=site.model, image=image, trust=site.trust
                )
                used = {device.id, image.id if image is not None else ""}
                return refusals, volume, frozenset(used)
            case AppTemplate() as template:
                earlier = current if isinstance(current, AppInstance) else None
                return self._instance(entry, template, earlier, object_id, name)

    def _netinst(
        self,
        entry: Entry,
        template: NetInstConfig,
        current: NetInstConfig | None,
        object_id: str,
        name: str,
    ) -> tuple[tuple[Refusal, ...], NetInstConfig, frozenset[str]]:
        device = self._site.device
        wanted = template.model_copy(
            update={
                "id": object_id,
                "name": name,
                "title": template.title or name,
                "device_id": device.id,
                "network_policy_id": entry.source.id,
            }
        )
        if current is not None and current.ip is not None and wanted.ip is None:
            wanted = wanted.model_copy(update={"ip": current.ip})
        siblings = [other for other in with_subnets(self._netinsts()) if other.id != object_id]
        complete = complete_netinst(wanted, project=device.project_id, siblings=siblings)
        refusals = list(
            admit_netinst(
                complete, current, device=device, model=self._site.model, siblings=siblings
            )
        )
        if lacks := absent_port(complete, device):  # a policy goes only where it fits
            refusals.append(invalid("port", lacks))
        default = next((other for other in siblings if other.device_default), None)
        if complete.device_default and default is not None:
            refusals.append(
                conflict(
                    "deviceDefault",
                    f"network instance {default.name!r} is the default of device {device.name!r} "
                    "already; a device has one",
                )
            )
        return tuple(refusals), complete, frozenset({device.id})

    def _netinsts(self) -> list[NetInstConfig]:
        found = [item for item in self._there.values() if isinstance(item, NetInstConfig)]
        return sorted(found, key=lambda item: item.id)

    def _load(self, without: str) -> DeviceLoad:
        there = [item for item in self._there.values() if item.id != without]
        return DeviceLoad(
            device=self._site.device,
            model=self._site.model,
            netinsts=tuple(item for item in there if isinstance(item, NetInstConfig)),
            volumes=tuple(item for item in there if isinstance(item, VolInstConfig)),
            instances=tuple(item for item in there if isinstance(item, AppInstance)),
            images=self._site.images,
            bundles=self._site.bundles,
            trust=self._site.trust,
        )

    def _instance(
        self,
        entry: Entry,
        template: AppTemplate,
        current: AppInstance | None,
        object_id: str,
        name: str,
    ) -> tuple[tuple[Refusal, ...], AppInstance, frozenset[str]]:
        bundle = self._site.bundles.get(template.bundle_id)
        load = self._load(object_id)
        netinst_ids = {netinst.name: netinst.id for netinst in load.netinsts}
        if current is None:
            wanted = self._named(entry, self._fresh.of(template, bundle), object_id, name)
            complete = wanted.model_copy(
                update={"interfaces": with_netinst_ids(wanted.interfaces, netinst_ids)}
            )
        else:
            made = instance_of(template, bundle, current, self._now)
            wanted = self._named(entry, made, object_id, name)
            complete = self._changed(wanted, current, bundle, netinst_ids)
        before = current
        if current is not None and template.follows:  # a person cannot exchange the bundle
            before = current.model_copy(update={"app_id": wanted.app_id})
        refusals = admit_app_instance(wanted, before, bundle=bundle, load=load)
        if bundle is None:
            refusals = (unknown("app bundle", template.bundle_id, "appId"),)
        return refusals, complete, references_of(complete, load)

    def _named(self, entry: Entry, made: AppInstance, object_id: str, name: str) -> AppInstance:
        return made.model_copy(
            update={
                "id": object_id,
                "name": name,
                "title": entry.template.title or name,
                "device_id": self._site.device.id,
                "app_policy_id": entry.source.id,
                "project_id": self._site.device.project_id,
                "interfaces": tuple(self._joined(entry, one) for one in made.interfaces),
            }
        )

    def _changed(
        self,
        wanted: AppInstance,
        current: AppInstance,
        bundle: App | None,
        netinst_ids: Mapping[str, str],
    ) -> AppInstance:
        complete = complete_instance(
            wanted,
            current,
            bundle=bundle,
            project=self._site.device.project_id,
            netinst_ids=netinst_ids,
        )
        if wanted.refresh != current.refresh:
            complete = complete.model_copy(
                update={
                    "bundleversion": wanted.bundleversion,
                    "manifest_info": wanted.manifest_info,
                }
            )
        return with_transition(complete, current, self._now)

    def _joined(self, entry: Entry, interface: AppInterface) -> AppInterface:
        """A network of the same policy is meant by the name that it has there."""
        key = self._aliases.get((entry.source.id, interface.netinstname))
        item = self._there.get(self._ids.get(key, "")) if key is not None else None
        if not isinstance(item, NetInstConfig):
            return interface
        return interface.model_copy(update={"netinstname": item.name, "netinstid": item.id})
