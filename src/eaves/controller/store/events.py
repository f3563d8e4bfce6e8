"""Events and the audit log: written in the transaction of the change they tell of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    type_coerce,
)

from eaves.controller.domain.audit import AuditEntry
from eaves.controller.domain.scope import Scope
from eaves.controller.store.audit_chain import note_audit
from eaves.controller.store.dialect import has_part, insert_missing
from eaves.controller.store.many import insert_tuples
from eaves.controller.store.tables import Moment, events
from eaves.controller.store.unit import Db
from eaves.frozen import quick
from eaves.ids import EnterpriseId


@quick
@dataclass(frozen=True, slots=True)
class Event:
    """`severity`: notice, warning or error; `source`: SYSTEM or USER; `data`: JSON."""

    at: datetime
    enterprise_id: str
    event_type: str
    description: str
    severity: str = "notice"
    source: str = "SYSTEM"
    project_id: str = ""
    device_id: str = ""
    user_name: str = ""
    object_kind: str = ""
    object_id: str = ""
    object_name: str = ""
    data: str = ""
    row: int = 0  # set when read: ever growing


_EVENT_COLUMNS = tuple(column.name for column in events.c if column.name not in ("row", "origin"))
_told = attrgetter(*_EVENT_COLUMNS)
_COLUMNS = tuple(column for column in events.c if column.name != "origin")


async def insert_event(db: Db, event: Event) -> None:
    await db.execute(insert(events).values({n: getattr(event, n) for n in _EVENT_COLUMNS}))


async def insert_events(db: Db, told: Sequence[Event]) -> None:
    """As `insert_event`, for many."""
    await insert_tuples(db, events, _EVENT_COLUMNS, map(_told, told))


async def insert_device_events(db: Db, told: Sequence[tuple[bytes, Event]]) -> None:
    """Events with what makes each the same event; one that is there already stays."""
    rows = [
        {"origin": origin, **{n: getattr(event, n) for n in _EVENT_COLUMNS}}
        for origin, event in told
    ]
    await insert_missing(db, events, rows)


async def insert_audit(db: Db, entry: AuditEntry) -> None:
    """Told at the end of the transaction, so that the chain is held up for a moment only."""
    note_audit(db, entry)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Empty and None: all of them."""

    object_id: str = ""
    device_id: str = ""
    project_id: str = ""
    object_kind: str = ""
    object_name: str = ""
    event_type: str = ""
    source: str = ""  # SYSTEM or USER
    user_name: str = ""
    user_part: str = ""  # some of the name, whatever its case
    object_part: str = ""
    severities: frozenset[str] = frozenset()  # as stored
    words: tuple[str, ...] = ()  # all of them stand in the description, whatever their case
    start: datetime | None = None
    end: datetime | None = None


ALL_EVENTS = EventFilter()


def _visible(scope: Scope) -> ColumnElement[bool]:
    c = events.c
    if scope.projects is None:
        return c.enterprise_id == scope.enterprise
    return and_(
        c.enterprise_id == scope.enterprise,
        or_(c.project_id == "", c.project_id.in_(scope.projects)),
    )


def _kept_by(wanted: EventFilter) -> Iterator[ColumnElement[bool]]:
    c = events.c
    for column, value in (
        (c.object_id, wanted.object_id),
        (c.device_id, wanted.device_id),
        (c.project_id, wanted.project_id),
        (c.object_kind, wanted.object_kind),
        (c.object_name, wanted.object_name),
        (c.event_type, wanted.event_type),
        (c.source, wanted.source),
        (c.user_name, wanted.user_name),
    ):
        if value:
            yield column == value
    if wanted.severities:
        yield c.severity.in_(sorted(wanted.severities))
    for word in wanted.words:
        yield has_part(c.description, word)
    for column, part in ((c.user_name, wanted.user_part), (c.object_name, wanted.object_part)):
        if part:
            yield has_part(column, part)
    if wanted.start is not None:
        yield c.at >= wanted.start
    if wanted.end is not None:
        yield c.at <= wanted.end


async def list_events(
    db: Db,
    scope: Scope,
    wanted: EventFilter = ALL_EVENTS,
    *,
    object_id: str = "",
    before: int = 0,
    after: int = 0,
    oldest_first: bool = False,
    offset: int = 0,
    limit: int = 100,
) -> tuple[Event, ...]:
    """In the order in which they came, or against it.  `before` and `after` are rows: older than,
    newer than; 0 for no bound.
    """
    c = events.c
    query = select(*(c[name] for name in (*_EVENT_COLUMNS, "row"))).where(
        _visible(scope), *_kept_by(wanted)
    )
    if object_id:
        query = query.where(c.object_id == object_id)
    if before:
        query = query.where(c.row < before)
    if after:
        query = query.where(c.row > after)
    order = c.row.asc() if oldest_first else c.row.desc()
    rows = await db.execute(query.order_by(order).offset(offset).limit(limit))
    return tuple(Event(**row._mapping) for row in rows)  # noqa: SLF001 - public: named so to not clash with columns


async def newest_row(db: Db) -> int:
    """Of all enterprises; 0 where there is none."""
    return (await db.execute(select(func.max(events.c.row)))).scalar_one() or 0


async def oldest_row(db: Db) -> int:
    """Of those that are kept; 0 where there is none."""
    return (await db.execute(select(func.min(events.c.row)))).scalar_one() or 0


async def rows_after(db: Db, after: int, *, limit: int) -> tuple[int, ...]:
    """Numbers of rows above one, of all enterprises, the lowest first."""
    c = events.c
    query = select(c.row).where(c.row > after).order_by(c.row).limit(limit)
    return tuple((await db.execute(query)).scalars())


async def read_rows(db: Db, wanted: Sequence[int]) -> tuple[Event, ...]:
    """These rows of whatever enterprise, the lowest first: for who asks no user's question."""
    if not wanted:
        return ()
    c = events.c
    query = select(*(c[name] for name in (*_EVENT_COLUMNS, "row"))).where(c.row.in_(wanted))
    found = await db.execute(query.order_by(c.row))
    return tuple(Event(**row._mapping) for row in found)  # noqa: SLF001 - as above


async def events_after(
    db: Db, enterprise: EnterpriseId, after: int, *, limit: int
) -> tuple[Event, ...]:
    """Of one enterprise, above a row, the lowest first; who may see which is for the caller."""
    c = events.c
    query = (
        select(*(c[name] for name in (*_EVENT_COLUMNS, "row")))
        .where(c.enterprise_id == enterprise, c.row > after)
        .order_by(c.row)
        .limit(limit)
    )
    return tuple(Event(**row._mapping) for row in await db.execute(query))  # noqa: SLF001 - as above


async def count_events(
    db: Db, scope: Scope, wanted: EventFilter, step: timedelta
) -> tuple[tuple[datetime, int], ...]:
    """How many there were in each step of time that had any, oldest first."""
    at = type_coerce(events.c.at, BigInteger)
    width = step // timedelta(microseconds=1)
    slot = (at - at % width).label("slot")
    rows = await db.execute(
        select(type_coerce(slot, Moment), func.count())
        .where(_visible(scope), *_kept_by(wanted))
        .group_by(slot)
        .order_by(slot)
    )
    return tuple((row[0], row[1]) for row in rows)


async def top_users(
    db: Db, scope: Scope, start: datetime, limit: int
) -> tuple[tuple[str, int], ...]:
    """Who did most since `start`, the busiest first."""
    c, number = events.c, func.count()
    rows = await db.execute(
        select(c.user_name, number)
        .where(_visible(scope), c.at >= start, c.user_name != "")
        .group_by(c.user_name)
        .order_by(number.desc(), c.user_name)
        .limit(limit)
    )
    return tuple((row[0], row[1]) for row in rows)


async def delete_events_before(db: Db, oldest: datetime, limit: int) -> int:
    """At most `limit`, the oldest; how many."""
    old = select(events.c.row).where(events.c.at < oldest).order_by(events.c.at).limit(limit)
    return await _delete(db, old)


async def events_of_devices(db: Db) -> Mapping[str, int]:
    """How many there are of each device; "" stands for those of no device."""
    c, number = events.c, func.count()
    rows = await db.execute(select(c.device_id, number).group_by(c.device_id))
    return {row[0]: row[1] for row in rows}


async def delete_oldest_events(db: Db, device_id: str, limit: int) -> int:
    """Of one device; how many."""
    c = events.c
    return await _delete(
        db, select(c.row).where(c.device_id == device_id).order_by(c.row).limit(limit)
    )


async def _delete(db: Db, rows: Select[tuple[int]]) -> int:
    return (await db.execute(delete(events).where(events.c.row.in_(rows)))).rowcount
