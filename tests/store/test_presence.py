"""Silence and return of devices are told of once each, whichever process does the job."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, STAMP, draft

from eaves.controller.domain.status.liveness import limits_of
from eaves.controller.jobs.leased import Held, Leases
from eaves.controller.jobs.presence import watch_presence
from eaves.controller.live import LiveDevice
from eaves.controller.store.devices import find_last_seen, put_last_seen
from eaves.controller.store.leases import Lease, LeaseLost
from eaves.controller.store.objects import insert_object
from eaves.controller.store.tables import Kind, events
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.ids import ConfigHash, DeviceId

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
LIMITS = limits_of(timedelta(minutes=5))  # suspect after half of that
EVERY = timedelta(seconds=30)
A, B = DeviceId("a"), DeviceId("b")


def live(device_id: DeviceId) -> LiveDevice:
    return LiveDevice(
        device_id=device_id,
        enterprise_id="acme",
        certificate_hash=device_id.encode(),
        certificate_der=b"",
        config_hash=ConfigHash(""),
        integrity_token=b"",
        attestation_required=False,
        gone=False,
    )


async def watch(engine: AsyncEngine, held: Held, begin: datetime, end: datetime) -> None:
    """Tick as the job does."""
    now = begin
    while now <= end:
        await watch_presence(engine, held, [live(A), live(B)], LIMITS, now)
        now += EVERY


@pytest.fixture(autouse=True)
async def _devices(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        for device_id in (A, B):
            await insert_object(db, ACME, draft(Kind.DEVICE, device_id), STAMP)


async def seen(engine: AsyncEngine, at: datetime, *devices: DeviceId) -> None:
    async with unit_of_work(engine) as db:
        await put_last_seen(db, dict.fromkeys(devices, at))


async def told(engine: AsyncEngine) -> Sequence[tuple[str, str]]:
    async with snapshot(engine) as db:
        query = select(events.c.device_id, events.c.event_type).order_by(events.c.row)
        return [(row.device_id, row.event_type) for row in await db.execute(query)]


async def test_silence_and_return_are_told_once_also_by_another_process(
    engine: AsyncEngine,
) -> None:
    first = Held(Lease("liveness", "one", 1), alone=True)
    second = Held(Lease("liveness", "two", 2), alone=True)
    await seen(engine, NOW, A, B)
    await watch(engine, first, NOW, NOW + timedelta(minutes=2))
    assert await told(engine) == []
    await seen(engine, NOW + timedelta(minutes=2), B)
    await watch(engine, first, NOW + timedelta(minutes=2), NOW + timedelta(minutes=4))
    assert await told(engine) == [(A, "EDGE_NODE_SUSPECT")]
    await seen(engine, NOW + timedelta(minutes=4), B)
    await watch(engine, first, NOW + timedelta(minutes=4), NOW + timedelta(minutes=6))
    assert (await told(engine))[1:] == [(A, "EDGE_NODE_SILENT")]
    await seen(engine, NOW + timedelta(minutes=6), B)
    await watch(engine, second, NOW + timedelta(minutes=6), NOW + timedelta(minutes=8))
    assert len(await told(engine)) == 2
    await seen(engine, NOW + timedelta(minutes=8), B)
    await seen(engine, NOW + timedelta(minutes=8), A)
    await watch(engine, second, NOW + timedelta(minutes=8), NOW + timedelta(minutes=9))
    assert (await told(engine))[2:] == [(A, "EDGE_NODE_BACK")]


async def test_after_all_controllers_were_down_devices_have_time_to_come_back(
    engine: AsyncEngine,
) -> None:
    held = Held(Lease("liveness", "one", 1), alone=True)
    await seen(engine, NOW, A, B)
    await watch(engine, held, NOW, NOW + timedelta(minutes=1))
    later = NOW + timedelta(hours=2)  # nobody listened
    await watch(engine, held, later, later + timedelta(minutes=2))
    assert await told(engine) == []
    await seen(engine, later + timedelta(minutes=2), A)
    await watch(engine, held, later + timedelta(minutes=2), later + timedelta(minutes=4))
    assert await told(engine) == [(B, "EDGE_NODE_SUSPECT")]
    await seen(engine, later + timedelta(minutes=4), A)
    await watch(engine, held, later + timedelta(minutes=4), later + timedelta(minutes=6))
    assert (await told(engine))[1:] == [(B, "EDGE_NODE_SILENT")]


async def test_the_later_of_two_moments_of_last_contact_stays(engine: AsyncEngine) -> None:
    await seen(engine, NOW, A)
    await seen(engine, NOW - timedelta(seconds=5), A, B)  # another process, a little late
    async with snapshot(engine) as db:
        assert await find_last_seen(db, (A, B)) == {A: NOW, B: NOW - timedelta(seconds=5)}


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
async def test_a_process_that_lost_its_lease_tells_of_nothing(engine: AsyncEngine) -> None:
    await seen(engine, NOW - timedelta(days=1), A)
    late = Held(Lease("liveness", "gone", 1))
    async with Leases(engine, "other").hold("liveness"):
        with pytest.raises(LeaseLost):
            await watch_presence(engine, late, [live(A)], LIMITS, NOW)
    assert await told(engine) == []
