"""Which snapshots an app should have now, and how it goes back to one.  Pure.

A snapshot is taken once: what was taken, dropped or failed is remembered by its id.  One of type
"app update" is taken when the app is down for its next purge, any other as soon as its volumes are
whole.  Going back takes three steps, each decided from what is there, so that a cut in between goes
on with the same one: the app is down, its volumes are restored, the saved configuration is in
force.  Source: node reference 6.8.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from eaves.evapi.config import AppInstanceConfig, EdgeDevConfig, SnapshotType
from eaves.ids import AppInstanceId, VolumeId
from eaves.node import refs
from eaves.node.checkpoint import AppRecord
from eaves.node.storage.items import Snapshot, Volume
from eaves.reconcile.item import Fault, Graph, Item, ItemRef

TRIES = 2  # to restore a volume; then the app starts on what it has


@dataclass(frozen=True, slots=True)
class Seen:
    """What the reconciler knows: what is there, what should be, and what went wrong."""

    current: Graph = field(default_factory=dict[ItemRef, Item])
    intended: Graph = field(default_factory=dict[ItemRef, Item])
    faults: Mapping[ItemRef, Fault] = field(default_factory=dict[ItemRef, Fault])

    def runs(self, app: AppInstanceId) -> bool:
        return refs.domain(app) in self.current or refs.container(app) in self.current

    def snapshots(self, app: AppInstanceId) -> dict[str, Snapshot]:
        """By id, the oldest first."""
        found = [s for s in self.current.values() if isinstance(s, Snapshot) and s.app == app]
        return {s.id: s for s in sorted(found, key=lambda s: (s.taken_at, s.id))}


@dataclass(frozen=True, slots=True)
class Wished:
    """The snapshots that should be there, what is remembered of all, and what waits for facts."""

    snapshots: tuple[Snapshot, ...]
    told: Mapping[str, str]
    waiting: bool = False


def listed(app: AppInstanceConfig) -> dict[str, SnapshotType]:
    return {s.id: s.type for s in app.snapshot.snapshots} if app.snapshot else {}


def rollback_counter(app: AppInstanceConfig) -> int:
    command = app.snapshot.rollback_cmd if app.snapshot else None
    return command.counter if command else 0


def wished(
    app: AppInstanceId,
    wanted: AppInstanceConfig,
    record: AppRecord,
    seen: Seen,
    *,
    updating: bool,
    keep: str = "",
) -> Wished:
    """`updating`: the app is down for a purge; `keep` is not dropped, the app goes back to it."""
    asked, there = listed(wanted), seen.snapshots(app)
    kept = {name: one for name, one in there.items() if name in asked}
    told = {name: text for name, text in record.snapshots.items() if name in asked}
    told |= {name: told.get(name, "") for name in kept}
    new: list[str] = []
    for name, kind in asked.items():
        if name in told:
            continue
        if not _is_uuid(name):
            told[name] = f"snapshot {name[:80]!r}: its id is no UUID; correct it in the controller"
        elif updating or kind == SnapshotType.SNAPSHOT_TYPE_IMMEDIATE:
            new.append(name)
    most = max(1, wanted.snapshot.max_snapshots if wanted.snapshot else 0)
    for name in new[:-most]:
        told[name] = f"snapshot {name}: {most} are kept of this app (max_snapshots); not taken"
    new = new[-most:]
    droppable = [name for name in kept if name != keep]
    for name in droppable[: max(0, len(kept) + len(new) - most)]:
        del kept[name]
    taken = [_new(name, asked[name], app, record, seen) for name in new]
    whole = tuple(one for one in taken if one is not None)
    return Wished((*kept.values(), *whole), told, waiting=len(whole) < len(taken))


def _new(
    name: str, kind: SnapshotType, app: AppInstanceId, record: AppRecord, seen: Seen
) -> Snapshot | None:
    """What it will hold; None while not all volumes in force are there."""
    held = record.app
    found = [seen.current.get(ref) for ref in _volume_refs(held)]
    volumes = tuple(one for one in found if isinstance(one, Volume))
    if len(volumes) < len(found):
        return None
    version = held.uuidandversion.version if held.uuidandversion else ""
    return Snapshot(name, app, version, int(kind), volumes, record.in_force)


def due_with_update(
    app: AppInstanceId, wanted: AppInstanceConfig, record: AppRecord, seen: Seen
) -> dict[str, str]:
    """Ids of the snapshots that this purge still has to wait for; the text is what went wrong."""
    there = seen.snapshots(app)
    whole = all(ref in seen.current for ref in _volume_refs(record.app))

    def trouble(name: str) -> str:
        fault = seen.faults.get(refs.snapshot(name))
        if fault is not None:
            return fault.text
        return "" if whole else f"snapshot {name}: the app had no whole volumes yet; not taken"

    return {
        name: trouble(name)
        for name, kind in listed(wanted).items()
        if kind != SnapshotType.SNAPSHOT_TYPE_IMMEDIATE
        and name not in there
        and name not in record.snapshots
        and _is_uuid(name)
    }


@dataclass(frozen=True, slots=True)
class Stop:
    """The app has to be down first."""


@dataclass(frozen=True, slots=True)
class Restore:
    """These volumes get their data back; `saved` knows them and their content."""

    volumes: tuple[Volume, ...]
    saved: EdgeDevConfig


@dataclass(frozen=True, slots=True)
class Start:
    """All is restored: this configuration is in force now."""

    saved: EdgeDevConfig


@dataclass(frozen=True, slots=True)
class Refuse:
    """It cannot be done; the app goes on with what it has."""

    why: str


def go_back(
    app: AppInstanceId, wanted: AppInstanceConfig, config: EdgeDevConfig, seen: Seen
) -> Stop | Restore | Start | Refuse:
    """The next step of a roll-back that the counter asks for."""
    name = wanted.snapshot.active_snapshot if wanted.snapshot else ""
    snapshot = seen.snapshots(app).get(name)
    if snapshot is None:
        return Refuse(f"snapshot {name or '(none named)'} is not on this node; nothing was changed")
    other = _other_user(app, snapshot, config)
    if other:
        return Refuse(
            f"snapshot {name}: app {other} uses a volume of it too; take it from there first"
        )
    if seen.runs(app):
        return Stop()
    tag = f"{name}/{rollback_counter(wanted)}"
    volumes = tuple(replace(one, restored=tag) for one in snapshot.volumes)
    missing = [one for one in volumes if _tag(seen.current.get(one.ref)) != tag]
    for one in missing:
        fault = seen.faults.get(one.ref)
        tried = _tag(seen.intended.get(one.ref)) == tag
        if tried and fault is not None and (fault.final or fault.attempts >= TRIES):
            return Refuse(f"snapshot {name}: {fault.text}")
    saved = snapshot_config(snapshot)
    return Restore(volumes, saved) if missing else Start(saved)


def snapshot_config(snapshot: Snapshot) -> EdgeDevConfig:
    return AppRecord(0, 0, 0, snapshot.in_force).held


def _other_user(app: AppInstanceId, snapshot: Snapshot, config: EdgeDevConfig) -> str:
    """The name of another app that would see its disk change under it."""
    held = {v.ref for v in snapshot.volumes if not v.read_only}
    for other in config.apps:
        mine = other.uuidandversion is not None and other.uuidandversion.uuid == app
        if not mine and held & set(_volume_refs(other)):
            return other.displayname or (other.uuidandversion.uuid if other.uuidandversion else "?")
    return ""


def _volume_refs(app: AppInstanceConfig) -> tuple[ItemRef, ...]:
    return tuple(
        refs.volume(VolumeId(v.uuid.lower()), v.generation_count) for v in app.volume_ref_list
    )


def _tag(item: Item | None) -> str:
    return item.restored if isinstance(item, Volume) else ""


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
