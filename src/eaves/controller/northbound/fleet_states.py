"""How many devices are in which run state, counted by the database: there may be very many."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import exists, func, select

from eaves.controller.domain.contract.statuses import RunState
from eaves.controller.domain.scope import Scope
from eaves.controller.domain.status.devices import DEVICE_STATES
from eaves.controller.domain.status.liveness import Limits
from eaves.controller.northbound.sources import micros, visible_in
from eaves.controller.store.dialect import micros_in
from eaves.controller.store.tables import Kind, device_bindings
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.unit import Db
from eaves.evapi.info import ZDeviceState

States = Mapping[str, int]  # how many are in which run state, by its word


async def device_counts(
    db: Db, scope: Scope, now: datetime, limits: Limits
) -> Mapping[str, States]:
    """By project id.  The same decision as `device_run_state` makes of one device.

    One pass over an index that leads with what is grouped by; no expression for each device.
    """
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
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for project, reported, total, seen, lately, now_there in await db.execute(query):
        found = counts[project]
        found[RunState.UNPROVISIONED.value] += total - seen
        found[RunState.OFFLINE.value] += seen - lately
        found[RunState.SUSPECT.value] += lately - now_there
        found[_reported(reported).value] += now_there
    if any(found[RunState.UNPROVISIONED.value] for found in counts.values()):
        await _count_registered(db, scope, counts)
    return {project: +found for project, found in counts.items()}


def _reported(state: int | None) -> RunState:
    if state is None:
        return RunState.PROVISIONED
    return DEVICE_STATES.get(ZDeviceState(state), RunState.ONLINE)


async def _count_registered(db: Db, scope: Scope, counts: Mapping[str, Counter[str]]) -> None:
    """Those that registered and were not heard of since."""
    c, bound = listed[Kind.DEVICE].c, device_bindings.c
    registered = exists().where(bound.device_id == c.id, ~bound.gone)
    query = (
        select(c.project_id, func.count())
        .where(visible_in(c, scope), c.last_seen_at.is_(None), registered)
        .group_by(c.project_id)
    )
    for project, count in await db.execute(query):
        counts[project][RunState.UNPROVISIONED.value] -= count
        counts[project][RunState.PROVISIONED.value] += count


def summed(counts: Mapping[str, States]) -> States:
    """Of all projects."""
    total: Counter[str] = Counter()
    for found in counts.values():
        total.update(found)
    return total
