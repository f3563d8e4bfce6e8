"""Twins, tags in use, places, raw reports, debug access, health: what support asks over REST."""

import base64
import hashlib
import json
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.rest import Caller, Json, Rest, running_rest
from support.rest_objects import World, build_world, device, image
from support.telemetry import fold_series, fold_state, info_report, metrics_report

from eaves.controller.domain.builtin_roles import SYS_MONITOR
from eaves.controller.jobs.debug_windows import close_debug_windows
from eaves.controller.jobs.leased import Held
from eaves.controller.jobs.rendering import render_devices
from eaves.controller.store.devices import ECDH_TYPE, EdgeNodeCertificate, put_device_certificates
from eaves.controller.store.leases import Lease
from eaves.controller.store.rendered import find_rendered
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.evapi.bootstrap import open_bootstrap
from eaves.evapi.certs import decode_z_cert
from eaves.evapi.config import decode_bootstrap_config, decode_edge_dev_config
from eaves.evapi.device_certs import Chance, device_certificate
from eaves.evapi.envelope import parse_envelope
from eaves.evapi.info import ZInfoDevice, ZInfoMsg, ZInfoTypes, encode_z_info_msg
from eaves.evapi.metrics import DeviceMetric, ZMetricMsg, encode_z_metric_msg
from eaves.evapi.poll import decode_poll_response
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

MARK = "eth0-is-blue"


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path) as running:
        yield running


@pytest.fixture
async def enterprise(rest: Rest) -> str:
    return await rest.add_user("alice")


@pytest.fixture
async def alice(rest: Rest, enterprise: str) -> AsyncIterator[Caller]:
    assert enterprise
    async with rest.client(await rest.login("alice")) as http:
        yield Caller(http)


@pytest.fixture
async def world(alice: Caller) -> World:
    return await build_world(alice)


@pytest.fixture
async def stranger(rest: Rest) -> AsyncIterator[Caller]:
    await rest.add_user("mallory")
    async with rest.client(await rest.login("mallory")) as http:
        yield Caller(http)


@pytest.fixture
async def monitor(rest: Rest, enterprise: str) -> AsyncIterator[Caller]:
    await rest.add_user("bob", enterprise=enterprise, role=SYS_MONITOR)
    async with rest.client(await rest.login("bob")) as http:
        yield Caller(http)


async def config_of(rest: Rest, device_id: str) -> dict[str, str]:
    """The configuration items in force."""
    async with snapshot(rest.engine) as db:
        stored = await find_rendered(db, DeviceId(device_id))
    assert stored is not None
    return {i.key: i.value for i in decode_edge_dev_config(stored.config).config_items}


async def test_tags_in_use_and_places(alice: Caller, stranger: Caller, world: World) -> None:
    one = await alice.get(f"/v1/devices/id/{world.device}")
    one["tags"] = {"site": "north", "floor": "2"}
    one["interfaces"][0]["tags"] = {"cable": MARK}
    one["devLocation"] = {"loc": "52.5, 13.4"}
    await alice.put(f"/v1/devices/id/{world.device}", one)
    two = device(world.project, world.model, "edge-2") | {
        "tags": {"site": "north"},
        "devLocation": {"city": "Bern", "country": "CH"},
    }
    await alice.create("/v1/devices", two)
    third = {"loc": "52.5, 13.4"}
    await alice.create(
        "/v1/devices", device(world.project, world.model, "edge-3") | {"devLocation": third}
    )
    found = await alice.get("/v1/devices/tags")
    assert [(t["key"], t["value"]) for t in found["objectTags"]] == [
        ("floor", "2"),
        ("site", "north"),
    ]
    ports = await alice.get("/v1/devices/interfaces/tags")
    assert [(t["key"], t["value"]) for t in ports["objectTags"]] == [("cable", MARK)]
    netinst = await alice.get(f"/v1/netinsts/id/{world.netinst}")
    await alice.put(
        f"/v1/netinsts/id/{world.netinst}",
        netinst | {"portTags": {"cable": MARK}, "tags": {"a": "b"}},
    )
    nets = await alice.get("/v1/netinsts/tags")
    assert [(t["key"], t["value"]) for t in nets["objectTags"]] == [("a", "b"), ("cable", MARK)]
    project = await alice.get(f"/v1/projects/id/{world.project}")
    await alice.put(f"/v1/projects/id/{world.project}", project | {"tags": {"line": "7"}})
    for asked in ({}, {"filter.objName": "plant"}, {"filter.objId": world.project}):
        tags = await alice.get("/v1/projects/tags", **asked)
        assert [(t["key"], t["value"]) for t in tags["objectTags"]] == [("line", "7")]
    places = await alice.get("/v1/devices/status/locations")
    assert places["deviceLocations"] == [
        {"location": "52.5, 13.4", "count": 2},
        {"location": "Bern, CH", "count": 1},
    ]
    some = await alice.get("/v1/devices/status/locations", namePattern="edge-2")
    assert [p["location"] for p in some["deviceLocations"]] == ["Bern, CH"]
    fourth = {"latlong": "46.9, 7.4", "city": "Bern", "country": "CH"}
    await alice.create(
        "/v1/devices", device(world.project, world.model, "edge-4") | {"devLocation": fourth}
    )
    named = await alice.get("/v1/devices/status/locations", namePattern="edge-4")
    assert named["deviceLocations"] == [{"location": "46.9, 7.4", "count": 1, "name": "Bern, CH"}]
    none = await alice.get("/v1/devices/status/locations", runState="ONLINE")
    assert none["deviceLocations"] == []
    refused = await alice.http.get("/v1/devices/status/locations", params={"colour": "blue"})
    assert refused.status_code == 400
    for path in ("devices/tags", "devices/interfaces/tags", "netinsts/tags", "projects/tags"):
        assert (await stranger.get(f"/v1/{path}"))["objectTags"] == []
    assert (await stranger.get("/v1/devices/status/locations"))["deviceLocations"] == []
    asked = {"filter.objId": world.project}
    assert (await stranger.http.get("/v1/projects/tags", params=asked)).status_code == 404


async def test_the_twin_is_what_the_device_gets(
    rest: Rest, alice: Caller, stranger: Caller, world: World
) -> None:
    path = f"/v1/devices/id/{world.device}/config"
    twin = await alice.get(path)
    assert twin["config"]["deviceName"] == "edge-1"
    assert twin["latestConfigHash"]
    async with snapshot(rest.engine) as db:
        stored = await find_rendered(db, DeviceId(world.device))
    assert stored is not None
    assert base64.b64decode(twin["pconfig"]) == stored.config
    by_name = await alice.get("/v1/devices/name/edge-1/config")
    assert by_name["latestConfigHash"] == twin["latestConfigHash"]
    following = await alice.get(f"{path}/next")
    assert following["nextConfigHash"] == twin["latestConfigHash"]
    assert following["nextConfig"] == twin["config"]
    boot = await alice.get("/v1/devices/name/edge-1/config/bootstrap")
    bootstrap = decode_bootstrap_config(base64.b64decode(boot["pconfig"]))
    root = (await alice.get("/v1/eaves/controller"))["rootCertificatePem"]
    first = open_bootstrap(base64.b64decode(boot["pconfig"]), root.encode(), rest.clock())
    assert first.networks
    assert first.system_adapter_list
    assert not first.apps
    assert not first.datastores
    assert [int(decode_z_cert(c).type) for c in bootstrap.controller_certs] == [1, 2]
    offline = await alice.get(f"{path}/offline")
    (blob,) = offline["localOperatorConsoleBlobList"]["localOperatorConsoleBlobList"]
    assert blob["devId"] == world.device
    response = decode_poll_response(parse_envelope(base64.b64decode(blob["config"])).payload)
    assert response.config == stored.config
    assert offline["localOperatorConsoleBlobList"]["controllerCerts"]
    key = ec.generate_private_key(ec.SECP256R1())
    pem = device_certificate(key, Chance(rest.clock(), os.urandom))
    digest = hashlib.sha256(pem).digest()[:16]
    async with unit_of_work(rest.engine) as db:
        await put_device_certificates(
            db,
            DeviceId(world.device),
            (EdgeNodeCertificate(ECDH_TYPE, digest, pem, rest.clock()),),
        )
    offline = await alice.get("/v1/devices/name/edge-1/config/offline")
    (blob,) = offline["localOperatorConsoleBlobList"]["localOperatorConsoleBlobList"]
    assert "config" not in blob
    assert parse_envelope(base64.b64decode(blob["encryptedConfig"])).encrypted
    for tail in ("", "/next", "/bootstrap", "/offline"):
        assert (await stranger.http.get(path + tail)).status_code == 404
    whole = json.dumps([twin, following, boot, offline])
    assert "s3cret-of-the-store" not in whole
    assert "opens-the-door" not in whole


async def test_a_locked_device_keeps_what_it_has(
    rest: Rest, alice: Caller, monitor: Caller, world: World
) -> None:
    path = f"/v1/devices/id/{world.device}"
    one = await alice.get(path)
    await alice.put(path, one | {"configLock": "DEVICE_CONFIG_LOCK_ENABLED"})
    before = await alice.get(f"{path}/config")
    one = await alice.get(path)
    one["configItem"] = [{"key": "timer.config.interval", "stringValue": "77"}]
    await alice.put(path, one)
    assert (await alice.get(f"{path}/config"))["latestConfigHash"] == before["latestConfigHash"]
    waiting = await alice.get(f"{path}/config/next")
    assert waiting["nextConfigHash"] != before["latestConfigHash"]
    assert {"key": "timer.config.interval", "value": "77"} in waiting["nextConfig"]["configItems"]
    why = await alice.get(f"/v1/eaves/why/device/{world.device}")
    assert "locked" in json.dumps(why)
    await alice.put(f"{path}/reboot")
    rebooted = await alice.get(f"{path}/config")
    assert rebooted["config"]["reboot"]["counter"] == 1
    assert (await config_of(rest, world.device))["timer.config.interval"] == "10"
    assert (await monitor.http.put(f"{path}/config")).status_code == 403
    await alice.put(f"{path}/config")
    assert (await config_of(rest, world.device))["timer.config.interval"] == "77"
    one = await alice.get(path)
    one["configItem"] = []
    await alice.put(path, one)
    assert (await config_of(rest, world.device))["timer.config.interval"] == "77"
    one = await alice.get(path)
    await alice.put(path, one | {"configLock": "DEVICE_CONFIG_LOCK_DISABLED"})
    assert "timer.config.interval" not in await config_of(rest, world.device)
    project = await alice.get(f"/v1/projects/id/{world.project}")
    lock = {
        "name": "",
        "title": "Lock",
        "type": "POLICY_TYPE_CONFIGURATION_LOCK",
        "configurationLockPolicy": {"configLock": "CONFIGURATION_LOCK_ENABLED"},
    }
    await alice.put(f"/v1/projects/id/{world.project}", project | {"configurationLockPolicy": lock})
    one = await alice.get(path)
    one["configItem"] = [{"key": "timer.config.interval", "stringValue": "78"}]
    await alice.put(path, one)
    assert "timer.config.interval" not in await config_of(rest, world.device)


async def test_debug_access_is_opened_for_a_time(
    rest: Rest, alice: Caller, stranger: Caller, monitor: Caller, world: World
) -> None:
    path = f"/v1/devices/id/{world.device}"
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDYpaUfK3uN1j8bZ5mCWmJbS0rG0m3bLz3Xv8ZqRk1aB me"
    refused = await alice.http.put(
        f"{path}/debug/enable", json={"expiry": "999999", "sshKey": "no key"}
    )
    assert refused.status_code == 400
    assert [e["location"] for e in refused.json()["error"]] == ["expiry", "sshKey"]
    assert (await stranger.http.put(f"{path}/debug/enable")).status_code == 404
    assert (await monitor.http.put(f"{path}/debug/enable")).status_code == 403
    await alice.put(f"{path}/debug/enable", {"expiry": "30", "sshKey": key})
    items = await config_of(rest, world.device)
    assert items["debug.enable.usb"] == items["debug.enable.console"] == "true"
    assert items["debug.enable.ssh"] == key
    knob = (await alice.get(path))["debugKnob"]
    assert knob["debugKnob"]
    assert int(knob["expiry"]) == int((rest.clock() + timedelta(minutes=30)).timestamp())
    one = await alice.get(path)
    await alice.put(path, one | {"debugKnob": {"debugKnob": False}, "title": "Other"})
    assert (await alice.get(path))["debugKnob"]["debugKnob"]
    held = Held(Lease("debug-windows", "test", 0), alone=True)
    assert await close_debug_windows(rest.engine, held, rest.clock()) == ()
    rest.clock.pass_by(timedelta(minutes=31))
    due = await close_debug_windows(rest.engine, held, rest.clock())
    assert due == (world.device,)
    await render_devices(rest.engine, rest.keys, due, rest.clock())
    items = await config_of(rest, world.device)
    assert items["debug.enable.usb"] == "false"
    assert "debug.enable.ssh" not in items
    knob = (await alice.get(path))["debugKnob"]
    assert (knob["debugKnob"], knob["expired"]) == (False, True)
    await alice.put(f"{path}/debug/enable")
    assert (await config_of(rest, world.device))["debug.enable.vga"] == "true"
    await alice.put(f"{path}/debug/disable")
    assert (await config_of(rest, world.device))["debug.enable.vga"] == "false"
    assert await close_debug_windows(rest.engine, held, rest.clock() + timedelta(days=9)) == ()
    events = await alice.get(f"{path}/events")
    types = {event["eventType"] for event in events["list"]}
    assert {
        "EDGE_NODE_DEBUG_ACCESS_OPENED",
        "EDGE_NODE_DEBUG_ACCESS_ENDED",
        "EDGE_NODE_DEBUG_ACCESS_CLOSED",
    } <= types


async def test_an_offered_base_image_is_withdrawn(
    alice: Caller, monitor: Caller, world: World
) -> None:
    path = f"/v1/devices/id/{world.device}"
    for name in ("os-1", "os-2"):
        sent = image(world.datastore, name) | {"imageType": "IMAGE_TYPE_EVE"}
        image_id = await alice.create("/v1/apps/images", sent)
        await alice.put(f"/v1/apps/images/id/{image_id}/uplink", sent)
    offered: Json = {"imageName": "os-1", "version": "1", "activate": False, "uuid": ""}
    one = await alice.get(path)
    await alice.put(f"{path}/publish", one | {"baseImage": [offered]})
    assert (await monitor.http.put(f"{path}/unpublish", json=one)).status_code == 403
    other = [offered | {"imageName": "os-2"}]
    refused = await alice.http.put(f"{path}/unpublish", json=one | {"baseImage": other})
    assert refused.status_code == 412
    await alice.put(f"{path}/unpublish", one | {"baseImage": [offered]})
    assert (await alice.get(path))["baseImage"] == []
    await alice.put(f"{path}/apply", one | {"baseImage": [offered]})
    refused = await alice.http.put(f"{path}/unpublish", json=one | {"baseImage": [offered]})
    assert refused.status_code == 412
    assert "activated" in refused.text


async def test_raw_reports_and_attestation(
    rest: Rest, alice: Caller, stranger: Caller, world: World
) -> None:
    path = f"/v1/devices/id/{world.device}"
    assert (await alice.http.get(f"{path}/status/metrics/raw")).status_code == 404
    device_id = DeviceId(world.device)
    info = ZInfoMsg(
        ztype=ZInfoTypes.ZiDevice, dev_id=world.device, dinfo=ZInfoDevice(host_name="edge")
    )
    fold_state(rest.engine.url, info_report(device_id, encode_z_info_msg(info), rest.clock()))
    metrics = ZMetricMsg(dev_id=world.device, dm=DeviceMetric())
    fold_series(
        rest.engine.url, metrics_report(device_id, encode_z_metric_msg(metrics), rest.clock())
    )
    raw = await alice.get(f"{path}/status/metrics/raw")
    assert json.loads(raw["rawMetrics"])["devID"] == world.device
    assert (await alice.get("/v1/devices/name/edge-1/status/metrics/raw"))["id"] == world.device
    told = await alice.get(f"{path}/status/info")
    assert json.loads(told["rawStatus"])["dinfo"]["HostName"] == "edge"
    attested = await alice.get(f"{path}/attestation")
    assert attested["id"] == world.device
    assert attested["attestation"]["state"] == "ATTEST_STATE_NONE"
    for tail in ("status/metrics/raw", "status/info", "attestation"):
        assert (await stranger.http.get(f"{path}/{tail}")).status_code == 404


async def test_health(rest: Rest, alice: Caller) -> None:
    hello = await alice.http.post("/v1/hello", json={"firstName": "Ada", "lastName": "L"})
    assert hello.json() == {"response": "Hello, Ada L"}
    assert (await alice.get("/v1/cloud/ping/id/42"))["pingId"] == "42"
    assert (await alice.http.get("/v1/cloud/ping/id/x")).status_code == 400
    health = await alice.get("/v1/cloud/healthreport")
    (database,) = health["healthDesc"]
    assert database["serviceName"] == "database"
    assert database["briefHealth"]["serviceHealthStatus"].startswith("healthy")
    later = await alice.http.get("/v1/devices/id/1/edgeview/clientscript")
    assert later.status_code == 501
    assert "later: remote access" in later.json()["error"][0]["details"]
    async with rest.client() as nobody:
        assert (await nobody.post("/v1/hello", json={})).status_code == 401
        assert (await nobody.get("/v1/cloud/healthreport")).status_code == 401
        assert (await nobody.get("/v1/cloud/ping/id/1")).status_code == 200
