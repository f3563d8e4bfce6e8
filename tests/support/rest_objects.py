"""The smallest bodies that clients of the REST contract send, one for each resource."""

from dataclasses import dataclass

from support.rest import Caller, Json

SHA256 = "0f" * 32


def brand(name: str = "acme") -> Json:
    return {"name": name, "title": "Acme", "originType": "ORIGIN_LOCAL"}


def model(brand_id: str, name: str = "box-1") -> Json:
    return {
        "name": name,
        "title": "Box One",
        "type": "AMD64",
        "state": "SYS_MODEL_STATE_ACTIVE",
        "brandId": brand_id,
        "originType": "ORIGIN_LOCAL",
        "attr": {"memory": "8G", "storage": "100G", "Cpus": "4"},
        "ioMemberList": [
            {
                "ztype": "IO_TYPE_ETH",
                "phylabel": "eth0",
                "logicallabel": "eth0",
                "assigngrp": "eth0",
                "phyaddrs": {"Ifname": "eth0", "PciLong": "0000:02:00.0"},
                "usage": "ADAPTER_USAGE_MANAGEMENT",
                "usagePolicy": {"FreeUplink": True},
                "cost": 0,
            }
        ],
        "PCRTemplates": None,
    }


def project(name: str = "plant") -> Json:
    return {
        "name": name,
        "title": "Plant",
        "type": "TAG_TYPE_PROJECT",
        "tagLevelSettings": {
            "flowLogTransmission": "NETWORK_INSTANCE_FLOW_LOG_TRANSMISSION_UNSPECIFIED",
            "interfaceOrdering": "INTERFACE_ORDERING_DISABLED",
        },
        "modulePolicy": None,
        "attestationPolicy": {
            "name": "",
            "title": "Attestation",
            "type": "POLICY_TYPE_ATTESTATION",
            "attestationPolicy": {"type": "ATTEST_POLICY_TYPE_ACCEPT"},
        },
    }


def network(project_id: str, name: str = "dhcp") -> Json:
    return {
        "name": name,
        "title": "DHCP",
        "kind": "NETWORK_KIND_V4",
        "projectId": project_id,
        "ip": {"dhcp": "NETWORK_DHCP_TYPE_CLIENT", "dns": []},
        "dnsList": None,
    }


def datastore(project_id: str, name: str = "files") -> Json:
    return {
        "name": name,
        "title": "Files",
        "dsType": "DATASTORE_TYPE_HTTPS",
        "dsFQDN": "https://files.example.org",
        "dsPath": "images",
        "region": "here",
        "projectAccessList": [project_id],
        "secret": {"apiKey": "reader", "apiPasswd": "s3cret-of-the-store"},
    }


def image(datastore_id: str, name: str = "disk") -> Json:
    return {
        "name": name,
        "title": "Disk",
        "datastoreId": datastore_id,
        "imageType": "IMAGE_TYPE_APPLICATION",
        "imageFormat": "QCOW2",
        "imageArch": "AMD64",
        "imageRelUrl": "disk.qcow2",
        "imageSha256": SHA256,
        "imageSizeBytes": "1048576",
        "projectAccessList": None,
    }


def device(project_id: str, model_id: str, name: str = "edge-1") -> Json:
    return {
        "name": name,
        "title": "Edge One",
        "modelId": model_id,
        "projectId": project_id,
        "serialno": f"serial-of-{name}",
        "obkey": "5d0767ee-0547-4569-b530-387e526f8cb9",
        "adminState": "ADMIN_STATE_ACTIVE",
        "configLock": "DEVICE_CONFIG_LOCK_DISABLED",
        "interfaces": [
            {
                "intfname": "eth0",
                "intfUsage": "ADAPTER_USAGE_MANAGEMENT",
                "netname": "dhcp",
                "netDhcp": "NETWORK_DHCP_TYPE_UNSPECIFIED",
                "sharedLabels": None,
            }
        ],
        "configItem": [{"key": "timer.config.interval", "stringValue": "10", "uint64Value": "10"}],
        "tags": {},
        "devLocation": {},
    }


def netinst(device_id: str, name: str = "nat") -> Json:
    return {
        "name": name,
        "title": "NAT",
        "kind": "NETWORK_INSTANCE_KIND_LOCAL",
        "type": "NETWORK_INSTANCE_DHCP_TYPE_V4",
        "port": "eth0",
        "deviceId": device_id,
        "dnsList": None,
        "staticRoutes": None,
        "tags": {},
    }


def volume(device_id: str, name: str = "data") -> Json:
    return {
        "name": name,
        "title": "Data",
        "type": "VOLUME_INSTANCE_TYPE_BLOCKSTORAGE",
        "accessmode": "VOLUME_INSTANCE_ACCESS_MODE_READWRITE",
        "sizeBytes": "1073741824",
        "deviceId": device_id,
        "cleartext": True,
        "multiattach": False,
        "label": "data",
        "tags": {},
    }


def app(project_id: str, datastore_id: str, name: str = "web") -> Json:
    return {
        "name": name,
        "title": "Web",
        "originType": "ORIGIN_LOCAL",
        "userDefinedVersion": "1.0",
        "projectAccessList": [project_id],
        "datastoreIdList": [datastore_id],
        "manifestJSON": {
            "name": name,
            "acKind": "VMManifest",
            "acVersion": "1.2.0",
            "appType": "APP_TYPE_VM",
            "deploymentType": "DEPLOYMENT_TYPE_STAND_ALONE",
            "vmmode": "HV_HVM",
            "owner": {"user": "u", "email": "u@example.org"},
            "desc": {"category": "test", "agreementList": {}, "licenseList": {}},
            "images": [
                {"imagename": "disk", "drvtype": "HDD", "target": "Disk", "imageformat": "QCOW2"}
            ],
            "interfaces": [{"name": "eth0", "acls": []}],
            "resources": [
                {"name": "cpus", "value": "1"},
                {"name": "memory", "value": "524288.00"},
            ],
            "configuration": {
                "customConfig": {
                    "name": "config",
                    "fieldDelimiter": "###",
                    "template": "I2Nsb3VkLWNvbmZpZw==",
                    "variableGroups": [],
                }
            },
            "permissions": None,
            "runtimeVersion": "RuntimeVersion_Unknown",
            "runtimeProtocolVersion": "RuntimeProtocolVersion_Unknown",
            "PersistentRuntimeSizeBytes": "0",
        },
    }


def app_instance(app_id: str, device_id: str, name: str = "web-1") -> Json:
    return {
        "name": name,
        "title": "Web One",
        "appId": app_id,
        "deviceId": device_id,
        "projectId": "",
        "activate": True,
        "appType": "APP_TYPE_VM",
        "drives": [
            {
                "imagename": "disk",
                "drvtype": "HDD",
                "maxsize": "1024",
                "target": "Disk",
                "preserve": False,
                "readonly": False,
            }
        ],
        "interfaces": [
            {
                "intfname": "eth0",
                "intforder": 1,
                "netinstname": "nat",
                "directattach": False,
                "privateip": False,
                "acls": [
                    {
                        "matches": [
                            {"type": "protocol", "value": "tcp"},
                            {"type": "lport", "value": "8080"},
                        ],
                        "actions": [{"portmap": True, "mapparams": {"port": 80}}],
                    }
                ],
                "ipaddr": "",
                "macaddr": "",
                "io": None,
                "eidregister": None,
            }
        ],
        "customConfig": {
            "name": "config",
            "variableGroups": [
                {
                    "name": "group",
                    "variables": [
                        {
                            "name": "DOOR",
                            "format": "VARIABLE_FORMAT_PASSWORD",
                            "value": "opens-the-door",
                        }
                    ],
                }
            ],
        },
        "logs": {"access": True},
        "manifestInfo": {"transitionAction": "INSTANCE_TA_NONE"},
        "vminfo": {"cpus": 1, "mode": "HV_HVM", "vnc": False},
        "PersistentRuntimeSizeBytes": "0",
    }


@dataclass(frozen=True)
class World:
    """Ids of one object of each kind, all referring to each other."""

    brand: str
    model: str
    project: str
    network: str
    datastore: str
    image: str
    device: str
    netinst: str
    volume: str
    app: str
    instance: str


async def build_world(caller: Caller) -> World:
    """Make everything an app needs, in the order of references, as automation does."""
    brand_id = await caller.create("/v1/brands", brand())
    model_id = await caller.create("/v1/sysmodels", model(brand_id))
    project_id = await caller.create("/v1/projects", project())
    network_id = await caller.create("/v1/networks", network(project_id))
    datastore_id = await caller.create("/v1/datastores", datastore(project_id))
    image_id = await caller.create("/v1/apps/images", image(datastore_id))
    as_read = await caller.get(f"/v1/apps/images/id/{image_id}")
    await caller.put(f"/v1/apps/images/id/{image_id}/uplink", as_read)
    device_id = await caller.create("/v1/devices", device(project_id, model_id))
    netinst_id = await caller.create("/v1/netinsts", netinst(device_id))
    volume_id = await caller.create("/v1/volumes/instances", volume(device_id))
    app_id = await caller.create("/v1/apps", app(project_id, datastore_id))
    instance_id = await caller.create("/v1/apps/instances", app_instance(app_id, device_id))
    return World(
        brand=brand_id,
        model=model_id,
        project=project_id,
        network=network_id,
        datastore=datastore_id,
        image=image_id,
        device=device_id,
        netinst=netinst_id,
        volume=volume_id,
        app=app_id,
        instance=instance_id,
    )


BASES = {
    "brand": "/v1/brands",
    "model": "/v1/sysmodels",
    "project": "/v1/projects",
    "network": "/v1/networks",
    "datastore": "/v1/datastores",
    "image": "/v1/apps/images",
    "device": "/v1/devices",
    "netinst": "/v1/netinsts",
    "volume": "/v1/volumes/instances",
    "app": "/v1/apps",
    "instance": "/v1/apps/instances",
}


def bodies(world: World) -> dict[str, Json]:
    """What was sent for each object of the world."""
    return {
        "brand": brand(),
        "model": model(world.brand),
        "project": project(),
        "network": network(world.project),
        "datastore": datastore(world.project),
        "image": image(world.datastore),
        "device": device(world.project, world.model),
        "netinst": netinst(world.device),
        "volume": volume(world.device),
        "app": app(world.project, world.datastore),
        "instance": app_instance(world.app, world.device),
    }
