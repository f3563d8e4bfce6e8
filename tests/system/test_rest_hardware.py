"""Global catalogue and import, PCR templates, enrolment profiles, machines, texts, drafts."""

import base64
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.rest import Caller, Json, Rest, running_rest
from support.rest_objects import World, brand, build_world, device, model, network, project
from support.telemetry import fold_state, info_report

from eaves.controller.domain.builtin_roles import SYS_MONITOR
from eaves.controller.store.devices import read_devices
from eaves.controller.store.registering import Binding, register_binding
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.evapi.device_certs import Chance, device_certificate
from eaves.evapi.envelope import device_hash
from eaves.evapi.info import (
    ZInfoDevice,
    ZInfoHardware,
    ZInfoManufacturer,
    ZInfoMsg,
    ZInfoTypes,
    encode_z_info_msg,
)
from eaves.evapi.info.hardware import (
    BusParent,
    HardwareInventory,
    NetworkDevice,
    NetworkDeviceType,
    PCIAddress,
    PCIDevice,
)
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

CHALLENGE = "let-the-node-enrol"
DIGEST = "ab" * 32


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
async def stranger(rest: Rest) -> AsyncIterator[Caller]:
    await rest.add_user("mallory")
    async with rest.client(await rest.login("mallory")) as http:
        yield Caller(http)


@pytest.fixture
async def monitor(rest: Rest, enterprise: str) -> AsyncIterator[Caller]:
    await rest.add_user("bob", enterprise=enterprise, role=SYS_MONITOR)
    async with rest.client(await rest.login("bob")) as http:
        yield Caller(http)


async def test_a_model_of_the_global_catalogue_is_imported(
    alice: Caller, stranger: Caller, monitor: Caller
) -> None:
    brands = await alice.get("/v1/brands/global")
    assert brands["totalCount"] == len(brands["list"])
    assert brands["list"][0]["originType"] == "ORIGIN_GLOBAL"
    one = brands["list"][0]
    assert await stranger.get(f"/v1/brands/global/id/{one['id']}") == one
    assert await alice.get(f"/v1/brands/global/name/{one['name']}") == one
    listed = await alice.get("/v1/sysmodels/global", brandId=one["id"])
    assert {m["brandId"] for m in listed["list"]} == {one["id"]}
    everything = await alice.get("/v1/sysmodels/global", summary="true")
    assert everything["totalCount"] >= 80
    assert everything["list"] == []
    of = listed["list"][0]
    assert await alice.get(f"/v1/sysmodels/global/name/{of['name']}") == of
    assert await alice.get(f"/v1/sysmodels/global/id/{of['id']}") == of
    for path in ("brands/global/id/no", "sysmodels/global/id/no", "sysmodels/global/name/no"):
        assert (await alice.http.get(f"/v1/{path}")).status_code == 404
    path = f"/v1/sysmodels/id/{of['id']}/import"
    assert (await monitor.http.put(path)).status_code == 403
    assert (await alice.http.put("/v1/sysmodels/id/no/import")).status_code == 404
    answer = await alice.http.put(path)
    assert answer.status_code == 200, answer.text
    copy = answer.json()
    assert (copy["name"], copy["originType"]) == (of["name"], "ORIGIN_IMPORTED")
    assert copy["id"] != of["id"]
    assert copy["isImported"]
    assert copy["ioMemberList"] == of["ioMemberList"]
    assert copy["parentDetail"]["idOfParentObject"] == of["id"]
    assert copy["parentDetail"]["versionOfParentObject"] == int(of["revision"]["curr"])
    own = await alice.get(f"/v1/brands/id/{copy['brandId']}")
    assert (own["name"], own["originType"]) == (one["name"], "ORIGIN_IMPORTED")
    again = await alice.http.put(path)
    assert again.json()["id"] == copy["id"]
    assert (await stranger.get("/v1/sysmodels"))["totalCount"] == 0
    theirs = await stranger.http.put(path)
    assert theirs.json()["id"] not in (copy["id"], of["id"])
    other = listed["list"][-1]
    if other["name"] == of["name"]:
        other = (await alice.get("/v1/sysmodels/global"))["list"][-1]
    await alice.create("/v1/sysmodels", model(copy["brandId"], other["name"]))
    taken = await alice.http.put(f"/v1/sysmodels/id/{other['id']}/import")
    assert taken.status_code == 409


async def test_pcr_templates_of_a_model(alice: Caller, stranger: Caller, monitor: Caller) -> None:
    brand_id = await alice.create("/v1/brands", brand())
    model_id = await alice.create("/v1/sysmodels", model(brand_id))
    path = f"/v1/sysmodels/id/{model_id}/pcrtemplates"
    value = {"index": 0, "type": "PCR_TYPE_HASH", "value": DIGEST}
    good: Json = {"name": "golden", "eveVersion": "13.4.0", "PCRValues": [value]}
    bad: Json = {
        "name": "golden",
        "eveVersion": "",
        "PCRValues": [{"index": 99, "type": "PCR_TYPE_HASH", "value": "no digest"}],
    }
    refused = await alice.http.post(path, json={"templates": [good, bad]})
    assert refused.status_code == 400
    assert [e["location"] for e in refused.json()["error"]] == [
        "templates[1].eveVersion",
        "templates[1].PCRValues[0].index",
        "templates[1].PCRValues[0].value",
        "templates[1].name",
    ]
    assert (await alice.get(path))["templates"] == []
    assert (await monitor.http.post(path, json={"templates": [good]})).status_code == 403
    template_id = await alice.create(path, {"templates": [good]})
    (told,) = (await alice.get(path, eveImageVersion="13.4.0"))["templates"]
    assert told["id"] == template_id
    assert (await alice.get(path, eveImageVersionPattern="12"))["templates"] == []
    assert (await alice.get(f"{path}/name/golden"))["templates"] == [told]
    one = f"/v1/pcrtemplates/id/{template_id}"
    assert (await alice.get(one))["templates"] == [told]
    assert (await alice.get(one, modelId=model_id))["templates"] == [told]
    changed = {**good, "eveVersion": "*"}
    changing = f"/v1/pcrtemplate/id/{template_id}"
    assert (await stranger.http.put(changing, json=changed)).status_code == 404
    assert (await stranger.http.get(one)).status_code == 404
    assert (await stranger.http.get(path)).status_code == 404
    await alice.put(changing, changed)
    as_read = await alice.get(f"/v1/sysmodels/id/{model_id}")
    assert as_read["PCRTemplates"][0]["eveVersion"] == "*"
    await alice.put(f"/v1/sysmodels/id/{model_id}", as_read | {"PCRTemplates": None})
    assert (await alice.get(path))["templates"][0]["id"] == template_id
    assert (await monitor.http.delete(one)).status_code == 403
    await alice.delete(f"{one}?modelId={model_id}")
    assert (await alice.get(path))["templates"] == []
    assert (await alice.http.delete(one)).status_code == 404


async def test_certificate_enrolment_profiles(
    rest: Rest, alice: Caller, stranger: Caller, monitor: Caller, world: World
) -> None:
    pem = device_certificate(
        ec.generate_private_key(ec.SECP256R1()), Chance(rest.clock(), os.urandom)
    )
    sent: Json = {
        "name": "factory-ca",
        "title": "Factory",
        "scepUrl": "https://ca.example.org/scep",
        "caCertPem": [base64.b64encode(pem).decode()],
        "csrProfile": {
            "commonName": "node",
            "country": "DE",
            "keyType": "KEY_TYPE_RSA_2048",
            "hashAlgorithm": "HASH_ALGORITHM_SHA256",
        },
        "secret": {"challengePassword": CHALLENGE},
    }
    refused = await alice.http.post(
        "/v1/ceps",
        json={**sent, "scepUrl": "ca", "caCertPem": ["?"], "csrProfile": {"country": "Germany"}},
    )
    assert refused.status_code == 400
    assert [e["location"] for e in refused.json()["error"]] == [
        "scepUrl",
        "caCertPem[0]",
        "csrProfile.commonName",
        "csrProfile.country",
    ]
    assert (await monitor.http.post("/v1/ceps", json=sent)).status_code == 403
    profile_id = await alice.create("/v1/ceps", sent)
    told = await alice.get("/v1/ceps/name/factory-ca")
    assert told["id"] == profile_id
    assert told["enterpriseId"]
    assert "secret" not in told
    assert told["projectsList"] == []
    assert (await stranger.get("/v1/ceps"))["totalCount"] == 0
    assert (await stranger.http.get(f"/v1/ceps/id/{profile_id}")).status_code == 404
    listed = await alice.get("/v1/ceps", showProjectsList="true", namePattern="factory")
    assert [one["name"] for one in listed["list"]] == ["factory-ca"]
    policy = {
        "name": "",
        "title": "Ports",
        "type": "POLICY_TYPE_PORT_BASED_NETWORK_ACCESS_CONTROL",
        "portBasedNetworkAccessControlPolicy": {"certificateEnrollmentId": profile_id},
    }
    at = f"/v1/projects/id/{world.project}"
    plant = await alice.get(at)
    lost = json.loads(json.dumps(policy).replace(profile_id, "no-such-profile"))
    wrong = await alice.http.put(at, json={**plant, "portBasedNetworkAccessControlPolicy": lost})
    assert wrong.status_code == 400
    await alice.put(at, {**plant, "portBasedNetworkAccessControlPolicy": policy})
    told = await alice.get(f"/v1/ceps/id/{profile_id}")
    assert told["projectsList"] == [{"projectId": world.project, "projectName": "plant"}]
    assert (await alice.http.delete(f"/v1/ceps/id/{profile_id}")).status_code == 409
    await alice.put(f"/v1/ceps/id/{profile_id}", {**told, "scepUrl": "https://other.example.org"})
    plant = await alice.get(at)
    await alice.put(at, {**plant, "portBasedNetworkAccessControlPolicy": None})
    await alice.delete(f"/v1/ceps/id/{profile_id}")
    events = await alice.get("/v1/events")
    assert CHALLENGE not in json.dumps(events)


@pytest.fixture
async def world(alice: Caller) -> World:
    return await build_world(alice)


def fresh_certificate(rest: Rest) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return device_certificate(key, Chance(rest.clock(), os.urandom))


async def test_a_device_is_known_by_an_uploaded_certificate(
    rest: Rest, alice: Caller, stranger: Caller, world: World
) -> None:
    pem = fresh_certificate(rest)
    sent = device(world.project, world.model, "edge-2")
    refused = await alice.http.post("/v1/devices", json={**sent, "identity": "bm90IG9uZQ=="})
    assert refused.status_code == 400
    assert refused.json()["error"][0]["location"] == "identity"
    encoded = base64.b64encode(pem).decode()
    device_id = DeviceId(await alice.create("/v1/devices", {**sent, "identity": pem.decode()}))
    async with snapshot(rest.engine) as db:
        (row,) = await read_devices(db, (device_id,))
    assert row.certificate_hash == device_hash(pem)
    assert row.config_hash
    status = await alice.get(f"/v1/devices/id/{device_id}/status")
    assert status["runState"] == "RUN_STATE_PROVISIONED"
    other = base64.b64encode(fresh_certificate(rest)).decode()
    as_read = await alice.get(f"/v1/devices/id/{device_id}")
    conflict = await alice.http.put(
        f"/v1/devices/id/{device_id}", json={**as_read, "identity": other}
    )
    assert conflict.status_code == 409
    await alice.put(f"/v1/devices/id/{device_id}", {**as_read, "identity": ""})
    assert (await alice.get(f"/v1/devices/id/{device_id}"))["identity"] == encoded
    brand_id = await stranger.create("/v1/brands", brand())
    model_id = await stranger.create("/v1/sysmodels", model(brand_id))
    project_id = await stranger.create("/v1/projects", project())
    await stranger.create("/v1/networks", network(project_id))
    mine = device(project_id, model_id, "mine") | {"serialno": "another"}
    clash = await stranger.http.post("/v1/devices", json={**mine, "identity": encoded})
    assert clash.status_code == 409
    clash = await stranger.http.post(
        "/v1/devices",
        json={**mine, "serialno": sent["serialno"]},
    )
    assert clash.status_code == 409
    seen = await alice.get(f"/v1/devices/id/{device_id}/events")
    told = {e["eventType"]: e for e in seen["list"]}
    for kind in ("EDGE_NODE_CERTIFICATE_CLASH", "EDGE_NODE_SERIAL_CLASH"):
        assert told[kind]["severity"] in ("SEVERITY_ERROR", "error")
        assert "mallory" not in json.dumps(told[kind])
    own = await stranger.get("/v1/events")
    types = [e["eventType"] for e in own["list"]]
    assert types.count("EDGE_NODE_CERTIFICATE_CLASH") == 1
    assert device_id not in json.dumps(own)


async def test_a_machine_is_replaced_and_its_history_kept(
    rest: Rest, alice: Caller, stranger: Caller, monitor: Caller, world: World
) -> None:
    path = f"/v1/eaves/devices/id/{world.device}"
    new = {"serialno": "NEW-BOARD", "why": "board broken"}
    early = await alice.http.put(f"{path}/replace", json=new)
    assert early.status_code == 412
    async with unit_of_work(rest.engine) as db:
        await register_binding(
            db,
            Binding(
                device_id=DeviceId(world.device),
                enterprise_id="",
                certificate_hash=b"h" * 32,
                certificate_der=b"der",
                onboarding_key="key",
                serial="serial-of-edge-1",
                bound_at=rest.clock(),
            ),
        )
    assert (await monitor.http.put(f"{path}/replace", json=new)).status_code == 403
    assert (await stranger.http.put(f"{path}/replace", json=new)).status_code == 404
    assert (await alice.http.put(f"{path}/replace", json={})).status_code == 400
    await alice.put(f"{path}/replace", new)
    device_now = await alice.get(f"/v1/devices/id/{world.device}")
    assert device_now["serialno"] == "NEW-BOARD"
    assert (await alice.get(f"/v1/apps/instances/id/{world.instance}"))["name"] == "web-1"
    status = await alice.get(f"/v1/devices/id/{world.device}/status")
    assert status["runState"] == "RUN_STATE_UNPROVISIONED"
    (before,) = (await alice.get(f"{path}/machines"))["list"]
    assert (before["serialno"], before["why"], before["user"]) == (
        "serial-of-edge-1",
        "board broken",
        "alice",
    )
    assert (await stranger.http.get(f"{path}/machines")).status_code == 404
    assert (await alice.get(f"/v1/devices/id/{world.device}/config"))["latestConfigHash"]


async def test_policy_documents(alice: Caller, stranger: Caller, monitor: Caller) -> None:
    assert (await alice.get("/v1/cloud/policies"))["plist"]["list"] == []
    refused = await alice.http.post("/v1/cloud/policies", json={"version": "?", "fileURL": "x"})
    assert [e["location"] for e in refused.json()["error"]] == ["version", "fileURL"]
    one = {"version": "1.0", "policy": "Be kind."}
    assert (await monitor.http.post("/v1/cloud/policies", json=one)).status_code == 403
    made = await alice.http.post("/v1/cloud/policies", json=one)
    assert made.status_code == 200, made.text
    assert (await alice.http.post("/v1/cloud/policies", json=one)).status_code == 409
    await alice.http.post("/v1/cloud/policies", json={**one, "version": "1.1"})
    assert (await monitor.get("/v1/cloud/policies"))["pinfo"]["version"] == "1.0"
    latest = await alice.http.put("/v1/cloud/policies/latest", json={"version": "1.1"})
    assert latest.status_code == 200
    told = await alice.get("/v1/cloud/policies", all="true")
    assert told["pinfo"]["version"] == "1.1"
    assert len(told["plist"]["list"]) == 2
    assert (await alice.get("/v1/cloud/policies/id/1.0"))["pinfo"]["policy"] == "Be kind."
    assert (await alice.http.delete("/v1/cloud/policies/id/1.1")).status_code == 409
    assert (await stranger.http.delete("/v1/cloud/policies/id/1.0")).status_code == 404
    assert (await stranger.get("/v1/cloud/policies", all="true"))["plist"]["list"] == []
    assert (await alice.http.delete("/v1/cloud/policies/id/1.0")).status_code == 200
    assert (await alice.http.get("/v1/cloud/policies/id/1.0")).status_code == 404


async def test_a_model_is_drafted_from_what_a_device_reports(
    rest: Rest, alice: Caller, stranger: Caller, world: World
) -> None:
    path = f"/v1/eaves/devices/id/{world.device}/model-draft"
    assert (await alice.http.get(path)).status_code == 412
    device_id = DeviceId(world.device)
    address = PCIAddress(bus=2)
    reports = (
        ZInfoMsg(
            ztype=ZInfoTypes.ZiDevice,
            dev_id=world.device,
            dinfo=ZInfoDevice(
                machine_arch="x86_64",
                ncpu=4,
                minfo=ZInfoManufacturer(manufacturer="ACME Inc.", product_name="Box 9"),
            ),
        ),
        ZInfoMsg(
            ztype=ZInfoTypes.ZiHardware,
            dev_id=world.device,
            hwinfo=ZInfoHardware(
                inventory=HardwareInventory(
                    total_memory_bytes=8 << 30,
                    total_storage_bytes=100 << 30,
                    pci_devices=(PCIDevice(address=address, class_id=2, iommu_group="7"),),
                    network_devices=(
                        NetworkDevice(
                            ifname="enp2s0",
                            parent=BusParent(pci_parent=address),
                            type=NetworkDeviceType.NETWORK_DEVICE_TYPE_ETHERNET,
                        ),
                    ),
                )
            ),
        ),
    )
    for message in reports:
        fold_state(
            rest.engine.url, info_report(device_id, encode_z_info_msg(message), rest.clock())
        )
    drafted = await alice.get(path)
    assert drafted["model"]["name"] == "ACME-Inc-Box-9"
    assert drafted["model"]["attr"]["memory"] == "8G"
    (port,) = drafted["model"]["ioMemberList"]
    assert port["phyaddrs"] == {"Ifname": "enp2s0", "PciLong": "0000:02:00.0"}
    assert (port["assigngrp"], port["usage"]) == ("group7", "ADAPTER_USAGE_MANAGEMENT")
    assert (await stranger.http.get(path)).status_code == 404
    brand_id = await alice.create("/v1/brands", drafted["brand"])
    await alice.create("/v1/sysmodels", {**drafted["model"], "brandId": brand_id})
    named = await alice.get("/v1/eaves/devices/name/edge-1/model-draft", name="my-box")
    assert named["model"]["name"] == "my-box"
