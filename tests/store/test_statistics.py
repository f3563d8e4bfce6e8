"""Tables that came whole, as by a restore, are looked at once by the next start."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.store.statistics import gather_missing
from eaves.controller.store.unit import unit_of_work

MANY = (
    "INSERT INTO device_seen (enterprise_id, device_id, last_seen_at) "
    "SELECT 'acme', md5(n::text), n FROM generate_series(1, 2000) AS n"
)
OF_ROW = (
    "CREATE OR REPLACE FUNCTION of_row(n integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql "
    "AS 'BEGIN RETURN {}; END'"
)
BROKEN = (  # an index that cannot be computed any more: to look at the table fails
    "CREATE TABLE a_broken (n integer) WITH (autovacuum_enabled = off)",
    OF_ROW.format("n"),
    "CREATE INDEX ON a_broken (of_row(n))",
    "INSERT INTO a_broken SELECT n FROM generate_series(1, 5000) AS n",
    OF_ROW.format("n / (n - n)"),
)
PARTED = (
    "CREATE TABLE parted (n integer) PARTITION BY RANGE (n)",
    "CREATE TABLE parted_1 PARTITION OF parted DEFAULT WITH (autovacuum_enabled = off)",
    "INSERT INTO parted SELECT n FROM generate_series(1, 5000) AS n",
)
POSTGRES = pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


async def put_many(engine: AsyncEngine, *more: str) -> None:
    async with unit_of_work(engine) as db:
        # else PostgreSQL may look at it by itself, in between
        await db.execute(text("ALTER TABLE device_seen SET (autovacuum_enabled = off)"))
        await db.execute(text(MANY))
        for statement in more:
            await db.execute(text(statement))


@POSTGRES
async def test_a_large_table_is_looked_at_once(engine: AsyncEngine) -> None:
    await put_many(engine)
    assert "device_seen" in await gather_missing(engine)
    assert "device_seen" not in await gather_missing(engine)


@POSTGRES
async def test_a_table_that_fails_is_left_and_the_others_are_looked_at(
    engine: AsyncEngine,
) -> None:
    await put_many(engine, *BROKEN)
    found = await gather_missing(engine)
    assert "device_seen" in found
    assert "a_broken" not in found


@POSTGRES
async def test_a_table_that_another_process_has_locked_is_not_waited_for(
    engine: AsyncEngine,
) -> None:
    await put_many(engine)
    async with unit_of_work(engine) as db:
        await db.execute(text("LOCK TABLE device_seen IN SHARE UPDATE EXCLUSIVE MODE"))
        assert "device_seen" not in await gather_missing(engine)
    assert "device_seen" in await gather_missing(engine)


@POSTGRES
async def test_partitions_are_left_to_the_server(engine: AsyncEngine) -> None:
    await put_many(engine, *PARTED)
    assert "parted_1" not in await gather_missing(engine)


@POSTGRES
async def test_a_start_waits_no_longer_than_its_budget(engine: AsyncEngine) -> None:
    await put_many(engine)
    assert await gather_missing(engine, budget_s=0) == ()
    assert "device_seen" in await gather_missing(engine)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_sqlite_has_none(engine: AsyncEngine) -> None:
    assert await gather_missing(engine) == ()
