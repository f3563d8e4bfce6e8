"""Login, tokens, the first password, and what secrets a reply may hold."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.types import Message, Receive, Scope, Send
from support.rest import PASSWORD, Caller, Rest, running_rest
from support.rest_objects import BASES, build_world

from eaves.controller.domain.lockout import ATTEMPTS, WINDOW
from eaves.controller.northbound.app import Passage
from eaves.controller.northbound.auth import API_TOKEN_LASTS
from eaves.controller.northbound.passwords import ATTEMPTS_OF_ADDRESS
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.signing_in import SESSION_LASTS
from eaves.controller.store.tables import audit, metadata
from eaves.controller.store.unit import snapshot

pytestmark = pytest.mark.system

NEW_PASSWORD = "another long password"


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path) as running:
        await running.add_user("alice")
        yield running


async def test_a_login_by_either_name_gives_a_token(rest: Rest) -> None:
    async with rest.client() as http:
        for body in (
            {"username": "alice", "password": PASSWORD},
            {"usernameAtRealm": "alice", "password": PASSWORD},
            {"usernameAtRealm": "alice@example.org", "password": PASSWORD},
        ):
            answer = await http.post("/v1/login", json=body)
            assert answer.status_code == 200
            told = answer.json()
            assert told["cause"] == "OK"
            assert told["token"]["expires"].isdecimal()
            token = told["token"]["base64"]
            async with rest.client(token) as user:
                self_ = await user.get("/v1/users/self")
                assert self_.json()["username"] == "alice"
            for header in ({"X-API-KEY": token}, {"Authorization": f"bearer {token}"}):
                assert (await http.get("/v1/brands", headers=header)).status_code == 200


async def test_without_a_good_token_nothing_is_told(rest: Rest) -> None:
    for token in ("", "nonsense"):
        async with rest.client(token) as http:
            for path in (*BASES.values(), "/v1/events", "/v1/users/self"):
                answer = await http.get(path)
                assert answer.status_code == 401
                assert answer.json()["error"][0]["ec"] == "Unauthorized"
                assert answer.json()["httpStatusCode"] == 401


async def test_a_stranger_is_refused_before_the_body_is_read(rest: Rest) -> None:
    read: list[int] = []

    async def parts() -> AsyncIterator[bytes]:
        for number in range(100):
            read.append(number)
            yield bytes(1000)

    async with rest.client() as http:
        for method, path in (("POST", "/v1/brands"), ("PUT", "/v1/credentials")):
            assert (await http.request(method, path, content=parts())).status_code == 401
        assert not read
        large = await http.post("/v1/login", content=b" " * 70_000)
        assert large.status_code == 413


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        with pytest.raises(Problem, match="in time"):
            await receive()

    async def receive() -> Message:
        never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await never

    async def send(_message: Message) -> None: ...

    scope: Scope = {"type": "http", "path": "/api/v1/login", "headers": []}
    await Passage(app, bytes, body_within_s=0.01)(scope, receive, send)


async def test_a_wrong_password_is_counted(rest: Rest) -> None:
    async with rest.client() as http:

        async def attempt(password: str, user: str = "alice") -> tuple[int, str, int]:
            answer = await http.post("/v1/login", json={"username": user, "password": password})
            told = answer.json()
            return (
                answer.status_code,
                told["cause"],
                told.get("noOfLoginAttemptsLeft", 0),
            )

        for left in range(ATTEMPTS - 1, -1, -1):
            assert await attempt("wrong") == (401, "CREDENTIAL_MISMATCH", left)
        assert (await attempt(PASSWORD))[1] == "CREDENTIAL_MISMATCH_MAX_FAILED_PWD_ATTEMPT"
        assert (await attempt("wrong", "nobody"))[0] == 401
        rest.clock.pass_by(WINDOW + timedelta(seconds=1))
        assert (await attempt(PASSWORD))[0] == 200


async def test_no_spelling_of_a_user_buys_more_guesses(rest: Rest) -> None:
    """The user who is meant counts, however many other names stand beside it."""
    async with rest.client() as http:
        causes: list[str] = []
        for number in range(ATTEMPTS + 1):
            body = {"username": "alice", "usernameAtRealm": f"zz{number}", "password": "wrong"}
            causes.append((await http.post("/v1/login", json=body)).json()["cause"])
        assert causes[-1] == "CREDENTIAL_MISMATCH_MAX_FAILED_PWD_ATTEMPT"
        right = {"username": "alice", "password": PASSWORD}
        assert (await http.post("/v1/login", json=right)).status_code == 401


async def test_guesses_at_the_same_time_count_one_by_one(rest: Rest) -> None:
    body = {"username": "alice", "password": "wrong"}
    async with rest.client() as http:
        answers = await asyncio.gather(
            *(http.post("/v1/login", json=body) for _ in range(ATTEMPTS * 2))
        )
    causes = [answer.json()["cause"] for answer in answers]
    assert causes.count("CREDENTIAL_MISMATCH") == ATTEMPTS


async def test_strangers_elsewhere_do_not_lock_a_user_out(rest: Rest) -> None:
    async with rest.client(host="198.51.100.7") as http:
        causes: list[str] = []
        for number in range(ATTEMPTS_OF_ADDRESS + 1):
            body = {"username": "alice" if number < ATTEMPTS else f"zz{number}", "password": "no"}
            causes.append((await http.post("/v1/login", json=body)).json()["cause"])
        assert causes[-1] == "CREDENTIAL_MISMATCH_MAX_FAILED_PWD_ATTEMPT"
    assert await rest.login("alice")


async def test_failed_logins_are_audited_by_count(rest: Rest) -> None:
    """One row in a minute for one user from one address: guessing fills no table."""
    wrong = {"username": "alice", "password": "wrong"}
    async with rest.client() as http:
        for _ in range(ATTEMPTS):
            await http.post("/v1/login", json=wrong)
        rest.clock.pass_by(WINDOW + timedelta(seconds=1))
        await http.post("/v1/login", json=wrong)
        await http.post("/v1/login", json=wrong)
    await rest.login("alice")
    async with snapshot(rest.engine) as db:
        rows = await db.execute(select(audit.c.result, audit.c.changes).order_by(audit.c.row))
        told = [(row.result, json.loads(row.changes or "{}").get("failures", 0)) for row in rows]
    assert told == [("login failed", 1), ("login failed", ATTEMPTS), ("logged in", 1)]


async def test_tokens_end_by_logout_by_time_and_by_refresh_later(rest: Rest) -> None:
    first, second = await rest.login("alice"), await rest.login("alice")
    async with rest.client(first) as http, rest.client(second) as other:
        assert (await http.post("/v1/logout")).status_code == 200
        assert (await http.get("/v1/brands")).status_code == 401
        rest.clock.pass_by(SESSION_LASTS - timedelta(minutes=1))
        refreshed = await other.put("/v1/sessions/refresh")
        assert refreshed.json()["token"]["base64"] == second
        rest.clock.pass_by(timedelta(hours=1))
        assert (await other.get("/v1/sessions/self")).json()["user"]["username"] == "alice"
        rest.clock.pass_by(SESSION_LASTS)
        assert (await other.get("/v1/brands")).status_code == 401


async def test_an_api_token_lasts_long_and_does_not_live_for_ever(rest: Rest) -> None:
    async with rest.client(await rest.login("alice")) as http:
        made = (await http.post("/v1/sessions/token/self")).json()
    assert made["cause"] == "OK"
    async with rest.client(made["token"]) as http:
        rest.clock.pass_by(SESSION_LASTS * 2)
        assert (await http.get("/v1/brands")).status_code == 200
        rest.clock.pass_by(API_TOKEN_LASTS)
        assert (await http.get("/v1/brands")).status_code == 401


async def test_the_first_password_opens_nothing_but_its_change(rest: Rest) -> None:
    await rest.add_user("fresh", must_change=True)
    async with rest.client() as http:
        told = (
            await http.post("/v1/login", json={"username": "fresh", "password": PASSWORD})
        ).json()
    assert "token" not in told
    assert "must be changed" in told["message"]
    change = {"currentCred": PASSWORD, "newCred": NEW_PASSWORD, "owner": "fresh"}
    async with rest.client(told["tempToken"]["base64"]) as http:
        refused = await http.get("/v1/brands")
        assert refused.status_code == 403
        assert "PUT /api/v1/credentials" in refused.json()["error"][0]["details"]
        for wrong, status in (
            (change | {"currentCred": "not it"}, 403),
            (change | {"newCred": "short"}, 400),
            (change | {"newCred": PASSWORD}, 400),
            (change | {"owner": "alice"}, 403),
        ):
            assert (await http.put("/v1/credentials", json=wrong)).status_code == status
        assert (await http.put("/v1/credentials", json=change)).status_code == 200
        assert (await http.get("/v1/brands")).status_code == 200
    async with rest.client() as http:
        again = await http.post("/v1/login", json={"username": "fresh", "password": NEW_PASSWORD})
        assert again.json()["token"]["base64"]


async def test_a_new_password_ends_the_other_tokens(rest: Rest) -> None:
    other = await rest.login("alice")
    async with rest.client(await rest.login("alice")) as http:
        api = (await http.post("/v1/sessions/token/self")).json()["token"]
        change = {"currentCred": PASSWORD, "newCred": NEW_PASSWORD}
        assert (await http.put("/v1/credentials", json=change)).status_code == 200
        assert (await http.get("/v1/brands")).status_code == 200
    for token in (other, api):
        async with rest.client(token) as http:
            assert (await http.get("/v1/brands")).status_code == 401


async def test_secrets_stay_out_of_lists_events_and_the_database(rest: Rest) -> None:
    async with rest.client(await rest.login("alice")) as http:
        caller = Caller(http)
        world = await build_world(caller)
        network = f"/v1/networks/id/{world.network}"
        wifi = {
            "type": "NETWORK_WIRELESS_TYPE_WIFI",
            "wifiCfg": {
                "wifiSSID": "plant",
                "keyScheme": "WPAPSK",
                "secret": {"WiFiPasswd": "air-is-not-safe"},
            },
        }
        await caller.put(network, (await caller.get(network)) | {"wireless": wifi})
        secrets = ("s3cret-of-the-store", "opens-the-door", "air-is-not-safe")
        replies = [await caller.get(network)]
        replies += [await caller.get(path) for path in (*BASES.values(), "/v1/events")]
        replies += [await caller.get(f"/v1/apps/instances/id/{world.instance}")]
        for secret in secrets:
            assert secret not in json.dumps(replies)
        assert replies[0]["wireless"]["wifiCfg"]["wifiSSID"] == "plant"

        replies = [await caller.get(f"/v1/datastores/id/{world.datastore}")]
        assert "secret" not in replies[0]
    async with snapshot(rest.engine) as db:
        for table in metadata.sorted_tables:
            for row in await db.execute(select(table)):
                for secret in secrets:
                    assert secret not in repr(tuple(row)), table.name
                    assert secret.encode() not in b"".join(
                        value for value in row if isinstance(value, bytes)
                    )
