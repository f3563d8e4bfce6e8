"""What is to be told and was: a queue in the database, one row for each thing told to a channel.

A row is written with what it tells of, in one transaction, and unique for it.  A try is noted
before it begins, so a process that dies in it leaves the row to be tried again later; who receives
it twice then knows it by its id.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, case, delete, exists, func, select, update

from eaves.controller.domain.alerts.messages import Message, What
from eaves.controller.domain.scope import Scope
from eaves.controller.store.dialect import insert_missing
from eaves.controller.store.objects import StoredObject, stored_from_row
from eaves.controller.store.tables import Kind, objects
from eaves.controller.store.tables_alerts import incidents, notifications
from eaves.controller.store.unit import Db

WAITING: Final = "waiting"
SENT: Final = "sent"
GIVEN_UP: Final = "given up"
NO_TIME: Final = timedelta(0)
_COLUMNS: Final = tuple(column.name for column in notifications.c)


@dataclass(frozen=True, slots=True)
class Notification:
    """`recipients`: only of a mail of the controller itself, which has no channel."""

    enterprise_id: str
    id: str
    what: What
    created_at: datetime
    next_at: datetime
    channel_id: str = ""
    incident_id: str = ""
    recipients: tuple[str, ...] = ()
    subject: str = ""
    message: str = field(default="", repr=False)
    payload: str = field(default="", repr=False)
    state: str = WAITING
    tries: int = 0
    outcome: str = ""
    settled_at: datetime | None = None


def of_message(
    message: Message,
    what: What,
    *,
    enterprise_id: str,
    id_: str,
    now: datetime,
    channel_id: str = "",
    incident_id: str = "",
    recipients: Sequence[str] = (),
    wait: timedelta = NO_TIME,
) -> Notification:
    return Notification(
        enterprise_id=enterprise_id,
        id=id_,
        what=what,
        created_at=now,
        next_at=now + wait,
        channel_id=channel_id,
        incident_id=incident_id or id_,
        recipients=tuple(recipients),
        subject=message.subject,
        message=message.text,
        payload=message.payload,
    )


async def insert_notifications(db: Db, told: Sequence[Notification]) -> None:
    """One that is there already, of the same incident and channel, stays as it is."""
    await insert_missing(db, notifications, [_values(one) for one in told])


def _values(one: Notification) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(one, name) for name in _COLUMNS}
    return values | {"what": one.what.value, "recipients": json.dumps(one.recipients)}


def _notification(row: Row[Any]) -> Notification:
    values: dict[str, Any] = {name: getattr(row, name) for name in _COLUMNS}
    values["what"] = What(row.what)
    values["recipients"] = tuple(json.loads(row.recipients)) if row.recipients else ()
    return Notification(**values)


async def channels_told(db: Db, enterprise_id: str, incident_id: str) -> tuple[str, ...]:
    """Those that were, or will be, told that it began."""
    c = notifications.c
    query = select(c.channel_id).where(
        c.enterprise_id == enterprise_id,
        c.incident_id == incident_id,
        c.what == What.OPENED.value,
    )
    return tuple((await db.execute(query.order_by(c.channel_id))).scalars())


async def of_incident(db: Db, enterprise_id: str, incident_id: str) -> tuple[Notification, ...]:
    c = notifications.c
    query = select(notifications).where(
        c.enterprise_id == enterprise_id, c.incident_id == incident_id
    )
    rows = await db.execute(query.order_by(c.created_at, c.channel_id, c.id).limit(1000))
    return tuple(_notification(row) for row in rows)


async def of_channel(
    db: Db, scope: Scope, channel_id: str, *, limit: int
) -> tuple[Notification, ...]:
    """Newest first, of a channel that the caller found within its scope."""
    c = notifications.c
    query = select(notifications).where(
        c.enterprise_id == scope.enterprise, c.channel_id == channel_id
    )
    rows = await db.execute(query.order_by(c.created_at.desc(), c.id).limit(limit))
    return tuple(_notification(row) for row in rows)


# --- sending ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits for one channel of one enterprise."""

    enterprise_id: str
    channel_id: str


async def due_queues(db: Db, now: datetime, limit: int) -> tuple[Queue, ...]:
    """Those that waited for longest first."""
    c = notifications.c
    query = (
        select(c.enterprise_id, c.channel_id)
        .where(c.state == WAITING, c.next_at <= now)
        .group_by(c.enterprise_id, c.channel_id)
        .order_by(func.min(c.next_at), c.enterprise_id, c.channel_id)
        .limit(limit)
    )
    return tuple(Queue(row[0], row[1]) for row in await db.execute(query))


def _waits(queue: Queue) -> ColumnElement[bool]:
    c = notifications.c
    return and_(
        c.enterprise_id == queue.enterprise_id,
        c.channel_id == queue.channel_id,
        c.state == WAITING,
    )


async def take_next(db: Db, queue: Queue, now: datetime, busy: timedelta) -> Notification | None:
    """One that is due, its try noted: nobody else takes it within `busy`.

    What was tried least comes first; the end of an incident waits for its beginning.
    """
    c = notifications.c
    query = (
        select(c.id)
        .where(_waits(queue), c.next_at <= now, _begun_first())
        .order_by(c.tries, c.created_at, c.id)
        .limit(1)
    )
    found = (await db.execute(query)).scalar_one_or_none()
    return None if found is None else next(iter(await _take(db, queue, [found], now, busy)), None)


async def take_alike(
    db: Db, queue: Queue, one: Notification, now: datetime, busy: timedelta, limit: int
) -> tuple[Notification, ...]:
    """Others that are due and tell the same of incidents of the same rule, taken as `one` was."""
    c, told, others = notifications.c, incidents.c, incidents.alias()
    other = others.c
    of_it = and_(other.enterprise_id == c.enterprise_id, other.id == c.incident_id)
    rule = select(told.rule_id).where(
        told.enterprise_id == one.enterprise_id, told.id == one.incident_id
    )
    query = (
        select(c.id)
        .join_from(notifications, others, of_it)
        .where(_waits(queue), c.next_at <= now, c.what == one.what.value, _begun_first())
        .where(other.rule_id == rule.scalar_subquery())
        .order_by(c.tries, c.created_at, c.id)
        .limit(limit)
    )
    return await _take(db, queue, list((await db.execute(query)).scalars()), now, busy)


def _begun_first() -> ColumnElement[bool]:
    c, before = notifications.c, notifications.alias().c
    waits = exists().where(
        before.enterprise_id == c.enterprise_id,
        before.incident_id == c.incident_id,
        before.channel_id == c.channel_id,
        before.what == What.OPENED.value,
        before.state == WAITING,
    )
    return (c.what != What.CLOSED.value) | ~waits


async def _take(
    db: Db, queue: Queue, ids: Sequence[str], now: datetime, busy: timedelta
) -> tuple[Notification, ...]:
    """Those of these that nobody else took meanwhile, in the order of `ids`."""
    c = notifications.c
    taken = await db.execute(
        update(notifications)
        .where(_waits(queue), c.id.in_(ids), c.next_at <= now)
        .values(tries=c.tries + 1, next_at=now + busy)
        .returning(notifications)
    )
    found = {row.id: _notification(row) for row in taken}
    return tuple(found[id_] for id_ in ids if id_ in found)


def _is(enterprise_id: str, id_: str) -> ColumnElement[bool]:
    c = notifications.c
    return and_(c.enterprise_id == enterprise_id, c.id == id_)


async def settle(db: Db, one: Notification, state: str, outcome: str, now: datetime) -> None:
    await db.execute(
        update(notifications)
        .where(_is(one.enterprise_id, one.id))
        .values(state=state, outcome=outcome, settled_at=now)
    )


async def put_off(db: Db, one: Notification, outcome: str, until: datetime) -> None:
    await db.execute(
        update(notifications)
        .where(_is(one.enterprise_id, one.id), notifications.c.state == WAITING)
        .values(outcome=outcome, next_at=until)
    )


async def put_off_all(db: Db, queue: Queue, until: datetime) -> None:
    """Nothing gets through to this channel before then."""
    c = notifications.c
    await db.execute(
        update(notifications).where(_waits(queue), c.next_at < until).values(next_at=until)
    )


async def most_tries(db: Db, queue: Queue) -> int:
    query = select(func.max(notifications.c.tries)).where(_waits(queue))
    return (await db.execute(query)).scalar_one() or 0


async def give_up_old(db: Db, queue: Queue, before: datetime, now: datetime) -> tuple[int, str]:
    """What has waited since then; how many, and what the last try of one came to."""
    c = notifications.c
    rows = (
        await db.execute(
            update(notifications)
            .where(_waits(queue), c.created_at < before)
            .values(
                state=GIVEN_UP,
                settled_at=now,
                outcome=case((c.outcome == "", "it was never tried"), else_=c.outcome),
            )
            .returning(c.outcome)
        )
    ).all()
    return len(rows), next((row[0] for row in rows if row[0]), "")


async def give_up_all(db: Db, queue: Queue, why: str, now: datetime) -> int:
    c = notifications.c
    rows = await db.execute(
        update(notifications)
        .where(_waits(queue))
        .values(state=GIVEN_UP, settled_at=now, outcome=why)
        .returning(c.id)
    )
    return len(rows.all())


async def find_channel(db: Db, queue: Queue) -> StoredObject | None:
    """For the job that sends, which has no scope."""
    table = objects[Kind.ALERT_CHANNEL]
    query = select(table).where(
        table.c.enterprise_id == queue.enterprise_id, table.c.id == queue.channel_id
    )
    row = (await db.execute(query)).one_or_none()
    return None if row is None else stored_from_row(Kind.ALERT_CHANNEL, row)


async def forget_old(db: Db, before: datetime, limit: int) -> int:
    """Drop what was settled by then; how many."""
    c = notifications.c
    query = select(c.enterprise_id, c.id).where(c.settled_at < before).limit(limit)
    keys = (await db.execute(query)).all()
    for enterprise_id, id_ in keys:
        await db.execute(delete(notifications).where(_is(enterprise_id, id_)))
    return len(keys)
