"""A state folder with thousands of devices as people and tools made them by REST: real objects.

The shared objects are stored one by one, the devices with bulk statements.
"""

import hashlib
import json
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import insert

from eaves.controller.domain.scope import Scope
from eaves.controller.store.devices import put_last_seen
from eaves.controller.store.listed import listed_row
from eaves.controller.store.objects import Draft, Stamp, insert_object
from eaves.controller.store.tables import (
    Kind,
    device_bindings,
    object_ids,
    object_references,
    objects,
)
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId, EnterpriseId

AT_ONCE: Final = 1000
SHA256: Final = "0f" * 32


@dataclass(frozen=True, slots=True)
class Shared:
    """Ids of what devices have in common."""

    enterprise: str
    projects: tuple[str, ...]
    models: tuple[str, ...]
    network: str
    app: str


def new_id(seed: random.Random) -> str:
    return str(uuid.UUID(int=seed.getrandbits(128), version=4))


async def put_shared(db: Db, enterprise: str, seed: random.Random) -> Shared:
    """Projects, models, a network, a datastore, an image and a bundle."""
    stamp, scope = Stamp(datetime.now(UTC), "bench"), Scope(EnterpriseId(enterprise))

    async def put(kind: Kind, name: str, body: Mapping[str, Any], *refers: str) -> str:
        object_id = new_id(seed)
        text = json.dumps({"name": name, "title": name, **body})
        draft = Draft(kind, object_id, enterprise, name, text, references=frozenset(refers))
        await insert_object(db, scope, draft, stamp)
        return object_id

    brand = await put(Kind.BRAND, "acme", {"originType": "ORIGIN_LOCAL"})
    projects = [
        await put(Kind.PROJECT, f"plant-{n:02}", {"type": "TAG_TYPE_PROJECT"}) for n in range(20)
    ]
    models = [await put(Kind.MODEL, f"box-{n}", _model(brand), brand) for n in range(5)]
    ip = {"dhcp": "NETWORK_DHCP_TYPE_CLIENT"}
    network = await put(
        Kind.NETWORK, "dhcp", {"kind": "NETWORK_KIND_V4", "ip": ip, "projectId": projects[0]}
    )
    store = await put(
        Kind.DATASTORE, "files", {"dsType": "DATASTORE_TYPE_HTTPS", "dsFQDN": "https://files"}
    )
    image = await put(Kind.IMAGE, "disk", _image(store), store)
    app = await put(Kind.APP, "web", _app(), image, store)
    return Shared(enterprise, tuple(projects), tuple(models), network, app)


def _model(brand: str) -> dict[str, Any]:
    ports = [
        {
            "ztype": "IO_TYPE_ETH",
            "phylabel": f"eth{n}",
            "logicallabel": f"eth{n}",
            "assigngrp": f"eth{n}",
            "phyaddrs": {"Ifname": f"eth{n}", "PciLong": f"0000:0{n + 2}:00.0"},
            "usage": "ADAPTER_USAGE_MANAGEMENT" if n == 0 else "ADAPTER_USAGE_APP_SHARED",
        }
        for n in range(4)
    ]
    return {
        "brandId": brand,
        "brandName": "acme",
        "type": "AMD64",
        "state": "SYS_MODEL_STATE_ACTIVE",
        "originType": "ORIGIN_LOCAL",
        "attr": {"memory": "8G", "storage": "100G", "Cpus": "4"},
        "ioMemberList": ports,
    }


def _image(store: str) -> dict[str, Any]:
    return {
        "datastoreId": store,
        "datastoreIdList": [store],
        "imageType": "IMAGE_TYPE_APPLICATION",
        "imageStatus": "IMAGE_STATUS_READY",
        "imageFormat": "QCOW2",
        "imageArch": "AMD64",
        "imageRelUrl": "disk.qcow2",
        "imageSha256": SHA256,
        "imageSizeBytes": "1048576",
    }


def _app() -> dict[str, Any]:
    manifest = {
        "name": "web",
        "acKind": "VMManifest",
        "appType": "APP_TYPE_VM",
        "deploymentType": "DEPLOYMENT_TYPE_STAND_ALONE",
        "vmmode": "HV_HVM",
        "images": [{"imagename": "disk", "drvtype": "HDD", "target": "Disk"}],
        "interfaces": [{"name": "eth0", "acls": []}],
        "resources": [{"name": "cpus", "value": "1"}, {"name": "memory", "value": "524288.00"}],
    }
    return {"originType": "ORIGIN_LOCAL", "manifestJSON": manifest}


async def put_devices(
    db: Db, shared: Shared, device_ids: Sequence[str], seed: random.Random, *, with_app: bool
) -> None:
    """Device records, with a network instance and an app instance each when asked for."""
    for start in range(0, len(device_ids), AT_ONCE):
        rows: dict[Kind, list[tuple[dict[str, Any], Sequence[str]]]] = {Kind.DEVICE: []}
        for number, one in enumerate(device_ids[start : start + AT_ONCE], start):
            project, model = seed.choice(shared.projects), seed.choice(shared.models)
            name = f"edge-{number * 7919 % 1_000_003:07}"
            rows[Kind.DEVICE].append(
                (
                    _row(shared, one, name, _device(project, model, seed), project=project),
                    (project, model, shared.network),
                )
            )
            if with_app:
                net, app = new_id(seed), new_id(seed)
                body = _netinst(one)
                rows.setdefault(Kind.NETINST, []).append(
                    (_row(shared, net, f"nat-{name}", body, project=project, device=one), (one,))
                )
                body = _instance(shared.app, one, project, f"nat-{name}")
                rows.setdefault(Kind.APP_INSTANCE, []).append(
                    (
                        _row(shared, app, f"web-{name}", body, project=project, device=one),
                        (one, shared.app, net),
                    )
                )
        for kind, some in rows.items():
            await _put(db, kind, some)


async def _put(db: Db, kind: Kind, rows: Sequence[tuple[dict[str, Any], Sequence[str]]]) -> None:
    ids = [
        {"id": row["id"], "kind": kind.value, "enterprise_id": row["enterprise_id"]}
        for row, _ in rows
    ]
    await db.execute(insert(object_ids), ids)
    await db.execute(insert(objects[kind]), [row for row, _ in rows])
    await db.execute(insert(listed[kind]), [listed_row(kind, row) for row, _ in rows])
    refers = [{"from_id": row["id"], "to_id": to} for row, others in rows for to in others]
    await db.execute(insert(object_references), refers)


def _row(
    shared: Shared,
    object_id: str,
    name: str,
    body: dict[str, Any],
    *,
    project: str,
    device: str = "",
) -> dict[str, Any]:
    at = datetime.now(UTC)
    state = body.get("adminState") or body.get("kind") or body.get("appType")
    return {
        "id": object_id,
        "enterprise_id": shared.enterprise,
        "project_id": project,
        "device_id": device,
        "name": name,
        "title": f"Title of {name}",
        "state": state,
        "revision": 1,
        "revision_before": 0,
        "created_at": at,
        "created_by": "bench",
        "updated_at": at,
        "updated_by": "bench",
        "body": json.dumps({"name": name, "title": f"Title of {name}", **body}),
    }


def _device(project: str, model: str, seed: random.Random) -> dict[str, Any]:
    ports: list[dict[str, Any]] = [
        {
            "intfname": f"eth{n}",
            "intfUsage": "ADAPTER_USAGE_MANAGEMENT" if n == 0 else "ADAPTER_USAGE_APP_SHARED",
            "netname": "dhcp" if n == 0 else "",
            "netDhcp": "NETWORK_DHCP_TYPE_UNSPECIFIED",
            "sharedLabels": [],
            "tags": {},
        }
        for n in range(4)
    ]
    states = ("ACTIVE", "ACTIVE", "ACTIVE", "INACTIVE", "REGISTERED")
    return {
        "modelId": model,
        "projectId": project,
        "serialno": f"SN{seed.randrange(10**10):010}",
        "obkey": new_id(seed),
        "adminState": f"ADMIN_STATE_{seed.choice(states)}",
        "configLock": "DEVICE_CONFIG_LOCK_DISABLED",
        "description": f"cabinet {seed.randrange(1000)}",
        "utype": "AMD64",
        "interfaces": ports,
        "configItem": [{"key": "timer.config.interval", "stringValue": "60", "uint64Value": "60"}],
        "tags": {"site": f"s{seed.randrange(50)}"},
    }


def _netinst(device: str) -> dict[str, Any]:
    return {
        "kind": "NETWORK_INSTANCE_KIND_LOCAL",
        "type": "NETWORK_INSTANCE_DHCP_TYPE_V4",
        "port": "eth0",
        "deviceId": device,
    }


def _instance(app: str, device: str, project: str, netinst: str) -> dict[str, Any]:
    return {
        "appId": app,
        "deviceId": device,
        "projectId": project,
        "activate": True,
        "appType": "APP_TYPE_VM",
        "drives": [{"imagename": "disk", "drvtype": "HDD", "maxsize": "1024", "target": "Disk"}],
        "interfaces": [
            {
                "intfname": "eth0",
                "intforder": 1,
                "netinstname": netinst,
                "acls": [
                    {
                        "matches": [
                            {"type": "protocol", "value": "tcp"},
                            {"type": "lport", "value": "8080"},
                        ],
                        "actions": [{"portmap": True, "mapparams": {"port": 80}}],
                    }
                ],
            }
        ],
        "vminfo": {"cpus": 1, "mode": "HV_HVM"},
    }


async def put_seen(db: Db, shared: Shared, device_ids: Sequence[str], seed: random.Random) -> None:
    """Most were heard of just now, some fell silent, some never came."""
    at = datetime.now(UTC)
    heard = [one for one in device_ids if seed.random() > 0.1]
    for start in range(0, len(heard), AT_ONCE):
        some = heard[start : start + AT_ONCE]
        common = {"enterprise_id": shared.enterprise, "gone": False, "attestation_required": False}
        await db.execute(
            insert(device_bindings),
            [
                {
                    "device_id": one,
                    "certificate_hash": hashlib.sha256(one.encode()).digest(),
                    "certificate_der": bytes(400),
                    "onboarding_key": "key",
                    "serial": one,
                    "bound_at": at,
                    **common,
                }
                for one in some
            ],
        )
        ages = [timedelta(hours=1) if seed.random() < 0.2 else timedelta(0) for _ in some]
        await put_last_seen(
            db, {DeviceId(one): at - age for one, age in zip(some, ages, strict=True)}
        )
