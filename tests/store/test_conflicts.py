"""Transactions that are in each other's way: one is undone by the database and done again."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.northbound.conflicts import done_again_in_conflict, unavailable
from eaves.controller.store.marks import find_mark, put_mark
from eaves.controller.store.unit import open_engine, snapshot, unit_of_work


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
async def test_of_two_transactions_in_a_deadlock_both_are_done(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        for name in ("a", "b"):
            await put_mark(db, name, "")
    both = asyncio.Barrier(2)
    tries = Counter[str]()

    async def write(first: str, second: str) -> None:
        tries[first] += 1
        async with unit_of_work(engine) as db:
            await put_mark(db, first, f"by {first}")
            if tries[first] == 1:
                await both.wait()  # each holds what the other one needs next
            await put_mark(db, second, f"by {first}")

    async with asyncio.timeout(30):
        await asyncio.gather(
            done_again_in_conflict(lambda: write("a", "b")),
            done_again_in_conflict(lambda: write("b", "a")),
        )
    assert sorted(tries.values()) == [1, 2]
    async with snapshot(engine) as db:
        assert await find_mark(db, "a") == await find_mark(db, "b")


async def test_a_server_that_is_not_there_is_told_from_a_fault_of_ours() -> None:
    nowhere = open_engine("postgresql://eaves@127.0.0.1:1/none")
    with pytest.raises(OperationalError) as failed:
        async with snapshot(nowhere):
            pass
    assert unavailable(failed.value)
    await nowhere.dispose()
