"""Each resource of the published Terraform provider, call by call, on both databases.

Create, an empty plan, a change, an empty plan again, import by id, and at the end everything
deleted in the order in which the provider deletes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from store.databases import postgres_is_there, postgres_server
from support import rest_objects as smallest
from support.provider import Provider, Resource, differences, terraform_role, terraform_token
from support.rest import Caller, Json, running_rest

pytestmark = pytest.mark.system

Ids = dict[str, str]


@dataclass(frozen=True)
class Case:
    """A resource of the provider, how it is configured, and what of it is changed later."""

    resource: Resource
    config: Callable[[Ids], Json]
    change: Json = field(default_factory=lambda: {"title": "Changed"})


def _instance(ids: Ids) -> Json:
    config = smallest.app_instance(ids["application"], ids["edgenode"])
    del config["customConfig"]  # its passwords come back blank: a member that the server may fill
    return config | {"userData": "#cloud-config\npassword: opens-the-door"}


def _profile(_ids: Ids) -> Json:
    manifest = smallest.app("", "", "camera")["manifestJSON"]
    return {
        "name": "camera",
        "title": "Camera",
        "appPolicies": [
            {"metaData": {"name": "web", "title": "Web"}, "appConfig": {"manifestJSON": manifest}}
        ],
        "networkPolicies": [],
        "volumePolicies": [],
    }


def _names(*names: str) -> frozenset[str]:
    return frozenset(names)


READING = "PermissionAccessRead"
_NODE_OWNED = ("projectId", "clusterID")
CASES: dict[str, Case] = {
    "project": Case(
        Resource(
            "/v1/projects",
            free=_names(
                *("numdevices", "attr", "cloudPolicy", "modulePolicy", "attestationPolicy.id"),
                *("attestationPolicy.name", "attestationPolicy.status"),
                *("attestationPolicy.statusMessage", "attestationPolicy.revision"),
                *("attestationPolicy.attestationPolicy", "attestationPolicy.attr"),
            ),
        ),
        lambda _: smallest.project(),
        {"description": "Changed", "tags": {"region": "north"}},
    ),
    "brand": Case(
        Resource("/v1/brands", free=_names("description", "state", "systemMfgName", "svg")),
        lambda _: smallest.brand(),
    ),
    "model": Case(
        Resource("/v1/sysmodels", free=_names("parentDetail"), unordered=_names("ioMemberList")),
        lambda ids: smallest.model(ids["brand"]),
        {"title": "Changed", "description": "two ports"},
    ),
    "network": Case(
        Resource("/v1/networks", free=_names("proxy", "wireless"), unordered=_names("dnsList")),
        lambda ids: smallest.network(ids["project"]),
        {"title": "Changed", "mtu": 1400},
    ),
    "datastore": Case(
        Resource(
            "/v1/datastores",
            free=_names(
                *("cryptoKey", "encryptedSecrets", "originType", "dsStatus"),
                *("certificateChain", "dsErr"),
            ),
        ),
        lambda ids: smallest.datastore(ids["project"]),
        {"title": "Changed", "dsPath": "elsewhere"},
    ),
    "image": Case(
        Resource(
            "/v1/apps/images",
            free=_names("imageStatus", "imageError", "imageLocal", "originType"),
            sends_revision=False,
        ),
        lambda ids: smallest.image(ids["datastore"]),
    ),
    "edgenode": Case(
        Resource(
            "/v1/devices",
            free=_names(
                *("identity", "debugKnob", "clusterInterface", "edgeNodeCluster", "obkey"),
                *("resetCounter", "resetTime", "utype", "interfaces[].netid", "baseImage"),
                "clusterID",
            ),
            unordered=_names("interfaces"),
        ),
        lambda ids: smallest.device(ids["project"], ids["model"]),
        {"title": "Changed", "tags": {"rack": "7"}},
    ),
    "network_instance": Case(
        Resource(
            "/v1/netinsts",
            free=_names("ip", "dnsList", "type", "lisp", *_NODE_OWNED),
            unordered=_names("dnsList"),
        ),
        lambda ids: smallest.netinst(ids["edgenode"]),
    ),
    "volume_instance": Case(
        Resource(
            "/v1/volumes/instances",
            free=_names("contentTreeId", "image", *_NODE_OWNED),
            sends_revision=False,
        ),
        lambda ids: smallest.volume(ids["edgenode"]),
        {"title": "Changed", "tags": {"kind": "fast"}},
    ),
    "application": Case(
        Resource(
            "/v1/apps",
            free=_names(
                *("cpus", "memory", "drives", "storage", "networks", "originType"),
                *("parentDetail", "userDefinedVersion", "manifestJSON.desc"),
            ),
        ),
        lambda ids: smallest.app(ids["project"], ids["datastore"]),
    ),
    "application_instance": Case(
        Resource(
            "/v1/apps/instances",
            free=_names(
                *("bundleversion", "deploymentType", "userDefinedVersion", "customConfig"),
                *("dockerComposeTarImageName", "dockerComposeYamlText", "cryptoKey"),
                *("encryptedSecrets", "purge", "refresh", "restart", "vminfo.memory"),
                *("manifestInfo.bundleVersion", "manifestInfo.nextBundleVersion"),
                *("manifestInfo.params", "drives[].imvolname", "drives[].mvolname"),
                *("interfaces[].netinstid", "vminfo.vncDisplay", *_NODE_OWNED),
            ),
        ),
        _instance,
        {"title": "Changed", "activate": False},
    ),
    "app_profile": Case(
        Resource("/v1/appprofiles", free=_names("latestVersion", "status"), sends_revision=False),
        _profile,
    ),
    "asset_group": Case(
        Resource("/v1/assetgroups", free=_names("assetCount"), sends_revision=False),
        lambda ids: {
            "name": "cameras",
            "title": "Cameras",
            "projectId": ids["project"],
            "assetIds": {"ids": [ids["edgenode"]]},
            "assetTags": {"assetTag": [{"tag": {"eye": "left"}}]},
        },
    ),
    "profile_deployment": Case(
        Resource("/v1/profiledeployments", free=_names("status"), sends_revision=False),
        lambda ids: {
            "name": "cameras-v1",
            "title": "Cameras",
            "projectId": ids["project"],
            "appProfileInfo": {"appProfileId": ids["app_profile"], "version": 1},
            "targetAssetGroup": {"groupId": ids["asset_group"]},
        },
    ),
    "role": Case(
        Resource("/v1/roles", free=_names("scopes[].uuid"), imported=False),
        lambda _: {
            "name": "operator-of-plants",
            "title": "Operator",
            "type": "USER_ROLE_USER_DEFINED",
            "scopes": [{"accessDevice": READING, "accessEdgeApp": READING}],
        },
    ),
    "user": Case(
        Resource(
            "/v1/users",
            free=_names(
                *("emailState", "phoneState", "state", "totpEnabled", "lastLoginTime"),
                *("lastLogoutTime", "allowedEnterprises"),
            ),
            key="username",
            imported=False,
        ),
        lambda ids: {
            "username": "olga",
            "fullName": "Olga",
            "email": "olga@example.org",
            "roleId": ids["role"],
        },
        {"fullName": "Olga of the plant", "phone": "+49 30 1234"},
    ),
}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def provider(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Provider]:
    with ExitStack() as stack:
        url = ""
        if request.param == "postgres":
            if not postgres_is_there():
                pytest.skip("no PostgreSQL on this machine; install the package postgresql")
            url = await asyncio.to_thread(stack.enter_context, postgres_server())
        async with running_rest(tmp_path, url) as rest:
            enterprise = await rest.add_user("alice")
            async with rest.client(await rest.login("alice")) as http:
                await Caller(http).create("/v1/roles", terraform_role())
            async with rest.client(await terraform_token(rest, enterprise)) as http:
                yield Provider(http)


async def test_every_resource_lives_as_the_provider_expects(provider: Provider) -> None:
    ids: Ids = {}
    for name, case in CASES.items():
        config = case.config(ids)
        state = await provider.create(case.resource, config)
        ids[name] = state["id"]
        assert await provider.plan(case.resource, config) == [], name

        changed = config | case.change
        await provider.update(case.resource, changed, state)
        assert await provider.plan(case.resource, changed) == [], name

        if case.resource.imported:
            imported = await provider.import_(case.resource, state["id"])
            assert differences(case.resource, changed, imported) == [], name
    for name in reversed(CASES):
        await provider.destroy(CASES[name].resource, ids[name])
