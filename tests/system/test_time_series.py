"""Charts of what a device measured, through REST."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.controller import WireDevice
from support.rest_objects import World, build_world
from support.whole_controller import Whole, whole_controller

from eaves.evapi.metrics import (
    AppCpuMetric,
    AppMetric,
    DeviceMetric,
    MemoryMetric,
    NetworkMetric,
    ZMetricMsg,
    encode_z_metric_msg,
)
from eaves.evapi.paths import Endpoint
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

STEP_S = 60
COUNT = 6


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole_controller(tmp_path) as running:
        yield running


@pytest.fixture
async def world(whole: Whole) -> World:
    """Its device reported once a minute: a tenth of a processor, half of its memory."""
    made = await build_world(whole.caller)
    device = WireDevice(serial="serial-of-edge-1", device_id=DeviceId(made.device))
    await whole.register(device)
    now = whole.devices.clock()
    for number in range(COUNT):
        body = message(made, number, now - timedelta(seconds=STEP_S * (COUNT - number)))
        reply = await whole.devices.post(device.path(Endpoint.METRICS), device.sealed(body))
        assert reply.status == 201
    return made


def message(world: World, number: int, at: datetime) -> bytes:
    tenth = number * STEP_S * 10**8  # nanoseconds of processor
    return encode_z_metric_msg(
        ZMetricMsg(
            dev_id=world.device,
            at_time_stamp=at,
            dm=DeviceMetric(
                cpu_metric=AppCpuMetric(total_ns=10**10 + tenth),
                memory=MemoryMetric(used_mem=1000, avail_mem=1000),
                network=(NetworkMetric(i_name="eth0", rx_bytes=6000 * number, tx_bytes=0),),
            ),
            am=(AppMetric(app_id=world.instance, cpu=AppCpuMetric(total_ns=tenth)),),
        )
    )


async def test_charts_show_shares_rates_and_growth(whole: Whole, world: World) -> None:
    path = f"/v1/devices/id/{world.device}/timeSeries"
    usage = await whole.caller.get(f"{path}/CPU_USAGE", interval="60")
    assert usage["metricType"] == "METRIC_TYPE_CPU_USAGE"
    assert usage["yLabels"] == ["cpu [%]"]
    assert [point["values"] for point in usage["list"]][-3:] == [[10.0]] * 3
    memory = await whole.caller.get(f"{path}/MEMORY_UTILIZATION", interval="1m")
    assert {point["values"][0] for point in memory["list"]} == {50.0}
    rates = await whole.caller.get(f"{path}/NETWORK_RATES", interval="60")
    assert rates["yLabels"] == ["eth0 rx [bytes/s]", "eth0 tx [bytes/s]"]
    assert [point["values"] for point in rates["list"]][-3:] == [[100.0, 0.0]] * 3
    app = await whole.caller.get(
        "/v1/apps/instances/name/web-1/timeSeries/CPU_TOTAL", interval="60"
    )
    assert [point["values"] for point in app["list"]][-3:] == [[6.0]] * 3
    same = await whole.caller.get(
        "/v1/timeSeries/CPU_USAGE", objtype="EDGE_NODE", objid=world.device, interval="60"
    )
    assert same == usage


async def test_events_are_counted_and_strange_questions_refused(whole: Whole, world: World) -> None:
    every = await whole.caller.get("/v1/events/timeSeries/EVENTS_COUNT", interval="1d")
    listed = await whole.caller.get("/v1/events", **{"next.pageSize": "1000"})
    assert sum(point["values"][0] for point in every["list"]) == len(listed["list"])
    path = f"/v1/devices/id/{world.device}"
    mine = await whole.caller.get(f"{path}/timeSeries/EVENTS_COUNT", interval="1d")
    of_device = await whole.caller.get(f"{path}/events", **{"next.pageSize": "1000"})
    assert sum(point["values"][0] for point in mine["list"]) == len(of_device["list"])
    for url, status in (
        (f"{path}/timeSeries/WEATHER", 400),
        ("/v1/timeSeries/CPU_USAGE", 400),
        (f"{path}/timeSeries/CPU_USAGE?interval=soon", 400),
        (f"/v1/projects/id/{world.project}/timeSeries/CPU_USAGE", 400),
        ("/v1/devices/id/nobody/timeSeries/CPU_USAGE", 404),
    ):
        assert (await whole.caller.http.get(url)).status_code == status, url
