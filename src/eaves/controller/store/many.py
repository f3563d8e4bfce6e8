"""One statement for very many rows, which all name the same columns.

SQLAlchemy gathers the parameters of each row one by one, by name, which takes longer than SQLite
takes for the row.  Here the statement is compiled once, and each row becomes the tuple that the
driver wants in one step.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Dialect, Insert, Table, UpdateBase, insert
from sqlalchemy.ext.asyncio import AsyncConnection

Row = tuple[Any, ...]
Convert = Callable[[Any], Any]


async def insert_all(
    db: AsyncConnection, table: Table, rows: Sequence[Mapping[str, object]]
) -> None:
    """Insert these rows; raises what the database raises where one of them is there."""
    if rows:
        await run_many(db, _insert(table), rows)


async def run_many(
    db: AsyncConnection, statement: UpdateBase, rows: Sequence[Mapping[str, object]]
) -> None:
    """A statement that is kept, for each of these rows: they name all its parameters, no others."""
    names = tuple(rows[0])
    if db.dialect.name != "sqlite" or len(names) == 1:
        await db.execute(statement, [dict(row) for row in rows])
        return
    first, second, *others = names
    await _run(db, statement, names, map(itemgetter(first, second, *others), rows))


async def insert_tuples(
    db: AsyncConnection, table: Table, names: Sequence[str], rows: Iterable[Row]
) -> None:
    """As `insert_all`, of rows that are the values of these columns, two at least."""
    if db.dialect.name == "sqlite":
        await _run(db, _insert(table), tuple(names), rows)
        return
    told = [dict(zip(names, row, strict=True)) for row in rows]
    if told:
        await db.execute(_insert(table), told)


async def _run(
    db: AsyncConnection, statement: UpdateBase, names: tuple[str, ...], rows: Iterable[Row]
) -> None:
    text, places, converts = _compiled(db.dialect, statement, names)
    columns = list(zip(*rows, strict=True))
    if columns:
        pairs = zip(places, converts, strict=True)
        given = [_converted(columns[place], convert) for place, convert in pairs]
        await db.exec_driver_sql(text, list(zip(*given, strict=True)))


def _converted(column: Row, convert: Convert | None) -> Iterable[Any]:
    return column if convert is None else _each(column, convert)


def _each(column: Row, convert: Convert) -> Iterator[Any]:
    """The rows of one write have most such values in common, the time of it above all."""
    last, made = object(), None
    for value in column:
        if value is not last:
            last, made = value, convert(value)
        yield made


@lru_cache(maxsize=256)
def _insert(table: Table) -> Insert:
    return insert(table)


@lru_cache(maxsize=256)
def _compiled(
    dialect: Dialect, statement: UpdateBase, names: tuple[str, ...]
) -> tuple[str, tuple[int, ...], tuple[Convert | None, ...]]:
    """The text, and for each of its parameters which of `names` it is, and how it is told."""
    compiled: Any = statement.compile(
        dialect=dialect, column_keys=list(names), for_executemany=True
    )
    order: list[str] = compiled.positiontup
    if set(order) != set(names):
        raise ValueError(f"rows name {sorted(names)}, the statement takes {sorted(order)}")
    kinds = [compiled.binds[name].type.dialect_impl(dialect) for name in order]
    converts = tuple([kind.bind_processor(dialect) for kind in kinds])
    return compiled.string, tuple([names.index(name) for name in order]), converts
