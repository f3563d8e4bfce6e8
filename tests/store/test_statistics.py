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


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
async def test_a_large_table_is_looked_at_once(engine: AsyncEngine) -> None:
    # else PostgreSQL may look at it by itself, in between
    async with unit_of_work(engine) as db:
        await db.execute(text("ALTER TABLE device_seen SET (autovacuum_enabled = off)"))
        await db.execute(text(MANY))
    assert "device_seen" in await gather_missing(engine)
    assert "device_seen" not in await gather_missing(engine)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_sqlite_has_none(engine: AsyncEngine) -> None:
    assert await gather_missing(engine) == ()
