"""Models and bundles of the global catalogue imported by a job."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.bulk import Runner, done
from support.rest import Caller, Rest, running_rest
from support.rest_objects import SHA256

from eaves.controller.domain.builtin_roles import SYS_MONITOR

pytestmark = pytest.mark.system


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path) as running:
        yield running


async def test_models_are_imported_with_figures_and_names_of_their_own(rest: Rest) -> None:
    enterprise = await rest.add_user("alice")
    await rest.add_user("bob", enterprise=enterprise, role=SYS_MONITOR)
    async with (
        rest.client(await rest.login("alice")) as http,
        rest.client(await rest.login("bob")) as monitor,
    ):
        caller = Caller(http)
        first, second, *_ = (await caller.get("/v1/sysmodels/global"))["list"]
        attributes = {"memory": "64G", "cpus": "16"}
        body = {
            "jobName": "take-two",
            "modelImport": {
                "modelConfig": [
                    {
                        "parentModelId": first["id"],
                        "name": "big-box",
                        "customModelFields": {"customModelAttributes": attributes},
                    },
                    {"parentModelId": second["id"]},
                ]
            },
        }
        wrong = {"modelImport": {"modelConfig": [{"parentModelId": "no", "name": "?"}]}}
        refused = await http.put("/v1/jobs/models/import", json=wrong)
        assert [one["location"] for one in refused.json()["error"]] == [
            "modelImport.modelConfig[0].parentModelId",
            "modelImport.modelConfig[0].name",
        ]
        assert (await http.put("/v1/jobs/models/import", json={})).status_code == 400
        assert (await monitor.put("/v1/jobs/models/import", json=body)).status_code == 403
        job = await done(caller, Runner(rest), "models/import", body)
        assert set(job["individualOpStatus"].values()) == {"COMPLETE"}
        big = await caller.get("/v1/sysmodels/name/big-box")
        assert (big["attr"]["memory"], big["attr"]["Cpus"]) == ("64G", "16")
        assert big["parentDetail"]["idOfParentObject"] == first["id"]
        assert not big["parentDetail"]["updateAvailable"]
        assert (await caller.get(f"/v1/sysmodels/name/{second['name']}"))["isImported"]


async def test_bundles_are_imported_with_the_images_that_the_enterprise_has(rest: Rest) -> None:
    await rest.add_user("alice")
    async with rest.client(await rest.login("alice")) as http:
        caller, runner = Caller(http), Runner(rest)
        first = await caller.get("/v1/apps/global/name/nginx")
        second = await caller.get("/v1/apps/global/name/redis")
        (drive,) = first["manifestJSON"]["images"]
        repository, _, tag = drive["imagename"].rpartition(":")
        store = {"name": "hub", "title": "Hub", "dsType": "DATASTORE_TYPE_CONTAINERREGISTRY"}
        store |= {"dsFQDN": "docker://registry.example.org", "dsPath": ""}
        image = {
            "name": "nginx-pinned",
            "title": "nginx",
            "datastoreId": await caller.create("/v1/datastores", store),
            "imageType": "IMAGE_TYPE_APPLICATION",
            "imageFormat": "CONTAINER",
            "imageArch": "AMD64",
            "imageRelUrl": f"{repository}:{tag}@sha256:{SHA256}",
            "imageSha256": SHA256,
            "imageSizeBytes": "1048576",
            "imageVersion": tag,
        }
        image_id = await caller.create("/v1/apps/images", image)
        wanted = [{"parentBundleId": one["id"]} for one in (first, second)]
        wrong = {"bundleImport": {"bundleConfig": [{"parentBundleId": "no"}, wanted[0], wanted[0]]}}
        refused = await http.put("/v1/jobs/apps/bundles/import", json=wrong)
        assert [one["location"] for one in refused.json()["error"]] == [
            f"bundleImport.bundleConfig[{index}].parentBundleId" for index in range(3)
        ]
        assert (await http.put("/v1/jobs/apps/bundles/import", json={})).status_code == 400
        body = {"bundleImport": {"bundleConfig": wanted}}
        job = await done(caller, runner, "apps/bundles/import", body)
        assert job["individualOpStatus"][first["id"]] == "COMPLETE"
        assert "eaves marketplace import redis" in job["individualOpStatus"][second["id"]]
        bundle = await caller.get("/v1/apps/name/nginx")
        assert bundle["manifestJSON"]["images"][0]["imageid"] == image_id
        assert bundle["parentDetail"]["idOfParentObject"] == first["id"]
        again = await done(caller, runner, "apps/bundles/import", body)
        assert again["individualOpStatus"][first["id"]] == "COMPLETE"
        assert (await caller.get("/v1/apps"))["totalCount"] == 1
