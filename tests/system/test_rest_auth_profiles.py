"""Authorization profiles through REST: how the people of an enterprise sign in."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select
from support.rest import Caller, Json, Rest, running_rest

from eaves.controller.domain.builtin_roles import SYS_MONITOR, SYS_ROOT
from eaves.controller.store import sealed
from eaves.controller.store.tables import audit, metadata
from eaves.controller.store.unit import snapshot

pytestmark = pytest.mark.system

BASE = "/v1/authorization/profiles"
SECRET = "only-the-provider-knows"


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path) as running:
        yield running


@pytest.fixture
async def enterprise(rest: Rest) -> str:
    return await rest.add_user("alice")


@pytest.fixture
async def alice(rest: Rest, enterprise: str) -> AsyncIterator[Caller]:
    assert enterprise
    async with rest.client(await rest.login("alice")) as http:
        yield Caller(http)


async def role_id(caller: Caller, name: str = SYS_MONITOR) -> str:
    return str((await caller.get(f"/v1/roles/name/{name}"))["id"])


def profile(role: str, name: str = "company", **more: object) -> Json:
    return {
        "name": name,
        "title": "Company",
        "type": "AUTH_TYPE_OAUTH",
        "profileType": "AUTH_PROFILE_TYPE_OAUTH_CUSTOM",
        "defaultRoleId": role,
        "oauthProfile": {
            "OIDCEndPoint": "https://login.example.com",
            "clientID": "eaves",
            "clientSecret": SECRET,
            "roleScope": "roles",
            "jwtAuthProfile": {"alg": "RS256"},
        },
        "passwordProfile": {"minLength": 14, "minNumericChars": 1},
        **more,
    }


async def test_a_profile_is_made_read_changed_and_deleted(rest: Rest, alice: Caller) -> None:
    role = await role_id(alice)
    sent = profile(role)
    made = await alice.create(BASE, sent)
    assert len(made) == 28
    told = await alice.get(f"{BASE}/name/company")
    assert told["id"] == made
    shown = {**sent, "oauthProfile": {**sent["oauthProfile"]}}
    del shown["oauthProfile"]["clientSecret"]
    for member, value in shown.items():
        if isinstance(value, dict):
            assert value.items() <= told[member].items()
        else:
            assert told[member] == value
    assert not told["oauthProfile"].get("clientSecret")
    told["title"] = "The company"
    await alice.put(f"{BASE}/id/{made}", told)
    assert (await alice.get(f"{BASE}/id/{made}"))["title"] == "The company"
    stale = await alice.http.put(f"{BASE}/id/{made}", json=told)
    assert stale.status_code == 409
    found = await alice.get(BASE)
    assert [one["name"] for one in found["list"]] == ["company"]
    assert SECRET not in json.dumps(found)
    await alice.delete(f"{BASE}/id/{made}")
    assert (await alice.http.get(f"{BASE}/id/{made}")).status_code == 404
    async with snapshot(rest.engine) as db:
        for table in metadata.sorted_tables:
            for row in await db.execute(select(table)):
                assert SECRET not in repr(tuple(row)), table.name


async def test_the_client_secret_is_told_to_a_token_made_for_it(
    rest: Rest, enterprise: str, alice: Caller
) -> None:
    sent = profile(await role_id(alice))
    sent["oauthProfile"] |= {"cryptoKey": "a key", "encryptedSecrets": {"one": "sealed"}}
    made = await alice.create(BASE, sent)
    scope = {"accessUser": "PermissionAccessRead", "readSecrets": True}
    await alice.create("/v1/roles", {"name": "terraform", "title": "Terraform", "scopes": [scope]})
    await rest.add_user("terraform", enterprise=enterprise, role="terraform")
    async with rest.client(await rest.login("terraform")) as http:
        token = (await http.post("/v1/sessions/token/self", json={"readSecrets": True})).json()
    async with rest.client(token["token"]) as http:
        told = await Caller(http).get(f"{BASE}/id/{made}")
    assert told["oauthProfile"] == sent["oauthProfile"]
    async with snapshot(rest.engine) as db:
        query = select(audit.c.changes).where(audit.c.verb == "secrets read")
        assert (await db.execute(query)).scalars().all() == [
            '{"told": ["clientSecret", "cryptoKey", "encryptedSecrets"]}'
        ]


async def test_every_reason_against_a_profile_is_told(alice: Caller) -> None:
    wrong = profile("nobody" + "x" * 22, active=True)
    wrong["oauthProfile"] = {
        "OIDCEndPoint": "http://login.example.com",
        "additionalParameters": '{"state": "mine"}',
    }
    wrong["passwordProfile"] = {"minLength": 4, "maxPasswordAge": 10, "minPasswordAge": 10}
    answer = await alice.http.post(BASE, json=wrong)
    assert answer.status_code == 400
    assert [one["location"] for one in answer.json()["error"]] == [
        "defaultRoleId",
        "oauthProfile.OIDCEndPoint",
        "oauthProfile.clientID",
        "oauthProfile.additionalParameters",
        "passwordProfile.minLength",
        "passwordProfile.minPasswordAge",
    ]
    saml = await alice.http.post(BASE, json=profile(await role_id(alice), type="AUTH_TYPE_SAML"))
    assert saml.status_code == 400


async def test_one_profile_of_an_enterprise_is_active(rest: Rest, alice: Caller) -> None:
    role = await role_id(alice)
    first = await alice.create(BASE, profile(role, "first", active=True))
    second = await alice.create(BASE, profile(role, "second"))
    told = await alice.get(f"{BASE}/id/{second}")
    refused = await alice.http.put(f"{BASE}/id/{second}", json={**told, "active": True})
    assert refused.status_code == 409
    assert "'first' is active" in refused.text
    await alice.put(
        f"{BASE}/id/{first}", (await alice.get(f"{BASE}/id/{first}")) | {"active": False}
    )
    await alice.put(f"{BASE}/id/{second}", {**told, "active": True})
    counts = (await alice.get(BASE))["summaryByState"]["values"]
    assert counts == {"ACTIVE": 1, "INACTIVE": 1}
    await rest.add_user("mallory")  # of another enterprise: its own may be active too
    async with rest.client(await rest.login("mallory")) as http:
        mallory = Caller(http)
        assert (await mallory.get(BASE))["list"] == []
        assert (await http.get(f"{BASE}/id/{first}")).status_code == 404
        assert (await http.delete(f"{BASE}/id/{first}")).status_code == 404
        await mallory.create(BASE, profile(await role_id(mallory), "first", active=True))


async def test_the_default_role_is_kept_as_long_as_a_profile_names_it(alice: Caller) -> None:
    scopes = [{"accessDevice": "PermissionAccessRead"}]
    role = await alice.create("/v1/roles", {"name": "guests", "title": "G", "scopes": scopes})
    made = await alice.create(BASE, profile(role))
    assert (await alice.http.delete(f"/v1/roles/id/{role}")).status_code == 409
    await alice.delete(f"{BASE}/id/{made}")
    await alice.delete(f"/v1/roles/id/{role}")


async def test_who_may_not_do_everything_configures_no_provider(
    rest: Rest, enterprise: str, alice: Caller
) -> None:
    """A provider says who has which role: its owner could be anybody."""
    scopes = [{"accessUser": "PermissionAccessCreateReadUpdateDelete"}]
    helpdesk = await alice.create("/v1/roles", {"name": "helpdesk", "title": "H", "scopes": scopes})
    for user, role, status in (("bob", "helpdesk", 403), ("eve", SYS_MONITOR, 403)):
        await rest.add_user(user, enterprise=enterprise, role=role)
        async with rest.client(await rest.login(user)) as http:
            assert (await http.post(BASE, json=profile(helpdesk))).status_code == status
    provider = await alice.create(BASE, profile(helpdesk, active=True))
    told = await alice.get(f"{BASE}/id/{provider}")
    evil = told["oauthProfile"] | {"OIDCEndPoint": "https://evil.example.com"}
    local = {"type": "AUTH_TYPE_LOCAL"}
    async with rest.client(await rest.login("bob")) as http:
        for change in (
            local | {"oauthProfile": evil},  # whatever it is called
            local | {"oauthProfile": None},
            {"active": False},
        ):
            refused = await http.put(f"{BASE}/id/{provider}", json=told | change)
            assert refused.status_code == 403, refused.text
        assert (await http.delete(f"{BASE}/id/{provider}")).status_code == 403
        hidden = profile(helpdesk, "hidden", type="AUTH_TYPE_LOCAL")
        assert (await http.post(BASE, json=hidden)).status_code == 403
        del hidden["oauthProfile"]
        made = await Caller(http).create(BASE, hidden)
        own = await Caller(http).get(f"{BASE}/id/{made}")
        later = await http.put(f"{BASE}/id/{made}", json=own | {"oauthProfile": evil})
        assert later.status_code == 403
        await Caller(http).delete(f"{BASE}/id/{made}")
    assert await alice.get(f"{BASE}/id/{provider}") == told


async def test_a_provider_may_name_any_role_so_it_takes_all_of_them(rest: Rest) -> None:
    home = await rest.add_user("root", platform=True, role=SYS_ROOT)
    await rest.add_user("sam", enterprise=home)
    for name, status in (("sam", 403), ("root", 200)):
        async with rest.client(await rest.login(name)) as http:
            sent = profile(await role_id(Caller(http)))
            assert (await http.post(BASE, json=sent)).status_code == status


async def test_no_secret_of_a_provider_is_shown_or_given_to_another_one(
    rest: Rest, alice: Caller
) -> None:
    role = await role_id(alice)
    sent = profile(role)
    hidden = {"cryptoKey": "KEY-to-hide", "encryptedSecrets": {"one": "MAP-to-hide"}}
    sent["oauthProfile"] |= hidden
    made = await alice.create(BASE, sent)
    path = f"{BASE}/id/{made}"

    async def kept() -> set[str]:
        async with snapshot(rest.engine) as db:
            return {name.field for name in await sealed.find_secrets(db, (made,))}

    three = {"clientSecret", "cryptoKey", "encryptedSecrets"}
    assert await kept() == three
    told = await alice.get(path)
    assert "to-hide" not in json.dumps(told)
    # sent back blank, as it was read, or with a slash more: all stay as they are
    slash = told["oauthProfile"] | {"OIDCEndPoint": "https://login.example.com/"}
    await alice.put(path, told | {"title": "Again", "oauthProfile": slash})
    assert await kept() == three
    told = await alice.get(path)
    moved = told["oauthProfile"] | {"OIDCEndPoint": "https://other.example.com", "cryptoKey": "new"}
    await alice.put(path, told | {"oauthProfile": moved})
    assert await kept() == {"cryptoKey"}
    async with snapshot(rest.engine) as db:
        for table in metadata.sorted_tables:
            for row in await db.execute(select(table)):
                assert "to-hide" not in repr(tuple(row)), table.name
