"""Alert rules as the job reads them, what they watch, and incidents."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, or_, select, update

from eaves.controller.domain.alerts.messages import Incident
from eaves.controller.domain.alerts.moves import Phase, Tracked
from eaves.controller.domain.scope import Scope
from eaves.controller.store.dialect import is_one_of, upsert_many
from eaves.controller.store.objects import StoredObject, stored_from_row
from eaves.controller.store.tables import Kind, object_references, objects
from eaves.controller.store.tables_alerts import alert_states, incidents
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.unit import Db

ENABLED: Final = "enabled"
DISABLED: Final = "disabled"


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule that is in force, and the channels in force that it names, as (id, project)."""

    stored: StoredObject
    channels: tuple[tuple[str, str], ...]


async def rules_in_force(db: Db) -> tuple[StoredRule, ...]:
    """Of all enterprises, by enterprise."""
    rules, channels = objects[Kind.ALERT_RULE], objects[Kind.ALERT_CHANNEL]
    refer = object_references.c
    named = await db.execute(
        select(refer.from_id, channels.c.id, channels.c.project_id)
        .join(channels, channels.c.id == refer.to_id)
        .join(rules, rules.c.id == refer.from_id)
        .where(rules.c.state == ENABLED, channels.c.state == ENABLED)
        .where(channels.c.enterprise_id == rules.c.enterprise_id)
        .order_by(channels.c.id)
    )
    of: dict[str, list[tuple[str, str]]] = {}
    for rule_id, channel_id, project_id in named:
        of.setdefault(rule_id, []).append((channel_id, project_id))
    rows = await db.execute(
        select(rules).where(rules.c.state == ENABLED).order_by(rules.c.enterprise_id, rules.c.id)
    )
    return tuple(
        StoredRule(stored_from_row(Kind.ALERT_RULE, row), tuple(of.get(row.id, ()))) for row in rows
    )


@dataclass(frozen=True, slots=True)
class StateKey:
    enterprise_id: str
    rule_id: str
    object_id: str


@dataclass(frozen=True, slots=True)
class State:
    """What is tracked of one object by one rule."""

    key: StateKey
    device_id: str
    tracked: Tracked


async def enterprises_with_states(db: Db) -> frozenset[str]:
    rows = await db.execute(select(alert_states.c.enterprise_id).distinct())
    return frozenset(rows.scalars())


async def states_of(db: Db, enterprise_id: str) -> tuple[State, ...]:
    """All of one enterprise: one row for each object that is not in order."""
    rows = await db.execute(
        select(alert_states).where(alert_states.c.enterprise_id == enterprise_id)
    )
    return tuple(
        State(
            StateKey(row.enterprise_id, row.rule_id, row.object_id),
            row.device_id,
            Tracked(Phase(row.phase), row.since, row.mark, row.incident_id),
        )
        for row in rows
    )


async def put_states(db: Db, states: Sequence[State]) -> None:
    await upsert_many(
        db,
        alert_states,
        [
            {
                "enterprise_id": one.key.enterprise_id,
                "rule_id": one.key.rule_id,
                "object_id": one.key.object_id,
                "device_id": one.device_id,
                "phase": one.tracked.phase.value,
                "since": one.tracked.since,
                "mark": one.tracked.mark,
                "incident_id": one.tracked.incident_id,
            }
            for one in states
        ],
    )


async def delete_states(db: Db, keys: Collection[StateKey]) -> None:
    """At most some hundreds."""
    c = alert_states.c
    if keys:
        each = (
            and_(
                c.enterprise_id == key.enterprise_id,
                c.rule_id == key.rule_id,
                c.object_id == key.object_id,
            )
            for key in keys
        )
        await db.execute(delete(alert_states).where(or_(*each)))


@dataclass(frozen=True, slots=True)
class WatchedDevice:
    id: str
    name: str
    project_id: str
    tags: str  # JSON
    last_seen: datetime | None


async def devices_of(
    db: Db, enterprise_id: str, *, after: str, limit: int
) -> tuple[WatchedDevice, ...]:
    """In the order of their ids, from behind the id `after`."""
    c = listed[Kind.DEVICE].c
    query = select(c.id, c.name, c.project_id, c.tags, c.last_seen_at).where(
        c.enterprise_id == enterprise_id, c.id > after
    )
    rows = await db.execute(query.order_by(c.id).limit(limit))
    return tuple(WatchedDevice(*row) for row in rows)


# --- incidents ----------------------------------------------------------------------------------

_COLUMNS: Final = tuple(column.name for column in incidents.c)


async def insert_incidents(db: Db, opened: Sequence[Incident]) -> None:
    if opened:
        rows = [{name: getattr(one, name) for name in _COLUMNS} for one in opened]
        await db.execute(insert(incidents), rows)


async def close_incident(
    db: Db, enterprise_id: str, incident_id: str, *, at: datetime, why: str
) -> Incident | None:
    """The incident as it is then; None where it is not open."""
    c = incidents.c
    rows = await db.execute(
        update(incidents)
        .where(c.enterprise_id == enterprise_id, c.id == incident_id, c.closed_at.is_(None))
        .values(closed_at=at, closed_why=why)
        .returning(incidents)
    )
    row = rows.one_or_none()
    return None if row is None else _incident(row)


def visible_incidents(scope: Scope) -> ColumnElement[bool]:
    """An incident is of the project of its node."""
    c = incidents.c
    inside = c.enterprise_id == scope.enterprise
    return inside if scope.projects is None else inside & c.project_id.in_(scope.projects)


async def unattended_incidents(db: Db, scope: Scope, limit: int) -> tuple[Incident, ...]:
    """Those that are open and that nobody acknowledged, newest first."""
    c = incidents.c
    query = select(incidents).where(
        visible_incidents(scope), c.closed_at.is_(None), c.acknowledged_at.is_(None)
    )
    rows = await db.execute(query.order_by(c.opened_at.desc(), c.id.desc()).limit(limit))
    return tuple(_incident(row) for row in rows)


async def all_incidents(
    db: Db, scope: Scope, conditions: Iterable[ColumnElement[bool]] = ()
) -> tuple[Incident, ...]:
    """For questions of which only Python can answer the rest."""
    rows = await db.execute(select(incidents).where(visible_incidents(scope), *conditions))
    return tuple(_incident(row) for row in rows)


async def count_incidents(db: Db, scope: Scope) -> int:
    query = select(func.count()).select_from(incidents).where(visible_incidents(scope))
    return (await db.execute(query)).scalar_one()


async def find_incidents(
    db: Db, scope: Scope, incident_ids: Collection[str]
) -> Mapping[str, Incident]:
    """By id."""
    those = is_one_of(db, incidents.c.id, incident_ids)
    rows = await db.execute(select(incidents).where(visible_incidents(scope), those))
    return {row.id: _incident(row) for row in rows}


async def find_incident(db: Db, scope: Scope, incident_id: str) -> Incident | None:
    return (await find_incidents(db, scope, (incident_id,))).get(incident_id)


async def acknowledge_incidents(
    db: Db, scope: Scope, incident_ids: Collection[str], *, at: datetime | None, by: str
) -> tuple[Incident, ...]:
    """As they are then; `at` None takes it back.  What is so already is left out."""
    c = incidents.c
    differs = c.acknowledged_at.is_(None) if at is not None else c.acknowledged_at.is_not(None)
    rows = await db.execute(
        update(incidents)
        .where(visible_incidents(scope), is_one_of(db, c.id, incident_ids), differs)
        .values(acknowledged_at=at, acknowledged_by=by)
        .returning(incidents)
    )
    return tuple(_incident(row) for row in rows)


async def forget_old_incidents(db: Db, before: datetime, limit: int) -> int:
    """Drop those that were over by then; how many."""
    c = incidents.c
    query = select(c.enterprise_id, c.id).where(c.closed_at < before).limit(limit)
    keys = (await db.execute(query)).all()
    for enterprise_id, incident_id in keys:
        await db.execute(
            delete(incidents).where(c.enterprise_id == enterprise_id, c.id == incident_id)
        )
    return len(keys)


def _incident(row: Row[Any]) -> Incident:
    return Incident(**{name: getattr(row, name) for name in _COLUMNS})
