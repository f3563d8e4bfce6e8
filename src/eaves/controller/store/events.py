"""Events and the audit log: written in the transaction of the change they tell of."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, insert, or_, select

from eaves.controller.domain.scope import Scope
from eaves.controller.store.tables import audit, events
from eaves.controller.store.unit import Db


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


@dataclass(frozen=True, slots=True)
class AuditEntry:
    at: datetime
    enterprise_id: str
    verb: str
    result: str
    project_id: str = ""
    user_id: str = ""
    user_name: str = ""
    client: str = ""
    request_id: str = ""
    object_kind: str = ""
    object_id: str = ""
    object_name: str = ""
    changes: str = field(default="", repr=False)  # JSON, secrets masked by the caller


_EVENT_COLUMNS = tuple(column.name for column in events.c if column.name != "row")
_AUDIT_COLUMNS = tuple(column.name for column in audit.c if column.name != "row")


async def insert_event(db: Db, event: Event) -> None:
    await db.execute(insert(events).values({n: getattr(event, n) for n in _EVENT_COLUMNS}))


async def insert_audit(db: Db, entry: AuditEntry) -> None:
    await db.execute(insert(audit).values({n: getattr(entry, n) for n in _AUDIT_COLUMNS}))


async def list_events(
    db: Db,
    scope: Scope,
    *,
    object_id: str = "",
    before: int = 0,
    after: int = 0,
    limit: int = 100,
) -> tuple[Event, ...]:
    """Newest first.  `before` and `after` are rows: older than, newer than; 0 for no bound."""
    c = events.c
    query = select(events).where(c.enterprise_id == scope.enterprise)
    if scope.projects is not None:
        query = query.where(or_(c.project_id == "", c.project_id.in_(scope.projects)))
    if object_id:
        query = query.where(c.object_id == object_id)
    if before:
        query = query.where(c.row < before)
    if after:
        query = query.where(c.row > after)
    rows = await db.execute(query.order_by(c.row.desc()).limit(limit))
    return tuple(Event(**row._mapping) for row in rows)  # noqa: SLF001 - public: named so to not clash with columns


async def delete_events_before(db: Db, oldest: datetime) -> int:
    return (await db.execute(delete(events).where(events.c.at < oldest))).rowcount
