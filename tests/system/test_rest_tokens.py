"""How long sessions and API tokens hold, and which rules hold for who works below."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import pytest
import pytest_asyncio
from support.rest import PASSWORD, Caller, Json, Rest, running_rest

from eaves.controller.domain import totp
from eaves.controller.domain.builtin_roles import SYS_ADMIN, SYS_MONITOR, SYS_ROOT
from eaves.controller.northbound.signing_in import SESSION_ENDS, SESSION_LASTS

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

BASE = "/v1/enterprises"
OWN = "/v1/users/self"
MADE = "/v1/sessions/token/self"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rest(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path_factory.mktemp("rest")) as running:
        yield running


@dataclass
class Top:
    """Somebody who is signed in, and allowed into an enterprise below; each test has its own."""

    rest: Rest
    name: str
    home: str
    below: str
    caller: Caller

    @property
    def token(self) -> str:
        return str(self.caller.http.headers["Authorization"]).removeprefix("Bearer ")

    async def enter(self, token: str) -> httpx.Response:
        async with self.rest.client(token) as http:
            return await http.post(f"/v1/eaves/enterprises/id/{self.below}/session")

    async def entered(self, token: str) -> str:
        answer = await self.enter(token)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"]["base64"])

    async def call(self, token: str, method: str, path: str, **body: object) -> httpx.Response:
        async with self.rest.client(token) as http:
            return await http.request(method, path, json=body or None)

    async def holds(self, *tokens: str) -> list[bool]:
        return [(await self.call(one, "GET", OWN)).status_code == 200 for one in tokens]

    async def profile(self, **rules: object) -> httpx.Response:
        role = (await self.caller.get(f"/v1/roles/name/{SYS_MONITOR}"))["id"]
        sent = {"name": "rules", "title": "Rules", "type": "AUTH_TYPE_LOCAL", "active": True}
        sent |= {"defaultRoleId": role, "passwordProfile": rules}
        return await self.caller.http.post("/v1/authorization/profiles", json=sent)


@pytest_asyncio.fixture(loop_scope="module")
async def top(rest: Rest, request: pytest.FixtureRequest) -> AsyncIterator[Top]:
    name = str(request.node.name).removeprefix("test_")[:60]
    home = await rest.add_user(name, platform=True, role=SYS_ROOT)
    async with rest.client(await rest.login(name)) as http:
        caller = Caller(http)
        below = await caller.create(BASE, {"name": f"{name}-below", "title": "Below"})
        found = (await caller.get(f"/v1/eaves/enterprises/id/{below}/roles"))["list"]
        role = next(one["id"] for one in found if one["name"] == SYS_ADMIN)
        user = await caller.get(OWN)
        allowed = [{"id": below, "name": "", "roleId": role}]
        changed = user | {"email": f"{home}@example.org", "allowedEnterprises": allowed}
        await caller.put(f"/v1/users/id/{user['id']}", changed)
        yield Top(rest, name, home, below, caller)


async def test_a_session_is_extended_for_a_week_and_no_longer(rest: Rest, top: Top) -> None:
    begun, token = rest.clock(), top.token
    while rest.clock() < begun + SESSION_ENDS - SESSION_LASTS:
        rest.clock.pass_by(SESSION_LASTS - timedelta(hours=1))
        told = (await top.call(token, "PUT", "/v1/sessions/refresh")).json()
        assert int(told["token"]["expires"]) <= (begun + SESSION_ENDS).timestamp()
    rest.clock.pass_by(begun + SESSION_ENDS - rest.clock() + timedelta(seconds=1))
    assert await top.holds(token) == [False]


async def test_a_session_ends_with_the_age_of_the_password(rest: Rest, top: Top) -> None:
    assert (await top.profile(maxPasswordAge=86400)).status_code == 200
    begun, token = rest.clock(), await rest.login(top.name)
    rest.clock.pass_by(SESSION_LASTS - timedelta(hours=1))
    await top.call(token, "PUT", "/v1/sessions/refresh")
    rest.clock.pass_by(SESSION_LASTS - timedelta(hours=1))
    told = (await top.call(token, "PUT", "/v1/sessions/refresh")).json()
    # the password was set when its user was made
    assert int(told["token"]["expires"]) <= (begun + timedelta(days=1)).timestamp()
    rest.clock.pass_by(timedelta(hours=3))
    assert await top.holds(token) == [False]


async def test_what_is_taken_below_ends_with_the_session_above(rest: Rest, top: Top) -> None:
    above = await rest.login(top.name)
    below = await top.entered(above)
    kept = await top.entered(top.token)
    rest.clock.pass_by(SESSION_LASTS / 2)
    told = (await top.call(below, "PUT", "/v1/sessions/refresh")).json()
    first = (await top.call(above, "PUT", "/v1/sessions/refresh")).json()
    again = (await top.call(below, "PUT", "/v1/sessions/refresh")).json()
    assert int(told["token"]["expires"]) < int(first["token"]["expires"])
    assert again["token"]["expires"] == first["token"]["expires"]
    made = (await top.call(below, "POST", MADE)).json()["token"]
    assert (await top.call(above, "POST", "/v1/logout")).status_code == 200
    # what is to go on without a session does; it is listed and revoked by itself
    assert await top.holds(above, below, kept, made) == [False, False, True, True]


async def test_an_api_token_is_one_below_too(top: Top) -> None:
    made = (await top.call(top.token, "POST", MADE)).json()
    top.rest.clock.pass_by(timedelta(seconds=1))  # the oldest is listed first
    entered = (await top.enter(made["token"])).json()["token"]
    below = str(entered["base64"])
    found = (await top.caller.get("/v1/eaves/tokens"))["list"]
    assert [one["expiresAt"] for one in found if one["kind"] == "api"] == [made["expiresAt"]] * 2
    refreshed = (await top.call(below, "PUT", "/v1/sessions/refresh")).json()
    assert refreshed["token"]["expires"] == entered["expires"]
    # it was made to read no secrets, and makes none that does
    secrets = await top.call(below, "POST", MADE, readSecrets=True)
    assert secrets.status_code == 403
    first = next(one["id"] for one in found if one["kind"] == "api")
    assert await top.holds(made["token"], below) == [True, True]
    await top.caller.http.delete(f"/v1/eaves/tokens/{first}")
    assert await top.holds(made["token"], below) == [False, False]


async def test_own_tokens_are_filtered_ordered_and_paged(top: Top) -> None:
    for _ in range(2):
        top.rest.clock.pass_by(timedelta(seconds=1))
        assert (await top.call(top.token, "POST", MADE)).status_code == 200
    path = "/v1/eaves/tokens"
    every = await top.caller.get(path)
    begun = [one["createdAt"] for one in every["list"]]
    assert (begun, every["totalCount"]) == (sorted(begun), 3)
    made = await top.caller.get(path, kind="api", **{"next.orderBy": "createdAt:desc"})
    assert [one["createdAt"] for one in made["list"]] == [begun[2], begun[1]]
    second = await top.caller.get(path, **{"next.pageSize": "2", "next.pageNum": "2"})
    assert [one["createdAt"] for one in second["list"]] == [begun[2]]
    assert (await top.caller.get(path, clientPattern="nowhere"))["list"] == []


async def test_no_token_of_an_enterprise_lasts_longer_than_a_date_holds(top: Top) -> None:
    own = await top.caller.get(f"{BASE}/self")
    answer = await top.caller.http.put(
        f"{BASE}/self", json=own | {"apiTokenExpiryInSeconds": 2**62}
    )
    if answer.status_code == 200:
        made = await top.call(top.token, "POST", MADE)
        assert made.status_code == 200, made.text
        assert await top.holds(made.json()["token"]) == [True]
    else:
        assert answer.status_code == 400


async def test_an_enterprise_below_may_ask_for_a_second_factor(rest: Rest, top: Top) -> None:
    told = await top.caller.get(f"{BASE}/id/{top.below}")
    await top.caller.put(f"{BASE}/id/{top.below}", told | {"totpSettings": {"enforce": True}})
    refused = await top.enter(top.token)
    assert refused.status_code == 403
    assert "second factor" in refused.text
    begun: Json = (await top.call(top.token, "POST", "/v1/eaves/totp", currentCred=PASSWORD)).json()
    assert (await top.enter(top.token)).status_code == 403  # until it is confirmed
    secret = base64.b32decode(begun["Secret"] + "=" * (-len(begun["Secret"]) % 8))
    code = totp.code_of(secret, totp.step_at(rest.clock()))
    done = await top.call(top.token, "POST", "/v1/eaves/totp/confirm", code=code)
    assert done.status_code == 200
    below = await top.entered(top.token)
    # it is changed from there too
    rest.clock.pass_by(timedelta(minutes=2))
    proof = {"currentCred": PASSWORD, "code": totp.code_of(secret, totp.step_at(rest.clock()))}
    removed = await top.call(below, "DELETE", "/v1/eaves/totp", **proof)
    assert removed.status_code == 200, removed.text
    assert not (await top.caller.get(OWN)).get("totpEnabled")


async def test_the_own_password_follows_the_rules_of_home(top: Top) -> None:
    assert (await top.profile(minLength=40)).status_code == 200
    below = await top.entered(top.token)
    short = "twenty five characters ok"
    sent = {"currentCred": PASSWORD, "newCred": short}
    refused = await top.call(below, "PUT", "/v1/credentials", **sent)
    assert refused.status_code == 400
    assert "at least 40" in refused.text
    sent["newCred"] = short * 2
    assert (await top.call(below, "PUT", "/v1/credentials", **sent)).status_code == 200
    events = await top.call(below, "GET", "/v1/events")
    assert "password changed" not in events.text  # it stands in the log of home
    # the session that changed it goes on although the one that it came from has ended
    assert await top.holds(top.token, below) == [False, True]


async def test_a_password_that_somebody_else_replaced_is_remembered(rest: Rest, top: Top) -> None:
    assert (await top.profile(numPrevPasswordCheck=3)).status_code == 200
    bob, given = f"{top.name[:40]}-bob", "given by somebody else"
    await rest.add_user(bob, enterprise=top.home, role=SYS_MONITOR)
    sent = {"owner": bob, "newCred": given}
    assert (await top.call(top.token, "PUT", "/v1/credentials", **sent)).status_code == 200
    login = {"username": bob, "password": given}
    limited = (await top.call("", "POST", "/v1/login", **login)).json()["tempToken"]["base64"]
    back = {"currentCred": given, "newCred": PASSWORD}
    refused = await top.call(limited, "PUT", "/v1/credentials", **back)
    assert refused.status_code == 400
    assert "one of the last 3" in refused.text


async def test_ages_of_passwords_are_such_that_a_date_holds_them(top: Top) -> None:
    age = 2**63 - 1
    refused = await top.profile(
        maxPasswordAge=age, minPasswordAge=age - 1, passwordExpiryNotificationPeriodInSeconds=age
    )
    assert refused.status_code == 400
    assert len([one for one in refused.json()["error"] if "ten years" in one["details"]]) == 3


async def test_a_user_tells_when_it_came_and_went_last_without_a_change_of_it(top: Top) -> None:
    before = await top.caller.get(OWN)
    first = datetime.fromisoformat(before["LastLoginTime"])
    top.rest.clock.pass_by(timedelta(minutes=3))
    token = await top.rest.login(top.name)
    assert (await top.call(token, "POST", "/v1/logout")).status_code == 200
    after = await top.caller.get(OWN)
    assert datetime.fromisoformat(after["LastLoginTime"]) == first + timedelta(minutes=3)
    assert after["LastLogoutTime"] == after["LastLoginTime"]
    assert after["revision"] == before["revision"]

    listed = (await top.caller.get("/v1/users?next.orderBy=-LastLoginTime"))["list"]
    assert {u["username"]: u["LastLoginTime"] for u in listed} == {top.name: after["LastLoginTime"]}
    # whoever writes a user back says nothing about when it came
    await top.caller.put(f"/v1/users/id/{after['id']}", after | {"LastLoginTime": ""})
    assert (await top.caller.get(OWN))["LastLoginTime"] == after["LastLoginTime"]
