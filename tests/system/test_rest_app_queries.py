"""Projects of bundles, images and datastores; tags; what an app tells; the second paths."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.rest import Caller, Json, Rest, running_rest
from support.rest_objects import World, app_instance, build_world, project
from support.telemetry import fold_state, info_report

from eaves.evapi.info import (
    AppInstMetaDataType,
    ZInfoAppInstMetaData,
    ZInfoMsg,
    ZInfoTypes,
    encode_z_info_msg,
)
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

READING = "PermissionAccessRead"


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


async def stranger(rest: Rest) -> Caller:
    await rest.add_user("mallory")
    return Caller(rest.client(await rest.login("mallory")))


async def somebody(rest: Rest, enterprise: str, alice: Caller, **access: object) -> Caller:
    """A user of the same enterprise whose role grants only this."""
    scope: Json = {"name": "some", "title": "Some", "type": "USER_ROLE_USER_DEFINED"}
    await alice.create("/v1/roles", {**scope, "scopes": [access]})
    await rest.add_user("bob", enterprise=enterprise, role="some")
    return Caller(rest.client(await rest.login("bob")))


async def test_projects_of_bundles_images_and_datastores(
    rest: Rest, enterprise: str, alice: Caller, world: World
) -> None:
    other = await alice.create("/v1/projects", project("other"))
    of_app = await alice.get(f"/v1/apps/id/{world.app}/projects")
    assert of_app["projectDetails"] == [{"id": world.project, "name": "plant"}]
    assert of_app["totalCount"] == 1
    of_store = await alice.get("/v1/datastores/projects", ids=world.datastore)
    assert of_store["projectDetails"] == [{"id": world.project, "name": "plant"}]
    of_image = await alice.get("/v1/apps/images/projects", ids=world.image)  # open to all
    assert [one["id"] for one in of_image["projectDetails"]] == [other, world.project]
    assert await alice.get("/v1/apps/images/projects") == of_image
    short = await alice.get("/v1/apps/images/projects", **{"next.pageSize": "1"})
    assert len(short["projectDetails"]) == 1
    assert short["totalCount"] == 2

    mallory = await stranger(rest)
    assert (await mallory.get("/v1/datastores/projects"))["projectDetails"] == []
    for path in (
        f"/v1/apps/id/{world.app}/projects",
        f"/v1/apps/images/projects?ids={world.image}",
        f"/v1/datastores/projects?ids={world.datastore}",
    ):
        assert (await mallory.http.get(path)).status_code == 404

    bob = await somebody(
        rest, enterprise, alice, accessStorage=READING, projectFilter=[world.project]
    )
    seen = await bob.get("/v1/apps/images/projects")
    assert seen["projectDetails"] == [{"id": world.project, "name": "plant"}]
    assert (await bob.http.get(f"/v1/apps/id/{world.app}/projects")).status_code == 403


async def test_tags_of_interfaces_are_told_once(
    rest: Rest, enterprise: str, alice: Caller, world: World
) -> None:
    assert (await alice.get("/v1/apps/instances/tags"))["objectTags"] == []
    for name, port in (("web-2", "8082"), ("web-3", "8083")):
        body = app_instance(world.app, world.device, name)
        interface = body["interfaces"][0]
        interface["netinsttag"] = {"zone": "red"}
        interface["acls"][0]["matches"][1]["value"] = port
        body["vminfo"]["memory"] = 1024
        await alice.create("/v1/apps/instances", body)
    told = await alice.get("/v1/apps/instances/tags")
    assert told["objectTags"] == [{"key": "zone", "value": "red"}]
    mallory = await stranger(rest)
    assert (await mallory.get("/v1/apps/instances/tags"))["objectTags"] == []
    bob = await somebody(rest, enterprise, alice, accessDevice=READING)
    assert (await bob.http.get("/v1/apps/instances/tags")).status_code == 403


async def test_what_an_app_tells_of_itself(rest: Rest, alice: Caller, world: World) -> None:
    path = f"/v1/apps/instances/id/{world.instance}/opaque-status"
    nothing = await alice.get(path)
    assert nothing["deviceId"] == world.device
    assert "opaqueAppInstanceStatus" not in nothing
    data = ZInfoAppInstMetaData(
        uuid=world.instance,
        type=AppInstMetaDataType.APP_INST_META_DATA_TYPE_CUSTOM_STATUS,
        data=b"42 widgets",
    )
    message = ZInfoMsg(ztype=ZInfoTypes.ZiAppInstMetaData, dev_id=world.device, amdinfo=data)
    fold_state(
        rest.engine.url,
        info_report(DeviceId(world.device), encode_z_info_msg(message), rest.clock()),
    )
    told = await alice.get(path)
    assert told["opaqueAppInstanceStatus"] == "NDIgd2lkZ2V0cw=="
    assert told["lastUpdateTime"]
    for same in (
        "/v1/apps/instances/name/web-1/opaque-status",
        "/v2/apps/instances/name/web-1/opaque-status",
        f"/v2/apps/instances/id/{world.instance}/opaque-status",
    ):
        assert await alice.get(same) == told
    mallory = await stranger(rest)
    assert (await mallory.http.get(path)).status_code == 404


async def test_the_second_paths_lead_to_the_same_instances(
    rest: Rest, enterprise: str, alice: Caller, world: World
) -> None:
    first, second = "/v1/apps/instances", "/v2/apps/instances"
    one = f"/id/{world.instance}"
    assert await alice.get(second + one) == await alice.get(first + one)
    assert await alice.get(second + "/name/web-1") == await alice.get(first + one)
    for path in ("", "/status", "/status-config", one + "/status", "/name/web-1/status"):
        assert await alice.get(second + path) == await alice.get(first + path)
    for verb in ("deactivate", "activate", "restart", "refresh", "refresh/purge"):
        assert await alice.put(f"{second}{one}/{verb}") == world.instance
    told = await alice.get(first + one)
    assert told["activate"] is True
    counters = [told[name]["counter"] for name in ("restart", "refresh", "purge")]
    assert counters == [1, 2, 1]
    await alice.put(second + one, {**told, "title": "Other"})
    stale = await alice.http.put(second + one, json={**told, "title": "Again"})
    assert stale.status_code == 409
    assert stale.json()["objectKind"] in ("", "apps/instances")

    mallory = await stranger(rest)
    assert (await mallory.get(second))["list"] == []
    assert (await mallory.http.put(f"{second}{one}/restart")).status_code == 404
    bob = await somebody(rest, enterprise, alice, accessAppInstance=READING)
    assert (await bob.get(second))["totalCount"] == 1
    assert (await bob.http.put(f"{second}{one}/restart")).status_code == 403
    assert (await bob.http.delete(second + one)).status_code == 403
    gone = await alice.http.delete(second + one)
    assert gone.status_code == 200
    assert gone.json()["objectKind"] == "apps/instances"
    assert (await alice.http.get(first + one)).status_code == 404
    again = await alice.create(second, app_instance(world.app, world.device))
    assert (await alice.get(first + f"/id/{again}"))["name"] == "web-1"
    assert (await alice.http.put(f"{second}{one}/console/remote")).status_code == 501
