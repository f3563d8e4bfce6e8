"""From each earlier schema, with rows in every table, to this release and back: nothing is lost."""

from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    insert,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.store.schema import HEAD, migrate, upgrade
from eaves.controller.store.unit import unit_of_work

EARLIER = [f"{number:04}" for number in range(1, int(HEAD))]
THERE_AND_BACK = sorted({EARLIER[0], *EARLIER[5::6], EARLIER[-1]})  # each takes some seconds
ROWS = 3
VERSION = "alembic_version"
JSON_COLUMNS = {"body", "data", "changes", "missing", "ids"}
# what holds for a moment only, and what other processes tell each other
PASSING = {VERSION, "leases", "changes", "change_heads", "render_wanted", "silent_devices"}

Row = dict[str, Any]


def _tables(connection: Connection) -> MetaData:
    found = MetaData()
    found.reflect(connection)
    return found


def _value(table: Table, column: Any, n: int) -> object:
    for key in column.foreign_keys:
        return _value(key.column.table, key.column, n)
    name: str = column.name
    if name in JSON_COLUMNS:
        return "[]" if name == "missing" else "{}"
    match column.type:
        case Boolean():
            return False
        case BigInteger() | Integer():
            return n
        case LargeBinary():
            return f"{table.name} {name} {n}".encode()
        case _:
            if name == "device_id":
                return f"object_ids-id-{n}"  # a device that there is: others may be forgotten
            return f"{name}-{n}" if name.endswith("_id") else f"{table.name}-{name}-{n}"


def _fill(connection: Connection) -> dict[str, list[Row]]:
    """Rows that break no constraint, in every table that is empty."""
    put: dict[str, list[Row]] = {}
    _make_partitions(connection)
    for table in _tables(connection).sorted_tables:
        if table.name in PASSING or connection.execute(select(table).limit(1)).first():
            continue
        rows = [{c.name: _value(table, c, n) for c in table.columns} for n in range(1, ROWS + 1)]
        connection.execute(insert(table), rows)
        put[table.name] = rows
    return put


def _make_partitions(connection: Connection) -> None:
    """What a writer makes for each day; here one for all times."""
    if connection.dialect.name != "postgresql":
        return
    divided = connection.execute(
        text(
            "SELECT relname FROM pg_class WHERE relkind = 'p' "
            "AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = pg_class.oid)"
        )
    ).scalars()
    for name in divided.all():
        connection.execute(text(f"CREATE TABLE {name}_any PARTITION OF {name} DEFAULT"))


def _lost(connection: Connection, put: dict[str, list[Row]]) -> list[str]:
    """Tables that are there and do not hold what was put into them, by their common columns."""
    lost: list[str] = []
    there = _tables(connection).tables
    for name, rows in put.items():
        # kept under another name until a job has moved its rows into what replaces it
        moved = f"{name}_before"
        table = there.get(moved if moved in there and moved not in put else name)
        if table is None:
            continue
        columns = [table.c[c] for c in rows[0] if c in table.c]
        found = [tuple(row) for row in connection.execute(select(*columns))]
        wanted = [tuple(row[c.name] for c in columns) for row in rows]
        if not set(wanted) <= set(found):
            lost.append(f"{name}: put {wanted}, found {found}")
    return lost


async def test_rows_put_at_each_schema_on_the_way_are_there_at_the_end(
    bare_engine: AsyncEngine,
) -> None:
    put: dict[str, list[Row]] = {}
    for version in EARLIER:
        await migrate(bare_engine, version)
        async with unit_of_work(bare_engine) as db:
            put = await db.run_sync(_fill) | put
    await upgrade(bare_engine)
    async with unit_of_work(bare_engine) as db:
        assert await db.run_sync(_lost, put) == []


@pytest.mark.parametrize("before", THERE_AND_BACK)
async def test_rows_of_an_earlier_schema_are_there_after_the_upgrade_and_after_the_way_back(
    bare_engine: AsyncEngine, before: str
) -> None:
    await migrate(bare_engine, before)
    async with unit_of_work(bare_engine) as db:
        put = await db.run_sync(_fill)
    assert put
    await upgrade(bare_engine)
    async with unit_of_work(bare_engine) as db:
        assert await db.run_sync(_lost, put) == []
    await migrate(bare_engine, before)
    async with unit_of_work(bare_engine) as db:
        assert await db.run_sync(_lost, put) == []
    await upgrade(bare_engine)
