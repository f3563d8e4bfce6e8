"""Every operation against who may not: no token, no right, another tenant, another project.

The operations are those that are served, whatever they are.  One that names an object needs a rule
here, which object that is; without a rule the sweep fails.  What must never be in an answer are the
ids and titles of what the asker cannot see, nor a number of them.
"""

import json
import re
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx
import pytest
from fastapi.routing import APIRoute
from support.one_of_each import put_others
from support.rest import INSTALLER_IMAGES, Caller, Json, Rest, running_rest
from support.rest_objects import BASES, SHA256, World, build_world

from eaves.controller.domain.alerts.messages import Incident
from eaves.controller.domain.authz import Anybody, Area
from eaves.controller.northbound.app import ROUTES
from eaves.controller.store.alerts import insert_incidents
from eaves.controller.store.unit import unit_of_work

pytestmark = pytest.mark.system

ALL_VERBS = "PermissionAccessCreateReadUpdateDeleteExecute"
OPEN = {  # what a stranger may ask; the rest wants a token
    ("GET", "/v1/eaves/controller"),
    ("GET", "/v1/cloud/version"),
    ("GET", "/v1/cloud/ping"),
    ("GET", "/v1/cloud/ping/id/{pingId}"),
}
BY_ITSELF = ("/v1/login", "/v1/logout", "/v1/eaves/login")  # tested where signing in is
# the address is the credential
SIGNED = ("/v1/eaves/content/", "/v1/eaves/artifacts/", "/v1/ext/installer-images/")
REFUSED = {400, 403, 404, 409, 412, 415, 501}
# what a path below this one names; the longest counts
NAMED: Mapping[str, str] = {
    **{base: kind for kind, base in BASES.items()},
    "/v1/users": "user",
    "/v1/roles": "role",
    "/v1/tokens": "token",
    "/v1/enterprises": "enterprise",
    "/v1/authorization/profiles": "auth_profile",
    "/v1/ext/authorization/profiles": "auth_profile",
    "/v1/render-jobs": "render_job",
    "/v1/jobs": "job",
    "/v2/apps/instances": "instance",
    "/v2/projects": "project",
    "/v2/projects/id/{projectId}/deployments": "deployment",
    "/v1/appprofiles": "profile",
    "/v1/assetgroups": "group",
    "/v1/profiledeployments": "profile_deployment",
    "/v1/credentials": "user",
    "/v1/realms": "realm",
    "/v1/rollouts": "rollout",
    "/v1/patch-envelope": "envelope",
    "/v1/artifacts": "artifact",
    "/v1/ceps": "cep",
    "/v1/cloud/policies": "document",
    "/v1/pcrtemplate": "pcr",
    "/v1/pcrtemplates": "pcr",
    "/v1/why": "device",
    "/v1/alert-rules": "alert_rule",
    "/v1/alert-channels": "alert_channel",
    "/v1/incidents": "incident",
    "/v1/images": "image",
}
OTHER_PARTS = {
    "kind": "devices",
    "mType": "METRIC_TYPE_CPU_USAGE",
    "objectType": "OBJECT_TYPE_EDGE_NODE",
    "serialno": "serial-of-edge-1",
    "token": "x",
    "pingId": "x",
    "datastore": "x",
    "code": "x",
    "digest": SHA256,
}
# projects and tenants do not divide these: everybody with the right sees all of its enterprise
OF_THE_ENTERPRISE = (
    "realm",
    "artifact",
    "profile",
    "cep",
    "document",
    "pcr",
    "brand",
    "model",
    "user",
    "role",
    "enterprise",
    "auth_profile",
)


def a_role(name: str, **scope: object) -> Json:
    scopes = [scope] if scope else []
    return {"name": name, "title": name, "type": "USER_ROLE_USER_DEFINED", "scopes": scopes}


@dataclass
class Site:
    rest: Rest
    alice: Caller
    world: World
    ids: Mapping[str, str]  # of one object of each kind
    bodies: Mapping[str, Json]  # as alice reads them

    def hidden(self, *kinds: str) -> tuple[str, ...]:
        """Ids and titles that must not be told."""
        told = (self.bodies[kind] for kind in kinds if kind in self.bodies)
        return (*(self.ids[kind] for kind in kinds), *(one["title"] for one in told))

    async def as_read(self) -> dict[str, Json]:
        return {kind: await self.alice.get(f"{BASES[kind]}/id/{self.ids[kind]}") for kind in BASES}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path) as opened:
        yield opened


@asynccontextmanager
async def open_site(folder: Path) -> AsyncGenerator[Site]:
    """With one object of each kind, which alice made and has changed since."""
    async with running_rest(folder, installer_images=folder / INSTALLER_IMAGES) as rest:
        enterprise = await rest.add_user("alice")
        async with rest.client(await rest.login("alice")) as http:
            alice = Caller(http)
            world = await build_world(alice)
            ids = {kind: str(getattr(world, kind)) for kind in BASES}
            ids |= {
                "enterprise": enterprise,
                "role": await alice.create("/v1/roles", a_role("keepers")),
            }
            keeper = {"username": "keeper", "email": "k@example.org", "roleId": ids["role"]}
            ids["user"] = await alice.create("/v1/users", keeper)
            ids |= await put_others(alice, world)
            ids["token"] = (await alice.get("/v1/eaves/tokens"))["list"][0]["id"]
            ids |= {"render_job": world.device, "auth_profile": ids["role"]}
            ids["incident"] = await put_incident(rest, enterprise, world)
            site = Site(rest, alice, world, ids, {})
            for kind, body in (await site.as_read()).items():
                path = f"{BASES[kind]}/id/{ids[kind]}"
                changes: Json = {"title": f"Hidden {kind} of alice"}
                if kind == "image":  # else it is seen from all projects
                    changes["projectAccessList"] = [world.project]
                await alice.put(path, body | changes)
            site.bodies = await site.as_read()
            yield site


async def put_incident(rest: Rest, enterprise: str, world: World) -> str:
    id_ = str(uuid.uuid4())
    incident = Incident(
        id=id_,
        enterprise_id=enterprise,
        rule_id="hidden-rule",
        rule_name="hidden-rule",
        condition="ALERT_CONDITION_NODE_OFFLINE",
        severity="error",
        project_id=world.project,
        device_id=world.device,
        device_name="edge-1",
        object_kind="devices",
        object_id=world.device,
        object_name="edge-1",
        text="Hidden text",
        opened_at=rest.clock(),
    )
    async with unit_of_work(rest.engine) as db:
        await insert_incidents(db, [incident])
    return id_


def served(rest: Rest) -> Iterator[tuple[str, str]]:
    """Method and template below the base path; what reads comes first, what deletes last."""
    found = {
        (method, route.path.removeprefix("/api"))
        for route in rest.app.routes
        if isinstance(route, APIRoute) and route.path.startswith("/api/")
        for method in route.methods or ()
    }
    order = ("GET", "HEAD", "POST", "PUT", "DELETE")
    yield from sorted(found, key=lambda one: (order.index(one[0]), one[1]))


def kind_of(template: str) -> str:
    template = template.replace("/v1/eaves/", "/v1/")
    bases = [base for base in NAMED if template == base or template.startswith(f"{base}/")]
    return NAMED[max(bases, key=len)] if bases else ""


def filled(site: Site, template: str) -> str:
    """A path that names an object of alice.  Fails for a template without a rule."""
    kind = kind_of(template)

    def part(match: re.Match[str]) -> str:
        name = match[1]
        if name in OTHER_PARTS:
            return OTHER_PARTS[name]
        if name == "projectId":
            return site.ids["fleet"]
        assert kind, f"{template}: an operation without a rule; which object does it name?"
        if name in ("name", "objname"):
            body = site.bodies.get(kind, {})
            return str(body.get("name") or {"user": "keeper", "role": "keepers"}.get(kind, kind))
        return site.ids[kind]

    return re.sub(r"\{([^}]+)\}", part, template)


def sent(site: Site, method: str, template: str) -> Json | None:
    """What alice has there, with everything that it refers to."""
    if method in ("GET", "DELETE"):
        return None
    return dict(site.bodies.get(kind_of(template), {"name": "abc", "title": "Abc"})) | {
        "title": "Taken over"
    }


def told_beyond(answer: httpx.Response, path: str, hidden: tuple[str, ...]) -> list[str]:
    """What an answer tells that was not in the question."""
    question = path + answer.request.content.decode()
    return [one for one in hidden if one in answer.text and one not in question]


def count_of(told: object) -> list[str]:
    """Numbers that say more than the rows that are shown."""
    if not isinstance(told, dict) or "list" not in told or "totalCount" not in told:
        return []
    answer = cast("Json", told)
    rows, total = len(answer["list"]), answer["totalCount"]
    wrong = [f"totalCount {total} of {rows} rows"] if total > rows else []
    for name, summary in answer.items():
        if name.startswith("summary") and isinstance(summary, dict):
            number = int(cast("Json", summary).get("total") or 0)
            wrong += [f"{name} {number} of {rows} rows"] if number > rows else []
    return wrong


async def swept(site: Site, token: str, hidden: tuple[str, ...]) -> list[str]:
    """Faults of the answers to somebody who cannot see what the paths name."""
    faults: list[str] = []
    async with site.rest.client(token) as http:
        for method, template in served(site.rest):
            if template.startswith(BY_ITSELF) or template.endswith("/self"):
                continue
            path = filled(site, template)
            body = sent(site, method, template)
            answer = await http.request(method, path, json=body)
            where = f"{method} {template}: {answer.status_code}"
            if answer.status_code >= 500 and answer.status_code != 501:
                faults.append(f"{where} {answer.text[:200]}")
            if extra := told_beyond(answer, path, hidden):
                faults.append(f"{where} tells {extra}")
            names = any(f"{{{name}}}" in template for name in ("id", "name", "objid", "objname"))
            if (
                names
                and site.ids[kind_of(template)] in hidden
                and answer.status_code not in REFUSED
            ):
                faults.append(f"{where} for an object that it cannot see: {answer.text[:300]}")
            as_json = answer.headers.get("content-type") == "application/json"
            if method == "GET" and answer.status_code == 200 and as_json:
                faults += [f"{where} {text}" for text in count_of(answer.json())]
    return faults


async def test_without_a_token_nothing_is_told(site: Site) -> None:
    async with site.rest.client() as http:
        for method, template in served(site.rest):
            if (method, template) in OPEN or template.startswith(BY_ITSELF):
                continue
            body = sent(site, method, template)
            answer = await http.request(method, filled(site, template), json=body)
            if template.startswith(SIGNED):
                assert answer.status_code in (403, 404), f"{method} {template}"
                continue
            assert answer.status_code == 401, f"{method} {template}: {answer.status_code}"
            envelope = answer.json()
            assert envelope["httpStatusCode"] == 401, f"{method} {template}: {envelope}"
            assert envelope["error"][0]["ec"], f"{method} {template}: {envelope}"


async def test_another_tenant_learns_nothing(site: Site) -> None:
    before = await site.as_read()
    await site.rest.add_user("dave")
    hidden = site.hidden(*site.ids)
    faults = await swept(site, await site.rest.login("dave"), hidden)
    assert not faults, "\n".join(faults)
    assert await site.as_read() == before


async def test_another_project_learns_nothing(site: Site) -> None:
    other = {"name": "other", "title": "Other", "type": "TAG_TYPE_PROJECT"}
    project = await site.alice.create("/v1/projects", other)
    scope: Json = {area.value: ALL_VERBS for area in Area} | {"projectFilter": [project]}
    for area in (Area.ENTERPRISE, Area.INTEGRATION):
        scope[area.value] = "PermissionAccessReadUpdate"
    await site.alice.create("/v1/roles", a_role("others", **scope))
    before = await site.as_read()
    await site.rest.add_user("bob", enterprise=site.ids["enterprise"], role="others")
    kinds = [kind for kind in BASES if kind not in OF_THE_ENTERPRISE]
    faults = await swept(site, await site.rest.login("bob"), site.hidden(*kinds))
    assert not faults, "\n".join(faults)
    after = await site.as_read()
    for kind in kinds:
        assert after[kind] == before[kind], kind


async def test_a_role_without_rights_is_refused_everywhere(site: Site) -> None:
    await site.alice.create("/v1/roles", a_role("nothing"))
    await site.rest.add_user("carol", enterprise=site.ids["enterprise"], role="nothing")
    # which those are is told by a test of roles
    own = {(one.method, one.path) for one in ROUTES if isinstance(one.needs, Anybody)}
    async with site.rest.client(await site.rest.login("carol")) as http:
        for method, template in served(site.rest):
            if (method, template) in own:
                continue
            path = filled(site, template)
            answer = await http.request(method, path, json=sent(site, method, template))
            assert answer.status_code == 403, f"{method} {template}: {answer.status_code}"
            assert json.loads(answer.text)["error"][0]["ec"] == "Forbidden", answer.text
