"""Leases: one holder at a time, by the clock of the database; a late holder is told."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import QueuePool, text
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.jobs.leased import Held, Leases, run_leased
from eaves.controller.store.leases import (
    Lease,
    LeaseLost,
    confirm_lease,
    free_leases,
    release_lease,
    renew_leases,
    take_lease,
)
from eaves.controller.store.unit import snapshot, unit_of_work

LONG = timedelta(minutes=5)
OVER = timedelta(0)
DEADLINE_S = 20


async def take(engine: AsyncEngine, holder: str, ttl: timedelta = LONG) -> Lease | None:
    async with unit_of_work(engine) as db:
        return await take_lease(db, "sweep", holder, ttl)


async def test_a_lease_has_one_holder_until_it_ends(engine: AsyncEngine) -> None:
    first, second = Lease("sweep", "a", 1), Lease("sweep", "b", 2)
    assert await take(engine, "a") == first
    assert await take(engine, "b") is None
    assert await take(engine, "a") is None  # nor is it taken twice by one
    async with unit_of_work(engine) as db:
        assert await renew_leases(db, (first,), OVER) == {"sweep"}
    assert await take(engine, "b") == second
    async with unit_of_work(engine) as db:
        assert await renew_leases(db, (first,), LONG) == frozenset()
        await release_lease(db, first)  # changes nothing: it is another's
        await confirm_lease(db, second)
        with pytest.raises(LeaseLost, match="'sweep' belongs to another process"):
            await confirm_lease(db, first)
    async with unit_of_work(engine) as db:
        await release_lease(db, second)
    assert await take(engine, "a") == Lease("sweep", "a", 3)


async def test_a_look_tells_which_leases_nobody_holds(engine: AsyncEngine) -> None:
    async def free() -> frozenset[str]:
        async with snapshot(engine) as db:
            return await free_leases(db, {"sweep", "never held"})

    assert await free() == {"sweep", "never held"}
    held = await take(engine, "a")
    assert held is not None
    assert await free() == {"never held"}
    async with unit_of_work(engine) as db:
        await release_lease(db, held)
    assert await free() == {"sweep", "never held"}


on_postgres = pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@on_postgres
async def test_nobody_takes_a_lease_that_a_transaction_has_confirmed(engine: AsyncEngine) -> None:
    held = await take(engine, "a", timedelta(seconds=0.5))
    assert held is not None
    async with unit_of_work(engine) as db:
        await confirm_lease(db, held)
        async with asyncio.timeout(DEADLINE_S), unit_of_work(engine) as beside:
            assert await renew_leases(beside, (held,), OVER) == {"sweep"}  # renewing goes on
        assert await take(engine, "b") is None
    assert await take(engine, "b") is not None


@on_postgres
async def test_of_many_that_ask_at_once_one_gets_it(engine: AsyncEngine) -> None:
    got = await asyncio.gather(*(take(engine, f"p{n}") for n in range(12)))
    assert len([one for one in got if one is not None]) == 1


async def hold(leases: Leases, name: str) -> str:
    async with leases.hold(name) as held:
        return held.lease.name


@on_postgres
async def test_who_leaves_leaves_no_look_behind_and_another_still_has_its_answer(
    engine: AsyncEngine,
) -> None:
    leases, others = Leases(engine, "a"), asyncio.all_tasks()
    asking = [asyncio.ensure_future(hold(leases, name)) for name in ("sweep", "series", "alerts")]
    await asyncio.sleep(0)  # they ask by one look
    asking[0].cancel()
    asking[1].cancel()
    async with asyncio.timeout(DEADLINE_S):
        assert await asking[2] == "alerts"
    last = asyncio.ensure_future(hold(leases, "sweep"))
    await asyncio.sleep(0)
    last.cancel()
    await asyncio.wait([last])
    assert asyncio.all_tasks() == others
    async with asyncio.timeout(DEADLINE_S):
        assert await hold(leases, "sweep") == "sweep"


@on_postgres
async def test_a_look_that_hangs_gives_its_connection_back(engine: AsyncEngine) -> None:
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    leases = Leases(engine, "a", timedelta(seconds=0.5))
    async with unit_of_work(engine) as db, asyncio.timeout(DEADLINE_S):
        await db.execute(text("LOCK TABLE leases IN ACCESS EXCLUSIVE MODE"))
        asking = asyncio.ensure_future(hold(leases, "sweep"))
        for wanted in (2, 1):  # ours and that of the look; the next look is a second later
            while pool.checkedout() != wanted:  # noqa: ASYNC110 - a pool tells nobody
                await asyncio.sleep(0.01)
        asking.cancel()
        await asyncio.wait([asking])


class Counter:
    """A job of one process, and in which order the processes ran it."""

    def __init__(self, name: str, ran: list[str]) -> None:
        self._name, self._ran, self.began = name, ran, asyncio.Event()

    async def __call__(self, _held: Held) -> None:
        self._ran.append(self._name)
        self.began.set()


@on_postgres
async def test_a_job_moves_to_another_process_when_its_own_cannot_renew(
    engine: AsyncEngine,
) -> None:
    ran: list[str] = []
    ttl, every = timedelta(seconds=2), timedelta(milliseconds=20)
    first, second = Leases(engine, "a", ttl), Leases(engine, "b", ttl)
    a, b = Counter("a", ran), Counter("b", ran)
    # the first never renews, as if it had lost the database: its job ends by itself
    tasks = [asyncio.ensure_future(run_leased(first, "sweep", every, a))]
    try:
        async with asyncio.timeout(DEADLINE_S):
            await a.began.wait()
            tasks.append(asyncio.ensure_future(second.keep_forever()))
            tasks.append(asyncio.ensure_future(run_leased(second, "sweep", every, b)))
            await b.began.wait()
        assert set(ran[: ran.index("b")]) == {"a"}
        assert (first.held(), second.held()) == ((), ("sweep",))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_process_alone_on_sqlite_runs_every_job(engine: AsyncEngine) -> None:
    leases, ran = Leases(engine, "a"), asyncio.Event()

    async def tick(held: Held) -> None:
        async with unit_of_work(engine) as db:
            await held.confirm(db)
        ran.set()

    running = asyncio.ensure_future(run_leased(leases, "sweep", LONG, tick))
    async with asyncio.timeout(DEADLINE_S):
        await ran.wait()
    running.cancel()
    await asyncio.wait([running])
