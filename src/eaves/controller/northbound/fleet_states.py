"""How many devices are in which run state, counted by the database: there may be very many."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, exists, func, select

from eaves.controller.domain.contract.statuses import RunState
from eaves.controller.domain.scope import Scope
from eaves.controller.domain.status.devices import DEVICE_STATES
from eaves.controller.domain.status.liveness import Limits
from eaves.controller.northbound.sources import in_projects, micros, visible_in
from eaves.controller.store.dialect import micros_in
from eaves.controller.store.loose import counts_of_pairs
from eaves.controller.store.tables import Kind, device_bindings
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.unit import Db
from eaves.evapi.info import ZDeviceState

States = Mapping[str, int]  # how many are in which run state, by its word


async def device_counts(
    db: Db, scope: Scope, now: datetime, limits: Limits
) -> Mapping[str, States]:
    """By project id.  The same decision as `device_run_state` makes of one device."""
    if db.dialect.name == "sqlite":
        rows = await count_ranges(db, scope, now, limits)
    else:
        rows = await count_groups(db, scope, now, limits)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        found = counts[row.project]
        found[RunState.UNPROVISIONED.value] += row.silent - row.registered
        found[RunState.PROVISIONED.value] += row.registered
        found[RunState.OFFLINE.value] += row.offline
        found[RunState.SUSPECT.value] += row.suspect
        found[_reported(row.reported).value] += row.alive
    return {project: +found for project, found in counts.items() if +found}


class StateCounts(NamedTuple):
    """Of the devices of one project that reported the same."""

    project: str
    reported: int | None
    silent: int  # never heard of
    registered: int  # of these
    offline: int
    suspect: int
    alive: int


async def count_ranges(
    db: Db, scope: Scope, now: datetime, limits: Limits
) -> Iterable[StateCounts]:
    """Each number is the length of a range of an index."""
    suspect, offline = micros(now - limits.suspect), micros(now - limits.offline)
    c = listed[Kind.DEVICE].c
    last = micros_in(c.last_seen_at)
    pairs, query = counts_of_pairs(
        listed[Kind.DEVICE],
        scope.enterprise,
        *("project_id", "reported_state"),
        last.is_(None),
        and_(last.is_(None), _has_registered(c)),
        last < offline,
        and_(last >= offline, last < suspect),
        last >= suspect,
    )
    return [
        StateCounts(*row)
        for row in await db.execute(query.where(in_projects(pairs.c.first, scope)))
    ]


async def count_groups(
    db: Db, scope: Scope, now: datetime, limits: Limits
) -> Iterable[StateCounts]:
    """One pass over an index that leads with what is grouped by, and one over the silent ones."""
    c = listed[Kind.DEVICE].c
    last = micros_in(c.last_seen_at)
    query = (
        select(
            c.project_id,
            c.reported_state,
            func.count(),
            func.count(last),
            func.count().filter(last >= micros(now - limits.offline)),
            func.count().filter(last >= micros(now - limits.suspect)),
        )
        .where(visible_in(c, scope))
        .group_by(c.project_id, c.reported_state)
    )
    found = (await db.execute(query)).all()
    registered: dict[tuple[str, int | None], int] = {}
    if any(total > seen for _, _, total, seen, _, _ in found):
        silent = (
            select(c.project_id, c.reported_state, func.count())
            .where(visible_in(c, scope), c.last_seen_at.is_(None), _has_registered(c))
            .group_by(c.project_id, c.reported_state)
        )
        registered = {(row[0], row[1]): row[2] for row in await db.execute(silent)}
    return [
        StateCounts(
            *(project, reported, total - seen, registered.get((project, reported), 0)),
            *(seen - lately, lately - alive, alive),
        )
        for project, reported, total, seen, lately, alive in found
    ]


def _has_registered(columns: Any) -> ColumnElement[bool]:
    bound = device_bindings.c
    return exists().where(bound.device_id == columns.id, ~bound.gone)


def _reported(state: int | None) -> RunState:
    if state is None:
        return RunState.PROVISIONED
    return DEVICE_STATES.get(ZDeviceState(state), RunState.ONLINE)
