"""Every kind of secret there is, set over REST of a real process; then everything that is left of
that is searched for all of them: database, logs, audit, exports, backup, replies.

Each is searched for as it is, and as base64 of a text around it has it.
"""

import asyncio
import base64
import os
import re
import secrets
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from store.databases import POSTGRES, PostgresServer, postgres, postgres_is_there
from support.controller import Process, running
from support.one_of_each import cep
from support.rest import Caller, Json
from support.rest_objects import BASES, World, app, app_instance, build_world, project

from eaves.controller.domain.contract.base import JsonObject

pytestmark = pytest.mark.system

PASSPHRASE = "of the backup, not searched for"


@dataclass
class Known:
    """Secrets by what they are."""

    told: dict[str, str] = field(default_factory=dict[str, str])

    def new(self, kind: str) -> str:
        self.told[kind] = f"{kind}Zq{secrets.token_hex(12)}"
        return self.told[kind]

    def found_in(self, data: bytes) -> set[str]:
        return {
            kind for kind, text in self.told.items() if any(one in data for one in _spellings(text))
        }


def _spellings(secret: str) -> Iterator[bytes]:
    yield secret.encode()
    for shift in range(3):  # where it begins inside a group of three bytes
        encoded = base64.b64encode(b"." * shift + secret.encode())
        yield encoded[4 if shift else 0 : -4]


@dataclass
class Site:
    process: Process
    caller: Caller
    world: World
    known: Known
    server: PostgresServer | None = None  # where it is no file


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    if request.param == "sqlite":
        async with _site(tmp_path, None) as made:
            yield made
        return
    if not postgres_is_there():
        pytest.skip("no PostgreSQL on this machine; install the package postgresql")
    with ExitStack() as stack:
        server = await asyncio.to_thread(stack.enter_context, postgres(connections=40))
        async with _site(tmp_path, server) as made:
            yield made


@asynccontextmanager
async def _site(tmp_path: Path, server: PostgresServer | None) -> AsyncGenerator[Site]:
    known = Known()
    environment = {"EAVES_LOG_LEVEL": "debug"}
    environment |= {} if server is None else {"EAVES_DATABASE_URL": server.url}
    given = tmp_path / "outside" / "password"
    given.parent.mkdir()
    given.write_text(known.new("adminPassword"))
    process = Process(
        tmp_path / "state",
        *("--admin-password-file", str(given)),
        environment=environment,
    )
    with running(process):
        base = f"https://127.0.0.1:{process.rest_port}/api"
        async with httpx.AsyncClient(base_url=base, verify=process.tls(), timeout=60) as http:
            login = {"username": "admin", "password": known.told["adminPassword"]}
            answer = await http.post("/v1/login", json=login)
            assert answer.status_code == 200, answer.text
            known.told["session"] = answer.json()["token"]["base64"]
            http.headers["Authorization"] = f"Bearer {known.told['session']}"
            caller = Caller(http)
            yield Site(process, caller, await build_world(caller), known, server)


def password(name: str, **more: str) -> Json:
    return {"name": name, "format": "VARIABLE_FORMAT_PASSWORD", **more}


def guarded(body: Json, *variables: Json) -> Json:
    """A bundle with these variables."""
    manifest = body["manifestJSON"]
    manifest["images"] = []
    manifest["configuration"]["customConfig"]["variableGroups"] = [
        {"name": "group", "variables": list(variables)}
    ]
    return body


def groups(name: str, value: str) -> Json:
    return {
        "name": "config",
        "variableGroups": [{"name": "group", "variables": [{"name": name, "value": value}]}],
    }


async def _of_apps(site: Site) -> None:
    caller, world, new = site.caller, site.world, site.known.new
    variables = (
        password("VALUE", value=new("bundleValue")),
        password("DEFAULT", default=new("bundleDefault")),
        password("OWN"),
    )
    body = guarded(app(world.project, world.datastore, "guarded"), *variables)
    bundle = await caller.create("/v1/apps", body)
    own = app_instance(bundle, world.device, "guarded-1")
    own["interfaces"][0]["acls"] = []
    own["interfaces"][0]["eidregister"] = {
        "AppPrivateKey": new("lispKey"),
        "LispMapServers": [{"nameOrIp": "lisp", "credential": new("lispCredential")}],
    }
    own |= {
        "drives": [],
        "allowSnapshots": True,
        "customConfig": groups("OWN", new("instanceValue")),
        "userData": base64.b64encode(f"#cloud-config\nx: {new('userData')}".encode()).decode(),
    }
    path = f"/v1/apps/instances/id/{await caller.create('/v1/apps/instances', own)}"
    await caller.put(path, await caller.get(path) | {"availableSnapshots": [{"name": "before"}]})
    await caller.put(path, await caller.get(path) | {"userData": new("secondUserData")})
    deploy = {
        "jobName": "deploy",
        "selectionCriteria": {"deviceIdList": [world.device], "bundleId": bundle},
        "instanceDeploy": {
            "instanceConfig": [
                {
                    "appInstanceConfig": {"name": "bulk", "userData": new("bulkUserData")},
                    "netInstanceDetail": {"netInstanceDefault": True},
                }
            ]
        },
    }
    answer = await caller.http.put("/v1/jobs/apps/instances/create", json=deploy)
    assert answer.status_code == 200, answer.text
    fleet = project("fleet") | {
        "type": "TAG_TYPE_DEPLOYMENT",
        "deployment": {
            "name": "first",
            "deploymentTag": "v1",
            "appInstPolicies": [_app_policy(bundle, new("deploymentValue"))],
        },
    }
    made = await caller.create("/v2/projects", fleet)
    second = {
        "name": "second",
        "title": "Second",
        "deploymentTag": "v2",
        "appInstPolicies": [_app_policy(bundle, new("secondDeploymentValue"))],
    }
    answer = await caller.http.post(f"/v2/projects/id/{made}/deployments", json=second)
    assert answer.status_code == 202, answer.text
    manifest = guarded(app("", "", "web"), password("DOOR", default=new("profileDefault")))
    policy = {
        "metaData": {"name": "web", "title": "Web"},
        "appConfig": {"manifestJSON": manifest["manifestJSON"], "netInstName": "nat"},
    }
    profile = {"name": "camera", "title": "Camera", "appPolicies": [policy]}
    answer = await caller.http.post("/v1/appprofiles", json=profile)
    assert answer.status_code == 200, answer.text


def _app_policy(bundle: str, value: str) -> Json:
    manifest = guarded(app("", "", "web"), password("DOOR", value=value))["manifestJSON"]
    return {
        "metaData": {"name": "web"},
        "appInstConfig": {
            "bundleId": bundle,
            "manifestJSON": manifest,
            "namingScheme": "APP_NAMING_SCHEMEV2_APP_DEVICE",
            "interfaces": [{"intfname": "eth0", "netinsttag": {"net": "nat"}}],
        },
    }


async def _of_networks_and_stores(site: Site) -> None:
    caller, world, new = site.caller, site.world, site.known.new
    store = f"/v1/datastores/id/{world.datastore}"
    secret = {"apiKey": new("apiKey"), "apiPasswd": new("apiPasswd")}
    await caller.put(store, await caller.get(store) | {"secret": secret})
    outer = {"apiKey": new("outerApiKey"), "secret": None}
    await caller.put(store, await caller.get(store) | outer)
    network = f"/v1/networks/id/{world.network}"
    wifi = {"wifiSSID": "plant", "keyScheme": "WPAPSK", "secret": {"WiFiPasswd": new("wifi")}}
    wireless: Json = {"type": "NETWORK_WIRELESS_TYPE_WIFI", "wifiCfg": wifi}
    await caller.put(network, await caller.get(network) | {"wireless": wireless})
    point = {
        "apn": "internet",
        "secrets": {"username": "u", "password": new("cellular")},
        "attachSecrets": {"username": "u", "password": new("cellularAttach")},
    }
    wireless = {
        "type": "NETWORK_WIRELESS_TYPE_CELLULAR",
        "cellularCfg": {"accessPoints": [point]},
    }
    await caller.put(network, await caller.get(network) | {"wireless": wireless})
    challenge = {**cep(), "secret": {"challengePassword": new("challenge")}}
    await caller.create("/v1/ceps", challenge)
    channel = {
        "name": "hook",
        "title": "Hook",
        "projectId": world.project,
        "type": "ALERT_CHANNEL_TYPE_WEBHOOK",
        "webhook": {"url": "https://hooks.example.org", "secret": new("hook")},
    }
    await caller.create("/v1/eaves/alert-channels", channel)
    azure = {
        "name": "azure-policy",
        "title": "Azure",
        "type": "POLICY_TYPE_AZURE",
        "azurePolicy": {"appId": "a", "tenantId": "t", "appPassword": new("azure")},
    }
    path = f"/v1/projects/id/{world.project}"
    await caller.http.put(path, json=await caller.get(path) | {"cloudPolicy": azure})


async def _of_people(site: Site) -> None:
    caller, new = site.caller, site.known.new
    roles = (await caller.get("/v1/roles"))["list"]
    role = roles[0]["id"]
    provider = {
        "OIDCEndPoint": "https://login.example.com",
        "clientID": "eaves",
        "clientSecret": new("clientSecret"),
        "cryptoKey": new("cryptoKey"),
        "encryptedSecrets": {"clientSecret": new("encryptedSecret")},
        "roleScope": "roles",
        "jwtAuthProfile": {"alg": "RS256"},
    }
    profile = {
        "name": "company",
        "title": "Company",
        "type": "AUTH_TYPE_OAUTH",
        "profileType": "AUTH_PROFILE_TYPE_OAUTH_CUSTOM",
        "defaultRoleId": role,
        "oauthProfile": provider,
    }
    await caller.create("/v1/authorization/profiles", profile)
    person = {"username": "keeper", "email": "k@example.org", "roleId": role}
    keeper = await caller.create("/v1/users", person)
    await caller.put(
        "/v1/credentials", {"owner": keeper, "newCred": new("userPassword") + " and more words"}
    )
    await caller.http.post("/v1/login", json={"username": "keeper", "password": new("wrong")})
    token = (await caller.http.post("/v1/sessions/token/self")).json()["token"]
    site.known.told["apiToken"] = token
    current = site.known.told["adminPassword"]
    begun = (await caller.http.post("/v1/eaves/totp", json={"currentCred": current})).json()
    site.known.told["totp"] = begun["Secret"]
    handed = await caller.get(f"/v1/devices/id/{site.world.device}/onboarding")
    lines = handed["onboarding"]["pemKey"].splitlines()
    site.known.told["onboardingKey"] = lines[1]
    # refused, yet it was there
    wrong = {"name": "x", "secret": {"apiPasswd": new("refused")}, "dsType": ["wrong"]}
    refused = await caller.http.post("/v1/datastores", json=wrong)
    assert refused.status_code == 400
    assert not site.known.found_in(refused.content)


async def _replies(site: Site) -> AsyncIterator[tuple[str, bytes]]:
    caller = site.caller
    lists = (
        *BASES.values(),
        *("/v1/ceps", "/v1/authorization/profiles", "/v1/users", "/v1/appprofiles", "/v1/jobs"),
        *("/v1/sessions", "/v1/enterprises", "/v1/eaves/tokens", "/v1/events", "/v1/roles"),
    )
    for path in lists:
        answer = await caller.http.get(path)
        assert answer.status_code == 200, answer.text
        yield path, answer.content
        rows: list[JsonObject] = answer.json().get("list", [])
        for row in rows if path not in ("/v1/events", "/v1/eaves/tokens") else ():
            for more in ("", "/status", "/events"):
                one = await caller.http.get(f"{path}/id/{row['id']}{more}")
                yield f"{path}/id{more}", one.content
    for path in (
        "/v1/eaves/audit",
        "/v1/eaves/audit/export",
        f"/v1/devices/id/{site.world.device}/config",
        f"/v1/devices/id/{site.world.device}/config/next",
        f"/v1/devices/id/{site.world.device}/config/bootstrap",
        f"/v1/eaves/why/device/{site.world.device}",
    ):
        answer = await caller.http.get(path)
        assert answer.status_code == 200, answer.text
        yield path, answer.content


def _dump(server: PostgresServer) -> Iterator[tuple[str, bytes]]:
    """Every row of the database, bytes as they are, and what its server wrote down."""
    told = subprocess.run(
        [POSTGRES / "pg_dump", "--dbname", server.url], capture_output=True, check=True
    ).stdout
    assert b"COPY public.secrets" in told
    hidden = re.findall(rb"\\\\x((?:[0-9a-f]{2})+)", told)
    assert hidden, "there are columns of bytes"
    yield "dump", b"\n".join((told, *(bytes.fromhex(one.decode()) for one in hidden)))
    yield "log of the server", server.log.read_bytes()


def _files(site: Site, folder: Path) -> dict[str, set[str]]:
    """All that there is, and a backup of it."""
    known = site.known
    secret = folder / "outside" / "passphrase"
    secret.write_text(PASSPHRASE)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "eaves", "controller", "--state-dir", "state", "backup"),
            *("--out", "state.backup", "--passphrase-file", str(secret)),
        ],
        cwd=folder,
        capture_output=True,
        check=False,
        env={**os.environ, **site.process.environment},
    )
    assert done.returncode == 0, done.stderr
    files = [one for one in folder.rglob("*") if one.is_file() and "outside" not in one.parts]
    database = {"eaves.db"} if site.server is None else set[str]()
    assert {*database, "controller.log", "state.backup"} <= {one.name for one in files}
    found = {str(one.relative_to(folder)): known.found_in(one.read_bytes()) for one in files}
    told = () if site.server is None else _dump(site.server)
    return found | {where: known.found_in(data) for where, data in told}


async def test_no_secret_is_left_anywhere(site: Site, tmp_path: Path) -> None:
    await _of_apps(site)
    await _of_networks_and_stores(site)
    await _of_people(site)
    known = site.known
    assert len(known.told) == 31
    assert known.found_in(b"x" + known.told["wifi"].encode()) == {"wifi"}, "the search finds"
    assert known.found_in(base64.b64encode(b"ab" + known.told["wifi"].encode())) == {"wifi"}
    found = {where: known.found_in(data) async for where, data in _replies(site)}
    found |= await asyncio.to_thread(_files, site, tmp_path)
    found["printed"] = known.found_in("\n".join(site.process.output).encode())
    assert {where: kinds for where, kinds in found.items() if kinds} == {}
