"""Every filter of the contract is taken by the lists that it belongs to."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.rest import Caller, running_rest
from support.rest_objects import World, build_world

from eaves.controller.northbound import catalog, project_status, status

SHARED = Path(__file__).parents[3] / "shared" / "northbound" / "operations.json"
VALUES = {"string": "x", "boolean": "true", "integer": "1", "number": "1", "array": "x"}
LISTS = {resource.path for resource in catalog.ALL} | {
    path
    for path in (route.path for route in (*status.ROUTES, *project_status.ROUTES))
    if path.endswith(("/status", "/status-config")) and "{" not in path
}

pytestmark = pytest.mark.system


@pytest.fixture
async def filled(tmp_path: Path) -> AsyncIterator[tuple[Caller, World]]:
    """Lists that have rows: filters look at their members."""
    async with running_rest(tmp_path) as rest:
        await rest.add_user("alice")
        async with rest.client(await rest.login("alice")) as http:
            caller = Caller(http)
            yield caller, await build_world(caller)


@pytest.mark.skipif(not SHARED.is_file(), reason=f"no shared contract beside this: {SHARED}")
async def test_every_filter_of_the_contract_is_taken(
    filled: tuple[Caller, World],
) -> None:
    caller, _ = filled
    described: list[dict[str, Any]] = json.loads(SHARED.read_text())["operations"]
    refused: list[str] = []
    tried = 0
    for operation in described:
        if operation["method"] != "GET" or operation["path"] not in LISTS:
            continue
        for param in operation["params"]:
            if param["in"] != "query" or param["name"].startswith("next."):
                continue
            value = param.get("enum", [VALUES[param["type"]]])[-1]
            answer = await caller.http.get(operation["path"], params={param["name"]: value})
            tried += 1
            if answer.status_code != 200:
                refused.append(f"{operation['path']}?{param['name']}={value}")
    assert refused == []
    assert tried > 100


async def test_filters_keep_what_they_name(filled: tuple[Caller, World]) -> None:
    caller, world = filled

    async def count(path: str, **params: str) -> int:
        return len((await caller.get(path, **params))["list"])

    instance = await caller.get(f"/v1/apps/instances/id/{world.instance}")
    app = await caller.get(f"/v1/apps/id/{instance['appId']}")
    for name, values in {
        "project": ("plant", instance["projectId"]),
        "bundle": (app["name"], app["id"]),
        "device": ("edge-1", world.device),
    }.items():
        for value in values:
            assert await count("/v1/apps/instances", **{name: value}) == 1, name
        assert await count("/v1/apps/instances", **{name: "another"}) == 0, name
    kind = app["manifestJSON"]["appType"]
    assert await count("/v1/apps", appType=kind) == 1
    assert await count("/v1/apps", appType="APP_TYPE_UNSPECIFIED") == 1
    assert await count("/v1/apps", appType="APP_TYPE_MODULE") == 0
    assert await count("/v1/devices", createdByPattern="ALI") == 1
    assert await count("/v1/devices", createdByPattern="bob") == 0
    assert await count("/v1/devices", clusterName="x") == 0
    assert await count("/v1/volumes/instances", appInstName="nobody") == 0
