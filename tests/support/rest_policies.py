"""Policies as clients send them, and what nodes come to carry."""

from support.rest import Caller, Json
from support.rest_objects import World, app, build_world, device


async def empty_world(caller: Caller) -> World:
    """With a model that has room and no device, and a bundle that is open to every project."""
    world = await build_world(caller)
    await caller.delete(f"/v1/apps/instances/id/{world.instance}")
    await caller.delete(f"/v1/volumes/instances/id/{world.volume}")
    await caller.delete(f"/v1/netinsts/id/{world.netinst}")
    await caller.delete(f"/v1/devices/id/{world.device}")
    bundle = await caller.get(f"/v1/apps/id/{world.app}")
    await caller.put(f"/v1/apps/id/{world.app}", bundle | {"projectAccessList": []})
    return world


def node(project_id: str, model_id: str, name: str, **more: object) -> Json:
    body = device(project_id, model_id, name)
    body["interfaces"][0]["netname"] = ""
    return body | more


def network_policy(name: str = "nat") -> Json:
    return {
        "name": name,
        "title": "NAT",
        "kind": "NETWORK_INSTANCE_KIND_LOCAL",
        "type": "NETWORK_INSTANCE_DHCP_TYPE_V4",
        "port": "eth0",
        "deviceId": "",
        "deviceDefault": True,
    }


def app_policy(app_id: str, name: str = "web", **more: object) -> Json:
    return {
        "name": name,
        "title": "Web",
        "appId": app_id,
        "cpus": 1,
        "memory": 524288,
        "drives": 1,
        "networks": 1,
        "originType": "ORIGIN_LOCAL",
        "namingScheme": "APP_NAMING_SCHEME_PROJECT_APP_DEVICE",
        "nameProjectPart": "plant",
        "nameAppPart": name,
        "interfaces": [{"intfname": "eth0", "netinstname": "nat"}],
        "manifestJSON": None,
        **more,
    }


def with_policies(body: Json, apps: list[Json], networks: list[Json]) -> Json:
    return body | {
        "appPolicy": {
            "name": "apps",
            "title": "Apps",
            "type": "POLICY_TYPE_APP",
            "appPolicy": {"apps": apps},
        },
        "networkPolicy": {
            "name": "nets",
            "title": "Nets",
            "type": "POLICY_TYPE_NETWORK",
            "networkPolicy": {"netInstanceConfig": networks},
        },
    }


async def names(caller: Caller, path: str) -> list[str]:
    return [one["name"] for one in (await caller.get(path))["list"]]


async def carried(caller: Caller) -> tuple[list[str], list[str]]:
    return await names(caller, "/v1/netinsts"), await names(caller, "/v1/apps/instances")


def deployment(app_id: str, tag: str = "", gpu: str = "", name: str = "stack") -> Json:
    condition = {"gpu": gpu} if gpu else {}
    return {
        "name": name,
        "title": "Stack",
        "deploymentTag": tag,
        "networkInstPolicies": [
            {
                "metaData": {"name": "nat", "title": "NAT", "tags": {"net": "nat"}},
                "netInstConfig": {
                    "kind": "NETWORK_INSTANCE_KIND_LOCAL",
                    "type": "NETWORK_INSTANCE_DHCP_TYPE_V4",
                    "port": "eth0",
                },
            }
        ],
        "volumeInstPolicies": [
            {
                "metaData": {"name": "data", "title": "Data"},
                "volInstConfig": {
                    "type": "VOLUME_INSTANCE_TYPE_BLOCKSTORAGE",
                    "accessmode": "VOLUME_INSTANCE_ACCESS_MODE_READWRITE",
                    "sizeBytes": "1048576",
                    "label": "data",
                },
            }
        ],
        "appInstPolicies": [
            {
                "metaData": {"name": "web", "policyTargetCondition": condition},
                "appInstConfig": {
                    "bundleId": app_id,
                    "namingScheme": "APP_NAMING_SCHEMEV2_APP_DEVICE",
                    "interfaces": [{"intfname": "eth0", "netinsttag": {"net": "nat"}}],
                },
            }
        ],
        "devicePolicies": [
            {
                "metaData": {"name": "attest"},
                "policySubType": "DEVICE_POLICY_TYPE_ATTESTATION",
                "attestationPolicy": {"type": "DEVICE_ATTEST_POLICY_TYPE_ACCEPT"},
            }
        ],
    }


def profile(password: str = "opens-the-door", memory: str = "524288.00") -> Json:
    manifest = app("", "", "web")["manifestJSON"]
    manifest["resources"] = [
        {"name": "cpus", "value": "1"},
        {"name": "memory", "value": memory},
    ]
    manifest["configuration"]["customConfig"]["variableGroups"] = [
        {
            "name": "group",
            "variables": [
                {"name": "DOOR", "format": "VARIABLE_FORMAT_PASSWORD", "default": password}
            ],
        }
    ]
    return {
        "name": "camera",
        "title": "Camera",
        "appPolicies": [
            {
                "metaData": {"name": "web", "title": "Web"},
                "appConfig": {"manifestJSON": manifest, "netInstName": "nat"},
            }
        ],
        "networkPolicies": [
            {
                "metaData": {"name": "nat", "title": "NAT"},
                "networkConfig": {
                    "kind": "NETWORK_INSTANCE_KIND_LOCAL",
                    "type": "NETWORK_INSTANCE_DHCP_TYPE_V4",
                    "port": "eth0",
                },
            }
        ],
        "volumePolicies": [],
    }
