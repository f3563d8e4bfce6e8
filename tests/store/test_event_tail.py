"""The end of the table of events: each is told once, also one that becomes visible late."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.northbound.stream.tail import Tail
from eaves.controller.store.events import Event, delete_events_before, insert_event, newest_row
from eaves.controller.store.unit import snapshot, unit_of_work

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DEADLINE_S = 60.0


async def write(engine: AsyncEngine, name: str) -> None:
    async with unit_of_work(engine) as db:
        await insert_event(db, Event(NOW, "acme", "X", "", object_name=name))


async def names_until(tail: Tail, position: int, last: str) -> list[str]:
    """What arrives from a position on, up to and with the one of that name."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            await tail.look()
            found: Sequence[Event] = tail.since(position) or ()
            names = [event.object_name for event in found]
            if last in names:
                return names
            await asyncio.sleep(0.02)


async def test_only_what_comes_after_its_beginning_is_told(engine: AsyncEngine) -> None:
    await write(engine, "before")
    tail = Tail(engine)
    await tail.look()
    begun = tail.position
    await write(engine, "one")
    await write(engine, "two")
    assert await names_until(tail, begun, "two") == ["one", "two"]
    assert tail.since(tail.position) == ()


@pytest.mark.parametrize(  # SQLite has one writer: nothing is committed out of order there
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
async def test_what_is_committed_late_is_told_and_the_place_waits_for_it(
    engine: AsyncEngine,
) -> None:
    tail = Tail(engine)
    await tail.look()
    begun = tail.position
    async with unit_of_work(engine) as slow:
        await insert_event(slow, Event(NOW, "acme", "X", "", object_name="late"))
        await write(engine, "early")
        assert await names_until(tail, begun, "early") == ["early"]
        place = tail.place
    assert await names_until(tail, begun, "late") == ["early", "late"]
    async with snapshot(engine) as db:
        assert place <= await newest_row(db) - 2


async def test_who_falls_behind_is_told_that_it_missed_something(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eaves.controller.northbound.stream.tail.AT_ONCE", 3)
    tail = Tail(engine)
    await tail.look()
    await write(engine, "first")
    await names_until(tail, tail.position, "first")
    begun = tail.position
    async with unit_of_work(engine) as db:
        for number in range(5):
            await insert_event(db, Event(NOW, "acme", "X", "", object_name=str(number)))
    async with asyncio.timeout(DEADLINE_S):
        while tail.since(begun) is not None:
            await tail.look()
            await asyncio.sleep(0.02)
    begun = tail.position
    await write(engine, "next")
    assert await names_until(tail, begun, "next") == ["next"]


async def test_an_empty_table_has_an_end_too(engine: AsyncEngine) -> None:
    await write(engine, "gone")
    async with unit_of_work(engine) as db:
        await delete_events_before(db, datetime(2027, 1, 1, tzinfo=UTC), 10)
    tail = Tail(engine)
    await tail.look()
    assert tail.since(tail.position) == ()
