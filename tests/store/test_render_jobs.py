"""Devices of render jobs are taken by one process at a time, whatever jobs they wait in."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, STAMP, draft

from eaves.controller.store.objects import insert_object
from eaves.controller.store.render_jobs import (
    JobKey,
    NewJob,
    insert_job,
    is_done,
    note_rendered,
    take_devices,
)
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.ids import DeviceId

IDS = tuple(DeviceId(f"edge-{number}") for number in range(4))
FIRST, SECOND = JobKey("acme", "first"), JobKey("acme", "second")


async def with_jobs(engine: AsyncEngine, *, deleted: bool = False) -> None:
    """Two jobs of the same devices."""
    async with unit_of_work(engine) as db:
        if not deleted:
            for device_id in IDS:
                await insert_object(db, ACME, draft(Kind.DEVICE, device_id), STAMP)
        for job in (FIRST, SECOND):
            new = NewJob(job.id, job.enterprise_id, "network", "n", "n", "alice", NOW)
            await insert_job(db, new, IDS)


async def assert_both_done(engine: AsyncEngine) -> None:
    async with snapshot(engine) as db:
        assert await is_done(db, FIRST)
        assert await is_done(db, SECOND)


async def test_two_processes_share_the_devices_of_two_jobs(engine: AsyncEngine) -> None:
    await with_jobs(engine)
    if engine.dialect.name == "sqlite":  # one writer: one after the other
        for job in (FIRST, SECOND):
            async with unit_of_work(engine) as db:
                taken = await take_devices(db, job, NOW, 2)
                await note_rendered(db, taken, taken.ids)
        return await assert_both_done(engine)
    async with unit_of_work(engine) as one, unit_of_work(engine) as other, asyncio.timeout(30):
        taken = await take_devices(one, FIRST, NOW, 2)
        others = await take_devices(other, SECOND, NOW, 4)
        assert (taken.ids, others.ids) == (IDS[:2], IDS[2:])
        assert taken.jobs == others.jobs == {"first", "second"}
        async with unit_of_work(engine) as third:
            assert (await take_devices(third, FIRST, NOW, 4)).ids == ()
        await asyncio.gather(
            note_rendered(one, taken, taken.ids), note_rendered(other, others, others.ids)
        )
    return await assert_both_done(engine)


async def test_deleted_devices_leave_their_jobs(engine: AsyncEngine) -> None:
    await with_jobs(engine, deleted=True)
    for job in (FIRST, SECOND):
        async with unit_of_work(engine) as db:
            taken = await take_devices(db, job, NOW, 10)
            await note_rendered(db, taken, taken.ids)
    await assert_both_done(engine)
