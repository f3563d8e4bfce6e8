"""Projects with policies, deployments, app profiles: what nodes come to carry, through REST."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio
from support.rest import Caller, Rest, running_rest
from support.rest_objects import World, project
from support.rest_policies import (
    app_policy,
    carried,
    deployment,
    empty_world,
    names,
    network_policy,
    node,
    profile,
    with_policies,
)

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

READING = "PermissionAccessRead"
_tests = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rest(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture
def name() -> str:
    """Each test has an enterprise of its own."""
    return f"alice-{next(_tests)}"


@pytest_asyncio.fixture(loop_scope="module")
async def enterprise(rest: Rest, name: str) -> str:
    return await rest.add_user(name)


@pytest_asyncio.fixture(loop_scope="module")
async def alice(rest: Rest, enterprise: str, name: str) -> AsyncIterator[Caller]:
    """Her devices go at the end, for others have the same serial numbers."""
    assert enterprise
    async with rest.client(await rest.login(name)) as http:
        caller = Caller(http)
        yield caller
        for one in (await caller.get("/v1/devices"))["list"]:
            await caller.delete(f"/v1/devices/id/{one['id']}")


@pytest_asyncio.fixture(loop_scope="module")
async def world(alice: Caller) -> World:
    return await empty_world(alice)


async def test_nodes_of_a_project_carry_what_its_policies_want(alice: Caller, world: World) -> None:
    first = await alice.create("/v1/devices", node(world.project, world.model, "edge-1"))
    path = f"/v1/projects/id/{world.project}"
    before = await alice.get(path)
    await alice.put(path, with_policies(before, [app_policy(world.app)], [network_policy()]))
    told = await alice.get(path)
    assert told["appPolicy"]["status"] == "POLICY_STATUS_READY", told["appPolicy"]
    assert told["appPolicy"]["id"]
    assert await carried(alice) == (["nat-edge-1"], ["plant-web-edge-1"])
    made = await alice.get("/v1/apps/instances/name/plant-web-edge-1")
    assert made["appPolicyId"] == world.project
    assert made["activate"]
    assert made["interfaces"][0]["netinstname"] == "nat-edge-1"
    assert made["drives"][0]["imagename"] == "disk"

    # a node that comes later; one that is moved away, one that is deleted
    second = await alice.create("/v1/devices", node(world.project, world.model, "edge-2"))
    assert (await carried(alice))[1] == ["plant-web-edge-1", "plant-web-edge-2"]
    other = await alice.create("/v1/projects", project("other"))
    moved = await alice.get(f"/v1/devices/id/{second}")
    await alice.put(f"/v1/devices/id/{second}", moved | {"projectId": other})
    assert await carried(alice) == (["nat-edge-1"], ["plant-web-edge-1"])

    # an edit of the entry reaches the instance, which keeps its name and id
    now = await alice.get(path)
    changed = with_policies(now, [app_policy(world.app, cpus=2)], [network_policy()])
    await alice.put(path, changed)
    again = await alice.get("/v1/apps/instances/name/plant-web-edge-1")
    assert (again["id"], again["vminfo"]["cpus"]) == (made["id"], 2)
    assert again["restart"]["counter"] == made["restart"]["counter"] + 1

    await alice.delete(f"/v1/devices/id/{first}")
    assert await carried(alice) == ([], [])


async def test_what_a_policy_made_follows_it_and_no_hand(alice: Caller, world: World) -> None:
    await alice.create("/v1/devices", node(world.project, world.model, "edge-1"))
    path = f"/v1/projects/id/{world.project}"
    before = await alice.get(path)
    await alice.put(path, with_policies(before, [app_policy(world.app)], [network_policy()]))
    made = await alice.get("/v1/apps/instances/name/plant-web-edge-1")
    at = f"/v1/apps/instances/id/{made['id']}"
    refused = await alice.http.put(at, json=made | {"remoteConsole": True})
    assert refused.status_code == 409
    assert "remoteConsole" in refused.text
    assert (await alice.http.delete(at)).status_code == 409
    await alice.put(f"{at}/deactivate")
    await alice.put(path, (await alice.get(path)) | {"title": "Another title"})
    assert not (await alice.get(at))["activate"]  # a change of the policy switches nothing on
    await alice.put(path, (await alice.get(path)) | {"appPolicy": None, "networkPolicy": None})
    assert await carried(alice) == ([], [])


async def test_a_name_that_a_person_took_is_a_fault_and_is_left_alone(
    alice: Caller, world: World
) -> None:
    edge = await alice.create("/v1/devices", node(world.project, world.model, "edge-1"))
    by_hand = network_policy("nat-edge-1") | {"deviceId": edge, "deviceDefault": False}
    hand = await alice.create("/v1/netinsts", by_hand)
    path = f"/v1/projects/id/{world.project}"
    before = await alice.get(path)
    await alice.put(path, with_policies(before, [], [network_policy()]))
    told = (await alice.get(path))["networkPolicy"]
    assert told["status"] == "POLICY_STATUS_FAILED"
    assert "nat-edge-1" in told["statusMessage"]
    status = await alice.get(f"/v1/projects/id/{world.project}/status")
    assert status["status"] == "TAG_STATUS_FAILED"
    (configured,) = (await alice.get("/v1/projects/status-config"))["list"]
    assert configured["networkPolicyId"] == told["id"]
    assert configured["networkDeviceDefault"] == "true"
    why = await alice.get(f"/v1/eaves/why/device/{edge}")
    assert "project 'plant' wants network instance 'nat-edge-1' here" in why["chain"][0]["text"]
    assert (await alice.get("/v1/netinsts/name/nat-edge-1"))["id"] == hand
    await alice.delete(f"/v1/netinsts/id/{hand}")


async def test_a_policy_names_what_exists(alice: Caller, world: World) -> None:
    apps = [app_policy("11111111-1111-4111-8111-111111111111"), app_policy(world.app)]
    answer = await alice.http.post("/v1/projects", json=with_policies(project("x-1"), apps, []))
    assert answer.status_code == 400
    where = [one["location"] for one in answer.json()["error"]]
    assert where == ["appPolicy.appPolicy.apps[0].appId", "appPolicy.appPolicy.apps"]
    assert (await alice.http.delete(f"/v1/apps/id/{world.app}")).status_code == 200


async def test_a_deployment_is_picked_by_tags(  # noqa: PLR0915 - one story
    rest: Rest, enterprise: str, alice: Caller, world: World
) -> None:
    body = project("fleet") | {"type": "TAG_TYPE_DEPLOYMENT"}
    made = await alice.http.post("/v2/projects", json=body)
    assert made.status_code == 200, made.text
    fleet = made.json()["objectId"]
    base = f"/v2/projects/id/{fleet}/deployments"
    assert (await alice.get(base))["list"] == []
    answer = await alice.http.post(base, json=deployment(world.app, "v1", "yes"))
    assert (answer.status_code, answer.json()["error"]) == (202, []), answer.text
    first = answer.json()["objectId"]
    (listed,) = (await alice.get(base))["list"]
    assert (listed["id"], listed["revision"]["curr"]) == (first, "1")
    assert listed["appInstPolicies"][0]["name"] == "web"
    told = await alice.get(f"{base}/id/{first}")
    assert told["devicePolicies"][0]["metaData"]["name"] == "attest-attestation"

    plain = await alice.create(
        "/v1/devices", node(fleet, world.model, "edge-1", deploymentTag="v1")
    )
    assert await carried(alice) == (["nat-edge-1"], [])
    assert await names(alice, "/v1/volumes/instances") == ["data-edge-1"]
    sent = await alice.get(f"/v1/devices/id/{plain}")
    await alice.put(f"/v1/devices/id/{plain}", sent | {"tags": {"gpu": "yes"}})
    assert (await carried(alice))[1] == ["web-edge-1"]

    # another deployment takes the node over; the first is changed and deleted
    answer = await alice.http.post(base, json=deployment(world.app, "v2", name="stack2"))
    second = answer.json()["objectId"]
    sent = await alice.get(f"/v1/devices/id/{plain}")
    await alice.put(f"/v1/devices/id/{plain}", sent | {"deploymentTag": "v2"})
    assert (await carried(alice))[1] == ["web-edge-1"]
    instance = await alice.get("/v1/apps/instances/name/web-edge-1")
    assert instance["appPolicyId"] == second
    changed = await alice.http.put(f"{base}/id/{first}", json=told | {"title": "Other"})
    assert (changed.status_code, changed.json()["objectId"]) == (202, first)
    assert (await alice.http.delete(f"{base}/id/{first}")).status_code == 200
    assert (await alice.http.get(f"{base}/id/{first}")).status_code == 404

    # refusals, another tenant, a role that only reads
    wrong = await alice.http.post(f"/v2/projects/id/{world.project}/deployments", json={})
    assert wrong.status_code == 400
    where = [one["location"] for one in wrong.json()["error"]]
    assert where == ["projectId", "name"]
    await rest.add_user(f"mallory-{enterprise}")
    async with rest.client(await rest.login(f"mallory-{enterprise}")) as http:
        assert (await http.get(base)).status_code == 404
        assert (await http.get(f"{base}/id/{second}")).status_code == 404
        assert (await http.post(base, json=deployment(world.app))).status_code == 404
        assert (await http.delete(base)).status_code == 404
    await rest.add_user(f"bob-{enterprise}", enterprise=enterprise, role="SysMonitor")
    async with rest.client(await rest.login(f"bob-{enterprise}")) as http:
        assert (await http.get(base)).status_code == 200
        assert (await http.post(base, json=deployment(world.app))).status_code == 403
        assert (await http.put(f"{base}/id/{second}", json={})).status_code == 403
        assert (await http.delete(base)).status_code == 403
    assert (await alice.http.delete(base)).status_code == 200
    assert await carried(alice) == ([], [])
    await alice.delete(f"/v1/devices/id/{plain}")
    await alice.delete(f"/v1/projects/id/{fleet}")


async def test_profiles_are_deployed_to_groups(  # noqa: PLR0915 - one story
    rest: Rest, enterprise: str, alice: Caller, world: World
) -> None:
    profile_id = await alice.create("/v1/appprofiles", profile())
    told = await alice.get("/v1/appprofiles/name/camera")
    assert (told["id"], told["latestVersion"]) == (profile_id, 1)
    assert told["status"] == "APP_PROFILE_STATUS_TYPE_INACTIVE"
    assert "opens-the-door" not in str(told)
    group_id = await alice.create(
        "/v1/assetgroups",
        {
            "name": "cameras",
            "projectId": world.project,
            "assetTags": {"assetTag": [{"tag": {"eye": "left"}}, {"tag": {"eye": "right"}}]},
        },
    )
    sent = {
        "name": "cameras-v1",
        "projectId": world.project,
        "appProfileInfo": {"appProfileId": profile_id, "version": 1},
        "targetAssetGroup": {"groupId": group_id},
    }
    deployment_id = await alice.create("/v1/profiledeployments", sent)
    left = await alice.create(
        "/v1/devices", node(world.project, world.model, "edge-1", tags={"eye": "left"})
    )
    await alice.create("/v1/devices", node(world.project, world.model, "edge-2"))
    assert await carried(alice) == (["nat-edge-1"], ["plant-web-edge-1"])
    group = await alice.get(f"/v1/assetgroups/id/{group_id}")
    assert (group["assetCount"], group["title"]) == (1, "cameras")
    assert (await alice.get("/v1/appprofiles/id/" + profile_id))["status"].endswith("_ACTIVE")
    shown = await alice.get("/v1/profiledeployments/name/cameras-v1")
    assert shown["status"] == "POLICY_STATUS_READY"
    status = await alice.get(f"/v1/profiledeployments/id/{deployment_id}/resourcestatus")
    (asset,) = status["resourceStatus"]["assetResourceStatus"]
    assert asset["assetId"] == left
    assert {one["objectType"] for one in asset["objectStatus"]} == {
        "OBJECT_TYPE_NETWORK_INSTANCE",
        "OBJECT_TYPE_EDGE_APP_INSTANCE",
    }

    # a new version is there at once and reaches a node when the deployment points at it
    read = await alice.get(f"/v1/appprofiles/id/{profile_id}")
    await alice.put(f"/v1/appprofiles/id/{profile_id}", read)
    assert (await alice.get(f"/v1/appprofiles/id/{profile_id}"))["latestVersion"] == 1
    more = profile(password="", memory="1048576.00")
    await alice.put(f"/v1/appprofiles/id/{profile_id}", more)
    listed = await alice.get(f"/v1/appprofiles/id/{profile_id}/version")
    assert [one["version"] for one in listed["versionList"]] == [1, 2]
    by_name = await alice.get("/v1/appprofiles/name/camera/version")
    assert by_name["versionList"] == listed["versionList"]
    before = await alice.get("/v1/apps/instances/name/plant-web-edge-1")
    info = {"appProfileInfo": {"appProfileId": profile_id, "version": 2}}
    await alice.put(f"/v1/profiledeployments/id/{deployment_id}", sent | info)
    after = await alice.get("/v1/apps/instances/name/plant-web-edge-1")
    assert after["appId"] != before["appId"]
    assert after["id"] == before["id"]
    bundle = await alice.get(f"/v1/apps/id/{after['appId']}")
    assert bundle["originType"] == "ORIGIN_APP_PROFILE_LOCAL"

    lists = {
        "/v1/appprofiles": "camera",
        "/v1/assetgroups": "cameras",
        "/v1/profiledeployments": "cameras-v1",
    }
    for path, name in lists.items():
        assert await names(alice, path) == [name]
        part = "namePattern" if "asset" in path else "filter.namePattern"
        assert (await alice.get(path, **{part: "nothing"}))["list"] == []
    await _strangers_see_nothing(rest, enterprise, alice, lists)
    database = Path(rest.engine.url.database or "")
    for file in (database, database.with_name(f"{database.name}-wal")):
        if file.exists():
            assert b"opens-the-door" not in file.read_bytes()

    in_use = await alice.http.delete(f"/v1/appprofiles/id/{profile_id}")
    assert in_use.status_code == 409, in_use.text
    assert (await alice.http.delete(f"/v1/assetgroups/id/{group_id}")).status_code == 409
    await alice.delete(f"/v1/profiledeployments/id/{deployment_id}")
    assert await carried(alice) == ([], [])
    await alice.delete(f"/v1/assetgroups/id/{group_id}")
    await alice.delete(f"/v1/appprofiles/id/{profile_id}")
    assert await names(alice, "/v1/apps") == ["web"]


async def _strangers_see_nothing(
    rest: Rest, enterprise: str, alice: Caller, lists: dict[str, str]
) -> None:
    await rest.add_user(f"mallory-{enterprise}")
    await rest.add_user(f"bob-{enterprise}", enterprise=enterprise, role="SysMonitor")
    await alice.create(
        "/v1/roles",
        {
            "name": "elsewhere",
            "title": "Elsewhere",
            "type": "USER_ROLE_USER_DEFINED",
            "scopes": [
                {
                    "accessDevice": READING,
                    "accessEdgeApp": READING,
                    "accessAppInstance": READING,
                    "projectFilter": [await alice.create("/v1/projects", project("elsewhere"))],
                }
            ],
        },
    )
    await rest.add_user(f"carol-{enterprise}", enterprise=enterprise, role="elsewhere")
    for path, name in lists.items():
        object_id = (await alice.get(f"{path}/name/{name}"))["id"]
        async with rest.client(await rest.login(f"mallory-{enterprise}")) as http:
            assert (await http.get(path)).json()["list"] == []
            for at in (f"{path}/id/{object_id}", f"{path}/name/{name}"):
                assert (await http.get(at)).status_code == 404
            put = await http.put(f"{path}/id/{object_id}", json={"name": name})
            assert (put.status_code, (await http.delete(f"{path}/id/{object_id}")).status_code) == (
                404,
                404,
            )
        async with rest.client(await rest.login(f"bob-{enterprise}")) as http:
            assert (await http.get(f"{path}/id/{object_id}")).status_code == 200
            assert (await http.post(path, json={"name": "x"})).status_code == 403
            assert (await http.delete(f"{path}/id/{object_id}")).status_code == 403
        if path != "/v1/appprofiles":  # those belong to no project
            async with rest.client(await rest.login(f"carol-{enterprise}")) as http:
                assert (await http.get(path)).json()["list"] == []
                assert (await http.get(f"{path}/id/{object_id}")).status_code == 404


async def test_what_a_profile_deployment_names_must_be_there(alice: Caller, world: World) -> None:
    nowhere = "11111111-1111-4111-8111-111111111111"
    answer = await alice.http.post(
        "/v1/profiledeployments",
        json={
            "name": "x",
            "projectId": world.project,
            "appProfileInfo": {"appProfileId": nowhere, "version": 1},
            "targetAssetGroup": {"groupId": nowhere},
        },
    )
    assert [one["location"] for one in answer.json()["error"]] == [
        "name",
        "appProfileInfo.appProfileId",
        "targetAssetGroup.groupId",
    ]
    answer = await alice.http.post(
        "/v1/assetgroups",
        json={"name": "some", "projectId": world.project, "assetIds": {"ids": [nowhere]}},
    )
    assert "assetIds.ids" in answer.text
    answer = await alice.http.post(
        "/v1/appprofiles",
        json={"name": "some", "appPolicies": [{"metaData": {"name": "a"}, "appConfig": {}}]},
    )
    assert "appPolicies[0].appConfig.manifestJSON" in answer.text


async def test_an_explanation_tells_the_term_that_keeps_a_node_away(
    rest: Rest, enterprise: str, alice: Caller, world: World
) -> None:
    other = await alice.create("/v1/projects", project("other"))
    tags = {"site": "north"}
    await alice.create("/v1/devices", node(world.project, world.model, "edge-1", tags=tags))
    await alice.create("/v1/devices", node(world.project, world.model, "edge-2"))
    await alice.create("/v1/devices", node(other, world.model, "edge-3", tags=tags))
    told = await alice.get("/v1/eaves/explain", project="plant", tag="site=north")
    assert (told["nodes"], told["matching"]) == (3, 1)
    reasons = {one["name"]: one["reasons"] for one in told["list"]}
    assert reasons["edge-1"] == []
    assert reasons["edge-2"] == ["tag site=north: it has no tag 'site'"]
    assert reasons["edge-3"][0].startswith("project is 'plant'")
    assert "warning" not in told
    none = await alice.get("/v1/eaves/explain", tag="site=south", only="missing", pageSize="2")
    assert none["matching"] == 0
    assert "tag site=south" in none["warning"]
    assert [one["name"] for one in none["list"]] == ["edge-1", "edge-2"]
    rest_of_it = await alice.get("/v1/eaves/explain", tag="site=south", after=none["next"])
    assert [one["name"] for one in rest_of_it["list"]] == ["edge-3"]
    for wrong in ({}, {"tag": "site"}, {"kind": "brand", "name": "x"}, {"kind": "project"}):
        assert (await alice.http.get("/v1/eaves/explain", params=wrong)).status_code == 400
    for of in ({"kind": "project", "name": "plant"}, {"tag": "site=north"}):
        asked = await alice.http.get("/v1/eaves/explain", params={**of, "policy": "x"})
        assert (asked.status_code, asked.json()["error"][0]["location"]) == (400, "policy")
    lost = {"kind": "deployment", "id": "11111111-1111-4111-8111-111111111111"}
    assert (await alice.http.get("/v1/eaves/explain", params=lost)).status_code == 404
    await rest.add_user(f"mallory-{enterprise}")
    async with rest.client(await rest.login(f"mallory-{enterprise}")) as http:
        seen = await http.get("/v1/eaves/explain", params={"tag": "site=north"})
        assert seen.json()["nodes"] == 0
    assert enterprise


async def test_a_plan_is_what_happens_then(
    rest: Rest, enterprise: str, alice: Caller, world: World
) -> None:
    await alice.create("/v1/devices", node(world.project, world.model, "edge-1"))
    path = f"/v1/projects/id/{world.project}"
    wanted = with_policies(await alice.get(path), [app_policy(world.app)], [network_policy()])
    ask = {"kind": "project", "object": wanted}
    planned = await alice.http.post("/v1/eaves/plan", json=ask)
    assert planned.status_code == 200, planned.text
    told = planned.json()
    (shown,) = told["list"]
    assert shown["created"] == ["network instance nat-edge-1", "app instance plant-web-edge-1"]
    assert (shown["pullBytes"], shown["refused"], shown["tooFull"]) == (1048576, [], False)
    assert shown["diskBytes"] == 100 << 30
    assert await carried(alice) == ([], [])  # nothing was written
    await alice.put(path, wanted)
    assert await carried(alice) == (["nat-edge-1"], ["plant-web-edge-1"])
    stale = (await alice.http.post("/v1/eaves/plan", json=ask)).json()
    assert "revision" in stale["refused"][0]["details"]

    now = await alice.get(path)
    ask["object"] = {**wanted, "revision": now["revision"]}
    assert (await alice.http.post("/v1/eaves/plan", json=ask)).json()["unchanged"] == 1
    more = with_policies(now, [app_policy(world.app, cpus=2)], [network_policy()])
    (shown,) = (
        await alice.http.post("/v1/eaves/plan", json={"kind": "project", "object": more})
    ).json()["list"]
    assert (shown["restarted"], shown["pullBytes"]) == (["app instance plant-web-edge-1"], 0)
    large = with_policies(now, [app_policy(world.app, cpus=64)], [network_policy()])
    refused = (
        await alice.http.post("/v1/eaves/plan", json={"kind": "project", "object": large})
    ).json()
    assert refused["refusedOnNodes"] == 1
    assert "64 processors" in refused["list"][0]["refused"][0]["reasons"][0]
    unknown = with_policies(now, [app_policy("nowhere")], [])
    answer = (
        await alice.http.post("/v1/eaves/plan", json={"kind": "project", "object": unknown})
    ).json()
    assert answer["refused"][0]["location"] == "appPolicy.appPolicy.apps[0].appId"
    wrong = await alice.http.post("/v1/eaves/plan", json={"kind": "brand", "object": {}})
    assert wrong.status_code == 400
    await rest.add_user(f"bob-{enterprise}", enterprise=enterprise, role="SysMonitor")
    async with rest.client(await rest.login(f"bob-{enterprise}")) as http:
        assert (await http.post("/v1/eaves/plan", json=ask)).status_code == 403
    await rest.add_user(f"mallory-{enterprise}")
    async with rest.client(await rest.login(f"mallory-{enterprise}")) as http:
        assert (await http.post("/v1/eaves/plan", json=ask)).status_code == 404
