"""Who guesses passwords and codes, from where, and who is held up by it."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select, text
from starlette.types import Message
from starlette.types import Scope as AsgiScope
from structlog.testing import capture_logs
from support.rest import CHEAP, PASSWORD, Caller, Rest, running_rest

from eaves.controller.domain import totp
from eaves.controller.domain.builtin_roles import SYS_ADMIN
from eaves.controller.domain.lockout import ATTEMPTS, CODES, HELD_FOR, LOCKED_FOR, WINDOW
from eaves.controller.northbound.auth import LONGEST_NAME
from eaves.controller.northbound.passwords import ATTEMPTS_OF_ADDRESS, Guesser
from eaves.controller.store import people
from eaves.controller.store.tables import audit
from eaves.controller.store.tables_sign_in import guesses
from eaves.controller.store.unit import snapshot, unit_of_work

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

TOO_MANY = "CREDENTIAL_MISMATCH_MAX_FAILED_PWD_ATTEMPT"
BALANCER = "192.0.2.1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rest(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path_factory.mktemp("rest")) as running:
        await running.add_user("admin")
        yield running


@dataclass
class Person:
    """Somebody of the enterprise of admin, signed in; each test has its own."""

    rest: Rest
    name: str
    caller: Caller

    async def post(self, path: str, host: str = "127.0.0.1", **body: object) -> httpx.Response:
        async with self.rest.client(host=host) as http:
            return await http.post(path, json=body)

    async def login(self, password: str = PASSWORD, host: str = "127.0.0.1") -> httpx.Response:
        return await self.post("/v1/login", host, username=self.name, password=password)

    async def half_way(self, host: str = "127.0.0.1") -> str:
        told = (await self.login(host=host)).json()
        assert told["cause"] == "TOTP_OK", told
        return str(told["tempToken"]["base64"])

    async def finish(self, host: str, **proof: str) -> httpx.Response:
        token = await self.half_way(host)
        return await self.post("/v1/eaves/login/totp", host, tempToken=token, **proof)

    def code(self, secret: str) -> str:
        padded = secret + "=" * (-len(secret) % 8)
        return totp.code_of(base64.b32decode(padded), totp.step_at(self.rest.clock()))

    def wrong(self, secret: str) -> str:
        return str((int(self.code(secret)) + 500_000) % 10**6).zfill(6)

    async def gets_password(self, password: str) -> None:
        """As if it was changed, but with a hash that is quickly looked at."""
        async with unit_of_work(self.rest.engine) as db:
            user = await people.find_user_for_login(db, self.name)
            assert user is not None
            new = people.Credential(
                user_id=user.id,
                password_hash=CHEAP.hash(password),
                must_change=False,
                failed_attempts=0,
                changed_at=self.rest.clock(),
            )
            await people.put_credential(db, new)

    async def enrol(self) -> tuple[str, list[str]]:
        begun = await self.caller.http.post("/v1/eaves/totp", json={"currentCred": PASSWORD})
        secret = str(begun.json()["Secret"])
        sent = {"code": self.code(secret)}
        confirmed = await self.caller.http.post("/v1/eaves/totp/confirm", json=sent)
        assert confirmed.status_code == 200, confirmed.text
        self.rest.clock.pass_by(timedelta(minutes=2))
        return secret, list(confirmed.json()["recoveryCodes"])


@pytest_asyncio.fixture(loop_scope="module")
async def person(rest: Rest, request: pytest.FixtureRequest) -> AsyncIterator[Person]:
    name = request.node.name.removeprefix("test_")[:60]
    rest.clock.pass_by(LOCKED_FOR + timedelta(minutes=1))  # nothing of the test before counts
    async with rest.client(await rest.login("admin")) as http:
        enterprise = (await Caller(http).get("/v1/enterprises/self"))["id"]
    await rest.add_user(name, enterprise=enterprise, role=SYS_ADMIN)
    async with rest.client(await rest.login(name)) as http:
        yield Person(rest, name, Caller(http))


async def test_wrong_codes_count_wherever_they_come_from(rest: Rest, person: Person) -> None:
    secret, recovery = await person.enrol()
    for number in range(CODES):
        answer = await person.finish(f"198.51.100.{number}", code=person.wrong(secret))
        assert answer.json()["cause"] == "TOTP_INVALID_CODE"
        rest.clock.pass_by(WINDOW)  # as slowly as one likes
    held = await person.finish("203.0.113.1", code=person.code(secret))
    assert held.json()["cause"] == TOO_MANY
    assert "recovery code" in held.text
    events = (await person.caller.get("/v1/events"))["list"]
    assert len([one for one in events if "wrong codes of the second factor" in str(one)]) == 1
    # who it is comes in all the same, and begins the count anew
    there = await person.finish("203.0.113.1", recoveryCode=recovery[0])
    assert there.json()["cause"] == "OK"
    done = await person.finish("203.0.113.1", code=person.code(secret))
    assert done.json()["cause"] == "OK"
    async with snapshot(rest.engine) as db:
        rows = await db.execute(select(audit.c.result).where(audit.c.user_name == person.name))
        results = rows.scalars().all()
    assert results.count("password right") == CODES + 3
    assert results.count("codes held") == 1


async def test_each_wrong_code_more_holds_codes_for_longer(rest: Rest, person: Person) -> None:
    secret, _recovery = await person.enrol()
    for number in range(CODES):
        await person.finish(f"198.51.100.{number}", code=person.wrong(secret))
    for factor in (1, 2):
        rest.clock.pass_by(HELD_FOR * factor - timedelta(minutes=1))
        assert (await person.finish(BALANCER, code=person.code(secret))).status_code == 401
        rest.clock.pass_by(timedelta(minutes=1))
        if factor == 1:
            wrong = await person.finish(BALANCER, code=person.wrong(secret))
            assert wrong.json()["cause"] == "TOTP_INVALID_CODE"
    assert (await person.finish(BALANCER, code=person.code(secret))).json()["cause"] == "OK"


async def test_codes_are_not_guessed_to_take_the_second_factor_away(
    rest: Rest, person: Person
) -> None:
    secret, _recovery = await person.enrol()
    token = person.caller.http.headers["Authorization"].removeprefix("Bearer ")
    statuses: list[int] = []
    for number in range(CODES + 1):
        async with rest.client(token, host=f"198.51.100.{number}") as http:
            right = number == CODES
            sent = {
                "currentCred": PASSWORD,
                "code": person.code(secret) if right else person.wrong(secret),
            }
            statuses.append((await http.request("DELETE", "/v1/eaves/totp", json=sent)).status_code)
    assert statuses == [403] * CODES + [429]
    own = (await person.caller.get("/v1/users/self"))["id"]
    async with rest.client(await rest.login("admin")) as http:
        assert (await http.put(f"/v1/eaves/users/{own}/unlock")).status_code == 200
    sent = {"currentCred": PASSWORD, "code": person.code(secret)}
    removed = await person.caller.http.request("DELETE", "/v1/eaves/totp", json=sent)
    assert removed.status_code == 200


async def test_the_own_password_is_guessed_no_better_with_a_session(
    rest: Rest, person: Person
) -> None:
    sent = {"currentCred": "wrong", "newCred": "another long password"}
    token, host = person.caller.http.headers["Authorization"].split()[1], "198.51.100.99"
    async with rest.client(token, host=host) as http:
        for _ in range(ATTEMPTS):
            assert (await http.put("/v1/credentials", json=sent)).status_code == 403
        rest.app.state.context.passwords._guesses.clear()  # another process has none of them
        right = sent | {"currentCred": PASSWORD}
        assert (await http.put("/v1/credentials", json=right)).status_code == 429
    assert (await person.login(host=host)).json()["cause"] == TOO_MANY
    async with snapshot(rest.engine) as db:
        rows = await db.execute(select(audit.c.result).where(audit.c.user_name == person.name))
        assert "login failed" in rows.scalars().all()


async def test_strangers_at_the_same_address_hold_up_nobody_who_was_here(
    rest: Rest, person: Person
) -> None:
    """Behind a balancer all the world has one address."""
    async with rest.client(host=BALANCER) as known:
        sent = {"username": person.name, "password": PASSWORD}
        assert (await known.post("/v1/login", json=sent)).status_code == 200
        for _ in range(ATTEMPTS):
            await person.login("wrong", BALANCER)
        for number in range(ATTEMPTS_OF_ADDRESS - ATTEMPTS):  # a real one of each takes long
            stranger = Guesser.of(f"somebody {number}", BALANCER)
            rest.app.state.context.passwords.reserve(stranger, rest.clock())
        assert (await person.login(host=BALANCER)).json()["cause"] == TOO_MANY
        assert (await known.post("/v1/login", json=sent)).status_code == 200
        # the cookie opens nothing, and is good for so many guesses as an address
        causes: list[str] = []
        for _ in range(ATTEMPTS + 1):
            answer = await known.post("/v1/login", json=sent | {"password": "wrong"})
            causes.append(answer.json()["cause"])
        assert causes == ["CREDENTIAL_MISMATCH"] * ATTEMPTS + [TOO_MANY]
        rest.clock.pass_by(WINDOW + timedelta(seconds=1))
        # and it is one of this user and of this password
        other = {"username": "admin", "password": PASSWORD}
        for _ in range(ATTEMPTS):
            await person.post("/v1/login", BALANCER, username="admin", password="wrong")
        assert (await known.post("/v1/login", json=other)).json()["cause"] == TOO_MANY
        await person.gets_password("another long password")
        for _ in range(ATTEMPTS):
            await person.login("wrong", BALANCER)
        changed = sent | {"password": "another long password"}
        assert (await known.post("/v1/login", json=changed)).json()["cause"] == TOO_MANY


async def test_good_logins_in_two_steps_use_up_nothing_of_an_address(
    rest: Rest, person: Person
) -> None:
    secret, _recovery = await person.enrol()
    host = "198.51.100.200"
    assert (await person.finish(host, code=person.code(secret))).status_code == 200
    passwords = rest.app.state.context.passwords
    assert passwords._guesses[Guesser("", host)].left(ATTEMPTS_OF_ADDRESS, rest.clock()) == (
        ATTEMPTS_OF_ADDRESS
    )


async def test_who_there_is_cannot_be_told_by_what_is_written_before_the_answer(
    rest: Rest, person: Person
) -> None:
    host = "198.51.100.201"
    seen: list[int] = []

    async def failures() -> int:
        async with snapshot(rest.engine) as db:
            rows = await db.execute(select(guesses.c.failures).where(guesses.c.address == host))
        return sum(rows.scalars())

    body = json.dumps({"username": person.name, "password": "wrong"}).encode()
    scope: AsgiScope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": "/api/v1/login",
        "raw_path": b"/api/v1/login",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"controller")],
        "client": (host, 1),
        "server": ("controller", 443),
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(_message: Message) -> None:
        seen.append(await failures())

    await rest.app(scope, receive, send)
    assert set(seen) == {0}
    assert await failures() == 1


async def test_no_name_is_longer_than_a_name(person: Person) -> None:
    long = "x" * (LONGEST_NAME + 1)
    for sent in ({"username": long}, {"usernameAtRealm": long}):
        assert (await person.post("/v1/login", password="x", **sent)).status_code == 400
    assert (await person.post("/v1/login/forgot", username=long)).status_code == 400


async def test_the_token_in_a_path_stays_out_of_the_log(rest: Rest, person: Person) -> None:
    secret = "a-token-that-opens-something"
    async with unit_of_work(rest.engine) as db:
        await db.execute(text("ALTER TABLE tokens RENAME TO away"))
    try:
        with capture_logs() as lines:
            answer = await person.caller.http.get(f"/v1/sessions/token/{secret}")
    finally:
        async with unit_of_work(rest.engine) as db:
            await db.execute(text("ALTER TABLE away RENAME TO tokens"))
    assert answer.status_code >= 500
    assert [line["path"] for line in lines if "path" in line] == ["/api/v1/sessions/token/{token}"]
    assert secret not in str(lines)
