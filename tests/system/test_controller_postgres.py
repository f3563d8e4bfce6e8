"""The whole journey over PostgreSQL: from a login to the status that a device reported."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from store.databases import postgres_is_there, postgres_server
from support.rest_objects import build_world
from support.whole_controller import Whole, whole_controller

from eaves.evapi.config import decode_edge_dev_config
from eaves.evapi.flows.poll import NewConfig, Unchanged
from eaves.evapi.flows.report import Delivered
from eaves.evapi.info import (
    ZInfoApp,
    ZInfoDevice,
    ZInfoMsg,
    ZInfoTypes,
    ZSwState,
    encode_z_info_msg,
)
from eaves.evapi.info.device import ZDeviceState
from eaves.evapi.logs import DeviceLogOrigin, LogEntry, encode_log_file
from eaves.evapi.metrics import ZMetricMsg, encode_z_metric_msg
from eaves.evapi.paths import Endpoint
from eaves.fleet.device import Onboarding, SoftDevice, new_identity
from eaves.fleet.run import drive, line_to
from eaves.ids import DeviceId

pytestmark = [pytest.mark.system, pytest.mark.postgres]


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    if not postgres_is_there():
        pytest.skip("no PostgreSQL on this machine; install the package postgresql")
    with ExitStack() as stack:
        url = await asyncio.to_thread(stack.enter_context, postgres_server())
        async with whole_controller(tmp_path, url) as running:
            yield running


async def test_from_login_to_status_on_postgresql(whole: Whole) -> None:
    assert not whole.devices.settings.database.startswith("sqlite")
    world = await build_world(whole.caller)
    devices, caller = whole.devices, whole.caller
    roots = devices.keys.root_certificate_pem
    soft = SoftDevice(
        new_identity("serial-of-edge-1", devices.clock(), os.urandom),
        Onboarding(roots, *await whole.onboarding(world.device)),
        devices.clock,
        lambda: 0.5,
    )
    line = line_to(f"127.0.0.1:{devices.port}", roots)
    assert (await drive(soft.onboarded(), line)).device_id == world.device
    await drive(soft.attested(), line)
    async with asyncio.timeout(60):  # rendered again with the certificate that it sent
        while True:
            answer = (await drive(soft.polled(), line)).answer
            config = decode_edge_dev_config(soft.standing.config)
            if isinstance(answer, Unchanged) and config.cipher_contexts:
                break
            assert isinstance(answer, Unchanged | NewConfig)
    (app,) = config.apps
    assert (app.uuidandversion and app.uuidandversion.uuid) == world.instance

    now, device_id = devices.clock(), DeviceId(world.device)
    online = ZInfoDevice(state=ZDeviceState.ZDEVICE_STATE_ONLINE, host_name="edge")
    running = ZInfoApp(app_id=world.instance, app_name="web-1", state=ZSwState.RUNNING)
    origin = DeviceLogOrigin(device_id, "IMGA", "test")
    line_of_log = LogEntry(content="hello \0 world", timestamp=now)
    for endpoint, payload in (
        (
            Endpoint.INFO,
            encode_z_info_msg(ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dev_id=device_id, dinfo=online)),
        ),
        (
            Endpoint.INFO,
            encode_z_info_msg(ZInfoMsg(ztype=ZInfoTypes.ZiApp, dev_id=device_id, ainfo=running)),
        ),
        (Endpoint.METRICS, encode_z_metric_msg(ZMetricMsg(dev_id=device_id, at_time_stamp=now))),
        (Endpoint.NEWLOGS, encode_log_file(origin, now, [line_of_log])),
    ):
        for _ in range(2):  # a device repeats what it heard no answer of
            assert isinstance(await drive(soft.reported(endpoint, payload), line), Delivered)

    status = await caller.get(f"/v1/devices/id/{world.device}/status")
    assert status["runState"] == "RUN_STATE_ONLINE"
    app_status = await caller.get(f"/v1/apps/instances/id/{world.instance}/status")
    assert app_status["runState"] == "RUN_STATE_ONLINE"
    logs = await caller.get(f"/v1/eaves/devices/id/{world.device}/logs")
    assert [item["content"] for item in logs["list"]] == ["hello \N{SYMBOL FOR NULL} world"]
    events = await caller.get(f"/v1/devices/id/{world.device}/events")
    assert "EDGE_NODE_REGISTERED" in {event["eventType"] for event in events["list"]}

    await caller.put(f"/v1/apps/instances/id/{world.instance}/restart")
    async with asyncio.timeout(60):
        while not isinstance((await drive(soft.polled(), line)).answer, NewConfig):
            pass
    (app,) = decode_edge_dev_config(soft.standing.config).apps
    assert (app.restart and app.restart.counter) == 1
    await caller.delete(f"/v1/apps/instances/id/{world.instance}")
    await caller.delete(f"/v1/volumes/instances/id/{world.volume}")
    await caller.delete(f"/v1/netinsts/id/{world.netinst}")
    await caller.delete(f"/v1/devices/id/{world.device}")
    assert (await caller.http.get(f"/v1/devices/id/{world.device}/status")).status_code == 404
