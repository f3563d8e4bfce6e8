"""How an administrator uses operations of devices, instances, models and storage."""

import hashlib
from typing import Final

import httpx
from support.driving import STEPS, Driver, named_policy, step
from support.one_of_each import NETWORK
from support.rest import Json
from support.rest_objects import SHA256, datastore, image
from support.signing import Signer, measurements

from eaves.evapi.image_signature import as_json

DATA: Final = b"some bytes of a file" * 50
DIGEST: Final = hashlib.sha256(DATA).hexdigest()
GOLDEN: Final[Json] = {
    "eveVersion": "13.4.0",
    "PCRValues": [{"index": 0, "type": "PCR_TYPE_HASH", "value": SHA256}],
}
BASE_OS: Final[Json] = {"imageName": "eve", "version": "14.0"}


def _verbs(base: str, kind: str, *verbs: str) -> None:
    for verb in verbs:

        async def act(driver: Driver, verb: str = verb) -> httpx.Response:
            return await driver.call("PUT", f"{base}/id/{driver.ids[kind]}/{verb}")

        STEPS["PUT", f"{base}/id/{{id}}/{verb}"] = act


for version in ("/v1", "/v2"):
    _verbs(
        f"{version}/apps/instances",
        "instance",
        *("activate", "deactivate", "restart", "refresh", "refresh/purge"),
    )
_verbs(
    "/v1/devices",
    "device",
    *("activate", "deactivate", "reboot", "preparepoweroff", "baseos/upgrade/retry"),
    *("debug/disable", "config"),
)


_verbs(
    "/v1/eaves/devices",
    "device",
    *("attestation/unblock", "certificates/renew"),
)


@step("PUT", "/v1/eaves/attestation/renew")
async def _renew_all(driver: Driver) -> httpx.Response:
    body = {"projectId": driver.world.project}
    return await driver.call("PUT", "/v1/eaves/attestation/renew", body)


@step("PUT", "/v1/eaves/devices/id/{id}/attestation/block")
async def _block(driver: Driver) -> httpx.Response:
    path = f"/v1/eaves/devices/id/{await driver.fresh('/v1/devices')}/attestation/block"
    return await driver.call("PUT", path, {"why": "stolen"})


@step("PUT", "/v1/eaves/images/id/{id}/signatures")
async def _sign(driver: Driver) -> httpx.Response:
    path = f"/v1/eaves/images/id/{driver.world.image}/signatures"
    return await driver.call("PUT", path, {"list": [as_json(Signer().detached(SHA256))]})


async def _measured(driver: Driver) -> str:
    """The path of measurements of an image, which a trusted key has signed."""
    signer = Signer()
    key = {"name": "builder", "pem": signer.pem}
    project = await driver.fresh("/v1/projects")
    await driver.alice.http.put(
        f"/v1/eaves/projects/id/{project}/image-policy", json={"trustedKeys": [key]}
    )
    path = f"/v1/eaves/images/id/{driver.world.image}/measurements"
    told = await driver.alice.http.put(path, json=measurements(signer, SHA256, "14.6.0", {}))
    assert told.status_code == 200, told.text
    return path


@step("PUT", "/v1/eaves/images/id/{id}/measurements")
async def _measure(driver: Driver) -> httpx.Response:
    path = await _measured(driver)
    kept = await driver.alice.get(path)
    return await driver.call(
        "PUT", path, {"document": kept["document"], "signature": kept["signature"]}
    )


@step("DELETE", "/v1/eaves/images/id/{id}/measurements")
async def _forget_measurements(driver: Driver) -> httpx.Response:
    return await driver.call("DELETE", await _measured(driver))


@step("GET", "/v1/eaves/images/id/{id}/measurements")
async def _show_measurements(driver: Driver) -> httpx.Response:
    return await driver.call("GET", await _measured(driver))


@step("PUT", "/v1/eaves/projects/id/{id}/image-policy")
async def _trust(driver: Driver) -> httpx.Response:
    path = f"/v1/eaves/projects/id/{await driver.fresh('/v1/projects')}/image-policy"
    key = {"name": "release", "pem": Signer().pem}
    return await driver.call("PUT", path, {"signedOnly": True, "trustedKeys": [key]})


@step("PUT", "/v1/eaves/image-policy")
async def _trust_nobody(driver: Driver) -> httpx.Response:
    return await driver.call("PUT", "/v1/eaves/image-policy", {"signedOnly": False})


@step("PUT", "/v1/eaves/alert-channels/id/{id}/test")
async def _try_channel(driver: Driver) -> httpx.Response:
    made = await driver.fresh("/v1/eaves/alert-channels")
    return await driver.call("PUT", f"/v1/eaves/alert-channels/id/{made}/test")


def _base_os(template: str, *, activate: bool = False, offered: bool = False) -> None:
    async def act(driver: Driver) -> httpx.Response:
        device_id = await driver.fresh("/v1/devices")
        body = await driver.alice.get(f"/v1/devices/id/{device_id}")
        body["baseImage"] = [{**BASE_OS, "activate": activate}]
        if offered:
            await driver.alice.put(f"/v1/devices/id/{device_id}/publish", body)
        path = template.replace("{id}", device_id)
        return await driver.call("PUT", path, body)

    STEPS["PUT", template] = act


for key in ("{id}", ""):
    _base_os(f"/v1/devices/id/{key}/publish")
    _base_os(f"/v1/devices/id/{key}/apply", activate=True)
_base_os("/v1/devices/id/{id}/unpublish", offered=True)


@step("PUT", "/v1/devices/id/{id}/debug/enable")
async def _open_debug(driver: Driver) -> httpx.Response:
    path = f"/v1/devices/id/{driver.ids['device']}/debug/enable"
    return await driver.call("PUT", path, {"expiry": "30"})


@step("PUT", "/v1/devices/id/{id}/offboard", "/v1/devices/id/{id}/Offboard")
async def _offboard(driver: Driver) -> httpx.Response:
    return await driver.call("PUT", f"/v1/devices/id/{await driver.fresh('/v1/devices')}/offboard")


async def _snapshot(driver: Driver) -> tuple[str, str]:
    """Path of an app instance, and the id of a snapshot of it, `before`."""
    path = f"/v1/apps/instances/id/{await driver.fresh('/v1/apps/instances')}"
    body = await driver.alice.get(path)
    await driver.alice.put(path, body | {"availableSnapshots": [{"name": "before"}]})
    (taken,) = (await driver.alice.get(f"{path}/snapshots"))["snapshots"]
    return path, str(taken["id"])


@step("GET", "/v1/apps/instances/id/{appInstanceId}/snapshot/name/{name}")
async def _read_snapshot(driver: Driver) -> httpx.Response:
    path, _ = await _snapshot(driver)
    return await driver.call("GET", f"{path}/snapshot/name/before")


@step("GET", "/v1/apps/instances/snapshot/id/{id}")
async def _read_snapshot_by_id(driver: Driver) -> httpx.Response:
    _, made = await _snapshot(driver)
    return await driver.call("GET", f"/v1/apps/instances/snapshot/id/{made}")


@step("GET", "/v1/apps/instances/snapshot/id/{id}/state")
async def _state_of_snapshot(driver: Driver) -> httpx.Response:
    _, made = await _snapshot(driver)
    return await driver.call("GET", f"/v1/apps/instances/snapshot/id/{made}/state")


@step("DELETE", "/v1/apps/instances/id/{appInstanceId}/snapshot/name/{name}")
async def _delete_snapshot(driver: Driver) -> httpx.Response:
    path, _ = await _snapshot(driver)
    return await driver.call("DELETE", f"{path}/snapshot/name/before")


@step(
    "POST",
    "/v1/apps/instances/patch-reference-update",
    "/v2/apps/instances/patch-reference-update",
)
async def _refer(driver: Driver) -> httpx.Response:
    body = {
        "appInstIDList": [driver.ids["instance"]],
        "patchenvelopeId": "",
        "projectId": driver.world.project,
    }
    return await driver.call("POST", "/v1/apps/instances/patch-reference-update", body)


async def _deployment(driver: Driver) -> tuple[str, str]:
    """Path of the deployments of a new project, and the id of one there."""
    path = f"/v2/projects/id/{await driver.fresh('/v2/projects')}/deployments"
    made = await driver.call("POST", path, _deployment_body())
    assert made.status_code == 202, made.text
    return path, str(made.json()["objectId"])


def _deployment_body() -> Json:
    return {
        "name": "deployment",
        "title": "Deployment",
        "deploymentTag": "v1",
        "networkInstPolicies": [{**named_policy("nat"), "netInstConfig": NETWORK}],
    }


DEPLOYMENTS: Final = "/v2/projects/id/{projectId}/deployments"


@step("POST", DEPLOYMENTS)
async def _create_deployment(driver: Driver) -> httpx.Response:
    path = f"/v2/projects/id/{await driver.fresh('/v2/projects')}/deployments"
    return await driver.call("POST", path, _deployment_body())


@step("PUT", DEPLOYMENTS + "/id/{id}")
async def _replace_deployment(driver: Driver) -> httpx.Response:
    path, made = await _deployment(driver)
    return await driver.call("PUT", f"{path}/id/{made}", _deployment_body() | {"title": "New"})


@step("DELETE", DEPLOYMENTS + "/id/{id}")
async def _delete_deployment(driver: Driver) -> httpx.Response:
    path, made = await _deployment(driver)
    return await driver.call("DELETE", f"{path}/id/{made}")


@step("DELETE", DEPLOYMENTS)
async def _delete_deployments(driver: Driver) -> httpx.Response:
    path, _ = await _deployment(driver)
    return await driver.call("DELETE", path)


@step("PUT", "/v1/sysmodels/id/{id}/import")
async def _import_model(driver: Driver) -> httpx.Response:
    first, *_ = (await driver.alice.get("/v1/sysmodels/global"))["list"]
    return await driver.call("PUT", f"/v1/sysmodels/id/{first['id']}/import")


@step("POST", "/v1/sysmodels/id/{id}/pcrtemplates")
async def _create_template(driver: Driver) -> httpx.Response:
    path = f"/v1/sysmodels/id/{driver.world.model}/pcrtemplates"
    name = driver.name("pcr")
    body = {"templates": [{**GOLDEN, "name": name, "eveVersion": name}]}
    return await driver.call("POST", path, body)


@step("PUT", "/v1/pcrtemplate/id/{id}")
async def _replace_template(driver: Driver) -> httpx.Response:
    made = (await _create_template(driver)).json()["objectId"]
    body = {**GOLDEN, "eveVersion": driver.name("14.0")}
    return await driver.call("PUT", f"/v1/pcrtemplate/id/{made}", body)


@step("DELETE", "/v1/pcrtemplates/id/{id}")
async def _delete_template(driver: Driver) -> httpx.Response:
    made = (await _create_template(driver)).json()["objectId"]
    return await driver.call("DELETE", f"/v1/pcrtemplates/id/{made}")


@step("PUT", "/v1/apps/images/id/{id}/uplink")
async def _uplink(driver: Driver) -> httpx.Response:
    path = f"/v1/apps/images/id/{await driver.fresh('/v1/apps/images')}"
    return await driver.call("PUT", path + "/uplink", await driver.alice.get(path))


async def _base_os_image(driver: Driver) -> Json:
    body = image(driver.world.datastore, driver.name("eve")) | {"imageType": "IMAGE_TYPE_EVE"}
    made = await driver.alice.create("/v1/apps/images", body)
    path = f"/v1/apps/images/id/{made}"
    await driver.alice.put(path + "/uplink", await driver.alice.get(path))
    return await driver.alice.get(path)


LATEST: Final = "/v1/apps/images/baseos/latest"


@step("PUT", LATEST)
async def _mark_latest(driver: Driver) -> httpx.Response:
    return await driver.call("PUT", LATEST, await _base_os_image(driver))


@step("PUT", LATEST + "/hwclass/{imageArch}")
async def _mark_latest_of(driver: Driver) -> httpx.Response:
    return await driver.call("PUT", LATEST + "/hwclass/AMD64", await _base_os_image(driver))


@step("GET", LATEST + "/hwclass/{imageArch}")
async def _latest_of(driver: Driver) -> httpx.Response:
    await driver.alice.put(LATEST, await _base_os_image(driver))
    return await driver.call("GET", LATEST + "/hwclass/AMD64")


@step("DELETE", LATEST)
async def _unmark_latest(driver: Driver) -> httpx.Response:
    eve = await _base_os_image(driver)
    await driver.alice.put(LATEST, eve)
    return await driver.call("DELETE", LATEST, id=eve["id"])


async def _own_image(driver: Driver) -> str:
    """The name of an image that waits for its bytes."""
    store = {**datastore("", driver.name("own")), "dsType": "DATASTORE_TYPE_FILE_STORAGE"}
    for member in ("dsFQDN", "dsPath", "region", "secret", "projectAccessList"):
        store[member] = None
    made = await driver.alice.create("/v1/datastores", store)
    body = image(made, driver.name("disk")) | {"imageSha256": DIGEST, "imageSizeBytes": "0"}
    await driver.alice.create("/v1/apps/images", body)
    return str(body["name"])


async def _send(driver: Driver, path: str) -> httpx.Response:
    return await driver.alice.http.put(
        path,
        content=DATA,
        headers={
            "Content-Range": f"bytes 0-{len(DATA) - 1}/{len(DATA)}",
            "Content-Type": "application/octet-stream",
        },
    )


@step("PUT", "/v1/apps/images/name/{name}/upload/chunked")
async def _upload_pieces(driver: Driver) -> httpx.Response:
    path = f"/v1/apps/images/name/{await _own_image(driver)}/upload/chunked"
    return await _send(driver, path)


@step("PUT", "/v1/apps/images/name/{name}/upload/file")
async def _upload_file(driver: Driver) -> httpx.Response:
    path = f"/v1/apps/images/name/{await _own_image(driver)}/upload/file"
    return await driver.alice.http.put(path, files={"imageFile": ("disk.qcow2", DATA)})


@step("POST", "/v1/artifacts")
async def _create_artifact(driver: Driver) -> httpx.Response:
    return await driver.call("POST", "/v1/artifacts", {"name": driver.name("artifact")})


async def _artifact(driver: Driver) -> str:
    made = (await _create_artifact(driver)).json()["id"]
    assert (await _send(driver, f"/v1/artifacts/id/{made}/upload/chunked")).status_code == 200
    return str(made)


@step("PUT", "/v1/artifacts/id/{id}/upload/chunked")
async def _upload_artifact(driver: Driver) -> httpx.Response:
    made = (await _create_artifact(driver)).json()["id"]
    return await _send(driver, f"/v1/artifacts/id/{made}/upload/chunked")


@step("DELETE", "/v1/artifacts/id/{id}")
async def _delete_artifact(driver: Driver) -> httpx.Response:
    return await driver.call("DELETE", f"/v1/artifacts/id/{await _artifact(driver)}")


@step("GET", "/v1/artifacts/id/{id}")
async def _read_artifact(driver: Driver) -> httpx.Response:
    return await driver.call("GET", f"/v1/artifacts/id/{await _artifact(driver)}")


@step("GET", "/v1/artifacts/id/{id}/url")
async def _sign_artifact(driver: Driver) -> httpx.Response:
    return await driver.call("GET", f"/v1/artifacts/id/{await _artifact(driver)}/url")


@step("GET", "/v1/eaves/artifacts/{id}")
async def _read_signed(driver: Driver) -> httpx.Response:
    url = (await _sign_artifact(driver)).json()["signedUrl"]
    async with driver.rest.client() as http:
        return await http.get(url)
