"""A policy changes, or what it refers to does: what nodes keep, and what reaches them."""

from collections.abc import AsyncIterator
from itertools import count

import pytest
import pytest_asyncio
from sqlalchemy import select
from support.rest import Caller, Json, Rest, running_rest
from support.rest_objects import World, image, project
from support.rest_policies import (
    app_policy,
    carried,
    deployment,
    empty_world,
    network_policy,
    node,
    profile,
    with_policies,
)

from eaves.controller.domain.secrets import default_field
from eaves.controller.store.devices import Binding, read_devices, register_binding
from eaves.controller.store.sealed import find_secrets
from eaves.controller.store.tables import onboarding_claims
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.ids import DeviceId

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

COUNTERS = ("purge", "refresh", "restart")
_users = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rest(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def alice(rest: Rest) -> AsyncIterator[Caller]:
    """Of an enterprise of her own; her devices go, for others have the same serial numbers."""
    name = f"alice-{next(_users)}"
    await rest.add_user(name)
    async with rest.client(await rest.login(name)) as http:
        caller = Caller(http)
        yield caller
        for one in (await caller.get("/v1/devices"))["list"]:
            await caller.delete(f"/v1/devices/id/{one['id']}")


@pytest_asyncio.fixture(loop_scope="module")
async def world(alice: Caller) -> World:
    return await empty_world(alice)


async def instance(caller: Caller, name: str) -> Json:
    return await caller.get(f"/v1/apps/instances/name/{name}")


def counted(before: Json, after: Json) -> list[str]:
    """The counters that went on."""
    return [one for one in COUNTERS if after[one]["counter"] > before[one]["counter"]]


async def passwords(rest: Rest, object_id: str) -> dict[str, str]:
    async with snapshot(rest.engine) as db:
        stored = await find_secrets(db, (object_id,))
    return {name.field: rest.keys.open(name.purpose, it).decode() for name, it in stored.items()}


async def ready_image(caller: Caller, world: World, name: str) -> None:
    image_id = await caller.create("/v1/apps/images", image(world.datastore, name))
    path = f"/v1/apps/images/id/{image_id}"
    await caller.put(f"{path}/uplink", await caller.get(path))


# --- attestation ---------------------------------------------------------------------------------


async def attests(rest: Rest, device_id: str) -> set[bool]:
    """As its record says, and as its certificate is served once it has registered."""
    claim = select(onboarding_claims.c.attestation_required).where(
        onboarding_claims.c.device_id == device_id
    )
    async with snapshot(rest.engine) as db:
        found = set((await db.execute(claim)).scalars())
        return found | {
            one.attestation_required for one in await read_devices(db, (DeviceId(device_id),))
        }


async def test_a_node_attests_as_long_as_any_of_its_policies_asks_for_it(
    rest: Rest, alice: Caller, world: World
) -> None:
    body = project("fleet") | {"type": "TAG_TYPE_DEPLOYMENT"}
    fleet = (await alice.http.post("/v2/projects", json=body)).json()["objectId"]
    base = f"/v2/projects/id/{fleet}/deployments"
    wanted = deployment(world.app, "v1")
    wanted["devicePolicies"][0]["attestationPolicy"] = {"type": "DEVICE_ATTEST_POLICY_TYPE_ENFORCE"}
    made = (await alice.http.post(base, json=wanted)).json()["objectId"]
    edge = await alice.create("/v1/devices", node(fleet, world.model, "edge-1", deploymentTag="v1"))
    assert await attests(rest, edge) == {True}
    path = f"/v1/devices/id/{edge}"
    await alice.put(path, await alice.get(path) | {"serialno": "another-serial"})
    assert await attests(rest, edge) == {True}
    binding = Binding(
        device_id=DeviceId(edge),
        enterprise_id="",
        certificate_hash=b"h" * 32,
        certificate_der=b"der",
        onboarding_key="key",
        serial="serial",
        bound_at=rest.clock(),
        attestation_required=True,
    )
    async with unit_of_work(rest.engine) as db:
        await register_binding(db, binding)
    await alice.put(path, await alice.get(path) | {"title": "Another title"})
    assert await attests(rest, edge) == {True}

    # the project asks too, and no more
    at = f"/v1/projects/id/{fleet}"
    for word in ("ENFORCE", "ACCEPT"):
        sent = await alice.get(at)
        sent["attestationPolicy"]["attestationPolicy"]["type"] = f"ATTEST_POLICY_TYPE_{word}"
        await alice.put(at, sent)
        assert await attests(rest, edge) == {True}
    # a tag takes it out of the deployment and back; then the deployment goes
    for tag, expected in (("v2", False), ("v1", True)):
        await alice.put(path, await alice.get(path) | {"deploymentTag": tag})
        assert await attests(rest, edge) == {expected}
    assert (await alice.http.delete(f"{base}/id/{made}")).status_code == 200
    assert await attests(rest, edge) == {False}


# --- names ---------------------------------------------------------------------------------------


async def test_of_two_nodes_whose_objects_would_have_one_name_one_is_told(
    alice: Caller, world: World
) -> None:
    for name in ("paris", "eu-paris"):
        await alice.create("/v1/devices", node(world.project, world.model, name))
    path = f"/v1/projects/id/{world.project}"
    apps = [app_policy(world.app, name) for name in ("fw", "fw-eu")]
    wanted = with_policies(await alice.get(path), apps, [network_policy()])
    planned = await alice.http.post("/v1/eaves/plan", json={"kind": "project", "object": wanted})
    assert planned.json()["refusedOnNodes"] == 1
    await alice.put(path, wanted)
    told = (await alice.get(path))["appPolicy"]
    assert told["status"] == "POLICY_STATUS_FAILED"
    assert "'plant-fw-eu-paris' belongs to another app instance" in told["statusMessage"]
    assert await carried(alice) == (
        ["nat-eu-paris", "nat-paris"],
        ["plant-fw-eu-eu-paris", "plant-fw-eu-paris", "plant-fw-paris"],
    )


# --- bundles and profiles ------------------------------------------------------------------------


def two_apps(memory: str = "524288.00", **changes: str) -> Json:
    """An app `web`, with passwords, and an app `eye` beside it."""
    body = profile(changes.get("password", "opens-the-door"), memory)
    (web,), (eye,) = body["appPolicies"], profile()["appPolicies"]
    eye["metaData"] = {"name": "eye", "title": "Eye"}
    eye["appConfig"]["manifestJSON"]["configuration"]["customConfig"]["variableGroups"] = []
    web["appConfig"]["manifestJSON"]["images"][0]["imagename"] = changes.get("image", "disk")
    body["networkPolicies"][0]["metaData"]["tags"] = {"net": changes.get("net", "a")}
    return body | {"appPolicies": [web, eye]}


async def test_a_new_version_of_a_profile_changes_the_apps_that_it_changes(
    rest: Rest, alice: Caller, world: World
) -> None:
    await ready_image(alice, world, "disk-2")
    at = f"/v1/appprofiles/id/{await alice.create('/v1/appprofiles', two_apps())}"
    profile_id = at.rpartition("/")[2]
    group = {
        "name": "with-eyes",
        "projectId": world.project,
        "assetTags": {"assetTag": [{"tag": {"has": "eyes"}}]},
    }
    sent = {
        "name": "eyes",
        "projectId": world.project,
        "appProfileInfo": {"appProfileId": profile_id, "version": 0},
        "targetAssetGroup": {"groupId": await alice.create("/v1/assetgroups", group)},
    }
    await alice.create("/v1/profiledeployments", sent)
    eyes = node(world.project, world.model, "edge-1", tags={"has": "eyes"})
    await alice.create("/v1/devices", eyes)
    web, eye = await instance(alice, "plant-web-edge-1"), await instance(alice, "plant-eye-edge-1")
    await alice.put(f"/v1/apps/instances/id/{web['id']}/deactivate")
    web = await instance(alice, "plant-web-edge-1")
    steps: list[tuple[Json, list[str]]] = [
        (two_apps(net="b"), []),  # a tag of the network is none of the apps' business
        (two_apps("1048576.00", net="b"), ["refresh", "restart"]),
        (two_apps("1048576.00", net="b", password="another"), ["refresh", "restart"]),
        (two_apps("1048576.00", net="b", password="another"), []),
        (two_apps("1048576.00", net="b", password="", image="disk-2"), ["purge", "refresh"]),
    ]
    for step, (body, expected) in enumerate(steps):
        await alice.put(at, body)
        now = await instance(alice, "plant-web-edge-1")
        assert (now["id"], now["activate"]) == (web["id"], False), step
        assert counted(web, now) == expected, step
        assert (now["appId"] == web["appId"]) is (not expected), step
        other = await instance(alice, "plant-eye-edge-1")
        assert other == eye, step
        web = now
    assert web["drives"][0]["imagename"] == "disk-2"
    assert (await alice.get(at))["latestVersion"] == len(steps)  # what was sent twice is one
    assert await passwords(rest, web["appId"]) == {default_field("DOOR"): "another"}
    # what runs in a container is no later version of a machine
    contained = two_apps("1048576.00", net="b", password="another", image="disk-2")
    contained["appPolicies"][0]["appConfig"]["manifestJSON"]["appType"] = "APP_TYPE_CONTAINER"
    await alice.put(at, contained)
    assert (await instance(alice, "plant-web-edge-1"))["id"] != web["id"]


async def test_a_bundle_that_went_on_reaches_a_node_by_the_version_of_the_policy_alone(
    alice: Caller, world: World
) -> None:
    await alice.create("/v1/devices", node(world.project, world.model, "edge-1"))
    path = f"/v1/projects/id/{world.project}"

    async def put(**more: object) -> Json:
        apps = [app_policy(world.app) | more]
        await alice.put(path, with_policies(await alice.get(path), apps, [network_policy()]))
        return await instance(alice, "plant-web-edge-1")

    async def change_bundle(image_name: str) -> str:
        bundle = await alice.get(f"/v1/apps/id/{world.app}")
        bundle["manifestJSON"]["images"][0]["imagename"] = image_name
        bundle["manifestJSON"]["interfaces"].append({"name": f"for-{image_name}", "acls": []})
        await alice.put(f"/v1/apps/id/{world.app}", bundle)
        return str((await alice.get(f"/v1/apps/id/{world.app}"))["revision"]["curr"])

    for name in ("disk-2", "disk-3"):
        await ready_image(alice, world, name)
    plain: Json = {"interfaces": [], "cpus": 0, "memory": 0}
    first = await put(**plain)
    newest = await change_bundle("disk-2")
    tagged = await put(**plain, tags={"site": "north"})
    assert tagged["tags"] == {"site": "north"}
    for member in ("drives", "interfaces", "vminfo", "bundleversion", "purge", "restart"):
        assert tagged[member] == first[member], member
    asked = await put(**plain, appVersion=newest)
    assert counted(tagged, asked) == ["purge", "refresh"]
    assert asked["bundleversion"] == newest
    assert asked["drives"][0]["imagename"] == "disk-2"
    assert len(asked["interfaces"]) == 2
    await change_bundle("disk-3")
    again = await put(**plain, appVersion=newest, tags={"site": "south"})
    assert counted(asked, again) == []
    assert again["drives"] == asked["drives"]
    assert again["tags"] == {"site": "south"}


async def test_another_password_of_a_policy_reaches_its_instances(
    rest: Rest, alice: Caller, world: World
) -> None:
    await alice.create("/v1/devices", node(world.project, world.model, "edge-1"))
    path = f"/v1/projects/id/{world.project}"
    found: list[tuple[dict[str, str], str]] = []
    for password in ("one", "one", "two"):
        manifest = profile(password)["appPolicies"][0]["appConfig"]["manifestJSON"]
        apps = [app_policy(world.app, manifestJSON=manifest)]
        await alice.put(path, with_policies(await alice.get(path), apps, [network_policy()]))
        made = await instance(alice, "plant-web-edge-1")
        told = await passwords(rest, made["id"])
        found.append((told, made["revision"]["curr"]))
    field = default_field("DOOR")
    assert found == [({field: "one"}, "1"), ({field: "one"}, "1"), ({field: "two"}, "2")]
    assert (await alice.get(path))["appPolicy"]["status"] == "POLICY_STATUS_READY"
