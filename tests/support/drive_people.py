"""How people use operations of sessions, users, passwords and enterprises."""

import base64
from typing import Final

import httpx
from support.driving import STEPS, Driver, step
from support.rest import PASSWORD, Json

from eaves.controller.domain import totp

NEW_PASSWORD: Final = "another horse, another battery"


@step("POST", "/v1/login")
async def _login(driver: Driver) -> httpx.Response:
    body = {"usernameAtRealm": "alice", "password": PASSWORD}
    async with driver.rest.client() as http:
        return await http.post("/v1/login", json=body)


@step("POST", "/v1/login/mode")
async def _login_mode(driver: Driver) -> httpx.Response:
    async with driver.rest.client() as http:
        return await http.post("/v1/login/mode", json={"username": "alice"})


@step("POST", "/v1/login/forgot")
async def _forgot(driver: Driver) -> httpx.Response:
    async with driver.rest.client() as http:
        return await http.post("/v1/login/forgot", json={"username": "alice"})


def _as_stranger(path: str, **body: object) -> None:
    async def ask(driver: Driver) -> httpx.Response:
        async with driver.rest.client() as http:
            return await http.post(path, json=body)

    STEPS["POST", path] = ask


_as_stranger("/v1/login/external", usernameAtRealm="alice")
_as_stranger("/v1/login/oauth/callback", state="none", code="none")
_as_stranger("/v1/login/signup/enterprise", name="newcomers", title="Newcomers")
_as_stranger("/v1/login/signup/user", name="newcomer", email="n@example.org")


@step("POST", "/v1/logout")
async def _logout(driver: Driver) -> httpx.Response:
    return await driver.call("POST", "/v1/logout", {}, token=await driver.rest.login("alice"))


@step("PUT", "/v1/sessions/refresh")
async def _refresh(driver: Driver) -> httpx.Response:
    return await driver.call("PUT", "/v1/sessions/refresh", {})


@step("POST", "/v1/sessions/token/self")
async def _own_token(driver: Driver) -> httpx.Response:
    return await driver.call("POST", "/v1/sessions/token/self")


@step("GET", "/v1/sessions/token")
async def _session(driver: Driver) -> httpx.Response:
    asked = {"sessionToken.base64": await driver.rest.login("alice")}
    return await driver.alice.http.get("/v1/sessions/token", params=asked)


@step("GET", "/v1/sessions/token/{token}")
async def _session_of(driver: Driver) -> httpx.Response:
    return await driver.call("GET", f"/v1/sessions/token/{await driver.rest.login('alice')}")


@step("DELETE", "/v1/eaves/tokens/{id}")
async def _revoke(driver: Driver) -> httpx.Response:
    await driver.rest.login("alice")
    listed = (await driver.alice.get("/v1/eaves/tokens"))["list"]
    other = next(one for one in listed if not one["current"])
    return await driver.call("DELETE", f"/v1/eaves/tokens/{other['id']}")


@step("DELETE", "/v1/eaves/users/{id}/tokens")
async def _end_sessions(driver: Driver) -> httpx.Response:
    user_id, _ = await driver.user()
    return await driver.call("DELETE", f"/v1/eaves/users/{user_id}/tokens")


@step("DELETE", "/v1/eaves/users/{id}/totp")
async def _take_factor(driver: Driver) -> httpx.Response:
    user_id, _ = await driver.user()
    return await driver.call("DELETE", f"/v1/eaves/users/{user_id}/totp")


@step("PUT", "/v1/eaves/users/{id}/unlock")
async def _unlock(driver: Driver) -> httpx.Response:
    user_id, _ = await driver.user()
    return await driver.call("PUT", f"/v1/eaves/users/{user_id}/unlock")


async def _password(driver: Driver) -> Json:
    """One for a new user."""
    user_id, _ = await driver.user()
    return {"owner": user_id, "newCred": NEW_PASSWORD, "type": "CREDENTIAL_TYPE_PASSWORD"}


@step("POST", "/v1/credentials")
async def _set_password(driver: Driver) -> httpx.Response:
    return await driver.call("POST", "/v1/credentials", await _password(driver))


@step("PUT", "/v1/credentials")
async def _replace_password(driver: Driver) -> httpx.Response:
    return await driver.call("PUT", "/v1/credentials", await _password(driver))


@step("PUT", "/v1/credentials/self")
async def _own_password(driver: Driver) -> httpx.Response:
    _, name = await driver.user()
    body = {
        "owner": name,
        "currentCred": PASSWORD,
        "newCred": NEW_PASSWORD,
        "type": "CREDENTIAL_TYPE_PASSWORD",
    }
    token = await driver.rest.login(name)
    return await driver.call("PUT", "/v1/credentials/self", body, token=token)


@step("DELETE", "/v1/credentials/id/{id}")
async def _delete_password(driver: Driver) -> httpx.Response:
    user_id, _ = await driver.user()
    return await driver.call("DELETE", f"/v1/credentials/id/{user_id}")


@step("PUT", "/v1/users/self")
async def _own_user(driver: Driver) -> httpx.Response:
    _, name = await driver.user()
    token = await driver.rest.login(name)
    me = (await driver.call("GET", "/v1/users/self", token=token)).json()
    told = {**me, "email": "me@example.org", "fullName": "Somebody Else"}
    return await driver.call("PUT", "/v1/users/self", told, token=token)


@step("PUT", "/v1/enterprises/self")
async def _own_enterprise(driver: Driver) -> httpx.Response:
    body = await driver.alice.get("/v1/enterprises/self") | {"title": "Another title"}
    return await driver.alice.http.put("/v1/enterprises/self", json=body)


@step("PUT", "/v1/entitlements")
async def _entitle(driver: Driver) -> httpx.Response:
    body = {"entpId": await driver.fresh("/v1/enterprises"), "userCount": {"limit": 9}}
    return await driver.root.http.put("/v1/entitlements", json=body)


@step("POST", "/v1/eaves/enterprises/id/{id}/session")
async def _enter(driver: Driver) -> httpx.Response:
    made = await driver.fresh("/v1/enterprises")
    roles = (await driver.root.get(f"/v1/eaves/enterprises/id/{made}/roles"))["list"]
    role = next(one["id"] for one in roles if one["name"] == "SysAdmin")
    user = await driver.root.get("/v1/users/self")
    allowed = [{"id": made, "roleId": role}]
    changed = {**user, "email": "root@example.org", "allowedEnterprises": allowed}
    await driver.root.put(f"/v1/users/id/{user['id']}", changed)
    return await driver.call("POST", f"/v1/eaves/enterprises/id/{made}/session", {})


def _code(driver: Driver, secret: str) -> str:
    padded = secret + "=" * (-len(secret) % 8)
    return totp.code_of(base64.b32decode(padded), totp.step_at(driver.rest.clock()))


async def _enrolled(driver: Driver, name: str = "") -> tuple[str, httpx.Response]:
    """Token of a new user, and what it was told."""
    if not name:
        _, name = await driver.user()
    token = await driver.rest.login(name)
    body = {"currentCred": PASSWORD}
    return token, await driver.call("POST", "/v1/eaves/totp", body, token=token)


@step("POST", "/v1/eaves/totp")
async def _enrol(driver: Driver) -> httpx.Response:
    return (await _enrolled(driver))[1]


@step("POST", "/v1/eaves/totp/confirm")
async def _confirm(driver: Driver) -> httpx.Response:
    token, told = await _enrolled(driver)
    body = {"code": _code(driver, told.json()["Secret"])}
    return await driver.call("POST", "/v1/eaves/totp/confirm", body, token=token)


@step("POST", "/v1/eaves/login/totp")
async def _second_step(driver: Driver) -> httpx.Response:
    _, name = await driver.user()
    token, told = await _enrolled(driver, name)
    secret = told.json()["Secret"]
    body = {"code": _code(driver, secret)}
    confirmed = await driver.call("POST", "/v1/eaves/totp/confirm", body, token=token)
    assert confirmed.status_code == 200, confirmed.text
    async with driver.rest.client() as http:
        half = await http.post("/v1/login", json={"username": name, "password": PASSWORD})
        temporary = half.json()["tempToken"]["base64"]
        recovery = confirmed.json()["recoveryCodes"][0]  # a code holds once, and that one has
        return await http.post(
            "/v1/eaves/login/totp", json={"tempToken": temporary, "recoveryCode": recovery}
        )


@step("DELETE", "/v1/eaves/totp")
async def _remove_factor(driver: Driver) -> httpx.Response:
    token, _ = await _enrolled(driver)
    return await driver.call("DELETE", "/v1/eaves/totp", {"currentCred": PASSWORD}, token=token)
