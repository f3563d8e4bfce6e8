"""Carry out durable render jobs: every process takes its share, a crash loses nothing."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.jobs.rendering import BATCH, Renderer, Stored, render_batch
from eaves.controller.jobs.wanted import retry_after_s
from eaves.controller.store.render_jobs import (
    JobKey,
    Taken,
    find_devices,
    finish_job,
    is_done,
    jobs_with_work,
    note_failed,
    note_rendered,
    put_found,
    take_devices,
)
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import DeviceId

log = structlog.get_logger()

LOOK_EVERY_S: Final = 0.25
RETRY_S: Final = 5.0
OnBatch = Callable[[str, int, float, bool], None]
"""Told of a batch that ended: id of the job, devices, seconds, whether it was stored."""


@dataclass
class RenderJobs:
    """Lives on the loop of `engine`; `changed` is told after each commit."""

    engine: AsyncEngine
    renderer: Renderer
    clock: Callable[[], datetime]
    changed: Callable[[Iterable[DeviceId]], None]
    on_batch: OnBatch | None = None
    devices_at_once: int = BATCH
    _resting: dict[str, datetime] = field(default_factory=dict[str, datetime], init=False)

    async def run_forever(self) -> None:
        """Look for jobs; of several, one batch of each in turn, so that none starves."""
        while True:
            try:
                worked = await self.round()
            except Exception:
                log.exception("render_jobs_failed", again_in_s=RETRY_S)
                await asyncio.sleep(RETRY_S)
            else:
                if not worked:
                    await asyncio.sleep(LOOK_EVERY_S)

    async def round(self) -> bool:
        """One batch of each job that has work; False when there was nothing to do.

        A job that fails rests for a while, and the others go on.
        """
        now = self.clock()
        self._resting = {job_id: at for job_id, at in self._resting.items() if at > now}
        async with snapshot(self.engine) as db:
            jobs = await jobs_with_work(db, now, without=self._resting)
        worked = [await self._step(job) for job in jobs]
        return any(worked)

    async def _step(self, job: JobKey) -> bool:
        try:
            return await (self._batch(job) if job.found_to is None else self._find(job))
        except Exception:
            log.exception("render_job_failed", job=job.id, again_in_s=RETRY_S)
            self._resting[job.id] = self.clock() + timedelta(seconds=RETRY_S)
            return False

    async def _find(self, job: JobKey) -> bool:
        """What touches very many devices finds them before the first is rendered."""
        async with snapshot(self.engine) as db:
            found = await find_devices(db, job)
        async with unit_of_work(self.engine) as db:
            await put_found(db, job, found)
        return True

    async def _batch(self, job: JobKey) -> bool:
        now = self.clock()
        taken: Taken | None = None

        async def pick(db: Db) -> Sequence[DeviceId]:
            nonlocal taken
            taken = await take_devices(db, job, now, self.devices_at_once)
            return taken.ids

        async def finish(db: Db, stored: Stored) -> None:
            assert taken is not None  # noqa: S101 - what is stored was picked
            await note_rendered(db, taken, stored.settled)
            again_at = {
                one: now + timedelta(seconds=retry_after_s(taken.attempts[one] + 1))
                for one in stored.failed
            }
            await note_failed(db, taken, again_at)

        began, ok = perf_counter(), False
        try:
            stored = await render_batch(self.engine, self.renderer, pick, finish, now)
            ok = True
        finally:
            if self.on_batch is not None and taken is not None and taken.ids:
                self.on_batch(job.id, len(taken.ids), perf_counter() - began, ok)
        if stored.changed:
            self.changed(stored.changed)
        if taken is not None and taken.attempts:
            return True
        await self._finish_if_done(job, now)
        return False

    async def _finish_if_done(self, job: JobKey, now: datetime) -> None:
        async with snapshot(self.engine) as db:
            done = await is_done(db, job)
        if done:
            async with unit_of_work(self.engine) as db:
                await finish_job(db, job, now)
            log.info("render_job_finished", job=job.id)
