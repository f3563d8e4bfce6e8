"""A soft device and the real controller: the whole conversation, over real TLS and a database."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.controller import in_process

from eaves.controller.settings import Bounds
from eaves.evapi.flows.attest import Attested
from eaves.evapi.flows.poll import NewConfig, NothingNew, PollNow, Unchanged
from eaves.evapi.flows.report import Delivered
from eaves.evapi.info import ZInfoDevice, ZInfoMsg, ZInfoTypes, encode_z_info_msg
from eaves.evapi.logs import DeviceLogOrigin, LogEntry, encode_log_file
from eaves.evapi.metrics import ZMetricMsg, encode_z_metric_msg
from eaves.evapi.paths import Endpoint
from eaves.fleet.device import Onboarding, SoftDevice, new_identity
from eaves.fleet.run import drive, line_to

pytestmark = pytest.mark.system


def now() -> datetime:
    return datetime.now(UTC)


async def no_wait(seconds: float) -> None:
    raise AssertionError(f"a wait of {seconds} s: the controller refused something")


async def test_soft_devices_onboard_attest_poll_and_report(tmp_path: Path) -> None:
    bounds = Bounds(waiters=100, wait_s=0.5)
    async with in_process(tmp_path, bounds=bounds) as controller:
        folder = controller.onboarding()
        roots = (tmp_path / "root-certificate.pem").read_bytes()
        onboarding = Onboarding(roots, folder.certificate_pem, folder.key_pem)
        line = line_to(f"127.0.0.1:{controller.port}", roots)

        async def whole_life(serial: str) -> None:
            device_id = await controller.add_record(serial)
            identity = new_identity(serial, now(), os.urandom)
            device = SoftDevice(identity, onboarding, now, lambda: 0.5)
            assert (await drive(device.onboarded(), line, no_wait)).device_id == device_id
            assert isinstance(await drive(device.attested(), line, no_wait), Attested)
            assert device.standing.integrity_token
            first = await drive(device.polled(), line, no_wait)
            assert isinstance(first.answer, NewConfig)
            assert (await drive(device.polled(), line, no_wait)).answer == Unchanged()
            info = ZInfoMsg(
                ztype=ZInfoTypes.ZiDevice,
                dev_id=device_id,
                dinfo=ZInfoDevice(),
                at_time_stamp=now(),
            )
            metric = ZMetricMsg(dev_id=device_id, at_time_stamp=now())
            origin = DeviceLogOrigin(device_id, "IMGA", "test")
            logs = encode_log_file(origin, now(), [LogEntry(content="hello", timestamp=now())])
            for endpoint, payload in (
                (Endpoint.INFO, encode_z_info_msg(info)),
                (Endpoint.METRICS, encode_z_metric_msg(metric)),
                (Endpoint.NEWLOGS, logs),
            ):
                told = await drive(device.reported(endpoint, payload), line, no_wait)
                assert isinstance(told, Delivered)
            waited = await drive(device.change(), line, no_wait)
            assert isinstance(waited, NothingNew | PollNow)

        async with asyncio.TaskGroup() as tasks:
            for n in range(5):
                tasks.create_task(whole_life(f"SN-{n}"))
