"""Group commit: acknowledged is committed, and a broken message fails alone."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from eaves.controller.telemetry.pipeline import Busy, Stopped
from eaves.controller.telemetry.writer import Work, Writer


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")
    async with engine.begin() as db:
        await db.execute(text("create table t (n integer primary key)"))
    yield engine
    await engine.dispose()


class Commits:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine, self.count = engine, 0

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncConnection, None]:
        async with self.engine.begin() as db:
            yield db
        self.count += 1


def _insert(number: int) -> Work[int]:
    async def work(db: AsyncConnection) -> int:
        await db.execute(text("insert into t values (:n)"), {"n": number})
        return number

    return work


async def _stored(engine: AsyncEngine) -> set[int]:
    async with engine.connect() as db:
        return {row.n for row in await db.execute(text("select n from t"))}


async def test_many_messages_share_one_commit(engine: AsyncEngine) -> None:
    commits = Commits(engine)
    writer = Writer(commits.begin, queue=100, queue_bytes=10_000, batch=50)
    async with asyncio.TaskGroup() as tasks:
        writes = [tasks.create_task(writer.write(_insert(n))) for n in range(50)]
        running = tasks.create_task(writer.run_forever())
        assert [await write for write in writes] == list(range(50))
        writer.stop()
        await running
    assert await _stored(engine) == set(range(50))
    assert commits.count == 1


async def test_a_message_that_breaks_its_batch_fails_alone(engine: AsyncEngine) -> None:
    writer = Writer(Commits(engine).begin, queue=100, queue_bytes=10_000, batch=50)

    async def broken(_: AsyncConnection) -> int:
        raise ZeroDivisionError

    async with asyncio.TaskGroup() as tasks:
        good = [tasks.create_task(writer.write(_insert(n))) for n in range(5)]
        bad = tasks.create_task(_fails(writer, broken))
        running = tasks.create_task(writer.run_forever())
        assert await bad
        assert [await write for write in good] == list(range(5))
        writer.stop()
        await running
    assert await _stored(engine) == set(range(5))


async def _fails(writer: Writer, work: Work[int]) -> bool:
    with pytest.raises(ZeroDivisionError):
        await writer.write(work)
    return True


async def test_a_full_queue_is_an_answer_at_once(engine: AsyncEngine) -> None:
    writer = Writer(Commits(engine).begin, queue=2, queue_bytes=10_000, batch=50)
    async with asyncio.TaskGroup() as tasks:
        writes = [tasks.create_task(writer.write(_insert(n))) for n in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await writer.write(_insert(3))
        for write in writes:
            write.cancel()


async def test_the_queue_is_bounded_by_bytes_too(engine: AsyncEngine) -> None:
    writer = Writer(Commits(engine).begin, queue=100, queue_bytes=100, batch=50)
    async with asyncio.TaskGroup() as tasks:
        write = tasks.create_task(writer.write(_insert(1), 90))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await writer.write(_insert(2), 20)
        write.cancel()


async def test_a_stop_commits_what_waits_and_takes_nothing_new(engine: AsyncEngine) -> None:
    writer = Writer(Commits(engine).begin, queue=100, queue_bytes=10_000, batch=2)
    async with asyncio.TaskGroup() as tasks:
        writes = [tasks.create_task(writer.write(_insert(n))) for n in range(5)]
        await asyncio.sleep(0)
        writer.stop()
        with pytest.raises(Stopped):
            await writer.write(_insert(9))
        await writer.run_forever()
        assert [await write for write in writes] == list(range(5))
    assert await _stored(engine) == set(range(5))
