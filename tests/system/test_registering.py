"""A whole site is switched on: registrations that come together, each decided as if alone."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select
from support.controller import InProcess, WireDevice, in_process

from eaves.controller.store import tables
from eaves.controller.store.unit import snapshot
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.evapi.uuid import UUID_REQUEST

pytestmark = pytest.mark.system

TOGETHER = 24


async def _register(controller: InProcess, device: WireDevice) -> int:
    identity = controller.onboarding()
    body = device.registration(identity.certificate_pem, identity.key_pem)
    return (await controller.post(endpoint_path(Endpoint.REGISTER), body)).status


async def test_devices_that_come_together_all_learn_their_uuid(tmp_path: Path) -> None:
    async with in_process(tmp_path / "state") as controller:
        devices = [WireDevice(serial=f"SN-{n}") for n in range(TOGETHER)]
        ids = [await controller.add_record(device.serial) for device in devices]
        answers = await asyncio.gather(*(_register(controller, device) for device in devices))
        assert answers == [201] * TOGETHER
        for device, device_id in zip(devices, ids, strict=True):
            reply = await controller.post(endpoint_path(Endpoint.UUID), device.sealed(UUID_REQUEST))
            assert controller.controller_key.uuid(reply.body) == device_id
        assert await _events(controller) == {"EDGE_NODE_REGISTERED": TOGETHER}


async def test_of_clones_that_come_together_one_is_bound(tmp_path: Path) -> None:
    async with in_process(tmp_path / "state") as controller:
        await controller.add_record("SN-1")
        clones = [WireDevice(serial="SN-1") for _ in range(6)]
        answers = await asyncio.gather(*(_register(controller, clone) for clone in clones))
        assert sorted(answers) == [201, *[409] * 5]
        again = await asyncio.gather(*(_register(controller, clone) for clone in clones))
        assert [200 if first == 201 else 409 for first in answers] == again
        told = await _events(controller)
        assert told == {"EDGE_NODE_REGISTERED": 1, "EDGE_NODE_SERIAL_CLASH": 10}


async def test_a_stranger_among_them_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async with in_process(tmp_path / "state") as controller:
        known = [WireDevice(serial=f"SN-{n}") for n in range(4)]
        for device in known:
            await controller.add_record(device.serial)
        devices = [*known, WireDevice(serial="SN-nobody")]
        answers = await asyncio.gather(*(_register(controller, device) for device in devices))
        assert answers == [201, 201, 201, 201, 403]


async def _events(controller: InProcess) -> Counter[str]:
    c = tables.events.c
    async with controller.database() as engine, snapshot(engine) as db:
        rows = await db.execute(select(c.event_type, func.count()).group_by(c.event_type))
        return Counter({row[0]: row[1] for row in rows})
