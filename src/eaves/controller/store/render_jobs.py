"""Durable render jobs: devices that a change touches and that are not rendered yet.

A job is made by the transaction of the change, with how many devices there are; it finds them
itself, some thousands at a time, before it renders the first, so that the transaction is short
however many there are.  Who begins to refer to the object meanwhile is rendered by that write.

A device leaves a job in the transaction that stores
its configuration, so what is left is always what is still to do.  On PostgreSQL whoever takes
devices locks the devices until its commit, for every job, and others pass over them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete, exists, func, insert, literal_column, select, update

from eaves.controller.store.affected import devices_affected, is_affected
from eaves.controller.store.dialect import insert_each_missing, is_one_of
from eaves.controller.store.tables import object_ids
from eaves.controller.store.tables_render import render_job_devices, render_jobs
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId

KEPT: Final = timedelta(days=7)  # a finished job
FOUND_AT_ONCE: Final = 2500
"""Devices that one transaction adds to a job."""


@dataclass(frozen=True, slots=True)
class NewJob:
    id: str
    enterprise_id: str
    object_kind: str
    object_id: str
    object_name: str
    user_name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class JobKey:
    enterprise_id: str
    id: str
    object_id: str = ""
    found_to: str | None = None  # its devices are found up to this one; None: all of them


@dataclass(frozen=True, slots=True)
class RenderJob:
    id: str
    object_kind: str
    object_id: str
    object_name: str
    user_name: str
    created_at: datetime
    finished_at: datetime | None
    total: int
    waiting: int  # not rendered yet
    failed: int  # of those that wait: tried in vain, and tried again by themselves

    @property
    def rendered(self) -> int:
        return self.total - self.waiting


@dataclass(frozen=True, slots=True)
class Taken:
    """Devices of one job to render now, and how often each failed."""

    attempts: Mapping[DeviceId, int]
    jobs: frozenset[str]  # that wait for any of them: done with the same rendering

    @property
    def ids(self) -> tuple[DeviceId, ...]:
        return tuple(sorted(self.attempts))


async def insert_job(
    db: Db, job: NewJob, device_ids: Sequence[DeviceId], total: int | None = None
) -> None:
    """With all of its devices, or, with `total`, with those that it will not find itself."""
    await db.execute(
        insert(render_jobs).values(
            id=job.id,
            enterprise_id=job.enterprise_id,
            object_kind=job.object_kind,
            object_id=job.object_id,
            object_name=job.object_name,
            user_name=job.user_name,
            created_at=job.created_at,
            total=len(device_ids) if total is None else total,
            found_to=None if total is None else "",
        )
    )
    for start in range(0, len(device_ids), FOUND_AT_ONCE):
        await _add_devices(db, job, device_ids[start : start + FOUND_AT_ONCE])


async def _add_devices(db: Db, job: "NewJob | JobKey", device_ids: Sequence[str]) -> None:
    common = {"enterprise_id": job.enterprise_id, "job_id": job.id, "attempts": 0}
    await insert_each_missing(db, render_job_devices, "device_id", device_ids, common)


async def find_devices(db: Db, job: "JobKey") -> tuple[str, ...]:
    """The next devices of a job; fewer than `FOUND_AT_ONCE`: the last ones."""
    assert job.found_to is not None  # noqa: S101 - the caller asks jobs that still look
    return await devices_affected(db, job.object_id, after=job.found_to, limit=FOUND_AT_ONCE)


async def put_found(db: Db, job: "JobKey", device_ids: Sequence[str]) -> None:
    """Add what `find_devices` found, unless another process has done so meanwhile."""
    c, rows = render_jobs.c, render_job_devices.c
    mine = (c.enterprise_id == job.enterprise_id) & (c.id == job.id)
    last = len(device_ids) < FOUND_AT_ONCE
    advanced = await db.execute(
        update(render_jobs)
        .where(mine, c.found_to == job.found_to)
        .values(found_to=None if last else device_ids[-1])
        .returning(c.id)
    )
    if advanced.first() is None:
        return
    await _add_devices(db, job, device_ids)
    if last:
        found = select(func.count()).where(
            rows.enterprise_id == job.enterprise_id, rows.job_id == job.id
        )
        await db.execute(update(render_jobs).where(mine).values(total=found.scalar_subquery()))


async def jobs_with_work(
    db: Db, now: datetime, *, without: Collection[str] = (), limit: int = 100
) -> tuple[JobKey, ...]:
    """Jobs that look for devices, have some that are due, or can end; `without` these ids.

    The oldest of each enterprise, then the second of each, and so on.  What only waits for another
    attempt takes no place here: it may do so for ever, and would keep the others out.
    """
    c, rows = render_jobs.c, render_job_devices.c
    left = exists().where(rows.enterprise_id == c.enterprise_id, rows.job_id == c.id)
    turn = func.row_number().over(partition_by=c.enterprise_id, order_by=(c.created_at, c.id))
    query = (
        select(c.enterprise_id, c.id, c.object_id, c.found_to)
        .where(c.finished_at.is_(None), ~is_one_of(db, c.id, without))
        .where(c.found_to.is_not(None) | left.where(rows.due_at <= now) | ~left)
        .order_by(turn, c.created_at)
        .limit(limit)
    )
    return tuple(JobKey(*row) for row in await db.execute(query))


async def take_devices(db: Db, job: JobKey, now: datetime, limit: int) -> Taken:
    """Devices of a job that are due and that nobody else renders at this moment."""
    c = render_job_devices.c
    query = (
        select(c.device_id, c.attempts)
        .where(c.enterprise_id == job.enterprise_id, c.job_id == job.id, c.due_at <= now)
        .order_by(c.device_id)
        .limit(limit)
    )
    alone = db.dialect.name == "sqlite"
    if not alone:
        # the same devices wait in other jobs, whose rows go as well: so nobody else may have them
        query = query.where(c.device_id.in_(await _lock_free_devices(db, job, now, limit)))
    attempts = {DeviceId(device): tried for device, tried in await db.execute(query)}
    also = select(c.job_id).where(is_one_of(db, c.device_id, attempts)).distinct()
    jobs = {job.id}
    if attempts:
        jobs.update(str(row.job_id) for row in await db.execute(also))
    elif not alone:
        return Taken(await _deleted_devices(db, job, limit), frozenset(jobs))
    return Taken(attempts, frozenset(jobs))


async def _lock_free_devices(
    db: Db, job: JobKey, now: datetime, limit: int
) -> tuple[DeviceId, ...]:
    """Lock devices of a job as `inputs.lock_devices` does, but wait for none.

    Whoever had one until now may have taken it out of the job.
    """
    c, ids = render_job_devices.c, object_ids.c
    query = (
        select(ids.id)
        .join_from(object_ids, render_job_devices, c.device_id == ids.id)
        .where(c.enterprise_id == job.enterprise_id, c.job_id == job.id, c.due_at <= now)
        .order_by(ids.id)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True, of=object_ids)
    )
    return tuple(DeviceId(row[0]) for row in await db.execute(query))


async def _deleted_devices(db: Db, job: JobKey, limit: int) -> dict[DeviceId, int]:
    """Nobody renders these any more: they only leave the job."""
    c = render_job_devices.c
    query = (
        select(c.device_id, c.attempts)
        .where(c.enterprise_id == job.enterprise_id, c.job_id == job.id)
        .where(~exists().where(object_ids.c.id == c.device_id))
        .order_by(c.device_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return {DeviceId(device): tried for device, tried in await db.execute(query)}


async def note_rendered(db: Db, taken: Taken, device_ids: Collection[DeviceId]) -> None:
    """These are done, for every job that waited for them when they were taken."""
    if device_ids:
        c = render_job_devices.c
        await db.execute(
            delete(render_job_devices).where(
                is_one_of(db, c.device_id, device_ids), c.job_id.in_(taken.jobs)
            )
        )


async def note_failed(db: Db, taken: Taken, again_at: Mapping[DeviceId, datetime]) -> None:
    """These come again at their moment, in every job that waited for them."""
    if again_at:
        c = render_job_devices.c
        await db.execute(
            update(render_job_devices)
            .where(c.device_id == bindparam("of"), c.job_id.in_(taken.jobs))
            .values(attempts=c.attempts + 1, due_at=bindparam("at", type_=c.due_at.type)),
            [{"of": device_id, "at": at} for device_id, at in again_at.items()],
        )


async def is_done(db: Db, job: JobKey) -> bool:
    c = render_job_devices.c
    query = select(c.device_id).where(c.enterprise_id == job.enterprise_id, c.job_id == job.id)
    return (await db.execute(query.limit(1))).first() is None


async def finish_job(db: Db, job: JobKey, now: datetime) -> None:
    """Note the end, and forget jobs that ended long ago."""
    c = render_jobs.c
    await db.execute(
        update(render_jobs)
        .where(c.enterprise_id == job.enterprise_id, c.id == job.id, c.finished_at.is_(None))
        .values(finished_at=now)
    )
    await db.execute(delete(render_jobs).where(c.finished_at < now - KEPT))


async def list_jobs(
    db: Db, enterprise_id: str, *, job_id: str = "", limit: int = 100
) -> tuple[RenderJob, ...]:
    """Newest first; with `job_id` that one."""
    c, rows = render_jobs.c, render_job_devices.c
    # each by an index alone: somebody may ask ten times a second while ten thousand wait
    left = select(func.count()).where(rows.enterprise_id == c.enterprise_id, rows.job_id == c.id)
    failed = left.where(rows.attempts > literal_column("0"))
    query = (
        select(render_jobs, left.scalar_subquery(), failed.scalar_subquery())
        .where(c.enterprise_id == enterprise_id)
        .order_by(c.created_at.desc(), c.id)
        .limit(limit)
    )
    if job_id:
        query = query.where(c.id == job_id)
    return tuple(
        RenderJob(
            id=row.id,
            object_kind=row.object_kind,
            object_id=row.object_id,
            object_name=row.object_name,
            user_name=row.user_name,
            created_at=row.created_at,
            finished_at=row.finished_at,
            total=row.total,
            waiting=row[-2] if row.found_to is None else row.total,
            failed=row[-1],
        )
        for row in await db.execute(query)
    )


async def _jobs_before(db: Db, enterprise_id: str, device_id: str) -> tuple[JobKey, ...]:
    """Jobs that look for devices and have not come to this one yet."""
    c = render_jobs.c
    query = select(c.enterprise_id, c.id, c.object_id, c.found_to).where(
        c.enterprise_id == enterprise_id, c.finished_at.is_(None), c.found_to < device_id
    )
    return tuple(JobKey(*row) for row in await db.execute(query))


async def jobs_waiting_for(db: Db, enterprise_id: str, device_id: str) -> tuple[RenderJob, ...]:
    """Changes that this device does not have yet; newest first."""
    c = render_job_devices.c
    query = select(c.job_id).where(c.device_id == device_id, c.enterprise_id == enterprise_id)
    waiting = {str(row.job_id) for row in await db.execute(query.limit(10))}
    for job in await _jobs_before(db, enterprise_id, device_id):
        if await is_affected(db, job.object_id, device_id):
            waiting.add(job.id)
    found = [one for id_ in waiting for one in await list_jobs(db, enterprise_id, job_id=id_)]
    return tuple(sorted(found, key=lambda job: job.created_at, reverse=True))
