"""Devices that policies are to be looked up for: noted by the write that may matter to them.

A write that matters to a few devices notes each; one that matters to a project notes the project,
and a job notes its devices, some thousands at a time.  A row stays until the device is as its
policies want it: one with faults comes again by itself.  This module is for the path that starts:
it knows no types of the contract.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, delete, func, select, update

from eaves.controller.domain.scope import Scope
from eaves.controller.store.dialect import is_one_of, upsert, upsert_many
from eaves.controller.store.many import insert_all
from eaves.controller.store.tables import Kind, object_ids, objects
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.tables_policies import policy_objects, policy_sweeps, policy_wanted
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId

FOUND_AT_ONCE: Final = 2000
"""Devices of a project that one transaction notes."""
TURNS: Final = 5
"""Enterprises whose devices are taken together."""


@dataclass(frozen=True, slots=True)
class Sweep:
    enterprise_id: str
    project_id: str
    request: str
    found_to: str


@dataclass(frozen=True, slots=True)
class WantedDevice:
    enterprise_id: str
    device_id: DeviceId
    attempts: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one project: devices to be looked at, and those where something was refused."""

    waiting: int
    faulty: int
    fault: str  # JSON of one of those; empty when there is none
    sweeping: bool

    @property
    def done(self) -> bool:
        return not self.waiting and not self.sweeping


async def want_devices(
    db: Db, enterprise_id: str, devices: Mapping[str, str], now: datetime
) -> None:
    """`devices`: their projects by their ids."""
    rows = [
        {
            "enterprise_id": enterprise_id,
            "device_id": device_id,
            "project_id": project_id,
            "attempts": 0,
            "due_at": now,
            "faults": "",
        }
        for device_id, project_id in sorted(devices.items())
    ]
    await upsert_many(db, policy_wanted, rows)


async def want_project(db: Db, enterprise_id: str, project_id: str, request: str) -> None:
    """Every device of a project, from the first one on, wherever a sweep had come to."""
    await upsert(
        db,
        policy_sweeps,
        {
            "enterprise_id": enterprise_id,
            "project_id": project_id,
            "request": request,
            "found_to": "",
        },
    )


async def forget_device(db: Db, device_id: str) -> None:
    await db.execute(delete(policy_wanted).where(policy_wanted.c.device_id == device_id))


async def some_devices(db: Db, enterprise_id: str, project_id: str, limit: int) -> tuple[str, ...]:
    """At most `limit` devices of a project, sorted."""
    c = objects[Kind.DEVICE].c
    query = (
        select(c.id)
        .where(c.enterprise_id == enterprise_id, c.project_id == project_id)
        .order_by(c.id)
        .limit(limit)
    )
    return tuple((await db.execute(query)).scalars())


async def sweeps(db: Db, limit: int = 20) -> tuple[Sweep, ...]:
    c = policy_sweeps.c
    query = select(c.enterprise_id, c.project_id, c.request, c.found_to).limit(limit)
    return tuple(Sweep(*row) for row in await db.execute(query))


async def go_on(db: Db, sweep: Sweep, now: datetime) -> int:
    """Note the next devices of a project, unless another process has; how many there were."""
    c = objects[Kind.DEVICE].c
    query = (
        select(c.id)
        .where(c.enterprise_id == sweep.enterprise_id, c.project_id == sweep.project_id)
        .where(c.id > sweep.found_to)
        .order_by(c.id)
        .limit(FOUND_AT_ONCE)
    )
    found = tuple((await db.execute(query)).scalars())
    s = policy_sweeps.c
    mine = (
        (s.enterprise_id == sweep.enterprise_id)
        & (s.project_id == sweep.project_id)
        & (s.request == sweep.request)
        & (s.found_to == sweep.found_to)
    )
    if len(found) < FOUND_AT_ONCE:
        done = await db.execute(delete(policy_sweeps).where(mine).returning(s.request))
    else:
        done = await db.execute(
            update(policy_sweeps).where(mine).values(found_to=found[-1]).returning(s.request)
        )
    if done.first() is None:
        return 0
    await want_devices(db, sweep.enterprise_id, dict.fromkeys(found, sweep.project_id), now)
    return len(found)


async def take_wanted(
    db: Db, now: datetime, limit: int, *, behind: str = ""
) -> tuple[WantedDevice, ...]:
    """Devices that are due and that nobody else looks at; on PostgreSQL their rows are locked.

    Some of each enterprise, from the next one behind `behind` on: the nodes of one do not wait
    for all those of another.
    """
    enterprises = await _with_due(db, now, behind)
    share = max(1, limit // max(1, len(enterprises)))
    c = policy_wanted.c
    found: list[WantedDevice] = []
    for enterprise_id in enterprises[:limit]:
        query = (
            select(c.enterprise_id, c.device_id, c.attempts)
            .where(c.enterprise_id == enterprise_id, c.due_at <= now)
            .order_by(c.device_id)  # as the primary key: those due in front need no sorting
            .limit(share)
        )
        found += await _locked(db, query)
    return tuple(found)


async def take_again(db: Db, one: WantedDevice) -> tuple[WantedDevice, ...]:
    """The device, unless it was settled meanwhile or somebody else looks at it."""
    c = policy_wanted.c
    query = select(c.enterprise_id, c.device_id, c.attempts).where(
        c.enterprise_id == one.enterprise_id, c.device_id == one.device_id
    )
    return await _locked(db, query)


async def _locked(db: Db, query: Select[*tuple[Any, ...]]) -> tuple[WantedDevice, ...]:
    if db.dialect.name != "sqlite":
        query = query.with_for_update(skip_locked=True)
    return tuple(
        WantedDevice(row.enterprise_id, DeviceId(row.device_id), row.attempts)
        for row in await db.execute(query)
    )


async def _with_due(db: Db, now: datetime, behind: str) -> list[str]:
    """The next enterprises that have something to do, in turn; the last one is followed by the
    first.
    """
    found: list[str] = []
    one = await _next_due(db, now, behind) or await _next_due(db, now, "")
    while one is not None and one not in found and len(found) < TURNS:
        found.append(one)
        one = await _next_due(db, now, one) or await _next_due(db, now, "")
    return found


async def _next_due(db: Db, now: datetime, behind: str) -> str | None:
    c = policy_wanted.c
    query = (
        select(c.enterprise_id)
        .where(c.enterprise_id > behind, c.due_at <= now)
        .order_by(c.enterprise_id)
        .limit(1)
    )
    return (await db.execute(query)).scalar_one_or_none()


async def hold_devices(db: Db, taken: Sequence[WantedDevice]) -> tuple[WantedDevice, ...]:
    """Those that nobody else renders now; on PostgreSQL they are locked as to render them.

    The others are not waited for: whoever has one of them may wait for a row that was taken here.
    A device that is there no more is held by nobody.
    """
    if db.dialect.name == "sqlite":
        return tuple(taken)
    c = object_ids.c
    there = select(c.id).where(c.id.in_([one.device_id for one in taken]))
    free = there.order_by(c.id).with_for_update(key_share=True, skip_locked=True)
    mine = frozenset((await db.execute(free)).scalars())
    every = frozenset((await db.execute(there)).scalars())
    return tuple(one for one in taken if one.device_id in mine or one.device_id not in every)


async def is_due(db: Db, now: datetime) -> bool:
    c = policy_wanted.c
    return (
        await db.execute(select(c.device_id).where(c.due_at <= now).limit(1))
    ).first() is not None


async def note_settled(db: Db, device_ids: Collection[str]) -> None:
    c = policy_wanted.c
    await db.execute(delete(policy_wanted).where(is_one_of(db, c.device_id, device_ids)))


async def note_faults(db: Db, rows: Sequence[Mapping[str, object]]) -> None:
    """Rows of `policy_wanted`: what was refused, and when to look again."""
    await upsert_many(db, policy_wanted, rows)


async def put_off(db: Db, one: WantedDevice, due_at: datetime, faults: str) -> None:
    """A device for which nothing could be done rests; one that was settled meanwhile stays so."""
    c = policy_wanted.c
    await db.execute(
        update(policy_wanted)
        .where(c.enterprise_id == one.enterprise_id, c.device_id == one.device_id)
        .values(attempts=one.attempts + 1, due_at=due_at, faults=faults)
    )


async def progress_by_project(db: Db, enterprise_id: str) -> Mapping[str, Progress]:
    """Of every project where something is left to do, or was refused."""
    c, s = policy_wanted.c, policy_sweeps.c
    query = (
        select(
            c.project_id,
            func.count().filter(c.faults == ""),
            func.count().filter(c.faults != ""),
            func.max(c.faults),
        )
        .where(c.enterprise_id == enterprise_id)
        .group_by(c.project_id)
    )
    swept = select(s.project_id).where(s.enterprise_id == enterprise_id)
    sweeping = frozenset((await db.execute(swept)).scalars())
    found = {one: Progress(0, 0, "", sweeping=True) for one in sweeping}
    for project_id, waiting, faulty, fault in await db.execute(query):
        found[project_id] = Progress(waiting, faulty, fault or "", project_id in sweeping)
    return found


async def progress_of(db: Db, enterprise_id: str, project_id: str) -> Progress:
    c, s = policy_wanted.c, policy_sweeps.c
    mine = (c.enterprise_id == enterprise_id) & (c.project_id == project_id)
    query = select(
        func.count().filter(c.faults == ""), func.count().filter(c.faults != ""), func.max(c.faults)
    ).where(mine)
    waiting, faulty, fault = (await db.execute(query)).one()
    sweep = await db.execute(
        select(s.request).where(s.enterprise_id == enterprise_id, s.project_id == project_id)
    )
    return Progress(waiting, faulty, fault or "", sweep.first() is not None)


async def faults_of(db: Db, enterprise_id: str, device_id: str) -> str:
    """JSON as `policy_wanted` keeps it; empty: nothing was refused there."""
    c = policy_wanted.c
    query = select(c.faults).where(c.enterprise_id == enterprise_id, c.device_id == device_id)
    return (await db.execute(query)).scalar_one_or_none() or ""


async def owner_of(db: Db, enterprise_id: str, object_id: str) -> str:
    """The id of the policy's object that made this one; empty: a person made it."""
    c = policy_objects.c
    query = select(c.source_id).where(c.enterprise_id == enterprise_id, c.object_id == object_id)
    return (await db.execute(query)).scalar_one_or_none() or ""


async def owned_by(
    db: Db, enterprise_id: str, source_id: str
) -> Mapping[str, list[tuple[str, str]]]:
    """What a policy made: kind and id of each object, by device."""
    c = policy_objects.c
    query = (
        select(c.device_id, c.kind, c.object_id)
        .where(c.enterprise_id == enterprise_id, c.source_id == source_id)
        .order_by(c.device_id, c.kind, c.object_id)
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for row in await db.execute(query):
        found.setdefault(row.device_id, []).append((row.kind, row.object_id))
    return found


async def insert_owned(db: Db, rows: Sequence[Mapping[str, object]]) -> None:
    await insert_all(db, policy_objects, rows)


async def nodes(
    db: Db, scope: Scope, project_id: str = "", *, after: str = "", limit: int | None = None
) -> tuple[tuple[str, str, str, str, str], ...]:
    """Id, name, project, deployment tag and tags (JSON) of devices that a caller may see, in the
    order of their names, from behind the name `after`; of one project, or of all.
    """
    c = listed[Kind.DEVICE].c
    query = select(c.id, c.name, c.project_id, c.deploymentTag, c.tags).where(
        c.enterprise_id == scope.enterprise, c.name > after
    )
    if scope.projects is not None:
        query = query.where(c.project_id.in_(scope.projects))
    if project_id:
        query = query.where(c.project_id == project_id)
    rows = await db.execute(query.order_by(c.name).limit(limit))
    return tuple((row[0], row[1], row[2], row[3], row[4]) for row in rows)


async def owned_on(db: Db, device_id: str) -> frozenset[str]:
    """Ids of what policies made on a device."""
    c = policy_objects.c
    query = select(c.object_id).where(c.device_id == device_id)
    return frozenset((await db.execute(query)).scalars())
