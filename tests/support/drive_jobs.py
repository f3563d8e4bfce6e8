"""How an administrator uses jobs, roll-outs, documents and what is ours; and what reads."""

import httpx
from support.driving import STEPS, Driver, step
from support.rest import Json
from support.rest_objects import device


async def _document(driver: Driver) -> httpx.Response:
    body = {"version": driver.name("doc"), "policy": "What we do"}
    return await driver.call("POST", "/v1/cloud/policies", body)


STEPS["POST", "/v1/cloud/policies"] = _document


@step("PUT", "/v1/cloud/policies/latest")
async def _document_in_force(driver: Driver) -> httpx.Response:
    version = (await _document(driver)).json()["pinfo"]["version"]
    return await driver.call("PUT", "/v1/cloud/policies/latest", {"version": version})


@step("DELETE", "/v1/cloud/policies/id/{id}")
async def _delete_document(driver: Driver) -> httpx.Response:
    version = (await _document(driver)).json()["pinfo"]["version"]
    return await driver.call("DELETE", f"/v1/cloud/policies/id/{version}")


@step("POST", "/v1/hello")
async def _hello(driver: Driver) -> httpx.Response:
    return await driver.call("POST", "/v1/hello", {"firstName": "Ada", "lastName": "L"})


def _bulk(path: str, **body: object) -> None:
    async def ask(driver: Driver) -> httpx.Response:
        chosen = {"deviceIdList": [driver.world.device], "bundleId": driver.world.app}
        told: Json = {"jobName": driver.name("job"), "selectionCriteria": chosen, **body}
        if "baseosUpdate" in body:
            told["baseosUpdate"] = {"baseimage": {"uuid": driver.world.image, "version": "14.0"}}
        if "deviceProjectAndTargetUpdate" in body:
            told["deviceProjectAndTargetUpdate"] = {"projectId": driver.world.project}
        return await driver.call("PUT", f"/v1/jobs/{path}", told)

    STEPS["PUT", f"/v1/jobs/{path}"] = ask


_bulk("devices/baseos/upgrade", baseosUpdate={})
_bulk("devices/baseos/upgrade/retry")
_bulk("devices/tags", tagUpdate={"tags": {"site": "south"}})
_bulk("devices/deployment/tags", deploymentTagUpdate={"deploymentTag": "v2"})
_bulk("devices/project/target", deviceProjectAndTargetUpdate={})
_bulk(
    "apps/instances/create",
    instanceDeploy={
        "instanceConfig": [
            {
                "appInstanceConfig": {"name": "shop"},
                "netInstanceDetail": {"netInstanceDefault": True},
            }
        ]
    },
)
_bulk("apps/instances/refresh")
_bulk("apps/instances/refresh/purge")


@step("PUT", "/v1/jobs/models/import")
async def _import_models(driver: Driver) -> httpx.Response:
    first, *_ = (await driver.alice.get("/v1/sysmodels/global"))["list"]
    body = {"modelImport": {"modelConfig": [{"parentModelId": first["id"]}]}}
    return await driver.call("PUT", "/v1/jobs/models/import", body)


@step("PUT", "/v1/jobs/apps/bundles/import")
async def _import_bundles(driver: Driver) -> httpx.Response:
    first, *_ = (await driver.alice.get("/v1/apps/global"))["list"]
    body = {"bundleImport": {"bundleConfig": [{"parentBundleId": first["id"]}]}}
    return await driver.call("PUT", "/v1/jobs/apps/bundles/import", body)


@step("POST", "/v1/jobs")
async def _create_job(driver: Driver) -> httpx.Response:
    body = {
        "name": driver.name("job"),
        "objectType": "OBJECT_TYPE_EDGE_NODE",
        "operationType": "BULK_SERVICE_BASEOS_UPDATE_RETRY",
        "objectList": [driver.world.device],
    }
    return await driver.call("POST", "/v1/jobs", body)


async def _job(driver: Driver) -> str:
    return str((await _create_job(driver)).json()["objectId"])


@step("PUT", "/v1/jobs/id/{id}")
async def _replace_job(driver: Driver) -> httpx.Response:
    path = f"/v1/jobs/id/{await _job(driver)}"
    return await driver.call("PUT", path, await driver.alice.get(path) | {"title": "Retry"})


@step("DELETE", "/v1/jobs/id/{id}/objectType/{objectType}")
async def _delete_job(driver: Driver) -> httpx.Response:
    path = f"/v1/jobs/id/{await _job(driver)}/objectType/OBJECT_TYPE_EDGE_NODE"
    return await driver.call("DELETE", path)


@step("PUT", "/v1/eaves/jobs/id/{id}/abort")
async def _abort_job(driver: Driver) -> httpx.Response:
    return await driver.call("PUT", f"/v1/eaves/jobs/id/{await _job(driver)}/abort")


def _rollout(move: str, first: str = "") -> None:
    async def act(driver: Driver) -> httpx.Response:
        path = f"/v1/eaves/rollouts/id/{(await _create_rollout(driver)).json()['objectId']}"
        if first:
            await driver.alice.put(f"{path}/{first}")
        return await driver.call("PUT", f"{path}/{move}")

    STEPS["PUT", f"/v1/eaves/rollouts/id/{{id}}/{move}"] = act


@step("POST", "/v1/eaves/rollouts")
async def _create_rollout(driver: Driver) -> httpx.Response:
    body = {
        "name": driver.name("rollout"),
        "operationType": "BULK_SERVICE_BASEOS_UPDATE",
        "selectionCriteria": {"deviceIdList": [driver.world.device]},
        "baseosUpdate": {"baseimage": {"uuid": driver.world.image, "version": "14.0"}},
    }
    return await driver.call("POST", "/v1/eaves/rollouts", body)


for wanted, before in (("pause", ""), ("resume", "pause"), ("abort", ""), ("undo", "abort")):
    _rollout(wanted, before)


@step("POST", "/v1/eaves/devices/bulk")
async def _many_devices(driver: Driver) -> httpx.Response:
    row = device(driver.world.project, driver.world.model, driver.name("bulk"))
    return await driver.call("POST", "/v1/eaves/devices/bulk", {"rows": [{"device": row}]})


@step("POST", "/v1/eaves/plan")
async def _plan(driver: Driver) -> httpx.Response:
    deployment = driver.ids["profile_deployment"]
    body = {"kind": "profiledeployment", "delete": True, "object": {"id": deployment}}
    return await driver.call("POST", "/v1/eaves/plan", body)


@step("PUT", "/v1/eaves/devices/id/{id}/replace")
async def _replace_machine(driver: Driver) -> httpx.Response:
    path = f"/v1/eaves/devices/id/{driver.world.device}/replace"
    return await driver.call("PUT", path, {"serialno": "another"})


@step("GET", "/v1/eaves/explain")
async def _explain(driver: Driver) -> httpx.Response:
    return await driver.call("GET", "/v1/eaves/explain", kind="project", name="plant")


def _read_alone(path: str) -> None:
    async def read(driver: Driver) -> httpx.Response:
        return await driver.call("GET", path)

    STEPS["GET", path] = read


@step("PUT", "/v1/ext/incidents/acknowledge")
async def _acknowledge_incidents(driver: Driver) -> httpx.Response:
    body = {"ids": [driver.ids["incident"]]}
    return await driver.call("PUT", "/v1/ext/incidents/acknowledge", body)


for part in ("", "/unattested", "/unclaimed"):
    _read_alone(f"/v1/ext/attention{part}")
_read_alone("/v1/ext/stream")
_read_alone("/v1/ext/spread")


@step("GET", "/v1/cloud/ping/id/{pingId}")
async def _ping(driver: Driver) -> httpx.Response:
    return await driver.call("GET", "/v1/cloud/ping/id/7")


@step("GET", "/v1/enterprises/name/{name}")
async def _enterprise_by_name(driver: Driver) -> httpx.Response:
    own = await driver.root.get("/v1/enterprises/self")
    return await driver.call("GET", f"/v1/enterprises/name/{own['name']}")


@step("GET", "/v1/enterprises/id/{id}")
async def _enterprise_by_id(driver: Driver) -> httpx.Response:
    path = f"/v1/enterprises/id/{driver.ids['enterprise']}"
    return await driver.alice.http.get(path)


@step("GET", "/v1/eaves/enterprises/id/{id}/roles")
async def _roles_below(driver: Driver) -> httpx.Response:
    made = await driver.fresh("/v1/enterprises")
    return await driver.call("GET", f"/v1/eaves/enterprises/id/{made}/roles")


@step("GET", "/v1/sysmodels/id/{modelId}/pcrtemplates/name/{name}")
async def _template_by_name(driver: Driver) -> httpx.Response:
    path = f"/v1/sysmodels/id/{driver.world.model}/pcrtemplates"
    return await driver.call("GET", f"{path}/name/pcr")


def _of_the_catalogue(base: str) -> None:
    for key in ("id", "name"):

        async def read(driver: Driver, key: str = key) -> httpx.Response:
            first, *_ = (await driver.alice.get(base))["list"]
            return await driver.call("GET", f"{base}/{key}/{first[key]}")

        STEPS["GET", f"{base}/{key}/{{{key}}}"] = read


for shelf in ("/v1/apps/global", "/v1/brands/global", "/v1/sysmodels/global"):
    _of_the_catalogue(shelf)


def _of_profile(template: str) -> None:
    async def read(driver: Driver) -> httpx.Response:
        base = "/v1/authorization/profiles"
        made = await driver.fresh(base)
        name = (await driver.alice.get(f"{base}/id/{made}"))["name"]
        path = template.replace("{id}", made).replace("{objid}", made)
        return await driver.call("GET", path.replace("{name}", name).replace("{objname}", name))

    STEPS["GET", template] = read


for key in ("id/{id}", "name/{name}", "id/{objid}/events", "name/{objname}/events"):
    _of_profile(f"/v1/authorization/profiles/{key}")


@step("POST", "/v1/ext/authorization/profiles/id/{id}/test")
async def _try_provider(driver: Driver) -> httpx.Response:
    base = "/v1/authorization/profiles"
    made = await driver.fresh(base)
    body = await driver.alice.get(f"{base}/id/{made}")
    nobody = body["oauthProfile"] | {"OIDCEndPoint": "https://localhost:1"}  # answers there
    await driver.alice.put(f"{base}/id/{made}", body | {"oauthProfile": nobody})
    return await driver.call("POST", f"/v1/ext/authorization/profiles/id/{made}/test")


@step("POST", "/v1/eaves/audit/acknowledge")
async def _acknowledge(driver: Driver) -> httpx.Response:
    told = await driver.alice.get("/v1/eaves/audit/verify")
    body = {"anchor": told["newest"], "reason": "looked into"}
    return await driver.call("POST", "/v1/eaves/audit/acknowledge", body)
