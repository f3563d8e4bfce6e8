"""Status, reasons, events and logs, as a device reports and a person asks."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy import select
from support.rest import Caller, Rest, running_rest
from support.rest_objects import World, build_world
from support.telemetry import fold_logs, fold_series, fold_state, info_report, metrics_report

from eaves.controller.store import devices
from eaves.controller.store.listed import note_reported
from eaves.controller.store.tables import Kind, objects
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.controller.telemetry.reports import LogUpload, digest_of, microseconds
from eaves.evapi.info import (
    ErrorInfo,
    ZInfoApp,
    ZInfoDevice,
    ZInfoMsg,
    ZInfoTypes,
    ZSwState,
    encode_z_info_msg,
)
from eaves.evapi.logs import LogEntry, encode_log_file
from eaves.evapi.metrics import (
    AppCpuMetric,
    AppMetric,
    DeviceMetric,
    MemoryMetric,
    ZMetricMsg,
    encode_z_metric_msg,
)
from eaves.ids import DeviceId

pytestmark = pytest.mark.system


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path) as running:
        await running.add_user("alice")
        yield running


@pytest.fixture
async def caller(rest: Rest) -> AsyncIterator[Caller]:
    async with rest.client(await rest.login("alice")) as http:
        yield Caller(http)


@pytest.fixture(name="world")
async def world_of_all_kinds(caller: Caller) -> World:
    return await build_world(caller)


async def onboard(rest: Rest, world: World) -> DeviceId:
    device_id = DeviceId(world.device)
    async with unit_of_work(rest.engine) as db:
        await devices.register_binding(
            db,
            devices.Binding(
                device_id=device_id,
                enterprise_id="",
                certificate_hash=b"h" * 32,
                certificate_der=b"der",
                onboarding_key="key",
                serial="serial",
                bound_at=rest.clock(),
            ),
        )
        await devices.put_last_seen(db, {device_id: rest.clock()})
    return device_id


async def report(rest: Rest, device_id: DeviceId, object_id: str, message: ZInfoMsg) -> None:
    made = info_report(device_id, encode_z_info_msg(message), rest.clock())
    assert made.object_id == object_id
    fold_state(rest.engine.url, made)
    if message.dinfo is not None:  # a job does, with the event
        async with unit_of_work(rest.engine) as db:
            await note_reported(db, {device_id: int(message.dinfo.state)})


async def test_a_device_that_never_came_says_what_to_do(caller: Caller, world: World) -> None:
    status = await caller.get(f"/v1/devices/id/{world.device}/status")
    assert status["runState"] == "RUN_STATE_UNPROVISIONED"
    why = await caller.get(f"/v1/eaves/why/device/{world.device}")
    assert not why["met"]
    assert "serial-of-edge-1" in why["chain"][-1]["text"]
    for kind in ("instance", "netinst", "volume"):
        told = await caller.get(f"/v1/eaves/why/{kind}/{getattr(world, kind)}")
        assert told["chain"]
        state = await caller.get(
            {
                "instance": f"/v1/apps/instances/id/{world.instance}/status",
                "netinst": f"/v1/netinsts/id/{world.netinst}/status",
                "volume": f"/v1/volumes/instances/id/{world.volume}/status",
            }[kind]
        )
        assert state["runState"]


@pytest.mark.usefixtures("world")
async def test_lists_tell_how_many_app_instances_and_devices_there_are(caller: Caller) -> None:
    for path, one in (
        ("/v1/devices/status", 1),
        ("/v1/devices/status-config", "1"),  # as the contract writes it
        ("/v1/apps", 1),
    ):
        told = await caller.get(path)
        assert [row["appInstCount"] for row in told["list"]] == [one], path
    assert (await caller.get("/v1/apps/name/web"))["appInstCount"] == 1
    projects = await caller.get("/v1/projects")
    assert {row["name"]: row["numdevices"] for row in projects["list"]} == {"plant": 1}


async def test_what_a_device_reports_is_its_status(
    rest: Rest, caller: Caller, world: World
) -> None:
    device_id = await onboard(rest, world)
    await report(
        rest,
        device_id,
        "",
        ZInfoMsg(
            ztype=ZInfoTypes.ZiDevice, dev_id=world.device, dinfo=ZInfoDevice(host_name="edge")
        ),
    )
    app = ZInfoApp(
        app_id=world.instance,
        app_name="web-1",
        state=ZSwState.ERROR,
        app_err=(ErrorInfo(description="no such file: disk.qcow2"),),
    )
    await report(
        rest,
        device_id,
        world.instance,
        ZInfoMsg(ztype=ZInfoTypes.ZiApp, dev_id=world.device, ainfo=app),
    )
    device = await caller.get("/v1/devices/name/edge-1/status")
    assert (device["runState"], device["hostName"]) == ("RUN_STATE_ONLINE", "edge")
    status = await caller.get("/v1/apps/instances/name/web-1/status")
    assert status["runState"] == "RUN_STATE_ERROR"
    assert status["errInfo"][0]["description"] == "no such file: disk.qcow2"
    why = await caller.get(f"/v1/eaves/why/instance/{world.instance}")
    assert any("disk.qcow2" in link["text"] for link in why["chain"])
    listed = await caller.get("/v1/apps/instances/status", runState="ERROR")
    (row,) = listed["list"]
    assert (row["deviceName"], row["projectName"], row["appName"]) == ("edge-1", "plant", "web")
    assert listed["summaryByState"]["values"] == {"RUN_STATE_ERROR": 1}
    # as the status of one: a table needs no call for each row
    assert (row["errInfo"], row["lastUpdate"]) == (status["errInfo"], status["lastUpdate"])
    (row,) = (await caller.get("/v1/devices/status"))["list"]
    assert row["lastUpdate"] == device["lastUpdate"]
    of_project = await caller.get("/v1/projects/name/plant/status")
    assert of_project["status"] == "TAG_STATUS_ACTIVE"
    assert of_project["devicesByState"] == {"RUN_STATE_ONLINE": 1}
    assert of_project["appInstancesByState"] == {"RUN_STATE_ERROR": 1}
    assert await caller.get(f"/v1/projects/id/{of_project['id']}/status") == of_project
    for path in ("status", "status-config"):
        projects = await caller.get(f"/v1/projects/{path}", namePattern="PLAN")
        (entry,) = projects["list"]
        assert (entry["id"], entry["devicesByState"]) == (of_project["id"], {"RUN_STATE_ONLINE": 1})
        assert projects["totalCount"] == 1
        assert projects["summaryByState"]["values"]["TAG_STATUS_ACTIVE"] >= 1
    rest.clock.pass_by(timedelta(hours=1))
    silent = await caller.get("/v1/devices/status")
    assert silent["list"][0]["runState"] == "RUN_STATE_OFFLINE"


async def test_metrics_stand_in_the_status(rest: Rest, caller: Caller, world: World) -> None:
    device_id = await onboard(rest, world)
    start = rest.clock()
    for second, spent in ((0, 1.0), (10, 6.0)):
        moment = start + timedelta(seconds=second)
        message = ZMetricMsg(
            dev_id=world.device,
            at_time_stamp=moment,
            dm=DeviceMetric(memory=MemoryMetric(used_mem=100, avail_mem=300)),
            am=(AppMetric(app_id=world.instance, cpu=AppCpuMetric(total_ns=int(spent * 1e9))),),
        )
        fold_series(
            rest.engine.url, metrics_report(device_id, encode_z_metric_msg(message), moment)
        )
    device = await caller.get(f"/v1/devices/id/{world.device}/status")
    assert device["Memory"] == {"UsedMB": 100.0, "TotalMB": 400.0}
    app = await caller.get(f"/v1/apps/instances/id/{world.instance}/status")
    assert app["Cpu"] == {"Utilization": 50.0}


async def test_events_tell_who_did_what_newest_first(caller: Caller, world: World) -> None:
    await caller.put(f"/v1/apps/instances/id/{world.instance}/restart")
    of_app = await caller.get(f"/v1/apps/instances/id/{world.instance}/events")
    assert of_app["list"][0]["eventType"] == "APP_INSTANCE_RESTART_ASKED"
    assert of_app["list"][0]["user"] == "alice"
    assert of_app["list"][0]["device"] == "edge-1"
    assert of_app["list"][0]["severity"] == "SEVERITY_INFO"
    assert of_app["list"][-1]["eventType"] == "APP_INSTANCE_CREATED"
    by_name = await caller.get("/v1/apps/instances/name/web-1/events")
    assert by_name == of_app
    seen: list[str] = []
    rows: list[int] = []
    token = ""
    while True:
        page = await caller.get("/v1/events", **{"next.pageSize": "5", "next.pageToken": token})
        rows += [int(item["id"]) for item in page["list"]]
        seen += [item["description"] for item in page["list"]]
        token = page["next"]["pageToken"]
        if not token:
            break
    assert len(seen) == len(set(seen)) > 10
    assert rows == sorted(set(rows), reverse=True)
    assert any(text.startswith("brand acme: created") for text in seen)


async def test_logs_come_oldest_first_and_go_on_from_a_token(
    rest: Rest, caller: Caller, world: World
) -> None:
    device_id = await onboard(rest, world)
    start = datetime(2026, 1, 2, tzinfo=UTC)
    async with snapshot(rest.engine) as db:
        device_rows = objects[Kind.DEVICE]
        enterprise = (await db.execute(select(device_rows.c.enterprise_id))).scalar_one()
    for app_id, word in ((world.instance, "app"), ("", "device")):
        entries = [
            LogEntry(
                content=f"{word} {n}",
                msgid=n,
                timestamp=start + timedelta(seconds=n),
                severity="err" if n == 3 else "info",
            )
            for n in range(5)
        ]
        file = encode_log_file(None, start, entries)
        upload = LogUpload(
            enterprise_id=enterprise,
            device_id=device_id,
            received_at=microseconds(start),
            digest=digest_of(app_id.encode() + file),
            app_id=app_id,
            file=file,
        )
        assert fold_logs(rest.engine.url, upload) == [True]
    path = f"/v1/apps/instances/id/{world.instance}/logs"
    all_lines = (await caller.get(path))["content"]["list"]
    assert [line["content"] for line in all_lines] == [f"app {n}" for n in range(5)]
    first = (await caller.get(path, startTime="2026-01-02T00:00:01Z", **{"Cursor.pageSize": "2"}))[
        "content"
    ]
    assert [line["content"] for line in first["list"]] == ["app 1", "app 2"]
    token = first["next"]["pageToken"]
    rest_of_them = (await caller.get(path, **{"Cursor.pageToken": token}))["content"]["list"]
    assert [line["content"] for line in rest_of_them] == ["app 3", "app 4"]
    path = f"/v1/eaves/devices/id/{world.device}/logs"
    worse = await caller.get(path, severity="warning")
    assert [line["content"] for line in worse["list"]] == ["device 3"]
    found = await caller.get(path, search="DEV 4")
    assert [line["content"] for line in found["list"]] == ["device 4"]
    turned = await caller.get(path, **{"next.orderBy": "timestamp:desc", "next.pageSize": "2"})
    assert [line["content"] for line in turned["list"]] == ["device 4", "device 3"]
    older = await caller.get(path, **{"next.pageToken": turned["next"]["pageToken"]})
    assert [line["content"] for line in older["list"]] == ["device 2", "device 1", "device 0"]
    of_device = await caller.get(path)
    assert [line["content"] for line in of_device["list"]] == [f"device {n}" for n in range(5)]


async def test_onboarding_material_is_handed_out_until_the_device_is_onboarded(
    rest: Rest, caller: Caller, world: World
) -> None:
    path = f"/v1/devices/id/{world.device}/onboarding"
    handed = (await caller.get(path))["onboarding"]
    certificate = x509.load_pem_x509_certificate(handed["pemCert"].encode())
    assert rest.keys.is_own_onboarding(certificate)
    assert "PRIVATE KEY" in handed["pemKey"]
    await onboard(rest, world)
    refused = await caller.http.get(path)
    assert refused.status_code == 412
    async with rest.client() as http:
        told = (await http.get("/v1/eaves/controller")).json()
    assert told["deviceServer"] == "controller.example:8443"
    assert "BEGIN CERTIFICATE" in told["rootCertificatePem"]


async def test_a_device_is_found_by_serial_and_its_network_knows_it(
    caller: Caller, world: World
) -> None:
    found = await caller.get("/v1/devices/serial/serial-of-edge-1")
    assert found["id"] == world.device
    users = await caller.get(f"/v1/networks/id/{world.network}/devices")
    assert users["list"] == [{"devId": world.device, "devName": "edge-1", "adapterName": "eth0"}]


async def test_a_project_that_enforces_attestation_binds_its_devices(
    rest: Rest, caller: Caller, world: World
) -> None:
    device_id = await onboard(rest, world)
    path = f"/v1/projects/id/{world.project}"
    for policy, required in (("ENFORCE", True), ("ACCEPT", False)):
        body = await caller.get(path)
        body["attestationPolicy"]["attestationPolicy"]["type"] = f"ATTEST_POLICY_TYPE_{policy}"
        await caller.put(path, body)
        async with unit_of_work(rest.engine) as db:
            (row,) = await devices.read_devices(db, (device_id,))
        assert row.attestation_required is required
