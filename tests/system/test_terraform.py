"""Each resource of the published Terraform provider, call by call, on both databases.

Create, an empty plan, a change, an empty plan again, import by id, and at the end everything
deleted in the order in which the provider deletes.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from store.databases import postgres_is_there, postgres_server
from support import one_of_each
from support import rest_objects as smallest
from support.provider import (
    ACCEPTED,
    Provider,
    Resource,
    as_go,
    differences,
    terraform_role,
    terraform_token,
    written,
)
from support.rest import Caller, Json, running_rest

from eaves.controller.domain.builtin_roles import SYS_ROOT

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
                *("patchEnvelopeId", "patchEnvelopeName"),  # not known to the provider
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
    "patch_envelope": Case(
        Resource("/v1/patch-envelope", free=_names("artifacts[].id")),
        lambda ids: one_of_each.envelope(ids["project"]),
        {"title": "Changed", "userDefinedVersion": "2"},
    ),
    "cep_profile": Case(
        Resource("/v1/ceps", free=_names("projectsList"), unread=_names("secret")),
        lambda _: one_of_each.cep(),
        {"title": "Changed", "useControllerProxy": True},
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
    "auth_profile": Case(
        Resource("/v1/authorization/profiles", free=_names("passwordProfile"), imported=False),
        lambda ids: {
            "name": "company",
            "title": "Company",
            "type": "AUTH_TYPE_OAUTH",
            "profileType": "AUTH_PROFILE_TYPE_OAUTH_CUSTOM",
            "defaultRoleId": ids["role"],
            "oauthProfile": {
                "OIDCEndPoint": "https://login.example.com",
                "clientID": "eaves",
                "clientSecret": "a secret of the provider",
                "roleScope": "roles",
                "jwtAuthProfile": {"alg": "RS256"},
            },
        },
    ),
    "enterprise": Case(
        Resource("/v1/enterprises", free=_names("parentEntpId", "policyList", "totpSettings")),
        lambda _: {
            "name": "subsidiary",
            "title": "Subsidiary",
            "state": "ENTERPRISE_STATE_ACTIVE",
            "apiTokenExpiryInSeconds": 7776000,
        },
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
        async with _as_terraform(tmp_path, url) as terraform:
            yield terraform


@asynccontextmanager
async def _as_terraform(folder: Path, url: str = "") -> AsyncGenerator[Provider]:
    async with running_rest(folder, url) as rest:
        enterprise = await rest.add_user("alice", platform=True, role=SYS_ROOT)
        async with rest.client(await rest.login("alice")) as http:
            await Caller(http).create("/v1/roles", terraform_role(platform=True))
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


def _unready(ids: Ids) -> dict[str, tuple[str, Json]]:
    """What the configurations of the provider's own tests say before the rest of it is there.

    By resource: a name, and what is said otherwise than in the smallest form.
    """
    manifest = smallest.app("", "", "named")["manifestJSON"]
    return {
        "edgenode": (  # ports that its model does not have
            "strange-ports",
            {
                "obkey": "",
                "interfaces": [
                    {"intfname": "defaultIPv4", "intfUsage": "ADAPTER_USAGE_MANAGEMENT"},
                    {"intfname": "eth0", "intfUsage": "ADAPTER_USAGE_UNSPECIFIED"},
                ],
            },
        ),
        "network_instance": (  # a port that the node does not have, a domain written like a URL
            "absent-port",
            {
                "port": "eth9",
                "type": "NETWORK_INSTANCE_DHCP_TYPE_UNSPECIFIED",
                "ip": {"subnet": "10.7.0.0/24", "domain": "http://example.com", "dns": None},
                "opaque": {"oconfig": "any text", "type": "OPAQUE_CONFIG_TYPE_UNSPECIFIED"},
            },
        ),
        "application": (  # an image that is only named
            "named-image",
            {"manifestJSON": manifest | {"images": [{"imagename": "later", "imageformat": "ISO"}]}},
        ),
        "patch_envelope": (  # stored, of an image without a sha256
            "no-digest",
            {
                "action": "PATCH_ENVELOPE_ACTION_STORE",
                "artifacts": [
                    {
                        "format": "OpaqueObjectCategoryExternalBinary",
                        "binaryArtifact": {"imageId": ids["artifact"], "fileNameToUse": "new"},
                    }
                ],
            },
        ),
        "asset_group": (  # a tag spelt as its key and its value
            "spelt-tag",
            {
                "assetIds": None,
                "assetTags": {"assetTag": [{"tag": {"key": "rack", "value": "7"}}]},
            },
        ),
    }


async def test_what_is_not_ready_yet_is_taken_as_it_is_said(tmp_path: Path) -> None:
    async with _as_terraform(tmp_path) as provider:
        ids: Ids = {}
        for name in ("project", "brand", "model", "network", "datastore"):
            case = CASES[name]
            ids[name] = (await provider.create(case.resource, case.config(ids)))["id"]
        image = CASES["image"]
        artifact = image.config(ids) | {
            "name": "artifact",
            "imageFormat": "RAW",
            "imageType": "IMAGE_TYPE_ARTIFACT",
            "imageSha256": "",
        }
        ids["artifact"] = (await provider.create(image.resource, artifact))["id"]
        for name, (called, said) in _unready(ids).items():
            case = CASES[name]
            config = case.config(ids) | said | {"name": called}
            state = await provider.create(case.resource, config)
            ids[name] = state["id"]
            assert await provider.plan(case.resource, config) == [], name
            changed = config | case.change
            await provider.update(case.resource, changed, state)
            assert await provider.plan(case.resource, changed) == [], name
        group = await provider.get(f"/v1/assetgroups/id/{ids['asset_group']}")
        assert group["assetCount"] == 1
        envelope = CASES["patch_envelope"]
        called, said = _unready(ids)["patch_envelope"]
        now = envelope.config(ids) | said | {"name": called}
        now["action"] = "PATCH_ENVELOPE_ACTION_ACTIVATE"
        path = f"/v1/patch-envelope/id/{ids['patch_envelope']}"
        answer = await provider.http.put(path, json=as_go(now) | {"id": ids["patch_envelope"]})
        assert answer.status_code == 412, answer.text


async def test_a_deployment_is_taken_over_by_its_latest_version(provider: Provider) -> None:
    """It asks for the newest one first, makes one where there is none, and else replaces it."""
    project = CASES["project"]
    fleet = project.config({}) | {"name": "fleet", "type": "TAG_TYPE_DEPLOYMENT"}
    fleet_id = (await provider.create(project.resource, fleet))["id"]
    base = f"/v2/projects/id/{fleet_id}/deployments"
    policy = {
        "metaData": {"name": "nat", "title": "NAT"},
        "netInstConfig": one_of_each.NETWORK,
    }
    config: Json = {
        "name": "stack",
        "title": "Stack",
        "deploymentTag": "v1",
        "projectId": fleet_id,
        "networkInstPolicies": [policy],
    }
    assert (await provider.get(base))["list"] == []
    answer = await provider.http.post(base, json=as_go(config))
    first = written(answer, (202,), only=ACCEPTED)
    state = await provider.get(f"{base}/id/{first}")
    resource = Resource(base)
    assert differences(resource, config, state) == []

    (latest,) = (await provider.get(base))["list"]
    assert int(latest["revision"]["curr"]) == 1
    again = config | {"title": "Again"}
    answer = await provider.http.put(f"{base}/id/{latest['id']}", json=as_go(again))
    second = written(answer, (200, 202), only=ACCEPTED)
    assert differences(resource, again, await provider.get(f"{base}/id/{second}")) == []
    await provider.destroy(resource, second)


async def test_patches_are_referred_to_and_no_longer(provider: Provider) -> None:
    ids: Ids = {}
    for name in ("project", "brand", "model", "network", "datastore", "image", "edgenode"):
        case = CASES[name]
        ids[name] = (await provider.create(case.resource, case.config(ids)))["id"]
    for name in ("network_instance", "application", "application_instance", "patch_envelope"):
        case = CASES[name]
        ids[name] = (await provider.create(case.resource, case.config(ids)))["id"]
    path = "/v1/apps/instances/patch-reference-update"
    refers: Json = {
        "appInstIDList": [ids["application_instance"]],
        "patchenvelopeId": ids["patch_envelope"],
        "projectId": ids["project"],
    }
    for _ in ("create", "update"):
        assert written(await provider.http.post(path, json=refers), (202,), only=ACCEPTED)
    instance = CASES["application_instance"]
    config = instance.config(ids)
    assert await provider.plan(instance.resource, config) == []
    del refers["patchenvelopeId"]
    assert written(await provider.http.post(path, json=refers), (202,), only=ACCEPTED)
    await provider.destroy(CASES["patch_envelope"].resource, ids["patch_envelope"])


async def test_a_credential_is_set_and_changed(provider: Provider) -> None:
    ids: Ids = {}
    for name in ("role", "user"):
        case = CASES[name]
        ids[name] = (await provider.create(case.resource, case.config(ids)))["id"]
    config: Json = {"owner": "olga", "type": "CREDENTIAL_TYPE_PASSWORD"}
    for method, password in (("POST", "a first long password"), ("PUT", "another long password")):
        sent = config | {"newCred": password}
        answer = await provider.http.request(method, "/v1/credentials", json=sent)
        assert written(answer, (200,)), method
