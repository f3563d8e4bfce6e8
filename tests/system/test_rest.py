"""The REST contract through its door: the real application over a real database."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.rest import Caller, Json, Rest, contains, running_rest
from support.rest_objects import (
    BASES,
    World,
    app_instance,
    bodies,
    brand,
    build_world,
    device,
)

from eaves.controller.store.rendered import find_in_force
from eaves.controller.store.unit import snapshot
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

EMPTIED = {
    "instance": ("customConfig",),
    "datastore": ("secret",),
}  # members that hold blanked secrets


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


def without(body: Json, members: tuple[str, ...]) -> Json:
    return {
        name: value
        for name, value in body.items()
        if name not in members and value != ""  # an empty text may be filled by the server
    }


async def test_what_was_sent_comes_back_by_name_and_by_id(caller: Caller, world: World) -> None:
    for kind, sent in bodies(world).items():
        by_name = await caller.get(f"{BASES[kind]}/name/{sent['name']}")
        object_id = getattr(world, kind)
        assert by_name["id"] == object_id
        assert by_name["revision"]["curr"].isdecimal()
        assert contains(by_name, without(sent, EMPTIED.get(kind, ()))), (kind, by_name, sent)
        assert await caller.get(f"{BASES[kind]}/id/{object_id}") == by_name


async def test_the_server_sets_what_the_contract_gives_to_it(caller: Caller, world: World) -> None:
    project = await caller.get(f"/v1/projects/id/{world.project}")
    assert project["attestationPolicy"]["status"] == "POLICY_STATUS_READY"
    assert project["attestationPolicy"]["statusMessage"] == "Policy configured successfully"
    assert (project["attr"], project["tags"], project["modulePolicy"]) == ({}, {}, [])
    assert project["revision"]["curr"] == "1"
    store = await caller.get(f"/v1/datastores/id/{world.datastore}")
    assert store["dsStatus"] == "DATASTORE_STATUS_ACTIVE"
    assert store["originType"] == "ORIGIN_LOCAL"
    image = await caller.get(f"/v1/apps/images/id/{world.image}")
    assert image["imageStatus"] == "IMAGE_STATUS_READY"
    network = await caller.get(f"/v1/networks/id/{world.network}")
    assert network["proxy"] == {"networkProxyCerts": [], "proxies": []}
    assert network["wireless"] == {
        "type": "NETWORK_WIRELESS_TYPE_UNSPECIFIED",
        "cellularCfg": {"accessPoints": []},
    }
    app = await caller.get(f"/v1/apps/id/{world.app}")
    assert (app["cpus"], app["memory"], app["drives"], app["networks"]) == (1, 524288, 1, 1)
    assert app["parentDetail"]["versionOfParentObject"] == 0
    instance = await caller.get(f"/v1/apps/instances/id/{world.instance}")
    assert instance["projectId"] == world.project
    assert instance["bundleversion"] == "1"
    assert instance["manifestInfo"]["nextBundleVersion"] == "1"
    assert instance["deploymentType"] == "DEPLOYMENT_TYPE_STAND_ALONE"
    assert instance["purge"] == {"counter": 0, "opsTime": "0001-01-01T00:00:00Z"}
    assert instance["vminfo"]["memory"] == 524288
    node = await caller.get(f"/v1/devices/id/{world.device}")
    assert node["utype"] == "AMD64"
    assert node["configLock"] == "DEVICE_CONFIG_LOCK_DISABLED"
    for kind in ("netinst", "volume"):
        carried = await caller.get(f"{BASES[kind]}/id/{getattr(world, kind)}")
        assert carried["projectId"] == world.project


async def test_a_replacement_raises_the_revision_and_a_stale_one_is_refused(
    caller: Caller, world: World
) -> None:
    for kind, sent in bodies(world).items():
        path = f"{BASES[kind]}/id/{getattr(world, kind)}"
        read = await caller.get(path)
        await caller.put(path, read | {"title": "Another Title"})
        again = await caller.get(path)
        assert again["title"] == "Another Title"
        assert int(again["revision"]["curr"]) == int(read["revision"]["curr"]) + 1
        assert again["revision"]["prev"] == read["revision"]["curr"]
        assert contains(again, without(sent, (*EMPTIED.get(kind, ()), "title"))), kind
        stale = await caller.http.put(path, json=read | {"title": "Too Late"})
        assert stale.status_code == 409, (kind, stale.text)
        assert stale.json()["error"][0]["ec"] == "VersionMismatch"
        assert stale.json()["httpStatusCode"] == 409


async def test_a_name_never_changes(caller: Caller, world: World) -> None:
    path = f"/v1/brands/id/{world.brand}"
    answer = await caller.http.put(path, json=brand("other"))
    assert answer.status_code == 400
    assert answer.json()["error"][0]["location"] == "name"


async def test_what_is_needed_is_not_deleted_and_what_is_deleted_is_gone(
    caller: Caller, world: World
) -> None:
    for kind in ("brand", "model", "project", "network", "datastore", "image", "netinst", "app"):
        answer = await caller.http.delete(f"{BASES[kind]}/id/{getattr(world, kind)}")
        assert answer.status_code == 409, kind
        assert answer.json()["error"][0]["ec"] == "DependencyConflict"
    needed = await caller.http.delete(f"/v1/netinsts/id/{world.netinst}")
    assert "web-1" in needed.json()["error"][0]["details"]
    for kind in (
        "instance", "volume", "netinst", "device", "app", "image", "datastore", "network",
        "project", "model", "brand",
    ):  # fmt: skip
        path = f"{BASES[kind]}/id/{getattr(world, kind)}"
        await caller.delete(path)
        for gone in (await caller.http.get(path), await caller.http.delete(path)):
            assert gone.status_code == 404
            assert gone.json()["error"][0]["ec"] == "NotFound"


async def test_a_taken_name_is_refused(caller: Caller) -> None:
    await caller.create("/v1/brands", brand())
    answer = await caller.http.post("/v1/brands", json=brand())
    assert answer.status_code == 409
    assert answer.json()["error"][0]["ec"] == "AlreadyExists"


async def test_all_reasons_to_refuse_an_app_come_at_once(caller: Caller, world: World) -> None:
    body = app_instance(world.app, world.device, "web-2")
    body["vminfo"] = {"cpus": 99, "vnc": False}
    body["drives"][0]["imagename"] = "nowhere"
    answer = await caller.http.post("/v1/apps/instances", json=body)
    assert answer.status_code == 400
    refusals = {error["location"]: error["details"] for error in answer.json()["error"]}
    assert set(refusals) == {"vminfo.cpus", "drives[0].imagename", "interfaces[0].acls"}
    assert "web-1" in refusals["interfaces[0].acls"]
    assert (await caller.http.get("/v1/apps/instances/name/web-2")).status_code == 404


async def test_a_soft_serial_is_made_for_a_device_that_asks_for_one(
    caller: Caller, world: World
) -> None:
    asked = device(world.project, world.model, "edge-soft") | {"generateSoftSerial": True}
    given = await caller.create("/v1/devices", asked | {"serialno": "mine"})
    assert (await caller.get(f"/v1/devices/id/{given}"))["serialno"] == "mine"
    asked |= {"name": "edge-softer", "serialno": ""}
    path = f"/v1/devices/id/{await caller.create('/v1/devices', asked)}"
    made = await caller.get(path)
    assert str(uuid.UUID(made["serialno"])) == made["serialno"]
    await caller.put(path, made | {"serialno": ""})
    assert (await caller.get(path))["serialno"] == made["serialno"]


async def test_a_serial_belongs_to_one_device(caller: Caller, world: World) -> None:
    body = device(world.project, world.model, "edge-2") | {"serialno": "serial-of-edge-1"}
    answer = await caller.http.post("/v1/devices", json=body)
    assert answer.status_code == 409
    assert [error["location"] for error in answer.json()["error"]] == ["serialno"]


async def test_another_enterprise_sees_nothing(rest: Rest, world: World) -> None:
    await rest.add_user("mallory")
    async with rest.client(await rest.login("mallory")) as http:
        stranger = Caller(http)
        for kind, sent in bodies(world).items():
            path = f"{BASES[kind]}/id/{getattr(world, kind)}"
            assert (await http.get(path)).status_code == 404
            assert (await http.delete(path)).status_code == 404
            assert (await http.put(path, json=sent)).status_code == 404
            assert (await http.get(f"{BASES[kind]}/name/{sent['name']}")).status_code == 404
            listed = await stranger.get(BASES[kind])
            assert listed["totalCount"] == 0
        await stranger.create("/v1/brands", brand())  # names are those of an enterprise


async def test_lists_are_paged_sorted_filtered_and_projected(caller: Caller) -> None:
    for number in range(5):
        await caller.create("/v1/brands", brand(f"brand-{number}") | {"title": f"T{9 - number}"})
    first = await caller.get("/v1/brands", **{"next.pageSize": "2"})
    assert [item["name"] for item in first["list"]] == ["brand-0", "brand-1"]
    assert first["totalCount"] == 5
    assert first["next"]["totalPages"] == 3
    token = first["next"]["pageToken"]
    second = await caller.get("/v1/brands", **{"next.pageSize": "2", "next.pageToken": token})
    assert [item["name"] for item in second["list"]] == ["brand-2", "brand-3"]
    last = await caller.get("/v1/brands", **{"next.pageSize": "2", "next.pageNum": "3"})
    assert [item["name"] for item in last["list"]] == ["brand-4"]
    assert last["next"].get("pageToken", "") == ""
    by_title = await caller.get("/v1/brands", **{"next.orderBy": "-title", "fields": "title"})
    assert by_title["list"][0] == {
        "name": "brand-0",
        "title": "T9",
        "id": by_title["list"][0]["id"],
    }
    found = await caller.get("/v1/brands", namePattern="D-3")
    assert [item["name"] for item in found["list"]] == ["brand-3"]
    counts = await caller.get("/v1/brands", summary="true")
    assert counts["list"] == []
    assert counts["terse"]["total"] == 5
    wrong = await caller.http.get("/v1/brands", params={"colour": "red"})
    assert wrong.status_code == 400
    assert wrong.json()["error"][0]["ec"] == "BadReqParam"


@pytest.mark.usefixtures("world")
async def test_lists_know_names_of_projects_and_devices(caller: Caller) -> None:
    for path, filters in (
        ("/v1/devices", {"projectName": "plant", "adminState": "ACTIVE"}),
        ("/v1/netinsts", {"deviceName": "edge-1"}),
        ("/v1/apps/instances", {"deviceNamePattern": "EDGE", "projectNamePattern": "lan"}),
    ):
        assert (await caller.get(path, **filters))["totalCount"] == 1
        nothing = await caller.get(path, projectName="elsewhere")
        assert nothing["totalCount"] == 0


async def test_counters_move_forward_only(caller: Caller, world: World) -> None:
    path = f"/v1/apps/instances/id/{world.instance}"
    for verb in ("restart", "restart", "refresh/purge", "refresh"):
        await caller.put(f"{path}/{verb}")
    read = await caller.get(path)
    assert (read["restart"]["counter"], read["purge"]["counter"], read["refresh"]["counter"]) == (
        2,
        1,
        2,
    )
    sent = app_instance(world.app, world.device)
    await caller.put(path, sent)
    again = await caller.get(path)
    assert [again[name]["counter"] for name in ("restart", "purge", "refresh")] == [2, 1, 2]
    node = f"/v1/devices/id/{world.device}"
    await caller.put(f"{node}/reboot")
    await caller.put(node, device(world.project, world.model))
    assert (await caller.get(node))["resetCounter"] == 1


async def test_devices_and_apps_are_switched_off_and_on(caller: Caller, world: World) -> None:
    node = f"/v1/devices/id/{world.device}"
    await caller.put(f"{node}/deactivate")
    assert (await caller.get(node))["adminState"] == "ADMIN_STATE_INACTIVE"
    await caller.put(f"{node}/activate")
    assert (await caller.get(node))["adminState"] == "ADMIN_STATE_ACTIVE"
    app = f"/v1/apps/instances/id/{world.instance}"
    await caller.put(f"{app}/deactivate")
    assert not (await caller.get(app))["activate"]
    await caller.put(f"{app}/activate")
    assert (await caller.get(app))["activate"]


async def test_a_base_image_is_applied_to_the_device_that_the_body_names(
    caller: Caller, world: World
) -> None:
    body = device(world.project, world.model) | {
        "baseImage": [{"imageName": "os-2", "version": "2", "activate": False, "uuid": ""}]
    }
    for verb in ("publish", "apply"):
        answer = await caller.http.put(f"/v1/devices/id//{verb}", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["objectId"] == world.device
    read = await caller.get(f"/v1/devices/id/{world.device}")
    assert read["baseImage"][0]["imageName"] == "os-2"
    assert read["baseImage"][0]["activate"] is True


async def test_a_newer_bundle_is_offered_and_taken(caller: Caller, world: World) -> None:
    bundle = f"/v1/apps/id/{world.app}"
    await caller.put(bundle, await caller.get(bundle))
    path = f"/v1/apps/instances/id/{world.instance}"
    info = (await caller.get(path))["manifestInfo"]
    assert (info["bundleVersion"], info["nextBundleVersion"]) == ("1", "2")
    await caller.put(f"{path}/refresh")
    assert (await caller.get(path))["bundleversion"] == "2"


async def test_every_write_that_a_device_can_see_gives_it_another_configuration(
    rest: Rest, caller: Caller, world: World
) -> None:
    seen: set[str] = set()

    async def in_force() -> str:
        async with snapshot(rest.engine) as db:
            found = await find_in_force(db, DeviceId(world.device))
        assert found is not None
        return found.config_hash

    seen.add(await in_force())
    instance = f"/v1/apps/instances/id/{world.instance}"
    image = f"/v1/apps/images/id/{world.image}"
    for path, change in (
        (f"{instance}/restart", None),
        (f"{instance}/refresh/purge", None),
        (f"/v1/devices/id/{world.device}/reboot", None),
        (image, {"imageSizeBytes": "2097152"}),
        (f"/v1/datastores/id/{world.datastore}", {"dsPath": "elsewhere"}),
        (f"/v1/networks/id/{world.network}", {"mtu": 1400}),
        (f"/v1/netinsts/id/{world.netinst}", {"mtu": 1400}),
    ):
        await caller.put(path, (await caller.get(path)) | change if change else None)
        now = await in_force()
        assert now not in seen, path
        seen.add(now)
    await caller.put(image, (await caller.get(image)) | {"title": "Same For A Device"})
    assert await in_force() in seen


async def test_operations_that_are_not_served_say_so(caller: Caller) -> None:
    for method, path in (
        ("GET", "/v1/cluster"),
        ("POST", "/v1/cluster"),
        ("PUT", "/v1/devices/id/x/edgeview/enable"),
        ("GET", "/v1/zks/instances"),
    ):
        answer = await caller.http.request(method, path)
        assert answer.status_code == 501, path
        assert answer.json()["error"][0]["ec"] == "FunctionUnsupported"
        assert path.split("/")[2] in answer.json()["error"][0]["details"]
    nowhere = await caller.http.get("/v1/nowhere")
    assert nowhere.status_code == 404
    assert nowhere.json()["error"][0]["ec"] == "UrlNotFound"


async def test_a_wrong_body_is_answered_with_every_fault(caller: Caller) -> None:
    faults = await caller.http.post("/v1/brands", json={"name": 7, "tags": [], "attr": "x"})
    assert faults.status_code == 400
    assert {error["location"] for error in faults.json()["error"]} == {"name", "attr"}
    strange = await caller.http.post("/v1/brands", json=brand() | {"originType": "MARS"})
    assert strange.status_code == 400
    assert strange.json()["error"][0]["location"] == "originType"
    for text in ("{", "[]", "", "7"):
        answer = await caller.http.post("/v1/brands", content=text)
        assert answer.status_code == 400, text
    large = await caller.http.post("/v1/brands", content=b" " * (5 << 20))
    assert large.status_code == 413


async def test_every_answer_carries_a_request_id(caller: Caller) -> None:
    given = await caller.http.get("/v1/brands", headers={"X-Request-Id": "mine-7"})
    assert given.headers["x-request-id"] == "mine-7"
    made = await caller.http.get("/v1/nowhere")
    assert made.headers["x-request-id"]
