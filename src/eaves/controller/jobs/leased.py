"""Jobs that run in one process of all: `run_leased(leases, name, interval, job)`.

Every process starts every job.  The one that has the lease of a job runs it, tick after tick; the
others ask for the lease until it is free: its holder ended, died, or lost the database.  A process
that cannot renew its lease in time stops the job before another one may begin it.  Stopping is
cooperative, so a job whose late write would harm confirms its lease where it writes:

    async def move_events(held: Held) -> None:
        async with unit_of_work(engine) as db:
            await held.confirm(db)  # LeaseLost: another process does it now
            ...

A process that is alone on its database (SQLite) has every lease, and none is written down.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.store.leases import (
    Lease,
    LeaseLost,
    confirm_lease,
    free_leases,
    release_lease,
    renew_leases,
    take_lease,
)
from eaves.controller.store.unit import Db, snapshot, unit_of_work

log = structlog.get_logger()

TTL: Final = timedelta(seconds=6)
SAFETY: Final = timedelta(seconds=1)  # between our last moment and that of the database
ASK_EVERY_S: Final = 1.0
TOGETHER_S: Final = 0.05  # who asks within it shares a statement
END_S: Final = 1.0  # for a look that is cancelled to give its connection back
AT_ONCE: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that this process has."""

    lease: Lease
    alone: bool = False

    async def confirm(self, db: Db) -> None:
        """Keep the lease until this transaction ends, which must be short.  Raises LeaseLost."""
        if not self.alone:
            await confirm_lease(db, self.lease)


Job = Callable[[Held], Awaitable[None]]
_Look = asyncio.Task[frozenset[str]]


@dataclass(slots=True)
class _Running:
    held: Held
    limit: asyncio.Timeout


@dataclass
class Leases:
    """The leases of one process; lives on the loop of `engine`.

    `holder` tells this process from all others that ever ran.
    """

    engine: AsyncEngine
    holder: str
    ttl: timedelta = TTL
    _running: dict[str, _Running] = field(default_factory=dict[str, _Running])
    _asked: set[str] = field(default_factory=set[str])  # names that the next look is for
    _look: _Look | None = None
    _askers: Counter[_Look] = field(default_factory=Counter[_Look])

    @property
    def alone(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def held(self) -> tuple[str, ...]:
        """Names of the jobs that run here."""
        return tuple(sorted(self._running))

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncGenerator[Held]:
        """Wait for a lease and hold it.  What runs inside is cancelled when it may be lost, which
        raises LeaseLost.
        """
        if self.alone:
            yield Held(Lease(name, self.holder, 0), alone=True)
            return
        held, until = await self._taken(name)
        log.info("lease_taken", job=name, generation=held.lease.generation)
        limit = asyncio.timeout_at(until)
        try:
            async with limit:
                self._running[name] = _Running(held, limit)
                yield held
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise LeaseLost(f"job {name!r}: its lease could not be renewed in time") from error
        finally:
            self._running.pop(name, None)
            await self._release(held)

    async def keep_forever(self) -> None:
        """Renew what is held; run it beside the jobs."""
        every_s = self.ttl.total_seconds() / 4
        while True:
            await asyncio.sleep(every_s)
            if not self._running:
                continue
            try:
                async with asyncio.timeout(every_s * 2):
                    await self._renew()
            except Exception as error:  # noqa: BLE001 - a task boundary: tried again while it lasts
                log.warning("leases_not_renewed", jobs=len(self._running), why=str(error))

    async def _taken(self, name: str) -> tuple[Held, float]:
        while True:
            try:
                async with asyncio.timeout(self.ttl.total_seconds()):
                    free = await self._is_free(name)
                    until = self._last_moment()
                    lease = await self._take(name) if free else None
                if lease is not None:
                    return Held(lease), until
            except Exception as error:  # noqa: BLE001 - a task boundary: asked for again
                log.warning("lease_not_asked_for", job=name, why=str(error))
            await asyncio.sleep(ASK_EVERY_S)

    async def _take(self, name: str) -> Lease | None:
        async with unit_of_work(self.engine) as db:
            return await take_lease(db, name, self.holder, self.ttl)

    async def _is_free(self, name: str) -> bool:
        """Of a score of jobs most run elsewhere: one statement looks for all of them."""
        self._asked.add(name)
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._free())
            self._look.add_done_callback(_looked_at)
        look = self._look
        self._askers[look] += 1
        try:
            return name in await asyncio.shield(look)
        finally:
            self._askers[look] -= 1
            if not self._askers[look]:
                await self._end(look)

    async def _free(self) -> frozenset[str]:
        await asyncio.sleep(TOGETHER_S)
        names, self._asked, self._look = self._asked, set(), None
        async with asyncio.timeout(self.ttl.total_seconds()), snapshot(self.engine) as db:
            return await free_leases(db, names)

    async def _end(self, look: _Look) -> None:
        """Nobody asks by it any more: it gives its connection back, and opens none hereafter."""
        del self._askers[look]
        if self._look is look:
            self._look = None  # who asks next is not cancelled with it
        if not look.done():
            look.cancel()
            await asyncio.wait([look], timeout=END_S)

    def _last_moment(self) -> float:
        """When a lease that is asked for now must be given up, on the clock of the loop.

        The database counts from when it is asked, which is later.
        """
        return asyncio.get_running_loop().time() + (self.ttl - SAFETY).total_seconds()

    async def _renew(self) -> None:
        until, asked = self._last_moment(), dict(self._running)
        async with unit_of_work(self.engine) as db:
            kept = await renew_leases(db, (one.held.lease for one in asked.values()), self.ttl)
        now = asyncio.get_running_loop().time()
        for name, one in asked.items():
            if self._running.get(name) is one and not one.limit.expired():
                one.limit.reschedule(until if name in kept else now)

    async def _release(self, held: Held) -> None:
        try:
            async with asyncio.timeout(1), unit_of_work(self.engine) as db:
                await release_lease(db, held.lease)
        except Exception as error:  # noqa: BLE001 - it ends by itself; others wait a little longer
            log.warning("lease_not_released", job=held.lease.name, why=str(error))


def _looked_at(look: _Look) -> None:
    """Who asked sees how it ended; when all of them left, nobody needs to."""
    if not look.cancelled():
        look.exception()


async def run_leased(
    leases: Leases, name: str, interval: timedelta, job: Job, *, after: timedelta = AT_ONCE
) -> None:
    """Run `job` every `interval` while this process has the lease `name`; forever.

    The first time is `after` the lease was taken.  A failed tick is told and repeated.
    """
    while True:
        try:
            async with leases.hold(name) as held:
                await asyncio.sleep(after.total_seconds())
                await _tick_forever(name, interval, held, job)
        except LeaseLost as error:
            log.warning("lease_lost", job=name, why=str(error))
            await asyncio.sleep(leases.ttl.total_seconds())  # others are better off than we are


async def _tick_forever(name: str, interval: timedelta, held: Held, job: Job) -> None:
    while True:
        try:
            await job(held)
        except LeaseLost:
            raise
        except Exception:
            log.exception("job_failed", job=name, again_in_s=interval.total_seconds())
        await asyncio.sleep(interval.total_seconds())
