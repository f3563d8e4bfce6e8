"""A list of 50,000 rows: every page, order and filter of it is answered, and no answer holds more.

The rows are copied in the database by one statement for each table.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import ColumnElement, Table, func, insert, literal, select, true
from support.rest import Caller, running_rest
from support.rest_objects import build_world

from eaves.controller.store.tables import Kind, object_ids, objects
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.unit import Db, unit_of_work

pytestmark = pytest.mark.system

COPIES = 50_000
LIST = "/v1/devices/status-config"  # that of the console


async def copy_rows(db: Db, device_id: str) -> None:
    for table in (object_ids, objects[Kind.DEVICE], listed[Kind.DEVICE]):
        await _copy(db, table, device_id)


async def _copy(db: Db, table: Table, device_id: str) -> None:
    first = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = first.union_all(select(first.c.n + 1).where(first.c.n < COPIES))
    id_ = func.printf("%08x-0000-4000-8000-000000000000", numbers.c.n)
    name = func.printf("row-%05d", numbers.c.n)
    new: dict[str, ColumnElement[str]] = {"id": id_, "name": name}
    if "body" in table.c:
        new["body"] = func.json_set(table.c.body, "$.id", id_, "$.name", name)
    copied = (
        select(*(new.get(column.name, column) for column in table.columns))
        .select_from(table.join(numbers, true()))
        .where(table.c.id == device_id)
    )
    await db.execute(insert(table).from_select([c.name for c in table.columns], copied))


@pytest.fixture
async def caller(tmp_path: Path) -> AsyncIterator[Caller]:
    async with running_rest(tmp_path) as rest:
        await rest.add_user("alice")
        async with rest.client(await rest.login("alice")) as http:
            made = Caller(http)
            world = await build_world(made)
            async with unit_of_work(rest.engine) as db:
                await copy_rows(db, world.device)
            yield made


async def test_every_page_order_and_filter_is_answered(caller: Caller) -> None:
    async def names(**asked: str) -> tuple[list[str], int]:
        query = {name.replace("_", "."): value for name, value in asked.items()}
        told = await caller.get(LIST, **query)
        return [row["name"] for row in told["list"]], told["totalCount"]

    found, total = await names(namePattern="row-", next_orderBy="name", next_pageSize="50")
    assert (found[0], found[-1], total) == ("row-00001", "row-00050", COPIES)
    last = {"next_pageNum": "1000", "next_pageSize": "50", "next_orderBy": "name"}
    found, total = await names(namePattern="row-", **last)
    assert (found[0], found[-1], total) == ("row-49951", "row-50000", COPIES)
    assert (await names(namePattern="row-", **last | {"next_pageNum": "1001"}))[0] == []
    found, _ = await names(next_orderBy="name:desc", next_pageSize="20")
    assert found == [f"row-{number:05d}" for number in range(50_000, 49_980, -1)]
    found, total = await names(namePattern="ROW-4999", next_orderBy="name")
    assert (found, total) == ([f"row-{number}" for number in range(49_990, 50_000)], 10)
