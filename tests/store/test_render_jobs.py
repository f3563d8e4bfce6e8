"""Devices of render jobs are taken by one process at a time, whatever jobs they wait in."""

import asyncio
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, STAMP, draft

from eaves.controller.store.objects import insert_object
from eaves.controller.store.render_jobs import (
    JobKey,
    NewJob,
    insert_job,
    is_done,
    jobs_waiting_for,
    jobs_with_work,
    note_failed,
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


def new_job(enterprise: str, name: str, *, after_s: int, of: str = "n") -> NewJob:
    at = NOW + timedelta(seconds=after_s)
    return NewJob(name, enterprise, "networks", of, of, "alice", at)


async def with_resting_jobs(engine: AsyncEngine, count: int) -> None:
    """Jobs of one enterprise whose only device is tried again after a minute."""
    async with unit_of_work(engine) as db:
        await insert_object(db, ACME, draft(Kind.DEVICE, IDS[0]), STAMP)
        for number in range(count):
            await insert_job(db, new_job("acme", f"resting-{number:03}", after_s=number), IDS[:1])
        taken = await take_devices(db, JobKey("acme", "resting-000"), NOW, 1)
        await note_failed(db, taken, {IDS[0]: NOW + timedelta(seconds=60)})


async def test_jobs_that_wait_for_another_attempt_keep_no_other_out(engine: AsyncEngine) -> None:
    await with_resting_jobs(engine, 100)
    async with unit_of_work(engine) as db:
        await insert_job(db, new_job("other", "fresh", after_s=1000), IDS[1:])
        await insert_job(db, new_job("other", "looks", after_s=2000), (), total=5)
        await insert_job(db, new_job("other", "can end", after_s=3000), ())
    async with snapshot(engine) as db:
        jobs = await jobs_with_work(db, NOW)
        assert [job.id for job in jobs] == ["fresh", "looks", "can end"]
        later = await jobs_with_work(db, NOW + timedelta(seconds=60), limit=103)
        assert len(later) == 103


async def test_each_enterprise_has_its_turn(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        for number in range(4):
            await insert_job(db, new_job("acme", f"acme-{number}", after_s=number), IDS)
        for number in range(2):
            await insert_job(db, new_job("other", f"other-{number}", after_s=10 + number), IDS)
    async with snapshot(engine) as db:
        jobs = await jobs_with_work(db, NOW, limit=4)
        assert [job.id for job in jobs] == ["acme-0", "other-0", "acme-1", "other-1"]
        jobs = await jobs_with_work(db, NOW, without={"acme-0", "other-0"}, limit=2)
        assert [job.id for job in jobs] == ["acme-1", "other-1"]


async def test_a_device_waits_for_a_change_that_still_looks_for_it(engine: AsyncEngine) -> None:
    await with_resting_jobs(engine, 100)
    async with unit_of_work(engine) as db:
        await insert_object(db, ACME, draft(Kind.NETWORK, "lan"), STAMP)
        refers = frozenset({"lan"})
        await insert_object(db, ACME, draft(Kind.DEVICE, IDS[1], references=refers), STAMP)
        await insert_object(db, ACME, draft(Kind.DEVICE, IDS[2]), STAMP)
        looks = new_job("acme", "looks", after_s=1000, of="lan")
        await insert_job(db, looks, (), total=1)
    async with snapshot(engine) as db:
        waiting = await jobs_waiting_for(db, "acme", IDS[1])
        assert [job.id for job in waiting] == ["looks"]
        assert await jobs_waiting_for(db, "acme", IDS[2]) == ()
