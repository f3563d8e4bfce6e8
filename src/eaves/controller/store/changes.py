"""What changed, told to every process on this database.

A transaction notes what it changes (`note_change`), and its last statements before the commit
append that to one of sixteen lines.  To append is to raise the number at the head of the line,
which locks that row until the commit: so the numbers of a line become visible in their order and
without gaps, however long a commit takes, and a reader that has seen number n need never look
below it again.  The lines exist so that transactions seldom wait for one another; which one a
transaction takes says nothing.

Nothing is written on SQLite: the one process there tells its own memory.
"""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from eaves.controller.store.dialect import database_now, micros_in, micros_of
from eaves.controller.store.tables_shared import change_heads, changes

LINES: Final = 16
MAX_IDS: Final = 1000  # in one row
READ_ROWS: Final = 1000  # at once
NOTED: Final = "eaves_noted_changes"

DEVICES: Final = "devices"
"""Topic: rows that the memory of the hot path is made from; the ids are those of devices."""
KEYS: Final = "keys"
"""Topic: the keys of the controller were exchanged; without ids."""

Noted = dict[str, set[str]]  # topic -> ids


@dataclass(frozen=True, slots=True)
class Head:
    number: int  # of the newest change of its line
    kept_from: int  # older numbers are not there any more


@dataclass(frozen=True, slots=True)
class Change:
    line: int
    number: int
    topic: str
    ids: tuple[str, ...]


def note_change(db: AsyncConnection, topic: str, ids: Iterable[str]) -> None:
    """Tell every process of this when the transaction is committed."""
    noted: Noted | None = db.sync_connection.get_execution_options().get(NOTED)  # type: ignore[union-attr]  # it is open
    if noted is not None:  # else a transaction that only one process can make
        noted.setdefault(topic, set()).update(ids)


async def append_noted(db: AsyncConnection, noted: Noted) -> None:
    """The last statements of a transaction: whatever follows delays who appends after it."""
    rows = [
        (topic, chunk)
        for topic, ids in sorted(noted.items())
        for chunk in _chunks(tuple(sorted(ids)))
    ]
    if not rows:
        return
    line = zlib.crc32("".join(rows[0][1][:1]).encode()) % LINES
    head = change_heads.c
    number = (
        await db.execute(
            update(change_heads)
            .where(head.line == line)
            .values(number=head.number + len(rows))
            .returning(head.number)
        )
    ).scalar_one()
    now = database_now(db)
    first = number - len(rows) + 1
    for at, (topic, chunk) in enumerate(rows):
        values = {"line": line, "number": first + at, "topic": topic, "ids": json.dumps(chunk)}
        await db.execute(insert(changes).values(at=now, **values))


def _chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return [ids[start : start + MAX_IDS] for start in range(0, max(len(ids), 1), MAX_IDS)]


async def read_heads(db: AsyncConnection) -> Mapping[int, Head]:
    """The head of each line; what is read after it shows everything up to there."""
    rows = await db.execute(select(change_heads))
    return {row.line: Head(row.number, row.kept_from) for row in rows}


async def read_changes(db: AsyncConnection, seen: Mapping[int, int]) -> tuple[Change, ...]:
    """Changes behind these numbers of their lines, in order; some of them when there are many."""
    c = changes.c
    behind = or_(*(and_(c.line == line, c.number > number) for line, number in seen.items()))
    query = select(changes).where(behind).order_by(c.line, c.number).limit(READ_ROWS)
    return tuple(
        Change(row.line, row.number, row.topic, tuple(json.loads(row.ids)))
        for row in await db.execute(query)
    )


async def clear_changes(db: AsyncConnection, older_than: timedelta) -> int:
    """Delete what every process has read by now; tells how many.  One that has not reads anew."""
    c, head = changes.c, change_heads.c
    oldest = database_now(db) - micros_of(older_than)
    rows = await db.execute(
        delete(changes).where(micros_in(c.at) < oldest).returning(c.line, c.number)
    )
    gone = [(row.line, row.number) for row in rows]
    for line in sorted({line for line, _ in gone}):
        last = max(number for of, number in gone if of == line)
        await db.execute(
            update(change_heads)
            .where(head.line == line, head.kept_from <= last)
            .values(kept_from=last + 1)
        )
    return len(gone)
