"""Models of the global catalogue imported by a job."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.bulk import Runner, done
from support.rest import Caller, Rest, running_rest

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
