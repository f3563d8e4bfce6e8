"""One object of each kind that no app needs, so that a path may name it."""

import base64
import os
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec
from support.rest import Caller, Json
from support.rest_objects import SHA256, World

from eaves.evapi.device_certs import Chance, device_certificate

NETWORK: Json = {
    "kind": "NETWORK_INSTANCE_KIND_LOCAL",
    "type": "NETWORK_INSTANCE_DHCP_TYPE_V4",
    "port": "eth0",
}


async def put_others(caller: Caller, world: World) -> dict[str, str]:
    """Ids by kind; the name of each is its kind."""
    templates = f"/v1/sysmodels/id/{world.model}/pcrtemplates"
    golden: Json = {
        "name": "pcr",
        "eveVersion": "13.4.0",
        "PCRValues": [{"index": 0, "type": "PCR_TYPE_HASH", "value": SHA256}],
    }
    bulk: Json = {
        "jobName": "job",
        "selectionCriteria": {"deviceIdList": [world.device]},
        "tagUpdate": {"tags": {"site": "north"}},
    }
    rollout: Json = {
        "name": "rollout",
        "operationType": "BULK_SERVICE_BASEOS_UPDATE",
        "selectionCriteria": {"deviceIdList": [world.device]},
        "baseosUpdate": {"baseimage": {"uuid": world.image, "version": "14.0", "activate": True}},
    }
    document = {"version": "hidden-1.0", "policy": "Hidden text"}
    made = await caller.http.post("/v1/cloud/policies", json=document)
    assert made.status_code == 200, made.text
    artifact = await caller.http.post("/v1/artifacts", json={"name": "artifact"})
    assert artifact.status_code == 200, artifact.text
    return {
        "cep": await caller.create("/v1/ceps", cep()),
        "pcr": await caller.create(templates, {"templates": [golden]}),
        "document": document["version"],
        "artifact": artifact.json()["id"],
        "envelope": await caller.create("/v1/patch-envelope", envelope(world.project)),
        "job": await caller.put("/v1/jobs/devices/tags", bulk),
        "realm": await caller.create("/v1/realms", {"name": "realm", "title": "Hidden realm"}),
        "rollout": await caller.create("/v1/eaves/rollouts", rollout),
        **await _put_alerts(caller, world),
        **await _put_policies(caller, world),
    }


async def _put_alerts(caller: Caller, world: World) -> dict[str, str]:
    channel = {
        "name": "alert_channel",
        "title": "Hidden channel",
        "projectId": world.project,
        "type": "ALERT_CHANNEL_TYPE_WEBHOOK",
        "webhook": {"url": "https://hooks.example.org", "secret": "secret-of-the-hook"},
    }
    rule = {
        "name": "alert_rule",
        "title": "Hidden rule",
        "projectId": world.project,
        "condition": "ALERT_CONDITION_NODE_OFFLINE",
        "severity": "SEVERITY_ERROR",
        "channels": ["alert_channel"],
    }
    ids = {"alert_channel": await caller.create("/v1/eaves/alert-channels", channel)}
    return ids | {"alert_rule": await caller.create("/v1/eaves/alert-rules", rule)}


def envelope(project_id: str) -> Json:
    rules = {"base64Data": "e30=", "fileNameToUse": "rules.json", "base64MetaData": "bQ=="}
    return {
        "name": "envelope",
        "title": "Hidden envelope",
        "projectId": project_id,
        "projectName": "plant",
        "action": "PATCH_ENVELOPE_ACTION_ACTIVATE",
        "artifacts": [{"format": "OpaqueObjectCategoryInline", "base64Artifact": rules}],
    }


def cep() -> Json:
    chance = Chance(datetime.now(UTC), os.urandom)
    authority = device_certificate(ec.generate_private_key(ec.SECP256R1()), chance)
    return {
        "name": "cep",
        "title": "Hidden cep",
        "scepUrl": "https://ca.example.org/scep",
        "caCertPem": [base64.b64encode(authority).decode()],
        "csrProfile": {"commonName": "node"},
        "secret": {"challengePassword": "opens-the-door"},
    }


async def _put_policies(caller: Caller, world: World) -> dict[str, str]:
    named = {"metaData": {"name": "nat", "title": "NAT"}}
    profile = {
        "name": "profile",
        "title": "Hidden profile",
        "appPolicies": [],
        "networkPolicies": [{**named, "networkConfig": NETWORK}],
        "volumePolicies": [],
    }
    group = {"name": "group", "projectId": world.project, "assetIds": {"ids": [world.device]}}
    ids = {
        "profile": await caller.create("/v1/appprofiles", profile),
        "group": await caller.create("/v1/assetgroups", group),
    }
    deployed = {
        "name": "profile_deployment",
        "projectId": world.project,
        "appProfileInfo": {"appProfileId": ids["profile"], "version": 1},
        "targetAssetGroup": {"groupId": ids["group"]},
    }
    ids["profile_deployment"] = await caller.create("/v1/profiledeployments", deployed)
    fleet = {"name": "fleet", "title": "Hidden fleet", "type": "TAG_TYPE_DEPLOYMENT"}
    ids["fleet"] = await caller.create("/v2/projects", fleet)
    deployment = {
        "name": "deployment",
        "title": "Hidden deployment",
        "deploymentTag": "v1",
        "networkInstPolicies": [{**named, "netInstConfig": NETWORK}],
    }
    path = f"/v2/projects/id/{ids['fleet']}/deployments"
    answer = await caller.http.post(path, json=deployment)
    assert answer.status_code == 202, answer.text
    return ids | {"deployment": answer.json()["objectId"]}
