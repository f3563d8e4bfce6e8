"""The audit log in the database: how rows are appended, so that the chain has one order.

A transaction notes what it did (`note_audit`); its last statements append that to the chain of its
enterprise.  They lock the head of the chain until the commit, so processes append one after the
other, in the order of their commits, and each for as long as its commit takes.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import ColumnElement, Row, and_, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from eaves.controller.domain.audit import (
    AuditEntry,
    AuditRow,
    Head,
    Link,
    chained,
    damage,
    head_fits,
    new_head,
    with_seal,
)
from eaves.controller.domain.scope import Scope
from eaves.controller.store.dialect import has_part, insert_missing, upsert
from eaves.controller.store.tables import audit, audit_heads

log = structlog.get_logger()

AUDITED: Final = "eaves_audited"
AUDIT_KEY: Final = "eaves_audit_key"
MOST_ROWS: Final = 1000  # read at once
BEFORE_ALL: Final = -(1 << 63)

Audited = list[AuditEntry]

_SAID: Final = tuple(
    column.name for column in audit.c if column.name not in ("row", "number", "digest", "seal")
)


def note_audit(db: AsyncConnection, entry: AuditEntry) -> None:
    """Append this to the chain of its enterprise when the transaction ends."""
    noted: Audited | None = _options(db).get(AUDITED)  # type: ignore[assignment]  # set by unit_of_work alone
    if noted is None:
        raise RuntimeError("what is audited needs a transaction of unit_of_work")
    noted.append(entry)


@asynccontextmanager
async def savepoint(db: AsyncConnection) -> AsyncGenerator[None]:
    """What an error ends in here leaves nothing in the transaction, in the audit log neither."""
    noted: Audited | None = _options(db).get(AUDITED)  # type: ignore[assignment]  # as above
    before = len(noted) if noted is not None else 0
    try:
        async with db.begin_nested():
            yield
    except BaseException:
        if noted is not None:
            del noted[before:]
        raise


def _options(db: AsyncConnection) -> Mapping[str, object]:
    options: Mapping[str, object] = db.sync_connection.get_execution_options()  # type: ignore[union-attr]  # it is open
    return options


def audit_key(db: AsyncConnection) -> bytes:
    """The key of the engine; empty where it was opened without."""
    key = _options(db).get(AUDIT_KEY, b"")
    return key if isinstance(key, bytes) else b""


async def append_audited(db: AsyncConnection, noted: Audited) -> None:
    """Among the last statements of a transaction: whoever appends to the same chain waits."""
    of: defaultdict[str, Audited] = defaultdict(list)
    for entry in noted:
        of[entry.enterprise_id].append(entry)
    for enterprise_id in sorted(of):  # always in this order, so that nobody waits in a circle
        await _append(db, enterprise_id, of[enterprise_id])


async def _append(db: AsyncConnection, enterprise_id: str, entries: Audited) -> None:
    key = audit_key(db)
    head, told = await _head_to_go_on(db, enterprise_id, key, entries[0].at)
    rows, newest = chained(key, head.newest, (*told, *entries))
    await db.execute(
        insert(audit),
        [
            {
                **{name: getattr(row.entry, name) for name in _SAID},
                "number": row.number,
                "digest": row.digest,
                "seal": row.seal,
            }
            for row in rows
        ],
    )
    await put_head(db, replace(head, newest=newest), key)


async def _head_to_go_on(
    db: AsyncConnection, enterprise_id: str, key: bytes, at: datetime
) -> tuple[Head, Audited]:
    """The head, locked, and a row about it where it was tampered with.

    The log goes on behind the last row that is there: who tampers must not stop the controller.
    What was acknowledged before counts no more.
    """
    head = await lock_head(db, enterprise_id)
    if head is not None and (not key or head_fits(key, head)):
        return head, []
    last = await _last_row(db, enterprise_id)
    if head is None:
        await put_head(db, new_head(enterprise_id), b"")
        found = await lock_head(db, enterprise_id)
        if found is not None and found.newest.number:  # another transaction was the first
            return found, []
        if last is None:
            return new_head(enterprise_id), []
    going_on = last or new_head(enterprise_id).newest
    log.error("audit_log_damaged", enterprise_id=enterprise_id, goes_on_behind=going_on.number)
    base = head or new_head(enterprise_id)
    repaired = Head(enterprise_id, going_on, base.sealed_from, base.archived, seal=b"")
    return repaired, [damage(head, at, enterprise_id, going_on)]


async def _last_row(db: AsyncConnection, enterprise_id: str) -> Link | None:
    c = audit.c
    query = (
        select(c.number, c.digest)
        .where(c.enterprise_id == enterprise_id)
        .order_by(c.number.desc())
        .limit(1)
    )
    row = (await db.execute(query)).one_or_none()
    return None if row is None else Link(row.number, bytes(row.digest))


async def put_head(db: AsyncConnection, head: Head, key: bytes) -> None:
    """Store a head with the seal of `key`; one without rows only where there is none yet."""
    sealed = with_seal(key, head)
    values = {
        "enterprise_id": sealed.enterprise_id,
        "number": sealed.newest.number,
        "digest": sealed.newest.digest,
        "sealed_from": sealed.sealed_from,
        "archived_number": sealed.archived.number,
        "archived_digest": sealed.archived.digest,
        "acknowledged_number": sealed.acknowledged.number,
        "acknowledged_digest": sealed.acknowledged.digest.hex(),
        "seal": sealed.seal,
    }
    if sealed.newest.number:
        await upsert(db, audit_heads, values)
    else:
        await insert_missing(db, audit_heads, (values,))


async def lock_head(db: AsyncConnection, enterprise_id: str) -> Head | None:
    """The head; nobody else appends before this transaction ends."""
    c = audit_heads.c
    query = select(audit_heads).where(c.enterprise_id == enterprise_id).with_for_update()
    row = (await db.execute(query)).one_or_none()
    return None if row is None else _head_from_row(row)


async def find_head(db: AsyncConnection, enterprise_id: str) -> Head | None:
    query = select(audit_heads).where(audit_heads.c.enterprise_id == enterprise_id)
    row = (await db.execute(query)).one_or_none()
    return None if row is None else _head_from_row(row)


async def list_heads(db: AsyncConnection) -> tuple[Head, ...]:
    """Of all enterprises: for the job that bounds the logs."""
    rows = await db.execute(select(audit_heads).order_by(audit_heads.c.enterprise_id))
    return tuple(_head_from_row(row) for row in rows)


def _head_from_row(row: Row[tuple[object, ...]]) -> Head:
    return Head(
        enterprise_id=row.enterprise_id,
        newest=Link(row.number, bytes(row.digest)),
        sealed_from=row.sealed_from,
        archived=Link(row.archived_number, bytes(row.archived_digest)),
        seal=bytes(row.seal),
        acknowledged=Link(row.acknowledged_number, _from_hex(row.acknowledged_digest)),
    )


def _from_hex(text: str) -> bytes:
    """What is no hex was put there by somebody else, as the seal of the head tells."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


async def read_rows(
    db: AsyncConnection, enterprise_id: str, after: int, limit: int = MOST_ROWS
) -> tuple[AuditRow, ...]:
    """In the order of the chain, from behind row `after`; what stands in the database, unchecked.

    With `after` BEFORE_ALL also rows whose number no chain has.
    """
    c = audit.c
    query = (
        select(audit)
        .where(c.enterprise_id == enterprise_id, c.number > after)
        .order_by(c.number)
        .limit(min(limit, MOST_ROWS))
    )
    return tuple(_row_from(row) for row in await db.execute(query))


async def find_digest(db: AsyncConnection, enterprise_id: str, number: int) -> bytes | None:
    c = audit.c
    query = select(c.digest).where(c.enterprise_id == enterprise_id, c.number == number)
    found = (await db.execute(query)).scalar_one_or_none()
    return None if found is None else bytes(found)


def _row_from(row: Row[tuple[object, ...]]) -> AuditRow:
    entry = AuditEntry(**{name: getattr(row, name) for name in _SAID})
    return AuditRow(row.number, entry, bytes(row.digest), bytes(row.seal))


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Empty and None: all of them."""

    user_name: str = ""
    verb: str = ""
    object_kind: str = ""
    object_id: str = ""
    object_name: str = ""
    user_part: str = ""  # some of the name, whatever its case
    verb_part: str = ""
    object_part: str = ""
    start: datetime | None = None
    end: datetime | None = None


async def list_audit(
    db: AsyncConnection,
    scope: Scope,
    wanted: AuditFilter,
    *,
    behind: int = 0,
    oldest_first: bool = False,
    offset: int = 0,
    limit: int = 100,
) -> tuple[AuditRow, ...]:
    """In the order of the chain, or against it, from behind row `behind` (0: from the first on)."""
    c = audit.c
    query = select(audit).where(_visible(scope), *_kept_by(wanted))
    if behind:
        query = query.where(c.number > behind if oldest_first else c.number < behind)
    order = c.number.asc() if oldest_first else c.number.desc()
    rows = await db.execute(query.order_by(order).offset(offset).limit(limit))
    return tuple(_row_from(row) for row in rows)


def _visible(scope: Scope) -> ColumnElement[bool]:
    c = audit.c
    mine = c.enterprise_id == scope.enterprise
    if scope.projects is None:
        return mine
    # not what stands in no project: bundles and datastores say elsewhere where they are seen
    return and_(mine, c.project_id.in_(scope.projects))


def _kept_by(wanted: AuditFilter) -> Iterator[ColumnElement[bool]]:
    c = audit.c
    for column, value in (
        (c.user_name, wanted.user_name),
        (c.verb, wanted.verb),
        (c.object_kind, wanted.object_kind),
        (c.object_id, wanted.object_id),
        (c.object_name, wanted.object_name),
    ):
        if value:
            yield column == value
    for column, part in (
        (c.user_name, wanted.user_part),
        (c.verb, wanted.verb_part),
        (c.object_name, wanted.object_part),
    ):
        if part:
            yield has_part(column, part)
    if wanted.start is not None:
        yield c.at >= wanted.start
    if wanted.end is not None:
        yield c.at <= wanted.end


async def drop_archived(db: AsyncConnection, before: Head, archived: Link, key: bytes) -> bool:
    """Take rows up to `archived` out; False where the log was archived by somebody else meanwhile.

    They stand in a file by now, so the head says where the chain goes on.
    """
    head = await lock_head(db, before.enterprise_id)
    if head is None or head.archived != before.archived or not head_fits(key, head):
        return False
    c = audit.c
    await db.execute(
        delete(audit).where(c.enterprise_id == head.enterprise_id, c.number <= archived.number)
    )
    await put_head(db, replace(head, archived=archived), key)
    return True


async def acknowledge(db: AsyncConnection, enterprise_id: str, to: Link, key: bytes) -> Head | None:
    """From now on a check begins behind this row.  None, and nothing is changed, unless it is a row
    that there is, behind what was moved or acknowledged before, and the head fits.

    The caller notes who did it, in the same transaction.
    """
    head = await lock_head(db, enterprise_id)
    if head is None or not head_fits(key, head) or to.number <= head.begin.number:
        return None
    if await find_digest(db, enterprise_id, to.number) != to.digest:
        return None
    acknowledged = replace(head, acknowledged=to)
    await put_head(db, acknowledged, key)
    return acknowledged
