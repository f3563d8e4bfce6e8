"""Who comes back from a provider of identities becomes which user, on both databases."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.rest import Caller, Json, Rest, running_rest

from eaves.controller.domain.builtin_roles import SYS_MONITOR, SYS_ROOT
from eaves.controller.domain.claims import Identity
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound import arrivals, records
from eaves.controller.northbound.conflicts import done_again_in_conflict
from eaves.controller.northbound.work import Principal, Work
from eaves.controller.store.objects import StoredObject
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.ids import EnterpriseId

ISSUER = "https://login.example.com"


def person(subject: str, name: str, realm: str = "") -> Identity:
    return Identity(
        issuer=ISSUER,
        subject=subject,
        names=(name,),
        email=f"{name}@{realm or 'example.org'}",
        realm=realm,
        full_name="A Person",
        roles=None,
    )


@dataclass
class Site:
    rest: Rest
    root: Caller
    home: str
    role: str
    profile: str

    async def arrives(self, who: Identity, enterprise: str = "") -> str:
        """The id of the user, or why there is none."""

        async def arrive() -> StoredObject | arrivals.NotLetIn:
            async with unit_of_work(self.rest.engine) as db:
                of, home = records.AUTH_PROFILE, Scope(EnterpriseId(self.home))
                profile = await records.find(db, home, of, self.profile)
                assert profile is not None
                principal = Principal(
                    user_id="",
                    user_name="company",
                    scope=Scope(EnterpriseId(enterprise or self.home)),
                    token_id="",
                    token_kind="",
                    client="",
                    must_change_password=False,
                )
                now, keys = self.rest.clock(), self.rest.keys
                work = Work(db, principal, now, request_id="", random=os.urandom, keys=keys)
                return await arrivals.user_of(work, profile, who)

        found = await done_again_in_conflict(arrive)
        return found.details if isinstance(found, arrivals.NotLetIn) else found.id


@pytest.fixture
async def site(tmp_path: Path, database_url: str) -> AsyncIterator[Site]:
    async with running_rest(tmp_path / "state", database_url) as rest:
        home = await rest.add_user("admin", platform=True, role=SYS_ROOT)
        async with rest.client(await rest.login("admin")) as http:
            root = Caller(http)
            role = str((await root.get(f"/v1/roles/name/{SYS_MONITOR}"))["id"])
            sent: Json = {
                "name": "company",
                "title": "Company",
                "type": "AUTH_TYPE_OAUTH",
                "active": True,
                "defaultRoleId": role,
                "oauthProfile": {"OIDCEndPoint": ISSUER, "clientID": "eaves"},
            }
            profile = await root.create("/v1/authorization/profiles", sent)
            yield Site(rest, root, home, role, profile)


async def test_of_several_with_one_name_one_gets_the_user(site: Site) -> None:
    erin: Json = {"username": "erin", "email": "erin@example.org", "roleId": site.role}
    made = await site.root.create("/v1/users", erin | {"type": "AUTH_TYPE_OAUTH"})
    people = [person(f"subject-{number}", "erin") for number in range(4)]
    first = await asyncio.gather(*(site.arrives(one) for one in people))
    assert first.count(made) == 1, first
    assert sum("belongs to another person" in one for one in first) == 3
    assert await asyncio.gather(*(site.arrives(one) for one in people)) == first
    # of another profile with the same provider it is the same person, and nobody else
    site.profile = await site.root.create(
        "/v1/authorization/profiles",
        {
            "name": "second",
            "title": "Second",
            "type": "AUTH_TYPE_OAUTH",
            "defaultRoleId": site.role,
            "oauthProfile": {"OIDCEndPoint": ISSUER, "clientID": "another"},
        },
    )
    assert await asyncio.gather(*(site.arrives(one) for one in people)) == first


async def test_below_only_they_are_made_whose_address_is_of_a_realm_there(site: Site) -> None:
    below = await site.root.create(
        "/v1/enterprises", {"name": "branch", "title": "Branch", "realms": ["branch.example"]}
    )
    told = await site.arrives(person("a", "carol"), below)
    assert "does not say who belongs here" in told
    assert await site.arrives(person("b", "dave", "other.example"), below) == told
    made = await site.arrives(person("c", "erin", "branch.example"), below)
    async with snapshot(site.rest.engine) as db:
        scope = Scope(EnterpriseId(below))
        user = await records.find(db, scope, records.USER, made)
        assert user is not None
        assert await records.find_named(db, scope, records.USER, "carol") is None
    assert await site.arrives(person("c", "erin", "branch.example"), below) == made
    at_home = await site.arrives(person("d", "frank"))  # it is the provider of this one
    assert at_home != made
