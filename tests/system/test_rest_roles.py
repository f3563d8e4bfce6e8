"""Roles and users through REST, and what a role lets its users do and see."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.rest import Caller, Json, Rest, running_rest
from support.rest_objects import World, build_world

from eaves.controller.domain.builtin_roles import SYS_MANAGER, SYS_MONITOR, SYS_OPERATOR
from eaves.controller.northbound.app import ROUTES
from eaves.controller.northbound.catalog import ALL

pytestmark = pytest.mark.system

READING = "PermissionAccessRead"


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


async def caller(rest: Rest, enterprise: str, role: str, name: str = "bob") -> Caller:
    await rest.add_user(name, enterprise=enterprise, role=role)
    return Caller(rest.client(await rest.login(name)))


def role(name: str, **scope: object) -> Json:
    return {
        "name": name,
        "title": name,
        "type": "USER_ROLE_USER_DEFINED",
        "scopes": [{"accessDevice": READING, **scope}],
    }


def user(name: str, role_id: str) -> Json:
    return {"username": name, "email": f"{name}@example.org", "roleId": role_id}


async def test_an_enterprise_begins_with_roles_that_never_change(alice: Caller) -> None:
    found = await alice.get("/v1/roles")
    assert [one["name"] for one in found["list"]] == [
        "SysAdmin",
        "SysManager",
        "SysMonitor",
        "SysOperator",
    ]
    first = found["list"][0]
    assert len(first["id"]) == 28
    changed = await alice.http.put(f"/v1/roles/id/{first['id']}", json={**first, "title": "Other"})
    assert changed.status_code == 403
    assert "USER_ROLE_USER_DEFINED" in changed.text
    assert (await alice.http.delete(f"/v1/roles/id/{first['id']}")).status_code == 403


async def test_a_role_is_made_read_changed_and_deleted(alice: Caller) -> None:
    sent = role("watchers") | {"projectTags": {"site": "north"}}
    role_id = await alice.create("/v1/roles", sent)
    assert len(role_id) == 28
    told = await alice.get("/v1/roles/name/watchers")
    assert told["projectTags"] == {"site": "north"}
    assert told["scopes"][0]["accessDevice"] == READING
    told["scopes"][0]["accessStorage"] = READING
    await alice.put(f"/v1/roles/id/{role_id}", told)
    again = await alice.get(f"/v1/roles/id/{role_id}")
    assert again["scopes"][0]["accessStorage"] == READING
    await alice.delete(f"/v1/roles/id/{role_id}")
    assert (await alice.http.get(f"/v1/roles/id/{role_id}")).status_code == 404


async def test_a_wrong_access_and_a_lost_project_are_told_together(alice: Caller) -> None:
    answer = await alice.http.post(
        "/v1/roles",
        json=role(
            "wrong", accessUser="all", projectFilter=["11111111-1111-4111-8111-111111111111"]
        ),
    )
    assert answer.status_code == 400
    where = [one["location"] for one in answer.json()["error"]]
    assert where == ["scopes[0].accessUser", "scopes.projectFilter"]


async def test_a_role_that_somebody_has_is_not_deleted(alice: Caller) -> None:
    role_id = await alice.create("/v1/roles", role("watchers"))
    user_id = await alice.create("/v1/users", user("carol", role_id))
    assert len(user_id) == 28
    told = await alice.get("/v1/users/name/carol")
    assert told["state"] == "USER_STATE_ACTIVE"
    assert told["emailState"] == "ID_STATE_VERIFIED"
    assert told["phoneState"] == "ID_STATE_UNSPECIFIED"
    assert (await alice.http.delete(f"/v1/roles/id/{role_id}")).status_code == 409
    await alice.delete(f"/v1/users/id/{user_id}")
    await alice.delete(f"/v1/roles/id/{role_id}")


@pytest.mark.parametrize(
    ("name", "makes", "changes"),
    [(SYS_MANAGER, 200, 200), (SYS_OPERATOR, 403, 200), (SYS_MONITOR, 403, 403)],
)
async def test_what_the_builtin_roles_permit(
    rest: Rest, enterprise: str, alice: Caller, name: str, makes: int, changes: int
) -> None:
    brand_id = await alice.create("/v1/brands", {"name": "acme", "title": "Acme"})
    bob = await caller(rest, enterprise, name)
    brand = await bob.get(f"/v1/brands/id/{brand_id}")
    made = await bob.http.post("/v1/brands", json={"name": "other", "title": "Other"})
    assert made.status_code == makes, made.text
    changed = await bob.http.put(f"/v1/brands/id/{brand_id}", json={**brand, "title": "New"})
    assert changed.status_code == changes, changed.text
    assert (await bob.http.post("/v1/users", json=user("eve", "x"))).status_code == 403
    if makes == 403:
        assert name in made.text
        assert "Create in accessDevice" in made.text


async def test_projects_outside_of_a_role_are_not_there(
    rest: Rest, enterprise: str, alice: Caller
) -> None:
    world: World = await build_world(alice)
    other = await alice.create(
        "/v1/projects", {"name": "other", "title": "Other", "type": "TAG_TYPE_PROJECT"}
    )
    await alice.create(
        "/v1/roles", role("others", accessAppInstance=READING, projectFilter=[other])
    )
    bob = await caller(rest, enterprise, "others")
    everything = await alice.get("/v1/devices")
    assert everything["totalCount"] > 0
    assert (await bob.get("/v1/devices"))["totalCount"] == 0
    assert (await bob.http.get(f"/v1/devices/id/{world.device}")).status_code == 404
    assert [one["id"] for one in (await bob.get("/v1/projects"))["list"]] == [other]
    status = await bob.get("/v1/devices/status")
    assert status["list"] == []


async def test_nobody_gives_away_more_than_it_has(
    rest: Rest, enterprise: str, alice: Caller
) -> None:
    scope = {
        "accessDevice": "PermissionAccessRead",
        "accessUser": "PermissionAccessCreateReadUpdate",
    }
    await alice.create("/v1/roles", role("helpdesk", **scope))
    admin = (await alice.get("/v1/roles/name/SysAdmin"))["id"]
    bob = await caller(rest, enterprise, "helpdesk")
    refused = await bob.http.post("/v1/users", json=user("mallory", admin))
    assert refused.status_code == 403, refused.text
    more = await bob.http.post("/v1/roles", json=role("more", accessStorage=READING))
    assert more.status_code == 403, more.text
    less = await bob.create("/v1/roles", role("less"))
    await bob.create("/v1/users", user("carol", less))


async def test_nobody_disarms_who_may_do_more(rest: Rest, enterprise: str, alice: Caller) -> None:
    """Else an administrator is demoted first, and its password set then."""
    everything_of_users = "PermissionAccessCreateReadUpdateDelete"
    weak = await alice.create("/v1/roles", role("helpdesk", accessUser=everything_of_users))
    strong = await alice.create("/v1/roles", role("keepers", accessStorage=READING))
    less = await alice.create("/v1/roles", role("watchers"))
    bob = await caller(rest, enterprise, "helpdesk")
    there = await alice.get("/v1/users/self") | {"email": "alice@example.org"}
    for change in (
        {"roleId": weak},
        {"roleId": weak, "state": "USER_STATE_SUSPENDED"},
        {"roleId": weak, "type": "AUTH_TYPE_OAUTH"},
    ):
        refused = await bob.http.put(f"/v1/users/id/{there['id']}", json=there | change)
        assert refused.status_code == 403, refused.text
        assert "only somebody who may as much changes or deletes it" in refused.text
    assert (await bob.http.delete(f"/v1/users/id/{there['id']}")).status_code == 403
    keepers = await alice.get(f"/v1/roles/id/{strong}")
    disarmed: tuple[Json, ...] = ({"scopes": []}, {"state": "ROLE_STATE_INACTIVE"})
    for change in disarmed:
        refused = await bob.http.put(f"/v1/roles/id/{strong}", json=keepers | change)
        assert refused.status_code == 403, refused.text
    assert (await bob.http.delete(f"/v1/roles/id/{strong}")).status_code == 403
    # nor while the role is not in force: it may be again
    dave = await alice.create("/v1/users", user("dave", strong))
    await alice.put(f"/v1/roles/id/{strong}", keepers | {"state": "ROLE_STATE_INACTIVE"})
    given = {"owner": "dave", "newCred": "a long password of bob"}
    assert (await bob.http.put("/v1/credentials", json=given)).status_code == 403
    assert (await bob.http.delete(f"/v1/users/id/{dave}")).status_code == 403
    # who may do no more than bob is his to care for, and he himself
    carol = await bob.create("/v1/users", user("carol", less))
    told = await bob.get(f"/v1/users/id/{carol}")
    await bob.put(f"/v1/users/id/{carol}", told | {"state": "USER_STATE_SUSPENDED"})
    await bob.delete(f"/v1/users/id/{carol}")
    own = await bob.get("/v1/users/self") | {"email": "bob@example.org"}
    await bob.put(f"/v1/users/id/{own['id']}", own)
    moved = await bob.http.put(
        f"/v1/users/id/{own['id']}",
        json=own | {"type": "AUTH_TYPE_OAUTH", "revision": None},
    )
    assert moved.status_code == 409
    assert "is you" in moved.text
    assert await rest.login("alice")


async def test_a_changed_role_counts_from_the_next_request_on(
    rest: Rest, enterprise: str, alice: Caller
) -> None:
    role_id = await alice.create("/v1/roles", role("watchers"))
    bob = await caller(rest, enterprise, "watchers")
    assert (await bob.http.get("/v1/brands")).status_code == 200
    told = await alice.get(f"/v1/roles/id/{role_id}")
    await alice.put(f"/v1/roles/id/{role_id}", {**told, "state": "ROLE_STATE_INACTIVE"})
    assert (await bob.http.get("/v1/brands")).status_code == 403


async def test_users_are_listed_by_name_and_role(alice: Caller) -> None:
    role_id = await alice.create("/v1/roles", role("watchers"))
    for name in ("carol", "bob"):
        await alice.create("/v1/users", user(name, role_id))
    found = await alice.get("/v1/users")
    assert [one["username"] for one in found["list"]] == ["alice", "bob", "carol"]
    assert found["summaryByRoleDistribution"]["values"][role_id] == 2
    watching = await alice.get("/v1/users", roleName="watchers", namePattern="car")
    assert [one["username"] for one in watching["list"]] == ["carol"]


async def test_nobody_deletes_itself(alice: Caller) -> None:
    own = await alice.get("/v1/users/self")
    answer = await alice.http.delete(f"/v1/users/id/{own['id']}")
    assert answer.status_code == 409
    assert "is you" in answer.text


async def test_every_operation_says_what_it_needs(rest: Rest, enterprise: str) -> None:
    """A role that grants nothing gets 403 from every operation that is about more than oneself."""
    await rest.add_user("root", enterprise=enterprise)
    root = Caller(rest.client(await rest.login("root")))
    nothing: Json = {
        "name": "nothing",
        "title": "Nothing",
        "type": "USER_ROLE_USER_DEFINED",
        "scopes": [],
    }
    await root.create("/v1/roles", nothing)
    bob = await caller(rest, enterprise, "nothing")
    open_to_all = {route.path for route in ROUTES if not hasattr(route.needs, "area")}
    assert open_to_all == {
        *("/v1/login", "/v1/logout", "/v1/sessions/refresh", "/v1/sessions/self"),
        *("/v1/sessions/token/self", "/v1/users/self", "/v1/enterprises/self", "/v1/credentials"),
        "/v1/ext/stream",  # tells what the role lets it see
        "/v1/eaves/plan",  # needs the right of the write that is planned
        *("/v1/credentials/self", "/v1/roles/self", "/v1/sessions"),
        *("/v1/eaves/enterprises/id/{id}/session", "/v1/login/signup/enterprise"),
        "/v1/login/signup/user",
        *("/v1/eaves/controller", "/v1/cloud/version", "/v1/cloud/ping"),
        *("/v1/cloud/ping/id/{pingId}", "/v1/hello"),
        *("/v1/cloud/policies", "/v1/cloud/policies/id/{id}"),
        *("/v1/login/forgot", "/v1/login/mode", "/v1/login/external", "/v1/login/oauth/callback"),
        *("/v1/eaves/login/totp", "/v1/eaves/totp", "/v1/eaves/totp/confirm"),
        *("/v1/sessions/token", "/v1/sessions/token/{token}"),
        *("/v1/eaves/tokens", "/v1/eaves/tokens/{id}"),
        # whoever has the address: it holds a code
        *("/v1/eaves/artifacts/{id}", "/v1/eaves/content/{datastore}/{code}/{digest}"),
        "/v1/ext/installer-images/{token}",  # a token of one download and one hour
    }
    asked = [(r.method, r.path) for r in ROUTES if hasattr(r.needs, "area")]
    for resource in ALL:
        asked += [
            ("GET", resource.path),
            ("POST", resource.path),
            ("GET", resource.path + "/id/{id}"),
            ("GET", resource.path + "/name/{name}"),
            ("PUT", resource.path + "/id/{id}"),
            ("DELETE", resource.path + "/id/{id}"),
        ]
    for method, template in asked:
        path = re.sub(r"\{[^}]+\}", "x", template)
        answer = await bob.http.request(method, path, json={"name": "abc", "title": "Abc"})
        assert answer.status_code == 403, f"{method} {template}: {answer.status_code} {answer.text}"


async def test_an_administrator_sets_a_first_password_which_must_be_changed(
    rest: Rest, alice: Caller
) -> None:
    role_id = await alice.create("/v1/roles", role("watchers"))
    await alice.create("/v1/users", user("carol", role_id))
    await alice.create(
        "/v1/credentials",
        {"owner": "carol", "type": "CREDENTIAL_TYPE_PASSWORD", "newCred": "a first long password"},
    )
    async with rest.client() as http:
        body = {"username": "carol", "password": "a first long password"}
        told = (await http.post("/v1/login", json=body)).json()
        assert told["mustChangePassword"] is True
        first = told["tempToken"]["base64"]
        headers = {"Authorization": f"Bearer {first}"}
        assert (await http.get("/v1/brands", headers=headers)).status_code == 403
        changed = await http.put(
            "/v1/credentials",
            headers=headers,
            json={"currentCred": "a first long password", "newCred": "another long password"},
        )
        assert changed.status_code == 200, changed.text
        assert (await http.get("/v1/brands", headers=headers)).status_code == 200


async def test_nobody_sets_the_password_of_who_may_do_more(
    rest: Rest, enterprise: str, alice: Caller
) -> None:
    await alice.create("/v1/roles", role("helpdesk", accessUser="PermissionAccessReadUpdate"))
    bob = await caller(rest, enterprise, "helpdesk")
    refused = await bob.http.post(
        "/v1/credentials", json={"owner": "alice", "newCred": "a long password of bob"}
    )
    assert refused.status_code == 403
    assert "may do more than you" in refused.text
    carol = await caller(rest, enterprise, SYS_MONITOR, "carol")
    refused = await carol.http.post(
        "/v1/credentials", json={"owner": "bob", "newCred": "a long password of carol"}
    )
    assert refused.status_code == 403
    elsewhere = await rest.add_user("dave")
    assert elsewhere != enterprise
    unseen = await alice.http.post(
        "/v1/credentials", json={"owner": "dave", "newCred": "a long password of alice"}
    )
    assert unseen.status_code == 404


async def test_what_a_user_changes_of_itself(rest: Rest, enterprise: str, alice: Caller) -> None:
    await alice.create("/v1/roles", role("watchers"))
    bob = await caller(rest, enterprise, "watchers")
    own = await bob.get("/v1/users/self")
    admin = (await alice.get("/v1/roles/name/SysAdmin"))["id"]
    await bob.put("/v1/users/self", {**own, "fullName": "Bob Builder", "roleId": admin})
    own = await bob.get("/v1/users/self")
    assert own["fullName"] == "Bob Builder"
    assert own["roleId"] != admin
    assert (await bob.get("/v1/roles/self"))["name"] == "watchers"


async def test_sessions_of_others_are_for_who_may_read_users(
    rest: Rest, enterprise: str, alice: Caller
) -> None:
    await alice.create("/v1/roles", role("watchers"))
    await rest.login("alice")
    bob = await caller(rest, enterprise, "watchers")
    await rest.add_user("dave")
    await rest.login("dave")
    everybody = (await alice.get("/v1/sessions"))["sessionDetails"]
    assert sorted(one["userName"] for one in everybody) == ["alice", "alice", "bob"]
    own = (await bob.get("/v1/sessions"))["sessionDetails"]
    assert [one["userName"] for one in own] == ["bob"]
    assert own[0]["clientIp"] == "127.0.0.1"
