"""The tree of enterprises through REST, on both databases: who stands where and sees what."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from support.rest import CHEAP, PASSWORD, Caller, Json, Rest, contains, running_rest

from eaves.controller.domain.builtin_roles import SYS_ADMIN, SYS_MONITOR, SYS_ROOT
from eaves.controller.northbound import signup

BASE = "/v1/enterprises"
SESSIONS = "/v1/eaves/enterprises/id"
SENT: Json = {
    "name": "acme",
    "title": "Acme",
    "description": "makes things",
    "state": "ENTERPRISE_STATE_ACTIVE",
    "type": "ENTERPRISE_TYPE_UNSPECIFIED",
    "apiTokenExpiryInSeconds": 7776000,
    "attributes": {"branch": "north"},
    "azureSubId": "a",
    "HubspotId": "h",
    "SfdcId": "s",
}


@pytest.fixture
async def rest(tmp_path: Path, database_url: str) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path / "state", database_url) as running:
        yield running


@pytest.fixture
async def home(rest: Rest) -> str:
    return await rest.add_user("admin", platform=True, role=SYS_ROOT)


@pytest.fixture
async def root(rest: Rest, home: str) -> AsyncIterator[Caller]:
    assert home
    async with rest.client(await rest.login("admin")) as http:
        yield Caller(http)


async def caller(rest: Rest, name: str) -> Caller:
    return Caller(rest.client(await rest.login(name)))


async def allow(root: Caller, name: str, enterprise_id: str, role_id: str) -> int:
    user = await root.get(f"/v1/users/name/{name}")
    user["allowedEnterprises"] = [{"id": enterprise_id, "name": "", "roleId": role_id}]
    user["email"] = f"{name}@example.org"
    answer = await root.http.put(f"/v1/users/id/{user['id']}", json=user)
    return answer.status_code


async def entered(rest: Rest, who: Caller, enterprise_id: str) -> Caller:
    answer = await who.http.post(f"{SESSIONS}/{enterprise_id}/session")
    assert answer.status_code == 200, answer.text
    return Caller(rest.client(answer.json()["token"]["base64"]))


async def role_of_below(root: Caller, enterprise: str, role: str) -> str:
    told = await root.get(f"{SESSIONS}/{enterprise}/roles")
    return str(next(one["id"] for one in told["list"] if one["name"] == role))


async def test_an_enterprise_is_made_read_changed_and_deleted(root: Caller, home: str) -> None:
    made = await root.create(BASE, SENT)
    assert len(made) == 28
    told = await root.get(f"{BASE}/name/acme")
    assert contains(told, SENT)
    assert told["parentEntpId"] == home
    assert told["id"] == made
    assert (told["childEnterprises"], told["realms"], told["policyList"], told["totpSettings"]) == (
        [],
        [],
        {"list": []},
        {},
    )
    assert told["revision"]["curr"] == "1"
    told["title"] = "Acme Works"
    await root.put(f"{BASE}/id/{made}", told | {"realms": ["people"]})
    again = await root.get(f"{BASE}/id/{made}")
    assert (again["title"], again["realms"], again["revision"]["curr"]) == (
        "Acme Works",
        ["people"],
        "2",
    )
    stale = await root.http.put(f"{BASE}/id/{made}", json=told)
    assert stale.status_code == 409
    taken = await root.http.post(BASE, json=SENT)
    assert taken.status_code == 409
    child = await root.create(BASE, {"name": "acme-west", "title": "West", "parentEntpId": made})
    assert [one["name"] for one in (await root.get(BASE))["list"]] == [
        "acme",
        "acme-west",
        "admin-enterprise",
    ]
    assert (await root.get(f"{BASE}/self"))["childEnterprises"] == [{"id": made, "name": "acme"}]
    assert (await root.get(BASE, summary="true"))["totalCount"] == 3
    held = await root.http.delete(f"{BASE}/id/{made}")
    assert held.status_code == 409
    assert "enterprise 'acme-west'" in held.text
    assert (await root.http.delete(f"{BASE}/id/{home}")).status_code == 409
    await root.delete(f"{BASE}/id/{child}")
    await root.delete(f"{BASE}/id/{made}")
    assert (await root.http.get(f"{BASE}/id/{made}")).status_code == 404
    assert (await root.http.delete(f"{BASE}/id/{made}")).status_code == 404
    verbs = [one["verb"] for one in (await root.get("/v1/eaves/audit"))["list"]]
    assert verbs == ["deleted", "deleted", "created", "changed", "created", "login"]
    await root.create(BASE, SENT)  # its name is free again


async def test_all_reasons_against_an_enterprise_are_told_at_once(root: Caller, home: str) -> None:
    wrong: Json = {
        "name": "-",
        "title": "",
        "apiTokenExpiryInSeconds": -1,
        "state": "ENTERPRISE_STATE_DELETED",
        "childEnterprises": [{"name": "nobody"}],
        "realms": ["!"],
    }
    answer = await root.http.post(BASE, json=wrong)
    assert answer.status_code == 400
    assert [one["location"] for one in answer.json()["error"]] == [
        *("name", "title", "childEnterprises", "apiTokenExpiryInSeconds", "state", "realms"),
    ]
    lost = await root.http.post(BASE, json={**SENT, "parentEntpId": "somewhere"})
    assert lost.status_code == 404
    own = await root.get(f"{BASE}/self")
    closed = await root.http.put(f"{BASE}/self", json=own | {"state": "ENTERPRISE_STATE_INACTIVE"})
    assert closed.status_code == 400
    assert own["id"] == home


async def test_who_stands_beside_or_below_sees_nothing(rest: Rest, root: Caller) -> None:
    acme = await root.create(BASE, SENT)
    other = await root.create(BASE, {"name": "other", "title": "Other"})
    await rest.add_user("ann", enterprise=acme)
    ann = await caller(rest, "ann")
    assert [one["id"] for one in (await ann.get(BASE))["list"]] == [acme]
    for path in (
        f"{BASE}/id/{other}",
        f"{BASE}/name/other",
        f"{BASE}/name/admin-enterprise",
        f"{SESSIONS}/{other}/roles",
    ):
        assert (await ann.http.get(path)).status_code == 404, path
    for path in ("/v1/reports/device", "/v1/entitlements"):
        assert (await ann.http.get(path, params={"tenantId": other})).status_code == 404
    assert (await ann.http.post(BASE, json={"name": "mine", "title": "Mine"})).status_code == 403
    assert (await ann.http.delete(f"{BASE}/id/{other}")).status_code == 403
    mine = await ann.get(f"{BASE}/self")
    await ann.put(f"{BASE}/self", mine | {"title": "Acme Ours"})
    raised = await ann.http.put("/v1/entitlements", json={"userCount": {"limit": 9}})
    assert raised.status_code == 403
    await rest.add_user("mona", enterprise=acme, role=SYS_MONITOR)
    mona = await caller(rest, "mona")
    assert (await mona.http.put(f"{BASE}/self", json=mine)).status_code == 403


async def test_a_role_of_some_projects_changes_nothing_of_all_of_an_enterprise(
    rest: Rest, root: Caller, home: str
) -> None:
    acme = await root.create(BASE, SENT)
    project = await root.create(
        "/v1/projects", {"name": "north", "title": "North", "type": "TAG_TYPE_PROJECT"}
    )
    every = "PermissionAccessCreateReadUpdateDelete"
    role: Json = {
        "name": "north-only",
        "title": "North",
        "type": "USER_ROLE_USER_DEFINED",
        "scopes": [{"accessEnterprise": every, "projectFilter": [project]}],
    }
    await root.create("/v1/roles", role)
    await rest.add_user("ned", enterprise=home, role="north-only")
    ned = await caller(rest, "ned")
    own = await root.get(f"{BASE}/self")
    asked = (
        ("POST", BASE, {"name": "mine", "title": "Mine"}),
        ("PUT", f"{BASE}/self", own),
        ("PUT", f"{BASE}/id/{home}", own),
        ("DELETE", f"{BASE}/id/{acme}", None),
        ("PUT", "/v1/entitlements", {"userCount": {"limit": 1}}),
    )
    for method, path, body in asked:
        answer = await ned.http.request(method, path, json=body)
        assert answer.status_code == 403, (method, path, answer.text)
        assert "some projects only" in answer.text
    assert (await root.get(BASE))["totalCount"] == 2
    assert await root.get(f"{BASE}/self") == own


async def test_a_user_of_the_parent_works_below_where_it_is_allowed(
    rest: Rest, root: Caller, home: str
) -> None:
    acme = await root.create(BASE, SENT)
    admin_role = await role_of_below(root, acme, SYS_ADMIN)
    denied = await root.http.post(f"{SESSIONS}/{acme}/session")
    assert denied.status_code == 404
    assert await allow(root, "admin", "nowhere", admin_role) == 400
    assert await allow(root, "admin", acme, "no-role") == 400
    assert await allow(root, "admin", acme, admin_role) == 200
    below = await entered(rest, root, acme)
    assert (await below.get(f"{BASE}/self"))["id"] == acme
    assert (await below.get("/v1/roles/self"))["id"] == admin_role
    await below.create("/v1/brands", {"name": "of-acme", "title": "Brand"})
    assert (await root.get("/v1/brands"))["totalCount"] == 0
    assert [one["name"] for one in (await below.get("/v1/brands"))["list"]] == ["of-acme"]
    held = await root.http.delete(f"{BASE}/id/{acme}")
    assert "1 brand" in held.text
    told = await root.get(f"{BASE}/id/{acme}")
    await root.put(f"{BASE}/id/{acme}", told | {"state": "ENTERPRISE_STATE_INACTIVE"})
    assert (await below.http.get("/v1/brands")).status_code in (401, 403)
    await root.put(
        f"{BASE}/id/{acme}", (await root.get(f"{BASE}/id/{acme}")) | {"state": told["state"]}
    )
    assert (await below.http.get("/v1/brands")).status_code == 200
    user = await root.get("/v1/users/name/admin")
    user |= {"allowedEnterprises": [], "email": "admin@example.org"}
    await root.put(f"/v1/users/id/{user['id']}", user)
    assert (await below.http.get("/v1/brands")).status_code == 403
    assert home != acme


async def test_who_may_do_less_opens_nobody_with_rights_below(
    rest: Rest, root: Caller, home: str
) -> None:
    """At home she only looks on; whoever had her password would be the administrator of acme."""
    acme = await root.create(BASE, SENT)
    for name in ("carol", "mona"):
        await rest.add_user(name, enterprise=home, role=SYS_MONITOR)
    assert await allow(root, "carol", acme, await role_of_below(root, acme, SYS_ADMIN)) == 200
    read = "PermissionAccessRead"
    areas = ("Device", "EdgeApp", "AppInstance", "Storage", "Enterprise")
    scope = {f"access{one}": read for one in (*areas, "EnterpriseIntegrationItems")}
    scope["accessUser"] = "PermissionAccessReadUpdateDelete"
    await root.create("/v1/roles", {"name": "helpdesk", "title": "Help", "scopes": [scope]})
    await rest.add_user("bob", enterprise=home, role="helpdesk")
    bob = await caller(rest, "bob")
    carol = await bob.get("/v1/users/name/carol")
    given = {"newCred": "a long password of bob"}
    asked: tuple[tuple[str, str, Json | None], ...] = (
        ("PUT", "/v1/credentials", {"owner": "carol", **given}),
        ("DELETE", f"/v1/credentials/id/{carol['id']}", None),
        ("DELETE", f"/v1/eaves/users/{carol['id']}/totp", None),
        ("DELETE", f"/v1/eaves/users/{carol['id']}/tokens", None),
        ("PUT", f"/v1/users/id/{carol['id']}", carol | {"allowedEnterprises": []}),
        ("PUT", f"/v1/users/id/{carol['id']}", carol | {"state": "USER_STATE_SUSPENDED"}),
        ("DELETE", f"/v1/users/id/{carol['id']}", None),
    )
    for method, path, body in asked:
        refused = await bob.http.request(method, path, json=body)
        assert refused.status_code == 403, (method, path, refused.text)
    await bob.put("/v1/credentials", {"owner": "mona", **given})
    herself = await caller(rest, "carol")
    own = await herself.get("/v1/users/self")
    await herself.put("/v1/users/self", own | {"fullName": "Carol"})


async def test_limits_are_handed_down_and_refuse_what_is_beyond(rest: Rest, root: Caller) -> None:
    acme = await root.create(BASE, SENT)
    own: Json = {"userCount": {"limit": 5}, "devices": [{"size": "DEFAULT_SIZE", "limit": 9}]}
    assert (await root.http.put("/v1/entitlements", json=own)).status_code == 200
    beyond = {"entpId": acme, "userCount": {"limit": 6}}
    answer = await root.http.put("/v1/entitlements", json=beyond)
    assert answer.status_code >= 400
    assert len(answer.json()["error"]) == 2  # users, and devices without any bound
    given: Json = {
        "entpId": acme,
        "userCount": {"limit": 2},
        "devices": [{"size": "DEFAULT_SIZE", "limit": 1}],
        "features": [{"name": "edgeview", "active": True}],
    }
    assert (await root.http.put("/v1/entitlements", json=given)).status_code == 200
    await rest.add_user("ann", enterprise=acme)
    ann = await caller(rest, "ann")
    told = await ann.get("/v1/entitlements")
    assert told["userCount"] == {"limit": 2, "usage": 1}
    assert told["features"][0]["name"] == "edgeview"
    role = (await ann.get("/v1/roles/name/SysMonitor"))["id"]
    body = {"username": "zoe", "email": "zoe@example.org", "roleId": role}
    await ann.create("/v1/users", body)
    more = await ann.http.post("/v1/users", json={**body, "username": "zac"})
    assert more.status_code == 412
    assert "may have 2 users" in more.text
    assert (await root.get("/v1/entitlements", tenantId=acme))["userCount"]["usage"] == 2
    listed = await root.get("/v1/entitlements/allowedenterprises")
    assert [one["entpName"] for one in listed["enterpriseEntitlements"]] == [
        "acme",
        "admin-enterprise",
    ]


async def test_reports_tell_a_parent_how_much_there_is_and_no_names(
    rest: Rest, root: Caller
) -> None:
    acme = await root.create(BASE, SENT)
    await rest.add_user("ann", enterprise=acme)
    allowed = await root.get("/v1/reports/allowedenterprises")
    assert [one["name"] for one in allowed["enterprises"]] == ["acme", "admin-enterprise"]
    assert allowed["total"] == "2"
    for name, member, count in (
        ("device", "deviceSummaryReport", "totalDevices"),
        ("apps/instance", "appInstSummaryReport", "totalAppInsts"),
        ("plugin", "pluginSummaryReport", "totalPlugins"),
        ("project", "projectSummaryReport", "total"),
        ("user", "userSummaryReport", "users"),
    ):
        told = await root.get(f"/v1/reports/{name}", tenantId=acme)
        assert told["entpId"] == acme
        assert told[member][count] == (1 if name == "user" else 0)
        assert (await root.get(f"/v1/reports/{name}"))["entpId"] != acme


async def test_realms_belong_to_one_enterprise(rest: Rest, root: Caller) -> None:
    made = await root.create("/v1/realms", {"name": "people", "title": "People"})
    assert len(made) == 28
    told = await root.get("/v1/realms/name/people")
    told["title"] = "All of them"
    await root.put(f"/v1/realms/id/{made}", told)
    assert (await root.get("/v1/realms"))["list"][0]["title"] == "All of them"
    assert (await root.get(f"{BASE}/self"))["realms"] == ["people"]
    elsewhere = {"name": "others", "title": "Others", "enterpriseId": "x" * 28}
    assert (await root.http.post("/v1/realms", json=elsewhere)).status_code == 400
    await rest.add_user("eve")
    eve = await caller(rest, "eve")
    assert (await eve.get("/v1/realms"))["list"] == []
    assert (await eve.http.get(f"/v1/realms/id/{made}")).status_code == 404
    await root.delete(f"/v1/realms/id/{made}")


SIGNUP = "/v1/login/signup"
SIGNED: Json = {
    "enterprise": {"name": "newcomer", "title": "New"},
    "adminUser": {"name": "nina", "email": "nina@example.org", "password": PASSWORD},
}


async def test_nobody_signs_itself_up_unless_that_is_open(rest: Rest, root: Caller) -> None:
    async with rest.client() as http:
        for path in ("enterprise", "user"):
            answer = await http.post(f"{SIGNUP}/{path}", json={})
            assert answer.status_code == 403
            assert "EAVES_SIGNUP" in answer.text
    assert (await root.get(BASE))["totalCount"] == 1


async def test_who_signs_up_waits_until_it_is_let_in(rest: Rest, root: Caller) -> None:
    context = rest.app.state.context
    opened = replace(context.settings, signup_open=True)
    object.__setattr__(context, "settings", opened)
    async with rest.client() as http:
        weak = {**SIGNED, "adminUser": {**SIGNED["adminUser"], "password": "short"}}
        assert (await http.post(f"{SIGNUP}/enterprise", json=weak)).status_code == 400
        answer = await http.post(f"{SIGNUP}/enterprise", json=SIGNED)
        assert answer.status_code == 200, answer.text
        told = await root.get(f"{BASE}/name/newcomer")
        assert (told["state"], told["type"]) == (
            "ENTERPRISE_STATE_SIGNEDUP",
            "ENTERPRISE_TYPE_SELFSIGNUP",
        )
        user = {
            "enterpriseName": "newcomer",
            "name": "ugo",
            "email": "ugo@example.org",
            "password": PASSWORD,
        }
        assert (await http.post(f"{SIGNUP}/user", json=user)).status_code == 403
        await root.put(f"{BASE}/id/{told['id']}", told | {"state": "ENTERPRISE_STATE_ACTIVE"})
        assert (await http.post(f"{SIGNUP}/user", json=user)).status_code == 200
        denied = await http.post("/v1/login", json={"username": "ugo", "password": PASSWORD})
        assert denied.status_code == 401
    nina = await caller(rest, "nina")
    ugo = await nina.get("/v1/users/name/ugo")
    assert ugo["state"] == "USER_STATE_SIGNEDUP"
    limit: Json = {"entpId": told["id"], "userCount": {"limit": 1}}
    assert (await root.http.put("/v1/entitlements", json=limit)).status_code == 200
    assert (await nina.get("/v1/entitlements"))["userCount"] == {"limit": 1, "usage": 1}
    let_in = ugo | {"state": "USER_STATE_ACTIVE"}
    assert (await nina.http.put(f"/v1/users/id/{ugo['id']}", json=let_in)).status_code == 412
    limit["userCount"]["limit"] = 2
    assert (await root.http.put("/v1/entitlements", json=limit)).status_code == 200
    await nina.put(f"/v1/users/id/{ugo['id']}", let_in)
    await rest.login("ugo")
    audit = (await root.get("/v1/eaves/audit", user="sign-up"))["list"]
    assert [(one["objectKind"], one["objectName"]) for one in audit] == [
        ("enterprises", "newcomer")
    ]
    assert (await root.get("/v1/eaves/audit", user="nina"))["list"] == []


async def test_strangers_that_sign_up_are_slowed_down_and_bounded(
    rest: Rest, root: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = rest.app.state.context
    object.__setattr__(context, "settings", replace(context.settings, signup_open=True))
    context.passwords.hasher = CHEAP
    monkeypatch.setattr(signup, "WAITING_ENTERPRISES", 2)
    monkeypatch.setattr(signup, "WAITING_USERS", 1)
    await root.create(BASE, SENT)

    async def signs_up(http: httpx.AsyncClient, number: int) -> int:
        admin: Json = {**SIGNED["adminUser"], "name": f"nina-{number}"}
        wanted = {"enterprise": {"name": f"new-{number}", "title": "New"}, "adminUser": admin}
        return (await http.post(f"{SIGNUP}/enterprise", json=wanted)).status_code

    async with rest.client() as http:
        assert [await signs_up(http, number) for number in range(3)] == [200, 200, 429]
        assert (await root.get(BASE))["totalCount"] == 4
        codes: list[int] = []
        for number in range(3):
            body = {
                "enterpriseName": "acme",
                "name": f"ugo-{number}",
                "email": "ugo@example.org",
                "password": PASSWORD,
            }
            codes.append((await http.post(f"{SIGNUP}/user", json=body)).status_code)
        assert codes == [200, 429, 429]
        left = [await signs_up(http, number) for number in range(10, 20)]
        assert set(left) == {429}
    async with rest.client(host="10.1.2.3") as http:  # each address for itself
        newcomer = await root.get(f"{BASE}/name/new-0")
        await root.put(
            f"{BASE}/id/{newcomer['id']}", newcomer | {"state": "ENTERPRISE_STATE_ACTIVE"}
        )
        assert await signs_up(http, 3) == 200
    async with rest.client() as http:  # nor is there room, nor patience
        answer = await http.post(f"{SIGNUP}/user", json={"enterpriseName": "nowhere"})
        assert answer.status_code == 429
        assert "too often" in answer.text
        rest.clock.pass_by(timedelta(minutes=2))
        answer = await http.post(f"{SIGNUP}/user", json={"enterpriseName": "nowhere"})
        assert answer.status_code == 403


async def test_a_session_is_told_to_whose_it_is(rest: Rest, root: Caller, home: str) -> None:
    await rest.add_user("bob", enterprise=home, role=SYS_MONITOR)
    await rest.add_user("eve")
    token = await rest.login("bob")
    for told in (
        await root.get(f"/v1/sessions/token/{token}"),
        await root.get("/v1/sessions/token", **{"sessionToken.base64": token}),
    ):
        assert (told["cause"], told["user"]["username"]) == ("OK", "bob")
    eve = await caller(rest, "eve")
    assert (await eve.http.get(f"/v1/sessions/token/{token}")).status_code == 404
    bob = Caller(rest.client(token))
    user_id = (await bob.get("/v1/users/self"))["id"]
    assert (await bob.http.delete(f"/v1/credentials/id/{user_id}")).status_code == 403
    assert (await eve.http.delete(f"/v1/credentials/id/{user_id}")).status_code == 404
    await root.delete(f"/v1/credentials/id/{user_id}")
    assert (await bob.http.get("/v1/users/self")).status_code == 401
    async with rest.client() as http:
        login = await http.post("/v1/login", json={"username": "bob", "password": PASSWORD})
    assert login.status_code == 401
    assert (await root.http.delete(f"/v1/credentials/id/{user_id}")).status_code == 404
    own = (await root.get("/v1/users/self"))["id"]
    assert (await root.http.delete(f"/v1/credentials/id/{own}")).status_code == 409
