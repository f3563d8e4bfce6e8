"""Secrets that Terraform reads back: told to a token made for it, each time audited."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select
from support.provider import terraform_role
from support.rest import Caller, Json, Rest, running_rest
from support.rest_objects import World, bodies, build_world

from eaves.controller.store.tables import audit, metadata
from eaves.controller.store.unit import snapshot

pytestmark = pytest.mark.system

USER_DATA = "#cloud-config\npassword: opens-the-door"
STORED = {"apiKey": "reader", "apiPasswd": "s3cret-of-the-store"}


@dataclass
class Site:
    rest: Rest
    enterprise: str
    alice: Caller
    world: World

    @property
    def store(self) -> str:
        return f"/v1/datastores/id/{self.world.datastore}"

    @property
    def instance(self) -> str:
        return f"/v1/apps/instances/id/{self.world.instance}"

    async def token(self, user: str, body: Json | None = None) -> str:
        async with self.rest.client(await self.rest.login(user)) as http:
            made = await http.post("/v1/sessions/token/self", json=body)
        assert made.status_code == 200, made.text
        return str(made.json()["token"])

    def caller(self, token: str) -> Caller:
        return Caller(self.rest.client(token))

    async def audited(self) -> list[Json]:
        async with snapshot(self.rest.engine) as db:
            rows = await db.execute(
                select(audit).where(audit.c.verb == "secrets read").order_by(audit.c.row)
            )
            return [dict(row._mapping) for row in rows]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running_rest(tmp_path) as rest:
        enterprise = await rest.add_user("alice")
        async with rest.client(await rest.login("alice")) as http:
            alice = Caller(http)
            world = await build_world(alice)
            path = f"/v1/apps/instances/id/{world.instance}"
            await alice.put(path, (await alice.get(path)) | {"userData": USER_DATA})
            yield Site(rest, enterprise, alice, world)


async def test_a_token_made_for_it_reads_secrets_and_every_read_is_audited(site: Site) -> None:
    await site.alice.create("/v1/roles", terraform_role())
    await site.rest.add_user("terraform", enterprise=site.enterprise, role="terraform")
    caller = site.caller(await site.token("terraform", {"readSecrets": True}))
    assert (await caller.get(site.store))["secret"] == STORED
    assert (await caller.get("/v1/datastores/name/files"))["secret"] == STORED
    assert (await caller.get(site.instance))["userData"] == USER_DATA
    # who replaces it without, keeps it
    body = bodies(site.world)["datastore"]
    del body["secret"]
    await caller.put(site.store, body)
    assert (await caller.get(site.store))["secret"] == STORED
    rows = await site.audited()
    assert [(row["object_name"], json.loads(row["changes"])) for row in rows] == [
        ("files", {"told": ["apiKey", "apiPasswd"]}),
        ("files", {"told": ["apiKey", "apiPasswd"]}),
        (rows[2]["object_name"], {"told": ["userData"]}),
        ("files", {"told": ["apiKey", "apiPasswd"]}),
    ]
    assert {row["user_name"] for row in rows} == {"terraform"}
    lists = [await caller.get(path) for path in ("/v1/datastores", "/v1/apps/instances")]
    assert not any(one in json.dumps(lists) for one in (STORED["apiPasswd"], "opens-the-door"))
    async with snapshot(site.rest.engine) as db:
        for table in metadata.sorted_tables:
            for row in await db.execute(select(table)):
                assert STORED["apiPasswd"] not in repr(tuple(row)), table.name


async def test_nobody_else_reads_them(site: Site) -> None:
    """Neither a login of that role, nor a token made without, nor an administrator."""
    await site.alice.create("/v1/roles", terraform_role())
    await site.rest.add_user("terraform", enterprise=site.enterprise, role="terraform")
    tokens = [
        await site.rest.login("terraform"),
        await site.token("terraform"),
        await site.token("alice"),
    ]
    for token in tokens:
        caller = site.caller(token)
        assert "secret" not in await caller.get(site.store)
        assert not (await caller.get(site.instance)).get("userData")
    assert await site.audited() == []
    plain = site.caller(tokens[1])
    refused = await plain.http.post("/v1/sessions/token/self", json={"readSecrets": True})
    assert refused.status_code == 403
    assert "log in to make one" in refused.text
    refused = await site.alice.http.post("/v1/sessions/token/self", json={"readSecrets": True})
    assert refused.status_code == 403
    assert "'SysAdmin'" in refused.text


async def test_a_role_that_loses_the_right_tells_no_more(site: Site) -> None:
    role_id = await site.alice.create("/v1/roles", terraform_role())
    await site.rest.add_user("terraform", enterprise=site.enterprise, role="terraform")
    caller = site.caller(await site.token("terraform", {"readSecrets": True}))
    assert "secret" in await caller.get(site.store)
    role = await site.alice.get(f"/v1/roles/id/{role_id}")
    role["scopes"][0]["readSecrets"] = False
    await site.alice.put(f"/v1/roles/id/{role_id}", role)
    assert "secret" not in await caller.get(site.store)


async def test_secrets_of_another_project_or_tenant_stay_hidden(site: Site) -> None:
    other = await site.alice.create(
        "/v1/projects", {"name": "other", "title": "Other", "type": "TAG_TYPE_PROJECT"}
    )
    scopes = [
        {"accessAppInstance": "PermissionAccessRead"},
        {
            "accessAppInstance": "PermissionAccessRead",
            "readSecrets": True,
            "projectFilter": [other],
        },
    ]
    await site.alice.create("/v1/roles", terraform_role() | {"scopes": scopes})
    await site.rest.add_user("terraform", enterprise=site.enterprise, role="terraform")
    caller = site.caller(await site.token("terraform", {"readSecrets": True}))
    assert not (await caller.get(site.instance)).get("userData")
    await site.rest.add_user("mallory")
    mallory = Caller(site.rest.client(await site.rest.login("mallory")))
    await mallory.create("/v1/roles", terraform_role())
    told = await mallory.http.get(site.store)
    assert told.status_code == 404
    assert await site.audited() == []
