"""Sign-in at a real OpenID provider: there, back, roles from claims, and what is refused."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select
from support.identity_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    Browser,
    Provider,
    running_provider,
)
from support.rest import PASSWORD, Caller, Json, Rest, running_rest

from eaves.controller.domain.builtin_roles import (
    SYS_MANAGER,
    SYS_MONITOR,
    SYS_OPERATOR,
    SYS_ROOT,
)
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.way_there import challenge_of
from eaves.controller.store.events import EventFilter, list_events
from eaves.controller.store.people import find_user_for_login
from eaves.controller.store.tables import audit, metadata
from eaves.controller.store.unit import snapshot
from eaves.ids import EnterpriseId

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

PROFILES = "/v1/authorization/profiles"
REDIRECT = "https://controller/oauth/callback"


@dataclass
class Site:
    rest: Rest
    provider: Provider
    alice: Caller
    enterprise: str
    profile: str

    async def begin(self, **sent: object) -> Json:
        async with self.rest.client() as http:
            answer = await http.post("/v1/login/external", json=sent)
        assert answer.status_code == 200, answer.text
        told: Json = answer.json()
        assert told["cause"] == "REDIRECT"
        return told

    async def finish(self, code: str, state: str, **more: str) -> httpx.Response:
        async with self.rest.client() as http:
            return await http.post(
                "/v1/login/oauth/callback", json={"code": code, "state": state, **more}
            )

    async def sign_in(self, who: str, **sent: object) -> httpx.Response:
        begun = await self.begin(**sent)
        browser = await Browser.of(self.provider, who)
        back = await browser.code_from(begun["redirectUrl"])
        return await self.finish(back["code"], back["state"])

    async def role_of(self, token: str) -> str:
        async with self.rest.client(token) as http:
            return str((await Caller(http).get("/v1/roles/self"))["name"])

    async def change_profile(self, **members: object) -> None:
        path = f"{PROFILES}/id/{self.profile}"
        await self.alice.put(path, (await self.alice.get(path)) | members)

    async def causes(self) -> list[str]:
        """Why the provider failed, as administrators are told."""
        async with snapshot(self.rest.engine) as db:
            wanted = EventFilter(event_type="AUTHPROFILE_PROVIDER_FAILS")
            found = await list_events(db, Scope(EnterpriseId(self.enterprise)), wanted)
        return [event.description for event in found]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Provider]:
    async with running_provider(tmp_path_factory.mktemp("provider")) as running:
        await running.add_client(REDIRECT)
        await running.add_person("carol", ["unheard-of", SYS_OPERATOR])
        await running.add_person("dave", ["unheard-of"])
        await running.add_person("alice", [SYS_MANAGER])
        await running.add_person("erin", [SYS_MANAGER])
        await running.add_person("mallory", [SYS_MANAGER], calls_itself="carol")
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def site(
    tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    monkeypatch.setenv("SSL_CERT_FILE", str(provider.authority))
    async with running_rest(tmp_path) as rest:
        rest.clock.pass_by(datetime.now(UTC) - rest.clock())  # tokens of the provider hold today
        enterprise = await rest.add_user("alice", platform=True, role=SYS_ROOT)
        async with rest.client(await rest.login("alice")) as http:
            alice = Caller(http)
            role = (await alice.get(f"/v1/roles/name/{SYS_MONITOR}"))["id"]
            profile = await alice.create(
                PROFILES,
                {
                    "name": "company",
                    "title": "Company",
                    "type": "AUTH_TYPE_OAUTH",
                    "profileType": "AUTH_PROFILE_TYPE_OAUTH_CUSTOM",
                    "active": True,
                    "defaultRoleId": role,
                    "oauthProfile": {
                        "OIDCEndPoint": provider.issuer,
                        "clientID": CLIENT_ID,
                        "clientSecret": CLIENT_SECRET,
                        "roleScope": "roles",
                        "jwtAuthProfile": {"alg": "RS256"},
                        "additionalParameters": '{"ui_locales": "en"}',
                    },
                },
            )
            yield Site(rest, provider, alice, enterprise, profile)


async def test_somebody_new_comes_in_with_the_role_of_the_claim(site: Site) -> None:
    begun = await site.begin(usernameAtRealm="carol")
    query = {
        name: one[0] for name, one in parse_qs(urlsplit(str(begun["redirectUrl"])).query).items()
    }
    assert query["redirect_uri"] == REDIRECT
    assert query["code_challenge_method"] == "S256"
    assert query["ui_locales"] == "en"
    assert query["state"] == begun["state"]
    assert len(query["nonce"]) > 40
    browser = await Browser.of(site.provider, "carol")
    back = await browser.code_from(begun["redirectUrl"])
    answer = await site.finish(back["code"], back["state"])
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["cause"] == "OK"
    assert told["role"]["name"] == SYS_OPERATOR
    token = str(told["token"]["base64"])
    async with site.rest.client(token) as http:
        who = (await http.get("/v1/users/self")).json()
    assert (who["username"], who["email"]) == ("carol", "carol@example.org")
    assert who["type"] == "AUTH_TYPE_OAUTH"
    # a state is used once, and so is its code
    again = await site.finish(back["code"], back["state"])
    assert again.status_code == 401
    assert "used already" in again.text
    # next time it is the same user, with the roles of that day
    await site.provider.change_roles("carol", [SYS_MONITOR])
    second = await site.sign_in("carol")
    assert second.json()["userId"] == told["userId"]
    assert await site.role_of(token) == SYS_MONITOR
    await site.provider.change_roles("carol", ["unheard-of", SYS_OPERATOR])
    hidden: tuple[str, ...] = (CLIENT_SECRET, token, query["nonce"])
    async with snapshot(site.rest.engine) as db:
        entries = await db.execute(
            select(audit.c.user_name, audit.c.changes).where(
                audit.c.verb == "login", audit.c.user_name == "carol"
            )
        )
        assert [name for name, changes in entries if '"by": "company"' in changes] == ["carol"] * 2
        for table in metadata.sorted_tables:
            for row in await db.execute(select(table)):
                text = repr(tuple(row))
                assert not any(one in text for one in hidden)


async def test_no_role_that_is_known_gives_the_default_one(site: Site) -> None:
    answer = await site.sign_in("dave")
    assert answer.json()["role"]["name"] == SYS_MONITOR


async def test_a_user_with_a_password_is_not_taken_over(site: Site) -> None:
    """The alice of the provider is not the one of here; the administrator still gets in."""
    answer = await site.sign_in("alice")
    assert answer.status_code == 401
    assert "with a password" in answer.text
    assert await site.rest.login("alice")


async def test_nobody_is_made_where_the_profile_says_so(site: Site) -> None:
    await site.change_profile(disableAutoUserCreate=True)
    refused = await site.sign_in("erin")
    assert refused.status_code == 401
    assert refused.json()["cause"] == "USER_UNKNOWN"
    manager = (await site.alice.get(f"/v1/roles/name/{SYS_MONITOR}"))["id"]
    erin = {
        "username": "erin",
        "email": "erin@example.org",
        "roleId": manager,
        "type": "AUTH_TYPE_OAUTH",
    }
    made = await site.alice.create("/v1/users", erin)
    answer = await site.sign_in("erin")
    assert answer.json()["userId"] == made
    assert answer.json()["role"]["name"] == SYS_MANAGER
    async with site.rest.client() as http:  # and it has no password here
        body = {"usernameAtRealm": "erin", "password": PASSWORD}
        assert (await http.post("/v1/login", json=body)).status_code == 401
    given = {"owner": "erin", "newCred": "a password for erin"}
    assert (await site.alice.http.put("/v1/credentials", json=given)).status_code == 409


async def test_a_login_is_told_which_way(site: Site) -> None:
    await site.sign_in("carol")
    async with site.rest.client() as http:

        async def mode(username: str) -> str:
            answer = await http.post("/v1/login/mode", json={"username": username})
            return str(answer.json()["mode"])

        assert await mode("alice") == "LOCAL"
        assert await mode("carol") == "EXTERNAL"
        assert await mode("somebody-new") == "EXTERNAL"
        await site.change_profile(testOnly=True)
        assert await mode("somebody-new") == "LOCAL"
        await site.begin()  # to try it goes on
        await site.change_profile(active=False)
        refused = await http.post("/v1/login/external", json={})
        assert (refused.status_code, refused.json()["cause"]) == (401, "SCHEME_UNKNOWN")


async def test_the_browser_goes_on_to_the_command_that_waits(site: Site) -> None:
    begun = await site.begin(loopbackPort=45678)
    browser = await Browser.of(site.provider, "carol")
    back = await browser.code_from(begun["redirectUrl"])
    async with site.rest.client() as http:
        landed = await http.get("https://controller/oauth/callback", params=back)
        assert landed.status_code == 302
        there = urlsplit(landed.headers["location"])
        assert (there.scheme, there.netloc) == ("http", "127.0.0.1:45678")
        assert parse_qs(there.query)["code"] == [back["code"]]
        lost = await http.get("https://controller/oauth/callback", params={"state": "unknown"})
        assert lost.status_code == 400
        copied = await site.begin()
        shown = await http.get(
            "https://controller/oauth/callback",
            params={"state": copied["state"], "code": "<script>"},
        )
        assert "&lt;script&gt;" in shown.text
        bad = await http.post("/v1/login/external", json={"loopbackPort": 80})
        assert bad.status_code == 400


async def test_a_sign_in_of_the_console_comes_back_to_it(site: Site) -> None:
    begun = await site.begin(console=True, challenge=challenge_of("kept in the tab"))
    back = {"state": begun["state"], "code": "a-code", "iss": site.provider.issuer}
    async with site.rest.client() as http:
        landed = await http.get("https://controller/oauth/callback", params=back)
        assert landed.status_code == 302
        there = urlsplit(landed.headers["location"])
        assert (there.netloc, there.path) == ("", "/signed-in")  # nowhere else, whatever is asked
        assert parse_qs(there.query) == {"state": [begun["state"]], "code": ["a-code"]}
        bare = await http.post("/v1/login/external", json={"console": True})
        assert bare.status_code == 400


async def test_what_does_not_fit_is_refused(site: Site) -> None:
    carol = await Browser.of(site.provider, "carol")
    first, second = await site.begin(), await site.begin()
    # the code of one sign-in, the state (and so verifier and nonce) of another
    back = await carol.code_from(first["redirectUrl"])
    mixed = await site.finish(back["code"], second["state"])
    assert mixed.status_code == 401, mixed.text
    # the challenge of somebody else
    third = await site.begin()
    foreign = re.sub("code_challenge=[^&]+", "code_challenge=" + "A" * 43, third["redirectUrl"])
    stolen = await carol.code_from(foreign)
    assert (await site.finish(stolen["code"], third["state"])).status_code == 401
    # another nonce than the one that was sent
    fourth = await site.begin()
    replayed = await carol.code_from(fourth["redirectUrl"].replace("nonce=", "nonce=x", 1))
    answer = await site.finish(replayed["code"], fourth["state"])
    assert answer.status_code == 401
    assert "does not confirm" in answer.text
    assert "ID token is not accepted" in (await site.causes())[0]
    # too late
    late = await site.begin()
    back = await carol.code_from(late["redirectUrl"])
    site.rest.clock.pass_by(timedelta(minutes=11))
    assert (await site.finish(back["code"], late["state"])).status_code == 401
    # an audience, an algorithm that are not ours
    site.rest.clock.pass_by(-timedelta(minutes=11))
    path = f"{PROFILES}/id/{site.profile}"
    told = (await site.alice.get(path))["oauthProfile"]
    await site.change_profile(oauthProfile={**told, "jwtAuthProfile": {"alg": "RS512"}})
    wrong = await site.sign_in("carol")
    assert wrong.status_code == 401
    assert "does not confirm" in wrong.text
    assert len(await site.causes()) == len(set(await site.causes())) <= 4


async def test_a_provider_that_is_away_leaves_the_administrator_a_way_in(site: Site) -> None:
    told = (await site.alice.get(f"{PROFILES}/id/{site.profile}"))["oauthProfile"]
    await site.change_profile(oauthProfile={**told, "OIDCEndPoint": "https://localhost:9"})
    async with site.rest.client() as http:
        for _ in range(3):
            away = await http.post("/v1/login/external", json={})
            assert away.status_code == 504
            assert "does not answer" in away.text
            assert "localhost:9" not in away.text  # strangers learn nothing of what is behind
    (cause,) = await site.causes()
    assert "https://localhost:9/.well-known/openid-configuration does not answer" in cause
    assert await site.rest.login("alice")
    await site.change_profile(
        oauthProfile={**told, "OIDCEndPoint": site.provider.url + "/elsewhere"}
    )
    async with site.rest.client() as http:
        assert (await http.post("/v1/login/external", json={})).status_code == 504


async def test_a_provider_is_tried_before_anybody_is_sent_there(site: Site) -> None:
    async def tried() -> dict[str, str]:
        path = f"/v1/ext/authorization/profiles/id/{site.profile}/test"
        answer = await site.alice.http.post(path)
        assert answer.status_code == 200, answer.text
        told: Json = answer.json()
        assert told["redirectUri"] == REDIRECT
        assert CLIENT_SECRET not in str(told)
        outcomes = {one["check"]: one["outcome"] for one in told["checks"]}
        assert told["works"] is ("FAILED" not in outcomes.values())
        return outcomes

    provider = (await site.alice.get(f"{PROFILES}/id/{site.profile}"))["oauthProfile"]
    good = await tried()
    assert (good["DISCOVERY"], good["KEYS"]) == ("PASSED", "PASSED")
    assert good["CLIENT"] != "FAILED"
    other_keys = provider | {"jwtAuthProfile": {"alg": "RS512"}}
    await site.change_profile(revision=None, oauthProfile=other_keys)
    assert (await tried())["KEYS"] == "FAILED"
    away = provider | {"OIDCEndPoint": "https://localhost:1"}
    await site.change_profile(revision=None, oauthProfile=away)
    assert await tried() == {"DISCOVERY": "FAILED", "KEYS": "NOT_TRIED", "CLIENT": "NOT_TRIED"}
    # it is the button of somebody who looks at it: no event tells it to the others
    assert await site.causes() == []


async def test_nobody_puts_another_provider_under_a_sign_in_that_is_on_its_way(site: Site) -> None:
    carol = await Browser.of(site.provider, "carol")
    path = f"{PROFILES}/id/{site.profile}"
    told = (await site.alice.get(path))["oauthProfile"]
    other = {**told, "OIDCEndPoint": site.provider.url + "/elsewhere", "clientID": "another"}
    for change, back in (
        ({"type": "AUTH_TYPE_LOCAL", "oauthProfile": other}, {"type": "AUTH_TYPE_OAUTH"}),
        ({"oauthProfile": other}, {}),
        ({"title": "The same provider"}, {}),
    ):
        begun = await site.begin()
        answer = await carol.code_from(begun["redirectUrl"])
        await site.change_profile(**change)
        refused = await site.finish(answer["code"], answer["state"])
        assert (refused.status_code, refused.json()["cause"]) == (401, "SCHEME_UNKNOWN")
        await site.change_profile(
            **back, oauthProfile={**told, "clientSecret": CLIENT_SECRET}, title="Company"
        )
    assert await site.causes() == []  # nothing was sent anywhere
    assert (await site.sign_in("carol")).status_code == 200


async def test_a_user_belongs_to_the_one_person_that_came_for_it(site: Site) -> None:
    """Names change hands at a provider, and people choose them."""
    carol = (await site.sign_in("carol")).json()["userId"]
    refused = await site.sign_in("mallory")
    assert (refused.status_code, refused.json()["cause"]) == (401, "USER_UNKNOWN")
    assert "belongs to another person" in refused.text
    assert (await site.sign_in("carol")).json()["userId"] == carol
    # an administrator lets somebody else have it
    path = f"/v1/users/id/{carol}"
    for way in ("AUTH_TYPE_LOCAL", "AUTH_TYPE_OAUTH"):
        await site.alice.put(path, await site.alice.get(path) | {"type": way})
    assert (await site.sign_in("mallory")).json()["userId"] == carol
    assert (await site.sign_in("carol")).status_code == 401


async def test_nobody_chooses_in_which_enterprise_below_it_is(site: Site) -> None:
    sent = {"name": "branch", "title": "Branch", "inheritAuthFromParent": True, "realms": ["org"]}
    branch = await site.alice.create("/v1/enterprises", sent)
    refused = await site.sign_in("carol", enterpriseName="branch")
    assert (refused.status_code, refused.json()["cause"]) == (401, "USER_UNKNOWN")
    assert "does not say who belongs here" in refused.text
    told = await site.alice.get(f"/v1/enterprises/id/{branch}")
    closed = told | {"state": "ENTERPRISE_STATE_INACTIVE"}
    await site.alice.put(f"/v1/enterprises/id/{branch}", closed)
    refused = await site.sign_in("carol", enterpriseName="branch")
    assert refused.json()["cause"] == "ENTERPRISE_INACTIVE"
    told = await site.alice.get(f"/v1/enterprises/id/{branch}")
    opened = told | {"state": "ENTERPRISE_STATE_ACTIVE"}
    await site.alice.put(f"/v1/enterprises/id/{branch}", opened)
    async with snapshot(site.rest.engine) as db:
        assert await find_user_for_login(db, "carol") is None
    # who was made for it there comes in there, and only there
    await site.rest.add_user("boss", enterprise=branch)
    async with site.rest.client(await site.rest.login("boss")) as http:
        boss = Caller(http)
        role = (await boss.get(f"/v1/roles/name/{SYS_MONITOR}"))["id"]
        carol = {"username": "carol", "email": "carol@example.org", "roleId": role}
        made = await boss.create("/v1/users", carol | {"type": "AUTH_TYPE_OAUTH"})
    answer = await site.sign_in("carol", enterpriseName="branch")
    assert answer.json()["userId"] == made
    assert (await site.sign_in("carol")).status_code == 401


async def test_a_code_of_another_provider_goes_no_further(site: Site) -> None:
    """Two providers share one redirect address; whoever owns one would get codes of the other."""
    begun = await site.begin(loopbackPort=45678)
    sent = {"state": begun["state"], "code": "a-code-of-another"}
    async with site.rest.client() as http:
        landing = "https://controller/oauth/callback"
        mixed = await http.get(landing, params=sent | {"iss": "https://other.example.com"})
        assert mixed.status_code == 400
        assert "another provider" in mixed.text
        assert "a-code-of-another" not in mixed.text
        right = await http.get(landing, params=sent | {"iss": site.provider.issuer})
        assert right.status_code == 302


async def test_only_whoever_began_a_sign_in_ends_it(site: Site) -> None:
    """Code and state pass through a browser, its history, and the log of the provider."""
    carol = await Browser.of(site.provider, "carol")
    begun = await site.begin(challenge=challenge_of("only the command knows"))
    back = await carol.code_from(begun["redirectUrl"])
    for more in ({}, {"verifier": "a guess"}):
        assert (await site.finish(back["code"], back["state"], **more)).status_code == 401
    ended = await site.finish(back["code"], back["state"], verifier="only the command knows")
    assert ended.status_code == 200, ended.text
    async with site.rest.client() as http:
        short = await http.post("/v1/login/external", json={"challenge": "short"})
    assert short.status_code == 400


async def test_one_address_makes_the_controller_ask_only_so_often(site: Site) -> None:
    context: Context = site.rest.app.state.context
    context.providers.tries.limit = 3
    for _ in range(3):
        begun = await site.begin()
        assert (await site.finish("rubbish", begun["state"])).json()["cause"] == "EXCEPTION"
    begun = await site.begin()
    carol = await Browser.of(site.provider, "carol")
    back = await carol.code_from(begun["redirectUrl"])
    stopped = await site.finish(back["code"], back["state"])
    assert stopped.status_code == 401
    assert "wait a minute" in stopped.text
    assert len(await site.causes()) == 1
    site.rest.clock.pass_by(timedelta(minutes=1))
    assert (await site.finish(back["code"], back["state"])).status_code == 200
    for _ in range(4):  # who comes in is not counted
        assert (await site.sign_in("carol")).status_code == 200


async def test_who_moves_to_the_provider_leaves_its_password_behind(site: Site) -> None:
    role = (await site.alice.get(f"/v1/roles/name/{SYS_MONITOR}"))["id"]
    erin = {"username": "erin", "email": "erin@example.org", "roleId": role}
    made = await site.alice.create("/v1/users", erin)
    given = {"owner": "erin", "newCred": "a first long password"}
    await site.alice.put("/v1/credentials", given)
    login = {"usernameAtRealm": "erin", "password": given["newCred"]}
    async with site.rest.client() as http:
        before = (await http.post("/v1/login", json=login)).json()["tempToken"]["base64"]
    path = f"/v1/users/id/{made}"
    await site.alice.put(path, await site.alice.get(path) | {"type": "AUTH_TYPE_OAUTH"})
    answer = (await site.sign_in("erin")).json()
    assert answer["userId"] == made
    async with site.rest.client(answer["token"]["base64"]) as http:
        assert (await http.get("/v1/brands")).status_code == 200  # no password to be changed first
    async with site.rest.client(before) as http:
        assert (await http.get("/v1/sessions/self")).status_code == 401
    await site.alice.put(path, await site.alice.get(path) | {"type": "AUTH_TYPE_LOCAL"})
    async with site.rest.client() as http:
        assert (await http.post("/v1/login", json=login)).status_code == 401
    async with site.rest.client(answer["token"]["base64"]) as http:
        assert (await http.get("/v1/sessions/self")).status_code == 401


async def test_sessions_of_a_provider_end_within_a_day_and_with_it(site: Site) -> None:
    """Who was shown the door there, and all when it is not trusted any more."""
    rest = site.rest

    async def came_in() -> str:
        return str((await site.sign_in("carol")).json()["token"]["base64"])

    async def holds(token: str) -> bool:
        async with rest.client(token) as http:
            return (await http.get("/v1/users/self")).status_code == 200

    token, begun = await came_in(), rest.clock()
    for _ in range(3):
        rest.clock.pass_by(timedelta(hours=7))
        async with rest.client(token) as http:
            told = (await http.put("/v1/sessions/refresh")).json()
        assert int(told["token"]["expires"]) <= (begun + timedelta(days=1)).timestamp()
    rest.clock.pass_by(timedelta(hours=4))
    assert not await holds(token)
    rest.clock.pass_by(begun - rest.clock())
    profile = f"{PROFILES}/id/{site.profile}"
    async with rest.client(await rest.login("alice")) as http:
        alice = Caller(http)
        told = await alice.get(profile)
        elsewhere = told["oauthProfile"] | {"clientID": "another"}
        for changed in ({"active": False}, {"oauthProfile": elsewhere}):
            token = await came_in()
            await alice.put(profile, told | {"title": "Renamed", "revision": None})
            assert await holds(token)
            await alice.put(profile, told | changed | {"revision": None})
            assert not await holds(token)
            await alice.put(profile, told | {"revision": None})
        token = await came_in()
        await alice.delete(profile)
        assert not await holds(token)
        assert (await alice.get("/v1/users/self"))["username"] == "alice"
