"""Two at the same time, on both databases: a sign-in beside the end of what it proves itself by."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select
from support.rest import CHEAP, PASSWORD, Caller, Json, Rest, running_rest

from eaves.controller.domain import totp
from eaves.controller.domain.contract.users import Enterprise
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound.passwords import AT_ONCE
from eaves.controller.store import people, sign_in
from eaves.controller.store.objects import Draft, Stamp, find_object, replace_object
from eaves.controller.store.tables import Kind, tokens
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import EnterpriseId

BLOCKED_WITHIN_S = 0.3  # to be seen waiting, one way or the other
OTHER = "another long password"


@pytest.fixture
async def rest(tmp_path: Path, database_url: str) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path / "state", database_url) as running:
        yield running


@pytest.fixture
async def enterprise(rest: Rest) -> str:
    return await rest.add_user("alice")


async def post(rest: Rest, path: str, **body: object) -> httpx.Response:
    async with rest.client() as http:
        return await http.post(path, json=body)


async def login(rest: Rest) -> httpx.Response:
    return await post(rest, "/v1/login", username="alice", password=PASSWORD)


def code(rest: Rest, secret: str, ahead: int = 0) -> str:
    padded = secret + "=" * (-len(secret) % 8)
    return totp.code_of(base64.b32decode(padded), totp.step_at(rest.clock()) + ahead)


async def id_of_alice(rest: Rest) -> str:
    async with snapshot(rest.engine) as db:
        user = await people.find_user_for_login(db, "alice")
    assert user is not None
    return user.id


async def replace_password(rest: Rest, db: Db, user_id: str) -> None:
    """As whoever changes it does: nothing that the old one opened goes on."""
    new = people.Credential(
        user_id=user_id,
        password_hash=CHEAP.hash(OTHER),
        must_change=False,
        failed_attempts=0,
        changed_at=rest.clock(),
    )
    await sign_in.one_at_a_time(db, user_id)
    await people.put_credential(db, new)
    await people.delete_tokens_of(db, user_id)


async def tokens_left(rest: Rest) -> int:
    async with snapshot(rest.engine) as db:
        return (await db.execute(select(func.count()).select_from(tokens))).scalar_one()


async def beside(
    rest: Rest,
    change: Callable[[Db], Awaitable[None]],
    request: Callable[[], Awaitable[httpx.Response]],
) -> httpx.Response:
    """The answer to a request that comes while a change is made, and not yet committed."""
    async with unit_of_work(rest.engine) as db:
        await change(db)
        task = asyncio.ensure_future(request())
        await asyncio.wait({task}, timeout=BLOCKED_WITHIN_S)
    return await task


@pytest.mark.usefixtures("enterprise")
async def test_a_password_that_is_replaced_while_it_is_looked_at_opens_nothing(rest: Rest) -> None:
    user_id, gate = await id_of_alice(rest), rest.app.state.context.passwords._gate
    for _ in range(AT_ONCE):
        await gate.acquire()
    task = asyncio.ensure_future(login(rest))
    async with asyncio.timeout(10):
        while not gate._waiters:
            await asyncio.wait({task}, timeout=0.01)
    async with unit_of_work(rest.engine) as db:
        await replace_password(rest, db, user_id)
    for _ in range(AT_ONCE):
        gate.release()
    answer = await task
    assert (answer.status_code, answer.json()["cause"]) == (401, "CREDENTIAL_MISMATCH")
    assert await tokens_left(rest) == 0


@pytest.mark.usefixtures("enterprise")
async def test_a_code_finishes_no_login_with_a_password_that_was_replaced(rest: Rest) -> None:
    async with rest.client(await rest.login("alice")) as http:
        begun = (await http.post("/v1/eaves/totp", json={"currentCred": PASSWORD})).json()
        secret = str(begun["Secret"])
        await http.post("/v1/eaves/totp/confirm", json={"code": code(rest, secret)})
    rest.clock.pass_by(timedelta(seconds=60))
    half: Json = (await login(rest)).json()
    user_id = await id_of_alice(rest)

    async def change(db: Db) -> None:
        await replace_password(rest, db, user_id)

    async def finish() -> httpx.Response:
        sent = {"tempToken": half["tempToken"]["base64"], "code": code(rest, secret)}
        return await post(rest, "/v1/eaves/login/totp", **sent)

    answer = await beside(rest, change, finish)
    assert (answer.status_code, answer.json()["cause"]) == (401, "TOTP_ERR")
    assert await tokens_left(rest) == 0


@pytest.mark.usefixtures("enterprise")
async def test_no_token_is_made_beside_the_end_of_all_of_them(rest: Rest) -> None:
    user_id = await id_of_alice(rest)
    async with rest.client(await rest.login("alice")) as http:

        async def change(db: Db) -> None:
            await replace_password(rest, db, user_id)

        async def make() -> httpx.Response:
            return await http.post("/v1/sessions/token/self")

        answer = await beside(rest, change, make)
    assert answer.status_code == 401
    assert await tokens_left(rest) == 0


async def test_a_second_factor_that_is_confirmed_just_now_is_not_begun_again(
    rest: Rest, enterprise: str
) -> None:
    await enforce(rest, enterprise)
    begun: Json = (await login(rest)).json()
    secret = str(begun["totp"]["enrolment"]["Secret"])
    user_id = await id_of_alice(rest)

    async def confirm(db: Db) -> None:
        assert await sign_in.take_step(db, user_id, totp.step_at(rest.clock()))

    answer = await beside(rest, confirm, lambda: login(rest))
    assert answer.json()["totp"] == {"enrolled": True}
    token = answer.json()["tempToken"]["base64"]
    next_code = code(rest, secret, 1)
    done = await post(rest, "/v1/eaves/login/totp", tempToken=token, code=next_code)
    assert done.json()["cause"] == "OK"


async def enforce(rest: Rest, enterprise: str) -> None:
    scope = Scope(EnterpriseId(enterprise))
    async with unit_of_work(rest.engine) as db:
        stored = await find_object(db, scope, Kind.ENTERPRISE, enterprise)
        assert stored is not None
        told = Enterprise.from_json_text(stored.body)
        body = told.model_copy(update={"totp_settings": {"enforce": True}}).to_json_text()
        draft = Draft(Kind.ENTERPRISE, enterprise, enterprise, stored.name, body)
        await replace_object(db, scope, draft, Stamp(rest.clock(), "test"), expected=None)


@pytest.mark.usefixtures("enterprise")
async def test_tokens_end_with_the_one_that_they_were_made_with(rest: Rest) -> None:
    """By time and when it is revoked, down to those that were made with those."""
    async with rest.client(await rest.login("alice")) as http:
        alice = Caller(http)
        first = (await http.post("/v1/sessions/token/self")).json()
        rest.clock.pass_by(timedelta(hours=1))
        made = [first]
        for _ in range(2):
            async with rest.client(made[-1]["token"]) as one:
                made.append((await one.post("/v1/sessions/token/self")).json())
        assert {one["expiresAt"] for one in made} == {first["expiresAt"]}
        found = (await alice.get("/v1/eaves/tokens"))["list"]
        of_first = next(one["id"] for one in found if one["kind"] == "api")
        assert (await http.delete(f"/v1/eaves/tokens/{of_first}")).status_code == 200
        for one in made:
            async with rest.client(one["token"]) as with_it:
                assert (await with_it.get("/v1/users/self")).status_code == 401
        assert (await http.get("/v1/users/self")).status_code == 200
