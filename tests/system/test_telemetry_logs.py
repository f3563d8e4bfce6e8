"""Log files and flow messages of a device, from its request to what REST and queries show."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.controller import WireDevice
from support.rest_objects import World, build_world
from support.whole_controller import Whole, whole_controller

from eaves.controller.jobs.log_retention import bound_logs, forget_gone
from eaves.controller.settings import Retention
from eaves.evapi.flowlog import (
    ACLAction,
    DnsRequest,
    FlowMessage,
    FlowRecord,
    IpFlow,
    ScopeInfo,
    encode_flow_message,
)
from eaves.evapi.logs import AppLogOrigin, DeviceLogOrigin, LogEntry, LogOrigin, encode_log_file
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.ids import AppInstanceId, DeviceId

pytestmark = pytest.mark.system


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole_controller(tmp_path) as running:
        yield running


@pytest.fixture
async def world(whole: Whole) -> World:
    return await build_world(whole.caller)


@pytest.fixture
async def device(whole: Whole, world: World) -> WireDevice:
    made = WireDevice(serial="serial-of-edge-1", device_id=DeviceId(world.device))
    await whole.register(made)
    return made


async def upload(
    whole: Whole, device: WireDevice, entries: Sequence[LogEntry], *, app_id: str = ""
) -> None:
    origin: LogOrigin = DeviceLogOrigin(device.device_id, "IMGA", "1")
    path = device.path(Endpoint.NEWLOGS)
    if app_id:
        origin = AppLogOrigin("web")
        path = endpoint_path(Endpoint.APP_NEWLOGS, device.device_id, AppInstanceId(app_id))
    file = encode_log_file(origin, whole.devices.clock(), entries)
    reply = await whole.devices.post(path, device.sealed(file))
    assert reply.status == 201


def entries(whole: Whole, words: Sequence[str], *, severity: str = "info") -> list[LogEntry]:
    start = whole.devices.clock() - timedelta(minutes=5)
    return [
        LogEntry(
            content=word,
            severity=severity,
            source="zedagent",
            iid="1",
            msgid=number,
            timestamp=start + timedelta(seconds=number),
        )
        for number, word in enumerate(words)
    ]


async def test_uploaded_lines_are_found_by_word_severity_and_app(
    whole: Whole, world: World, device: WireDevice
) -> None:
    lines = entries(whole, [f"Port eth{n % 3} state {n}" for n in range(900)])
    await upload(whole, device, lines[:600])
    await upload(whole, device, lines[300:])  # cut otherwise: known lines are not stored again
    failed = replace(lines[-1], content="disk failed", severity="err", msgid=5000)
    await upload(whole, device, [failed])
    await upload(whole, device, entries(whole, ["hello from the app"]), app_id=world.instance)
    path = f"/v1/eaves/devices/id/{world.device}/logs"
    found = await whole.caller.get(path, search="ETH1 state", **{"next.pageSize": "1000"})
    assert len(found["list"]) == 300
    assert [line["content"] for line in (await whole.caller.get(path, severity="err"))["list"]] == [
        "disk failed"
    ]
    of_app = await whole.caller.get(f"/v1/apps/instances/id/{world.instance}/logs", search="HELLO")
    assert [line["content"] for line in of_app["content"]["list"]] == ["hello from the app"]
    refused = await whole.caller.http.get(path, params={"severity": "loud"})
    assert refused.status_code == 400


def flow(whole: Whole, port: int, remote: str, sent: int, *, drop: bool = False) -> FlowRecord:
    now = whole.devices.clock()
    return FlowRecord(
        flow=IpFlow(src="10.1.0.2", src_port=port, dest=remote, dest_port=443, protocol=6),
        acl_id=7,
        acl_name="web-out",
        start_time=now - timedelta(minutes=1),
        end_time=now,
        tx_bytes=sent,
        tx_pkts=3,
        rx_bytes=10,
        rx_pkts=1,
        action=ACLAction.ActionDrop if drop else ACLAction.ActionAccept,
    )


async def test_flows_make_talkers_and_tell_what_was_denied(
    whole: Whole, world: World, device: WireDevice
) -> None:
    message = encode_flow_message(
        FlowMessage(
            dev_id=world.device,
            scope=ScopeInfo(uuid=world.instance, intf="eth0", net_inst_uuid=world.netinst),
            flows=(
                flow(whole, 4000, "192.0.2.1", 1000),
                flow(whole, 4001, "192.0.2.1", 2000),
                flow(whole, 4002, "198.51.100.9", 500, drop=True),
            ),
            dns_reqs=(
                DnsRequest(
                    host_name="example.org",
                    addrs=("192.0.2.1",),
                    request_time=whole.devices.clock(),
                ),
            ),
        )
    )
    for _ in range(2):  # sent twice, stored once
        reply = await whole.devices.post(device.path(Endpoint.FLOWLOG), device.sealed(message))
        assert reply.status == 201
    caller, of_app = whole.caller, f"/v1/apps/instances/id/{world.instance}"
    talkers = await caller.get(f"{of_app}/flowlog/toptalkers")
    assert [(t["remoteAddr"], t["Total"]) for t in talkers["list"]] == [
        ("192.0.2.1", "3020"),
        ("198.51.100.9", "510"),
    ]
    edges = await caller.get(f"{of_app}/flowlog/classification", levels="ACTION,FQDN")
    assert {(e["sourceNode"], e["destNode"], e["metricValue"]) for e in edges["list"]} == {
        ("FLOW_LOG_ACTION_ACCEPT", "example.org", "3020"),
        ("FLOW_LOG_ACTION_DROP", "198.51.100.9", "510"),
    }
    for noun, object_id in (
        ("devices", world.device),
        ("netinsts", world.netinst),
        ("apps/instances", world.instance),
    ):
        path = f"/v1/eaves/{noun}/id/{object_id}"
        denied = await caller.get(f"{path}/flows", denied="true")
        assert [one["remoteAddr"] for one in denied["list"]] == ["198.51.100.9"]
        hosts = await caller.get(f"{path}/toptalkers", by="host")
        assert [one["name"] for one in hosts["list"]] == ["example.org", "198.51.100.9"]
    apps = await caller.get(f"/v1/eaves/devices/id/{world.device}/toptalkers", by="app")
    assert [(one["name"], one["flows"]) for one in apps["list"]] == [("web-1", 3)]
    long_ago = "2020-01-01T00:00:00Z"
    none = await caller.get(f"{of_app}/flowlog/toptalkers", startTime=long_ago, endTime=long_ago)
    assert none["list"] == []


async def test_logs_are_bounded_and_end_with_their_device(
    whole: Whole, world: World, device: WireDevice
) -> None:
    lines = entries(whole, [f"{n * 7919:x} {n * 104729:x} line {n}" for n in range(5000)])
    await upload(whole, device, lines)
    path = f"/v1/eaves/devices/id/{world.device}/logs"
    work, now = whole.devices.service.telemetry.log_writer.work, whole.devices.clock()
    await bound_logs(work, replace(Retention(), log_bytes_per_device=20_000), now)
    left = (await whole.caller.get(path, **{"next.pageSize": "1000"}))["list"]
    assert 0 < len(left) < 1000  # the rest is gone, the oldest first
    assert left[-1]["content"].endswith("line 4999")
    await bound_logs(work, replace(Retention(), log_days=0), now + timedelta(days=1))
    assert (await whole.caller.get(path))["list"] == []
    await forget_gone(whole.jobs.engine, work, now)  # the device is there: nothing to do
