"""The two statements that SQL leaves to each database: insert or ignore, insert or update."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Table

from eaves.controller.store.unit import Db

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite


def _insert(db: Db, table: Table) -> "sqlite.Insert | postgresql.Insert":
    # imported here: a start need not wait for the database that it does not use
    if db.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - see above

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - see above

    return sqlite.insert(table)


async def insert_new(db: Db, table: Table, values: Mapping[str, object]) -> bool:
    """Insert unless a row with the same key is there; True when it was not."""
    key = next(iter(table.primary_key))  # rows are told by RETURNING: a row count is not reliable
    statement = _insert(db, table).values(dict(values)).on_conflict_do_nothing().returning(key)
    return (await db.execute(statement)).first() is not None


async def insert_missing(db: Db, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert those of these rows that break no unique index; they all name the same columns."""
    if rows:
        statement = _insert(db, table).on_conflict_do_nothing()
        await db.execute(statement, [dict(row) for row in rows])


async def upsert(
    db: Db, table: Table, values: Mapping[str, object], *, keep: Sequence[str] = ()
) -> None:
    """Insert, or update the row of the same primary key; columns in `keep` stay as they were."""
    await upsert_many(db, table, (values,), keep=keep)


async def upsert_many(
    db: Db, table: Table, rows: Sequence[Mapping[str, object]], *, keep: Sequence[str] = ()
) -> None:
    """As `upsert` for rows that all name the same columns."""
    if not rows:
        return
    key = [column.name for column in table.primary_key]
    statement = _insert(db, table)
    changed = {n: statement.excluded[n] for n in rows[0] if n not in key and n not in keep}
    if changed:
        complete = statement.on_conflict_do_update(index_elements=key, set_=changed)
    else:
        complete = statement.on_conflict_do_nothing()
    await db.execute(complete, [dict(row) for row in rows])
