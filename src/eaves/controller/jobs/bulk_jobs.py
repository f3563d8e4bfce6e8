"""Carry out bulk jobs: one process does, in short transactions, and a crash loses nothing.

An object is changed, its device rendered and its result noted in one transaction, which the lease
is confirmed in.  A batch has as many objects as the last one let expect within its time, and begins
none after that; on SQLite a pause follows it: whoever else wants to write waits for one at most.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.jobs.leased import Held
from eaves.controller.store import bulk_jobs
from eaves.controller.store.bulk_jobs import BulkJob, Found, JobCannotRun, JobObject, Result, State
from eaves.controller.store.events import Event, insert_event
from eaves.controller.store.leases import LeaseLost
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import DeviceId

log = structlog.get_logger()

LOOK_EVERY: Final = timedelta(seconds=0.25)
BATCH_S: Final = 0.1
"""For how long objects are begun in one transaction; rendering and the commit come after it."""
WHOLE_S: Final = 0.15
"""How long a transaction is to take: the next batch gets as many objects as fit."""
FIRST: Final = 10
LEAST: Final = 5
AT_ONCE: Final = 100
"""Objects of one transaction: `FIRST` in the first one of a job, then what fits within these."""
REST_S: Final = 0.03
"""Between two transactions: SQLite has no queue; who waits looks again every 25 ms at first."""
RETRY_S: Final = 5.0


class Batch(Protocol):
    @property
    def results(self) -> Sequence[Result]: ...
    @property
    def changed(self) -> Iterable[DeviceId]: ...


class Carrier(Protocol):
    """Knows what an operation does to an object."""

    async def find(self, db: Db, job: BulkJob) -> tuple[tuple[Found, ...], str | None]: ...

    async def carry_out(
        self,
        db: Db,
        job: BulkJob,
        objects: Sequence[JobObject],
        now: datetime,
        *,
        until: float,
        singly: bool,
    ) -> Batch: ...

    def forget(self, job: BulkJob) -> None: ...


@dataclass
class BulkJobs:
    """Lives on the loop of `engine`; `changed` is told after each commit."""

    engine: AsyncEngine
    carrier: Carrier
    clock: Callable[[], datetime]
    changed: Callable[[Iterable[DeviceId]], None]
    _resting: dict[str, datetime] = field(default_factory=dict[str, datetime], init=False)
    _singly: dict[str, int] = field(default_factory=dict[str, int], init=False)
    _fitting: dict[str, int] = field(default_factory=dict[str, int], init=False)

    async def tick(self, held: Held) -> None:
        """All that there is to do; of several jobs one batch of each in turn."""
        while await self._round(held):
            pass

    async def forget_old(self, _held: Held) -> None:
        async with unit_of_work(self.engine) as db:
            await bulk_jobs.forget_old(db, self.clock())

    async def _round(self, held: Held) -> bool:
        now = self.clock()
        self._resting = {job_id: at for job_id, at in self._resting.items() if at > now}
        async with snapshot(self.engine) as db:
            jobs = await bulk_jobs.jobs_with_work(db)
        worked = False
        for job in jobs:
            if job.id in self._resting:
                continue
            begun = perf_counter()
            worked = await self._step(held, job) or worked
            spent = perf_counter() - begun
            await asyncio.sleep(max(REST_S, spent / 4) if held.alone else 0)
        return worked

    async def _step(self, held: Held, job: BulkJob) -> bool:
        work = self._find if job.found_to is not None else self._batch
        try:
            return await work(held, job)
        except LeaseLost:
            raise
        except JobCannotRun as error:
            await self._fail(held, job, str(error))
            return True
        except SQLAlchemyError as error:
            log.warning("bulk_job_waits", job=job.id, again_in_s=RETRY_S, why=str(error))
        except Exception:
            if job.id not in self._singly:
                log.info("bulk_job_singly", job=job.id)
                self._singly[job.id] = AT_ONCE
                return True
            log.exception("bulk_job_failed", job=job.id, again_in_s=RETRY_S)
        self._resting[job.id] = self.clock() + timedelta(seconds=RETRY_S)
        return False

    async def _find(self, held: Held, job: BulkJob) -> bool:
        async with snapshot(self.engine) as db:
            found, to = await self.carrier.find(db, job)
        async with unit_of_work(self.engine) as db:
            await held.confirm(db)
            await bulk_jobs.put_found(db, job, found, to)
        return True

    async def _batch(self, held: Held, job: BulkJob) -> bool:
        singly = self._singly.get(job.id, 0)
        async with unit_of_work(self.engine, in_place=True) as db:
            begun = perf_counter()
            await held.confirm(db)
            current = await bulk_jobs.lock_job(db, job.enterprise_id, job.id)
            if current is None or current.state not in (State.READY, State.INPROGRESS):
                return False
            now = self.clock()
            if current.state is State.READY:
                await bulk_jobs.begin(db, current, now)
                await _tell(db, current, "started", now)
            at_once = 1 if singly else min(self._fitting.get(job.id, FIRST), AT_ONCE)
            objects = await bulk_jobs.pending_objects(db, current, at_once)
            if not objects:
                await bulk_jobs.finish(db, current, State.COMPLETED, now)
                await _tell(db, current, "finished", now)
                self._forget(current)
                return True
            done = await self.carrier.carry_out(
                db, current, objects, now, until=begun + BATCH_S, singly=bool(singly)
            )
            await bulk_jobs.note_results(db, current, done.results, now)
        self.changed(done.changed)
        if not singly:
            fitting = int(len(done.results) * WHOLE_S / (perf_counter() - begun))
            self._fitting[job.id] = max(LEAST, fitting)
        if singly > 1:
            self._singly[job.id] = singly - 1
        else:
            self._singly.pop(job.id, None)
        return True

    async def _fail(self, held: Held, job: BulkJob, why: str) -> None:
        now = self.clock()
        async with unit_of_work(self.engine) as db:
            await held.confirm(db)
            current = await bulk_jobs.lock_job(db, job.enterprise_id, job.id)
            if current is not None and not current.ended:
                await bulk_jobs.finish(db, current, State.FAILED, now, why)
                await _tell(db, current, "failed", now, why)
        self._forget(job)

    def _forget(self, job: BulkJob) -> None:
        self._singly.pop(job.id, None)
        self._fitting.pop(job.id, None)
        self.carrier.forget(job)


async def _tell(db: Db, job: BulkJob, what: str, now: datetime, why: str = "") -> None:
    figures = f" ({job.done:,} of {job.total:,} objects done, {job.failed:,} of them failed)"
    await insert_event(
        db,
        Event(
            at=now,
            enterprise_id=job.enterprise_id,
            event_type=f"JOB_{what.upper()}",
            description=f"job {job.name}: {what}"
            + ("" if what == "started" else figures)
            + (f": {why}" if why else ""),
            severity="SEVERITY_ERROR" if why else "SEVERITY_INFO",
            project_id=job.project_id,
            user_name=job.user_name,
            object_kind="jobs",
            object_id=job.id,
            object_name=job.name,
            data=json.dumps({"done": job.done, "total": job.total, "failed": job.failed}),
        ),
    )
