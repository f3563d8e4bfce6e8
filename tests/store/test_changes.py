"""Changes reach every process: none is passed over, however late it is committed."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.live.feed import Feed
from eaves.controller.store.changes import (
    DEVICES,
    KEYS,
    LINES,
    MAX_IDS,
    Change,
    clear_changes,
    note_change,
    read_changes,
    read_heads,
)
from eaves.controller.store.tables_shared import change_heads, changes
from eaves.controller.store.unit import snapshot, unit_of_work

NOW = datetime(2026, 5, 1, tzinfo=UTC)
DEADLINE_S = 20
pytestmark = pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


class Reader:
    """What one process came to know."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.ids: list[str] = []
        self.topics: set[str] = set()
        self.anew = 0
        self.feed = Feed(engine, self._told, self._read_anew)

    async def _told(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self.ids += change.ids
            self.topics.add(change.topic)

    async def _read_anew(self) -> None:
        self.anew += 1


@pytest.fixture
async def reader(engine: AsyncEngine) -> AsyncIterator[Reader]:
    made = Reader(engine)
    await made.feed.start()
    yield made
    await made.feed.close()


async def change(engine: AsyncEngine, *ids: str) -> None:
    async with unit_of_work(engine) as db:
        note_change(db, DEVICES, ids)


async def change_and_fail(engine: AsyncEngine, *ids: str) -> None:
    async with unit_of_work(engine) as db:
        note_change(db, DEVICES, ids)
        raise ZeroDivisionError


async def test_a_change_is_told_once_with_its_commit(engine: AsyncEngine, reader: Reader) -> None:
    async with unit_of_work(engine) as db:
        note_change(db, DEVICES, ("b", "a"))
        note_change(db, DEVICES, ("a",))
        note_change(db, KEYS, ())
        await reader.feed.catch_up()
        assert reader.ids == []
    await reader.feed.catch_up()
    await reader.feed.catch_up()
    assert (reader.ids, reader.topics) == (["a", "b"], {DEVICES, KEYS})
    assert reader.anew == 0


async def test_nothing_is_told_of_what_was_rolled_back(engine: AsyncEngine, reader: Reader) -> None:
    with pytest.raises(ZeroDivisionError):
        await change_and_fail(engine, "a")
    await change(engine, "b")
    await reader.feed.catch_up()
    assert reader.ids == ["b"]


async def test_a_commit_that_takes_long_is_not_passed_over(
    engine: AsyncEngine, reader: Reader
) -> None:
    """Its number is taken before it is visible, and changes of others come first."""
    slow = await engine.connect()
    await slow.execute(update(change_heads).values(number=change_heads.c.number + 1))
    rows = [
        {"line": n, "number": 1, "at": NOW, "topic": DEVICES, "ids": '["slow"]'}
        for n in range(LINES)
    ]
    await slow.execute(insert(changes), rows)
    others = [asyncio.ensure_future(change(engine, f"d{n}")) for n in range(8)]
    await reader.feed.catch_up()
    assert reader.ids == []
    await slow.commit()
    await slow.close()
    await asyncio.gather(*others)
    await reader.feed.catch_up()
    assert sorted(reader.ids) == [f"d{n}" for n in range(8)] + ["slow"] * LINES


async def test_of_many_writers_at_once_nothing_is_missed(
    engine: AsyncEngine, reader: Reader
) -> None:
    async def write(writer: int) -> None:
        for n in range(20):
            await change(engine, f"{writer}-{n}")

    writers = asyncio.gather(*(write(n) for n in range(8)))
    async with asyncio.timeout(DEADLINE_S):
        while not writers.done():
            await reader.feed.catch_up()
        await writers
        await reader.feed.catch_up()
    assert sorted(reader.ids) == sorted(f"{w}-{n}" for w in range(8) for n in range(20))


async def test_many_ids_are_told_in_several_rows(engine: AsyncEngine, reader: Reader) -> None:
    many = [f"{n:05}" for n in range(MAX_IDS * 2 + 1)]
    await change(engine, *many)
    await reader.feed.catch_up()
    assert reader.ids == many


async def test_who_slept_through_a_clearing_reads_everything_anew(
    engine: AsyncEngine, reader: Reader
) -> None:
    await change(engine, "a")
    await reader.feed.catch_up()
    async with unit_of_work(engine) as db:
        assert await clear_changes(db, timedelta(0)) == 1
    await reader.feed.catch_up()
    assert reader.anew == 0  # it had read what was cleared
    await change(engine, "a")
    async with unit_of_work(engine) as db:
        assert await clear_changes(db, timedelta(0)) == 1
    await reader.feed.catch_up()
    assert reader.anew == 1
    async with snapshot(engine) as db:
        seen = {line: head.number for line, head in (await read_heads(db)).items()}
        assert await read_changes(db, seen) == ()


async def test_after_a_lost_connection_everything_is_read_anew(
    engine: AsyncEngine, reader: Reader
) -> None:
    async with engine.connect() as admin:
        await admin.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        await admin.commit()
    with pytest.raises(DBAPIError, match=r"terminat|closed|lost"):
        await reader.feed.catch_up()
    await reader.feed.catch_up()
    assert reader.anew == 1
    await change(engine, "a")
    await reader.feed.catch_up()
    assert reader.ids == ["a"]
