"""What SQL leaves to each database: insert or ignore, insert or update, the time, many values."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Table,
    Text,
    any_,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from eaves.controller.store.many import run_many

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

_NOW: Final = {
    # of the start of the transaction: stable, so that a distributed database takes it
    "postgresql": "CAST(extract(epoch FROM now()) * 1000000 AS bigint)",
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",
}


def database_now(db: AsyncConnection) -> ColumnElement[int]:
    """Microseconds since 1970 by the clock of the database."""
    return literal_column(_NOW[db.dialect.name], BigInteger)


def micros_in(column: ColumnElement[datetime]) -> ColumnElement[int]:
    """A column of moments as the number that it holds."""
    return type_coerce(column, BigInteger)


def micros_of(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def has_part(column: ColumnElement[str], part: str) -> ColumnElement[bool]:
    """Whatever its case, as far as the database knows it: SQLite only that of ASCII."""
    return column.icontains(part, autoescape=True)


def is_one_of(
    db: AsyncConnection | Connection, column: ColumnElement[str], values: Collection[str]
) -> ColumnElement[bool]:
    """For very many values: they are bound as one, and a statement may bind only so many."""
    if db.dialect.name == "postgresql":
        return column == any_(literal(sorted(values), ARRAY(Text)))
    every = func.json_each(literal(json.dumps(sorted(values)), Text)).table_valued("value")
    return column.in_(select(every.c.value))


def in_parameter(dialect: str, column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """As `is_one_of`, in a statement that is kept: its parameter `name` takes `as_one(values)`."""
    if dialect == "postgresql":
        return column == any_(bindparam(name, type_=ARRAY(Text)))
    every = func.json_each(bindparam(name, type_=Text)).table_valued("value")
    return column.in_(select(every.c.value))


def as_one(dialect: str, values: Collection[str]) -> object:
    return sorted(values) if dialect == "postgresql" else json.dumps(sorted(values))


def _insert(dialect: str, table: Table) -> "sqlite.Insert | postgresql.Insert":
    # imported here: a start need not wait for the database that it does not use
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - see above

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - see above

    return sqlite.insert(table)


async def insert_new(db: AsyncConnection, table: Table, values: Mapping[str, object]) -> bool:
    """Insert unless a row with the same key is there; True when it was not."""
    key = next(iter(table.primary_key))  # rows are told by RETURNING: a row count is not reliable
    statement = (
        _insert(db.dialect.name, table).values(dict(values)).on_conflict_do_nothing().returning(key)
    )
    return (await db.execute(statement)).first() is not None


async def insert_those_new(
    db: AsyncConnection, table: Table, rows: Sequence[Mapping[str, object]]
) -> frozenset[object]:
    """As `insert_new` for rows that all name the same columns: the keys of those inserted."""
    key = next(iter(table.primary_key))
    statement = _insert(db.dialect.name, table).on_conflict_do_nothing().returning(key)
    return frozenset((await db.execute(statement, [dict(row) for row in rows])).scalars())


async def insert_missing(
    db: AsyncConnection, table: Table, rows: Sequence[Mapping[str, object]]
) -> None:
    """Insert those of these rows that break no unique index; they all name the same columns."""
    if rows:
        await run_many(db, _insert_missing(db.dialect.name, table), rows)


@lru_cache(maxsize=256)
def _insert_missing(dialect: str, table: Table) -> "sqlite.Insert | postgresql.Insert":
    return _insert(dialect, table).on_conflict_do_nothing()


async def insert_each_missing(
    db: AsyncConnection,
    table: Table,
    column: str,
    values: Collection[str],
    common: Mapping[str, object],
) -> None:
    """As `insert_missing` of rows that differ in one column: one statement, whatever their number.

    Where there are thousands that takes a third of the time.
    """
    if values:
        dialect = db.dialect.name
        statement = _insert_each(dialect, table, column, tuple(common))
        await db.execute(statement, {**common, "each": as_one(dialect, values)})


@lru_cache(maxsize=64)
def _insert_each(
    dialect: str, table: Table, column: str, common: Sequence[str]
) -> "sqlite.Insert | postgresql.Insert":
    every: ColumnElement[str]
    if dialect == "postgresql":
        every = func.unnest(bindparam("each", type_=ARRAY(Text))).column_valued()
    else:
        every = func.json_each(bindparam("each", type_=Text)).table_valued("value").c.value
    same = [bindparam(name, type_=table.c[name].type) for name in common]
    # SQLite takes ON after a FROM for the condition of a join, unless a WHERE stands between
    rows = select(*same, every).where(every.is_not(None))
    return _insert(dialect, table).from_select([*common, column], rows).on_conflict_do_nothing()


async def upsert(
    db: AsyncConnection, table: Table, values: Mapping[str, object], *, keep: Sequence[str] = ()
) -> None:
    """Insert, or update the row of the same primary key; columns in `keep` stay as they were."""
    await upsert_many(db, table, (values,), keep=keep)


async def upsert_many(
    db: AsyncConnection,
    table: Table,
    rows: Sequence[Mapping[str, object]],
    *,
    keep: Sequence[str] = (),
    newest: str = "",
) -> None:
    """As `upsert` for rows that all name the same columns.

    A row whose column `newest` is later than the one given stays as it is.
    """
    if not rows:
        return
    statement = _upsert(db.dialect.name, table, tuple(rows[0]), tuple(keep), newest)
    await run_many(db, statement, rows)


@lru_cache(maxsize=256)  # to build one takes ten times as long as to run it
def _upsert(
    dialect: str, table: Table, names: Sequence[str], keep: Sequence[str], newest: str
) -> "sqlite.Insert | postgresql.Insert":
    key = [column.name for column in table.primary_key]
    statement = _insert(dialect, table)
    changed = {n: statement.excluded[n] for n in names if n not in key and n not in keep}
    if not changed:
        return statement.on_conflict_do_nothing()
    later = statement.excluded[newest] > table.c[newest] if newest else None
    return statement.on_conflict_do_update(index_elements=key, set_=changed, where=later)
