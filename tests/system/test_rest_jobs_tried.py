"""Bulk requests with `dryRun`: what would come of each object, of which nothing stays."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from support.rest import Caller, Json, running_rest
from support.rest_objects import World, build_world

pytestmark = pytest.mark.system


@dataclass
class Site:
    caller: Caller
    world: World

    async def tried(self, path: str, body: Json) -> httpx.Response:
        return await self.caller.http.put(f"/v1/jobs/{path}", params={"dryRun": "true"}, json=body)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running_rest(tmp_path) as rest:
        await rest.add_user("alice")
        async with rest.client(await rest.login("alice")) as http:
            caller = Caller(http)
            yield Site(caller, await build_world(caller))


def deployment(world: World, name: str) -> Json:
    return {
        "selectionCriteria": {"deviceIdList": [world.device], "bundleId": world.app},
        "instanceDeploy": {"instanceConfig": [{"appInstanceConfig": {"name": name}}]},
    }


async def test_a_deployment_that_is_tried_leaves_nothing(site: Site) -> None:
    told = (await site.tried("apps/instances/create", deployment(site.world, "tried"))).json()
    (one,) = told["list"]
    assert one["objectId"] == site.world.device
    assert one["result"], "neither what is made nor why not"
    assert told["failed"] == int(not one["fits"])
    assert not told["more"]
    found = await site.caller.get("/v1/apps/instances", namePattern="tried")
    assert found["list"] == []
    assert (await site.caller.get("/v1/jobs"))["list"] == []


async def test_a_request_that_no_job_takes_is_refused_when_it_is_tried(site: Site) -> None:
    body = deployment(site.world, "tried") | {"instanceDeploy": None}
    refused = await site.tried("apps/instances/create", body)
    assert refused.status_code == 400
    assert "instanceDeploy" in refused.json()["error"][0]["location"]


async def test_a_tag_that_is_tried_is_on_no_device(site: Site) -> None:
    body = {
        "selectionCriteria": {"deviceIdList": [site.world.device]},
        "tagUpdate": {"tags": {"tried": "yes"}},
    }
    told = (await site.tried("devices/tags", body)).json()
    assert [one["fits"] for one in told["list"]] == [True]
    device = await site.caller.get(f"/v1/devices/id/{site.world.device}")
    assert "tried" not in device.get("tags", {})
