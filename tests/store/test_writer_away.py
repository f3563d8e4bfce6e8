"""The writer of the main database while its server is away."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from store.databases import postgres, postgres_is_there

from eaves.controller.store.unit import Db, open_engine, unit_of_work
from eaves.controller.telemetry.pipeline import Unavailable
from eaves.controller.telemetry.writer import Writer

WORKS = 20


async def _one(db: Db) -> int:
    return int((await db.execute(text("SELECT 1"))).scalar_one())


async def _wrong(db: Db) -> int:
    return int((await db.execute(text("SELECT 1 / 0"))).scalar_one())


@pytest.mark.postgres
@pytest.mark.skipif(not postgres_is_there(), reason="needs the package postgresql")
async def test_no_work_is_tried_alone_while_the_database_is_away() -> None:
    begun = 0
    with postgres(connections=10) as server:
        engine = open_engine(server.url)

        @asynccontextmanager
        async def begin() -> AsyncGenerator[Db]:
            nonlocal begun
            begun += 1
            async with unit_of_work(engine) as db:
                yield db

        writer = Writer(begin, queue=100, queue_bytes=10**6, batch=100)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(writer.run_forever())
            assert await writer.write(_one) == 1
            server.stop()
            begun = 0
            results = await asyncio.gather(
                *(writer.write(_one) for _ in range(WORKS)), return_exceptions=True
            )
            assert [type(result) for result in results] == [Unavailable] * WORKS
            assert begun == 1
            server.start()
            results = await asyncio.gather(
                *(writer.write(_one) for _ in range(3)),
                writer.write(_wrong),
                return_exceptions=True,
            )
            assert results[:3] == [1, 1, 1]  # who is not to blame succeeds
            assert isinstance(results[3], DBAPIError)
            writer.stop()
            await running
        await engine.dispose()
