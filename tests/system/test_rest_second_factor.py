"""Codes of an authenticator app, lock-out, the rules of passwords, and the end of tokens."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from support.rest import PASSWORD, Caller, Json, Rest, running_rest

from eaves.controller.domain import totp
from eaves.controller.domain.builtin_roles import SYS_MONITOR
from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.users import (
    DetailedUser,
    Enterprise,
    EnterpriseState,
    UserState,
)
from eaves.controller.domain.lockout import ATTEMPTS, LOCKED_FOR, WINDOW
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound.records import references_of
from eaves.controller.store.objects import Draft, Stamp, list_objects, replace_object
from eaves.controller.store.tables import Kind, audit, metadata
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.ids import EnterpriseId

pytestmark = pytest.mark.system

NEW = "another long password"


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


async def post(rest: Rest, path: str, host: str = "127.0.0.1", **body: object) -> httpx.Response:
    async with rest.client(host=host) as http:
        return await http.post(path, json=body)


async def login(rest: Rest, user: str = "alice", password: str = PASSWORD) -> Json:
    answer = await post(rest, "/v1/login", usernameAtRealm=user, password=password)
    told: Json = answer.json()
    return told


def code(rest: Rest, secret: str, ahead: int = 0) -> str:
    padded = secret + "=" * (-len(secret) % 8)
    return totp.code_of(base64.b32decode(padded), totp.step_at(rest.clock()) + ahead)


async def enrolled(rest: Rest, caller: Caller) -> tuple[str, list[str]]:
    answer = await caller.http.post("/v1/eaves/totp", json={"currentCred": PASSWORD})
    assert answer.status_code == 200, answer.text
    secret = str(answer.json()["Secret"])
    confirmed = await caller.http.post("/v1/eaves/totp/confirm", json={"code": code(rest, secret)})
    assert confirmed.status_code == 200, confirmed.text
    rest.clock.pass_by(timedelta(seconds=60))
    return secret, list(confirmed.json()["recoveryCodes"])


async def test_who_has_a_second_factor_logs_in_in_two_steps(rest: Rest, alice: Caller) -> None:
    wrong = await alice.http.post("/v1/eaves/totp", json={"currentCred": "wrong"})
    assert wrong.status_code == 403
    secret, recovery = await enrolled(rest, alice)
    assert len(recovery) == totp.RECOVERY_CODES
    assert (await alice.get("/v1/users/self"))["totpEnabled"] is True
    again = await alice.http.post("/v1/eaves/totp", json={"currentCred": PASSWORD})
    assert again.status_code == 409
    half = await login(rest)
    assert half["cause"] == "TOTP_OK"
    assert "token" not in half
    token = half["tempToken"]["base64"]
    async with rest.client(token) as http:  # it opens nothing
        for path in ("/v1/brands", "/v1/users/self", "/v1/eaves/tokens"):
            assert (await http.get(path)).status_code == 401
        assert (await http.post("/v1/sessions/token/self")).status_code == 401
    refused = await post(rest, "/v1/eaves/login/totp", tempToken=token, code="000000")
    assert (refused.status_code, refused.json()["cause"]) == (401, "TOTP_INVALID_CODE")
    used = code(rest, secret)
    done = await post(rest, "/v1/eaves/login/totp", tempToken=token, code=used)
    assert done.json()["cause"] == "OK"
    async with rest.client(done.json()["token"]["base64"]) as http:
        assert (await http.get("/v1/brands")).status_code == 200
    # neither the temporary token nor the code holds twice
    spent = await post(rest, "/v1/eaves/login/totp", tempToken=token, code=code(rest, secret, 1))
    assert spent.json()["cause"] == "TOTP_ERR"
    token = (await login(rest))["tempToken"]["base64"]
    replayed = await post(rest, "/v1/eaves/login/totp", tempToken=token, code=used)
    assert replayed.json()["cause"] == "TOTP_INVALID_CODE"
    # a recovery code holds once
    body = {"tempToken": token, "recoveryCode": recovery[0]}
    recovered = await post(rest, "/v1/eaves/login/totp", **body)
    assert recovered.json()["recoveryCodesLeft"] == totp.RECOVERY_CODES - 1
    body["tempToken"] = (await login(rest))["tempToken"]["base64"]
    assert (await post(rest, "/v1/eaves/login/totp", **body)).status_code == 401
    async with snapshot(rest.engine) as db:
        for table in metadata.sorted_tables:
            for row in await db.execute(select(table)):
                assert not any(one in repr(tuple(row)) for one in (secret, *recovery))


async def test_a_temporary_token_ends_soon_and_guessing_codes_too(
    rest: Rest, alice: Caller
) -> None:
    secret, _recovery = await enrolled(rest, alice)
    token = (await login(rest))["tempToken"]["base64"]
    rest.clock.pass_by(timedelta(minutes=6))
    late = await post(rest, "/v1/eaves/login/totp", tempToken=token, code=code(rest, secret))
    assert late.json()["cause"] == "TOTP_ERR"
    causes: list[str] = []
    for _ in range(ATTEMPTS + 1):  # a new login before each buys nothing
        told = await login(rest)
        token = told.get("tempToken", {}).get("base64", token)
        answer = await post(rest, "/v1/eaves/login/totp", tempToken=token, code="000000")
        causes.append(answer.json()["cause"])
    assert causes[-1] == "CREDENTIAL_MISMATCH_MAX_FAILED_PWD_ATTEMPT"
    right = await post(rest, "/v1/eaves/login/totp", tempToken=token, code=code(rest, secret))
    assert right.status_code == 401


async def test_an_enterprise_that_enforces_it_enrols_at_the_login(
    rest: Rest, enterprise: str
) -> None:
    await _enforce(rest, enterprise)
    half = await login(rest)
    secret = half["totp"]["enrolment"]["Secret"]
    assert half["totp"]["enrolment"]["URL"].startswith("otpauth://totp/Eaves:alice?secret=")
    token = half["tempToken"]["base64"]
    done = await post(rest, "/v1/eaves/login/totp", tempToken=token, code=code(rest, secret))
    assert done.json()["token"]["base64"]
    assert len(done.json()["recoveryCodes"]) == totp.RECOVERY_CODES
    assert (await login(rest))["totp"] == {"enrolled": True}


async def _enforce(rest: Rest, enterprise: str) -> None:
    settings = {"totp_settings": {"enforce": True}}
    await _change(rest, enterprise, Kind.ENTERPRISE, Enterprise, settings)


async def _change(
    rest: Rest, enterprise: str, kind: Kind, contract: type[Contract], members: Json
) -> None:
    """The only object of a kind, as those who administer the controller would."""
    scope = Scope(EnterpriseId(enterprise))
    async with unit_of_work(rest.engine) as db:
        (stored,) = await list_objects(db, scope, kind)
        draft = Draft(
            kind=kind,
            id=stored.id,
            enterprise_id=enterprise,
            name=stored.name,
            body=contract.from_json_text(stored.body).model_copy(update=members).to_json_text(),
            references=await references_of(db, stored.id),
        )
        await replace_object(db, scope, draft, Stamp(rest.clock(), "test"), expected=None)


@pytest.mark.parametrize(
    ("kind", "contract", "state", "cause"),
    [
        (Kind.USER, DetailedUser, UserState.SUSPENDED, "SUSPENDED"),
        (Kind.USER, DetailedUser, UserState.INACTIVE, "USER_INACTIVE"),
        (Kind.ENTERPRISE, Enterprise, EnterpriseState.INACTIVE, "ENTERPRISE_INACTIVE"),
    ],
)
async def test_who_is_made_inactive_is_out_at_once(
    rest: Rest,
    enterprise: str,
    alice: Caller,
    kind: Kind,
    contract: type[Contract],
    state: str,
    cause: str,
) -> None:
    made = (await alice.http.post("/v1/sessions/token/self")).json()["token"]
    await _change(rest, enterprise, kind, contract, {"state": state})
    assert (await login(rest))["cause"] == cause
    for token in (made, alice.http.headers["Authorization"].removeprefix("Bearer ")):
        async with rest.client(token) as http:
            refused = await http.get("/v1/brands")
            assert refused.status_code == 401
            assert state in refused.text


async def test_who_lost_everything_is_helped_by_an_administrator(
    rest: Rest, enterprise: str, alice: Caller
) -> None:
    await rest.add_user("bob", enterprise=enterprise, role=SYS_MONITOR)
    async with rest.client(await rest.login("bob")) as http:
        bob = Caller(http)
        secret, recovery = await enrolled(rest, bob)
        own = await bob.get("/v1/users/self")
        path = f"/v1/eaves/users/{own['id']}/totp"
        assert (await http.delete(path)).status_code == 403
        no_code = await http.request(
            "DELETE", "/v1/eaves/totp", json={"currentCred": PASSWORD, "code": "000000"}
        )
        assert no_code.status_code == 403
        by_code = {"currentCred": PASSWORD, "code": code(rest, secret)}
        removed = await http.request("DELETE", "/v1/eaves/totp", json=by_code)
        assert removed.status_code == 200
        assert (await login(rest, "bob"))["cause"] == "OK"
        await enrolled(rest, bob)
        assert recovery
        herself = f"/v1/eaves/users/{(await alice.get('/v1/users/self'))['id']}"
        await enrolled(rest, alice)
        for method, what in (("DELETE", "totp"), ("PUT", "unlock")):  # with a session alone
            refused = await alice.http.request(method, f"{herself}/{what}")
            assert refused.status_code == 409, refused.text
        await alice.delete(path)
        assert (await http.get("/v1/users/self")).status_code == 401
    assert (await login(rest, "bob"))["cause"] == "OK"
    await rest.add_user("mallory")
    async with rest.client(await rest.login("mallory")) as http:
        assert (await http.delete(path)).status_code == 404


async def test_a_user_guessed_at_from_everywhere_is_locked_and_unlocked(
    rest: Rest, enterprise: str, alice: Caller
) -> None:
    own = await alice.get("/v1/users/self")
    await rest.add_user("bob", enterprise=enterprise, role=SYS_MONITOR)
    bob_id = (await alice.get("/v1/users/name/bob"))["id"]

    async def attempt(user: str, password: str, host: str) -> str:
        answer = await post(rest, "/v1/login", host, username=user, password=password)
        return str(answer.json()["cause"])

    for number in range(50):
        host = f"198.51.100.{number // ATTEMPTS}"
        for user in ("alice", "bob"):
            assert await attempt(user, "wrong", host) == "CREDENTIAL_MISMATCH"
    elsewhere = "203.0.113.9"
    locked = "CREDENTIAL_MISMATCH_MAX_FAILED_PWD_ATTEMPT"
    assert await attempt("bob", PASSWORD, elsewhere) == locked
    assert await attempt("alice", PASSWORD, elsewhere) == locked
    assert await attempt("alice", PASSWORD, "127.0.0.1") == "OK"  # she is signed in from there
    events = await alice.get("/v1/events")
    assert "USER_LOCKED" in str(events)
    assert (await alice.http.put(f"/v1/eaves/users/{bob_id}/unlock")).status_code == 200
    assert await attempt("bob", PASSWORD, elsewhere) == "OK"
    rest.clock.pass_by(LOCKED_FOR + timedelta(seconds=1))
    assert await attempt("alice", PASSWORD, elsewhere) == "OK"
    assert own["username"] == "alice"
    async with snapshot(rest.engine) as db:
        query = select(audit.c.user_name).where(audit.c.result == "locked").order_by(audit.c.row)
        assert (await db.execute(query)).scalars().all() == ["alice", "bob"]


@pytest.mark.usefixtures("enterprise")
async def test_guesses_are_counted_over_all_processes(rest: Rest) -> None:
    host = "198.51.100.7"
    for _ in range(ATTEMPTS):
        await post(rest, "/v1/login", host, username="alice", password="wrong")
    rest.app.state.context.passwords._guesses.clear()  # another process has none of them
    answer = await post(rest, "/v1/login", host, username="alice", password=PASSWORD)
    assert answer.status_code == 401
    rest.clock.pass_by(WINDOW + timedelta(seconds=1))
    answer = await post(rest, "/v1/login", host, username="alice", password=PASSWORD)
    assert answer.status_code == 200


async def test_passwords_follow_the_rules_of_the_enterprise(rest: Rest, alice: Caller) -> None:
    role = (await alice.get(f"/v1/roles/name/{SYS_MONITOR}"))["id"]
    rules = {
        "minLength": 14,
        "minNumericChars": 1,
        "minSymbolChars": 1,
        "numPrevPasswordCheck": 2,
        "maxPasswordAge": 30 * 86400,
        "minPasswordAge": 3600,
        "passwordExpiryNotificationPeriodInSeconds": 86400,
    }
    profile = {"name": "local", "title": "Local", "type": "AUTH_TYPE_LOCAL", "active": True}
    await alice.create(
        "/v1/authorization/profiles",
        {**profile, "defaultRoleId": role, "passwordProfile": rules},
    )
    rest.clock.pass_by(timedelta(hours=2))

    async def change(old: str, new: str) -> httpx.Response:
        sent = {"currentCred": old, "newCred": new}
        return await alice.http.put("/v1/credentials", json=sent)

    weak = await change(PASSWORD, "short")
    assert weak.status_code == 400
    assert len(weak.json()["error"]) == 3
    first, second, third = "first-password-1", "second-password-2", "third-password-3"
    assert (await change(PASSWORD, first)).status_code == 200
    soon = await change(first, second)
    assert soon.status_code == 403
    assert "may be changed from" in soon.text
    rest.clock.pass_by(timedelta(hours=2))
    assert (await change(first, second)).status_code == 200
    rest.clock.pass_by(timedelta(hours=2))
    reused = await change(second, first)
    assert reused.status_code == 400
    assert "one of the last 2" in reused.text
    assert (await change(second, third)).status_code == 200
    rest.clock.pass_by(timedelta(hours=2))
    assert (await change(third, first)).status_code == 200
    told = await login(rest, "alice", first)
    assert told["cause"] == "OK"
    assert told["passwordExpiryTime"]
    assert told["passwordExpiryNotificationPeriodInSeconds"] == 86400
    rest.clock.pass_by(timedelta(days=31))
    expired = await login(rest, "alice", first)
    assert expired["cause"] == "PASSWORD_EXPIRED"
    assert "token" not in expired
    async with rest.client(expired["tempToken"]["base64"]) as http:
        assert (await http.get("/v1/brands")).status_code == 403
        sent = {"currentCred": first, "newCred": second}
        assert (await http.put("/v1/credentials", json=sent)).status_code == 200
        assert (await http.get("/v1/brands")).status_code == 200


async def test_tokens_are_listed_and_end_at_once(
    rest: Rest, enterprise: str, alice: Caller
) -> None:
    made = (await alice.http.post("/v1/sessions/token/self")).json()["token"]
    found = (await alice.get("/v1/eaves/tokens"))["list"]
    assert {one["kind"]: one["current"] for one in found} == {"session": True, "api": False}
    api_id = next(one["id"] for one in found if one["kind"] == "api")
    await rest.add_user("bob", enterprise=enterprise, role=SYS_MONITOR)
    bob = await rest.login("bob")
    bob_id = (await alice.get("/v1/users/name/bob"))["id"]
    async with rest.client(made) as api, rest.client(bob) as of_bob:
        assert (await api.get("/v1/users/self")).status_code == 200
        told = await of_bob.get("/v1/sessions/token", params={"sessionToken.base64": made})
        assert told.status_code == 200  # a monitor may read users
        shown = await api.get(f"/v1/sessions/token/{bob}")
        assert shown.json()["user"]["username"] == "bob"
        assert (await of_bob.delete(f"/v1/eaves/tokens/{api_id}")).status_code == 404
        assert (await of_bob.delete(f"/v1/eaves/users/{bob_id}/tokens")).status_code == 403
        revoked = await alice.http.delete(f"/v1/eaves/tokens/{api_id}")
        assert revoked.status_code == 200
        assert (await api.get("/v1/users/self")).status_code == 401
        ended = await alice.http.delete(f"/v1/eaves/users/{bob_id}/tokens")
        assert ended.status_code == 200
        assert (await of_bob.get("/v1/users/self")).status_code == 401
    await rest.add_user("mallory")
    async with rest.client(await rest.login("mallory")) as http:
        lost = await http.get(f"/v1/sessions/token/{await rest.login('bob')}")
        assert lost.status_code == 404
        assert (await http.delete(f"/v1/eaves/users/{bob_id}/tokens")).status_code == 404


async def test_a_forgotten_password_is_told_to_administrators_once(
    rest: Rest, alice: Caller
) -> None:
    answers = [
        await post(rest, "/v1/login/forgot", username=name) for name in ("alice", "alice", "nobody")
    ]
    assert [one.status_code for one in answers] == [200, 200, 200]
    listed = [one for one in (await alice.get("/v1/events"))["list"] if "asks for" in str(one)]
    assert len(listed) == 1
