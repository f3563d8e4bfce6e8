"""What is kept of telemetry, as REST and the command line tell it; what a deleted device leaves."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection
from support.cli import Cli
from support.controller import Process, WireDevice, running
from support.rest_objects import World, build_world
from support.whole_controller import Whole, whole_controller

from eaves.cli.storage import bounds_text, dropped_text, size_text
from eaves.controller.jobs.leased import Held
from eaves.controller.store.leases import Lease
from eaves.controller.store.removals import Kept
from eaves.evapi.flowlog import FlowMessage, FlowRecord, IpFlow, ScopeInfo, encode_flow_message
from eaves.evapi.info import ZInfoDevice, ZInfoMsg, ZInfoTypes, encode_z_info_msg
from eaves.evapi.logs import DeviceLogOrigin, LogEntry, encode_log_file
from eaves.evapi.metrics import DeviceMetric, MemoryMetric, ZMetricMsg, encode_z_metric_msg
from eaves.evapi.paths import Endpoint
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

PATH = "/v1/eaves/telemetry"
HELD = Held(Lease("test", "test", 0), alone=True)


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole_controller(tmp_path) as running_controller:
        yield running_controller


async def tell_everything(whole: Whole, world: World) -> None:
    """One message of each kind."""
    device = WireDevice(serial="serial-of-edge-1", device_id=DeviceId(world.device))
    await whole.register(device)
    now = whole.devices.clock()
    line = LogEntry(
        content="hello", severity="info", source="zedagent", iid="1", msgid=1, timestamp=now
    )
    info = ZInfoMsg(
        ztype=ZInfoTypes.ZiDevice,
        dev_id=world.device,
        dinfo=ZInfoDevice(machine_arch="x86_64"),
        at_time_stamp=now,
    )
    flow = FlowMessage(
        dev_id=world.device,
        scope=ScopeInfo(uuid=world.instance, intf="eth0", net_inst_uuid=world.netinst),
        flows=(
            FlowRecord(flow=IpFlow(src="10.1.0.2", dest="192.0.2.1", protocol=6), end_time=now),
        ),
    )
    measured = ZMetricMsg(
        dev_id=world.device,
        at_time_stamp=now,
        dm=DeviceMetric(memory=MemoryMetric(used_mem=1)),
    )
    for endpoint, message in (
        (Endpoint.INFO, encode_z_info_msg(info)),
        (Endpoint.METRICS, encode_z_metric_msg(measured)),
        (
            Endpoint.NEWLOGS,
            encode_log_file(DeviceLogOrigin(world.device, "IMGA", "1"), now, [line]),
        ),
        (Endpoint.FLOWLOG, encode_flow_message(flow)),
    ):
        reply = await whole.devices.post(device.path(endpoint), device.sealed(message))
        assert reply.status in (200, 201), endpoint


async def test_what_is_kept_is_told_and_a_deleted_device_leaves_nothing(whole: Whole) -> None:
    caller, jobs = whole.caller, whole.jobs
    world = await build_world(caller)
    await tell_everything(whole, world)
    await jobs.roll_up(HELD)
    told = await caller.get(PATH)
    for kept in Kept:
        assert told[kept]["records"] > 0, kept
        assert told[kept]["lastRemoved"] is None, kept
    assert told["logs"]["bytes"] > 0
    assert told["metrics"]["bytesOfAll"] > 0
    assert told["state"]["bytesOfAll"] > 0
    retention = whole.devices.settings.retention
    assert told["logs"]["mostBytes"] == retention.log_bytes
    assert told["flows"]["mostBytesOfDevice"] == retention.flow_bytes_per_device
    assert told["metrics"]["mostBytes"] == retention.metric_bytes
    assert told["events"]["mostRecords"] == retention.event_rows
    assert {store["name"] for store in told["stores"]} == {"database", "state", "metrics", "logs"}

    for path in (
        f"/v1/apps/instances/id/{world.instance}",
        f"/v1/volumes/instances/id/{world.volume}",
        f"/v1/netinsts/id/{world.netinst}",
        f"/v1/devices/id/{world.device}",
    ):
        await caller.delete(path)
    await jobs.bound_logs(HELD)
    await jobs.bound_series(HELD)
    await jobs.retain(HELD)
    told = await caller.get(PATH)
    for kept in (Kept.LOGS, Kept.FLOWS, Kept.METRICS, Kept.STATE):
        assert told[kept]["records"] == 0, kept
    for kept in (Kept.LOGS, Kept.METRICS, Kept.STATE):
        assert told[kept]["lastRemoved"]["devices"] == 1, kept
    assert told["events"]["records"] > 0  # what happened stays known
    assert await rows_of(whole, world.device) == {}


async def rows_of(whole: Whole, device_id: str) -> dict[str, int]:
    """How many rows of a device there are in the files, by table; tables without any left out."""
    telemetry, found = whole.devices.service.telemetry, dict[str, int]()
    for writer, tables in (
        (telemetry.state_writer, ("info_latest", "health_reports")),
        (telemetry.metrics_writer, ("metrics_latest", "metric_samples", "metric_rollups")),
        (telemetry.log_writer, ("log_chunks", "flow_chunks", "telemetry_uploads")),
    ):
        for table in tables:
            count = await writer.work(counting(table, device_id))
            if count:
                found[table] = count
    return found


def counting(table: str, device_id: str) -> Callable[[Connection], int]:
    query = f"SELECT count(*) FROM {table} WHERE device_id = ?"  # noqa: S608 - from the test

    def count(connection: Connection) -> int:
        return int(connection.exec_driver_sql(query, (device_id,)).scalar_one())

    return count


async def test_an_old_log_is_dropped_and_that_is_told(whole: Whole) -> None:
    await tell_everything(whole, await build_world(whole.caller))
    later = whole.devices.clock() + timedelta(days=31)
    await replace(whole.jobs, clock=lambda: later).bound_logs(HELD)
    told = await whole.caller.get(PATH)
    assert told["logs"]["records"] == told["flows"]["records"] == 0
    assert told["logs"]["lastRemoved"]["older"] == 1
    assert told["flows"]["lastRemoved"]["older"] == 1
    at = datetime.fromisoformat(told["logs"]["lastRemoved"]["at"])
    assert abs(later - at) < timedelta(milliseconds=1)


def test_the_command_line_shows_it_as_a_table(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse battery")
    options = ("--admin-password-file", str(tmp_path / "password"))
    with running(Process(tmp_path / "state", *options)) as process:
        cli = Cli.of(process, tmp_path)
        cli.ok("login", cli.rest_url, "--ca", str(cli.root), "--password-file", "password")
        shown = cli.ok("storage")
    for words in ("logs", "30 days, 4.0 GiB in all, 256.0 MiB a device", "nothing yet", "database"):
        assert words in shown


def test_sizes_bounds_and_what_was_dropped_are_written_for_people() -> None:
    assert [size_text(n) for n in (0, 1023, 1024, 5 * 1024**3)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "5.0 GiB",
    ]
    assert bounds_text({"days": 90, "mostRecords": 5, "records": 3}) == "90 days, 5 in all"
    assert dropped_text({}) == "nothing yet"
    told = dropped_text({"at": "2020-01-01T00:00:00Z", "older": 3, "overBound": 0, "devices": 1})
    assert told.startswith("3 too old, 1 deleted devices (")
