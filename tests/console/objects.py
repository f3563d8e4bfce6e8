"""What a fleet of no node is made of, put by a program beside the person."""

import httpx
from support.rest import Json
from support.rest_objects import brand, datastore, device, image, model, network, project


def made(http: httpx.Client, path: str, body: Json) -> str:
    """Its id."""
    answer = http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["objectId"])


def put_objects(http: httpx.Client) -> dict[str, str]:
    """Two nodes that have not come yet, and an image of an app and of a base OS; ids."""
    model_id = made(http, "/v1/sysmodels", model(made(http, "/v1/brands", brand())))
    project_id = made(http, "/v1/projects", project())
    made(http, "/v1/networks", network(project_id))
    datastore_id = made(http, "/v1/datastores", datastore(project_id))
    made(http, "/v1/apps/images", image(datastore_id))
    of_os = made(http, "/v1/apps/images", image(datastore_id, "os-14") | {"imageType": "EVE"})
    as_read = http.get(f"/v1/apps/images/id/{of_os}").json()
    answer = http.put(f"/v1/apps/images/id/{of_os}/uplink", json=as_read)
    assert answer.status_code == 200, answer.text
    return {
        "device": made(http, "/v1/devices", device(project_id, model_id)),
        "fresh": made(http, "/v1/devices", device(project_id, model_id, "edge-2")),
        "os": of_os,
    }
