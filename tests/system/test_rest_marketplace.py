"""Bundles that come from the catalogue, who sees them, and compose bundles, through REST."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.rest import Caller, Json, Rest, running_rest
from support.rest_objects import World, app_instance, build_world

from eaves.controller.catalogue import applications
from eaves.controller.domain.contract.manifests import AppType

pytestmark = pytest.mark.system

READING, FULL = "PermissionAccessRead", "PermissionAccessCreateReadUpdateDelete"
ENTRY = next(one for one in applications().apps if one.name == "edgex-foundry")


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


def copy_of_entry(version: int, **changes: object) -> Json:
    body = ENTRY.model_copy(update={"id": "", "revision": None}).to_json()
    parent = {"idOfParentObject": ENTRY.id, "versionOfParentObject": version}
    return {**body, "parentDetail": parent, **changes}


def version_now() -> int:
    assert ENTRY.revision is not None
    return int(ENTRY.revision.curr)


async def test_a_copy_knows_when_the_catalogue_is_newer(alice: Caller) -> None:
    now = version_now()
    old = await alice.create("/v1/apps", copy_of_entry(now - 1))
    shown = await alice.get(f"/v1/apps/id/{old}")
    assert shown["originType"] == "ORIGIN_IMPORTED"
    assert shown["parentDetail"]["updateAvailable"]
    assert shown["parentDetail"]["referenceExists"]
    (listed,) = (await alice.get("/v1/apps", idOfParentObject=ENTRY.id))["list"]
    assert listed["parentDetail"]["updateAvailable"]
    assert not (await alice.get("/v1/apps", idOfParentObject="another"))["list"]

    taken = {**shown["parentDetail"], "versionOfParentObject": now}
    await alice.put(f"/v1/apps/id/{old}", {**shown, "parentDetail": taken})
    shown = await alice.get(f"/v1/apps/id/{old}")
    assert shown["parentDetail"].get("updateAvailable", False) is False

    await alice.put(f"/v1/apps/id/{old}", {**shown, "parentDetail": None})
    assert (await alice.get(f"/v1/apps/id/{old}"))["originType"] == "ORIGIN_IMPORTED"


async def test_a_copy_of_what_no_longer_ships_is_a_bundle_of_its_own(alice: Caller) -> None:
    parent = {"idOfParentObject": "8d7f1f39-3e0d-4f53-9a4b-0a7c0e0f6a11"}
    made = await alice.create("/v1/apps", copy_of_entry(1, name="old", parentDetail=parent))
    shown = await alice.get(f"/v1/apps/id/{made}")
    assert shown["originType"] == "ORIGIN_LOCAL"
    assert not shown["parentDetail"]["updateAvailable"]


async def test_a_bundle_is_seen_only_from_its_projects(
    rest: Rest, enterprise: str, alice: Caller
) -> None:
    world = await build_world(alice)
    other = await alice.create(
        "/v1/projects", {"name": "other", "title": "Other", "type": "TAG_TYPE_PROJECT"}
    )
    free = await alice.create("/v1/apps", copy_of_entry(1, name="free"))
    scope = {"accessEdgeApp": FULL, "accessAppInstance": FULL, "accessStorage": READING}
    await alice.create(
        "/v1/roles",
        {
            "name": "outsiders",
            "title": "Outsiders",
            "type": "USER_ROLE_USER_DEFINED",
            "scopes": [{**scope, "projectFilter": [other]}],
        },
    )
    await rest.add_user("bob", enterprise=enterprise, role="outsiders")
    async with rest.client(await rest.login("bob")) as http:
        bob = Caller(http)
        assert [one["id"] for one in (await bob.get("/v1/apps"))["list"]] == [free]
        assert (await bob.get("/v1/datastores"))["list"] == []
        for path in (f"id/{world.app}", "name/web"):
            assert (await http.get(f"/v1/apps/{path}")).status_code == 404
        assert (await http.delete(f"/v1/apps/id/{world.app}")).status_code == 404
        wanted = app_instance(world.app, world.device, "mine")
        refused = await http.post("/v1/apps/instances", json=wanted)
        assert refused.status_code == 400
        assert "there is no app bundle" in refused.text
    await alice.get(f"/v1/apps/id/{world.app}")


def compose(text: str, **changes: object) -> Json:
    manifest = {
        "name": "stack",
        "acKind": "ComposeManifest",
        "acVersion": "1.2.0",
        "appType": AppType.DOCKER_COMPOSE.value,
        "deploymentType": "DEPLOYMENT_TYPE_DOCKER_RUNTIME",
        "dockerComposeYamlText": base64.b64encode(text.encode()).decode(),
        "interfaces": [{"name": "eth0"}],
    }
    return {"name": "stack", "title": "Stack", "manifestJSON": {**manifest, **changes}}


COMPOSE_FILES = {
    "services: [": "not YAML at line",
    "- services": "has no services",
    "services: {web: {ports: ['80:80']}}": "service 'web' names no image",
    "services: {web: {build: .}}": "service 'web' is built from source",
    "": "has no compose file",
    "a: &a [x]\nb: &b [*a, *a]\nservices: *b": "has no services",
}


async def test_a_compose_file_is_checked_when_it_is_stored(alice: Caller) -> None:
    for text, said in COMPOSE_FILES.items():
        answer = await alice.http.post("/v1/apps", json=compose(text))
        assert answer.status_code == 400, text
        assert said in answer.text
    assert (await alice.get("/v1/apps"))["list"] == []


async def test_a_compose_bundle_is_refused_on_a_node_that_does_not_announce_it(
    alice: Caller,
) -> None:
    world: World = await build_world(alice)
    bundle = await alice.create("/v1/apps", compose("services: {web: {image: 'nginx:1'}}"))
    body = app_instance(bundle, world.device, "stack-1") | {
        "appType": AppType.DOCKER_COMPOSE.value,
        "customConfig": None,
        "drives": [],
        "interfaces": [{"intfname": "eth0", "netinstname": "nat"}],
    }
    answer = await alice.http.post("/v1/apps/instances", json=body)
    assert answer.status_code == 412, answer.text
    assert "'edge-1' does not announce that it runs compose files" in answer.text
