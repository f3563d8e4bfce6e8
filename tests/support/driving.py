"""Who drives operations, and a fresh object of each kind; the steps are in files beside this one.

An operation is named by its method and its template.  Objects that a step changes or deletes are
made by the step itself, so that the steps know nothing of each other.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import httpx
from support.one_of_each import NETWORK, cep, envelope
from support.rest import Caller, Json, Rest
from support.rest_objects import (
    World,
    app,
    app_instance,
    brand,
    datastore,
    device,
    image,
    model,
    netinst,
    network,
    project,
    volume,
)


@dataclass
class Driver:
    """Alice, who administers one enterprise, and what she has."""

    rest: Rest
    alice: Caller
    world: World
    ids: Mapping[str, str]
    root: Caller  # of the enterprise above all others
    _count: int = 0

    def name(self, prefix: str = "one") -> str:
        self._count += 1
        return f"{prefix}-{self._count}"

    async def fresh(self, base: str) -> str:
        """The id of a new object."""
        answer = await self.of(base).http.post(base, json=FRESH[base](self, self.name()))
        assert answer.status_code in (200, 202), f"POST {base}: {answer.text}"
        return str(answer.json()["objectId"])

    def of(self, path: str) -> Caller:
        """Who may do that."""
        return self.root if "/enterprises" in path else self.alice

    async def user(self) -> tuple[str, str]:
        """Id and name of a user with a password, who may do all that alice may."""
        name = self.name("user")
        await self.rest.add_user(name, enterprise=self.ids["enterprise"])
        return str((await self.alice.get(f"/v1/users/name/{name}"))["id"]), name

    async def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        token: str = "",
        **more: str,
    ) -> httpx.Response:
        """As alice, or whose token it is."""
        if not token:
            return await self.of(path).http.request(method, path, json=body, params=more)
        async with self.rest.client(token) as http:
            return await http.request(method, path, json=body, params=more)


Step = Callable[[Driver], Awaitable[httpx.Response]]
STEPS: Final[dict[tuple[str, str], Step]] = {}


def step(method: str, *templates: str) -> Callable[[Step], Step]:
    def known(made: Step) -> Step:
        for template in templates:
            STEPS[method, template] = made
        return made

    return known


# --- what has the six operations that most objects have ---


def _instance(driver: Driver, name: str) -> Json:
    body = app_instance(driver.world.app, driver.world.device, name)
    body["interfaces"][0]["acls"] = []  # an outer port is mapped once
    return body | {"allowSnapshots": True}


def named_policy(name: str) -> Json:
    return {"metaData": {"name": name, "title": "NAT"}}


FRESH: Final[Mapping[str, Callable[[Driver, str], Json]]] = {
    "/v1/brands": lambda _driver, name: brand(name),
    "/v1/sysmodels": lambda driver, name: model(driver.world.brand, name),
    "/v1/projects": lambda _driver, name: project(name),
    "/v2/projects": lambda _driver, name: {**project(name), "type": "TAG_TYPE_DEPLOYMENT"},
    "/v1/networks": lambda driver, name: network(driver.world.project, name),
    "/v1/netinsts": lambda driver, name: netinst(driver.world.device, name),
    "/v1/datastores": lambda driver, name: datastore(driver.world.project, name),
    "/v1/apps/images": lambda driver, name: image(driver.world.datastore, name),
    "/v1/volumes/instances": lambda driver, name: {
        **volume(driver.world.device, name),
        "label": name,
    },
    "/v1/devices": lambda driver, name: device(driver.world.project, driver.world.model, name),
    "/v1/apps": lambda driver, name: app(driver.world.project, driver.world.datastore, name),
    "/v1/apps/instances": _instance,
    "/v2/apps/instances": _instance,
    "/v1/ceps": lambda _driver, name: {**cep(), "name": name},
    "/v1/patch-envelope": lambda driver, name: {**envelope(driver.world.project), "name": name},
    "/v1/appprofiles": lambda _driver, name: {
        "name": name,
        "title": "Profile",
        "appPolicies": [],
        "networkPolicies": [{**named_policy("nat"), "networkConfig": NETWORK}],
        "volumePolicies": [],
    },
    "/v1/assetgroups": lambda driver, name: {
        "name": name,
        "projectId": driver.world.project,
        "assetIds": {"ids": [driver.world.device]},
    },
    "/v1/profiledeployments": lambda driver, name: {
        "name": name,
        "projectId": driver.world.project,
        "appProfileInfo": {"appProfileId": driver.ids["profile"], "version": 1},
        "targetAssetGroup": {"groupId": driver.ids["group"]},
    },
    "/v1/eaves/alert-channels": lambda driver, name: {
        "name": name,
        "title": "Channel",
        "projectId": driver.world.project,
        "type": "ALERT_CHANNEL_TYPE_WEBHOOK",
        "webhook": {"url": "https://hooks.example.org", "secret": "secret-of-the-hook"},
    },
    "/v1/eaves/alert-rules": lambda driver, name: {
        "name": name,
        "title": "Rule",
        "projectId": driver.world.project,
        "condition": "ALERT_CONDITION_NODE_OFFLINE",
        "severity": "SEVERITY_ERROR",
        "channels": ["alert_channel"],
    },
    "/v1/realms": lambda driver, name: {
        "name": name,
        "title": "Realm",
        "enterpriseId": driver.ids["enterprise"],
    },
    "/v1/roles": lambda _driver, name: {
        "name": name,
        "title": "Role",
        "type": "USER_ROLE_USER_DEFINED",
        "scopes": [],
    },
    "/v1/users": lambda driver, name: {
        "username": name,
        "email": f"{name}@example.org",
        "roleId": driver.ids["role"],
    },
    "/v1/enterprises": lambda _driver, name: {"name": name, "title": "Enterprise"},
    "/v1/authorization/profiles": lambda driver, name: {
        "name": name,
        "title": "Profile",
        "type": "AUTH_TYPE_OAUTH",
        "profileType": "AUTH_PROFILE_TYPE_OAUTH_CUSTOM",
        "defaultRoleId": driver.ids["role"],
        "oauthProfile": {
            "OIDCEndPoint": "https://login.example.com",
            "clientID": "eaves",
            "clientSecret": "only-the-provider-knows",
            "roleScope": "roles",
            "jwtAuthProfile": {"alg": "RS256"},
        },
    },
}


def _common(base: str) -> None:
    async def create(driver: Driver) -> httpx.Response:
        answer = await driver.call("POST", base, FRESH[base](driver, driver.name()))
        path = f"{base.replace('/v2/projects', '/v1/projects')}/id/{answer.json()['objectId']}"
        gone = await driver.call("DELETE", path)
        assert gone.status_code == 200, gone.text
        return answer

    async def replace(driver: Driver) -> httpx.Response:
        path = f"{base}/id/{await driver.fresh(base)}"
        body = await driver.of(path).get(path)
        answer = await driver.call("PUT", path, body | {"title": "Another title"})
        assert (await driver.call("DELETE", path)).status_code == 200
        return answer

    async def delete(driver: Driver) -> httpx.Response:
        return await driver.call("DELETE", f"{base}/id/{await driver.fresh(base)}")

    STEPS["POST", base] = create
    if base != "/v2/projects":
        STEPS["PUT", base + "/id/{id}"] = replace
        STEPS["DELETE", base + "/id/{id}"] = delete


for each in FRESH:
    _common(each)
