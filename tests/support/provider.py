"""The published Terraform provider as its calls are described: what it sends, reads and believes.

It knows the statuses that its generated client accepts, looks up what it made by name, plans by
comparing what was configured with what was read, and takes nothing as success that says otherwise.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import httpx
from support.rest import Json, Rest

SUCCESS = "zMsgSucess"  # spelt like that in the contract
ACCEPTED = "zMsgAccepted"
ALL = "PermissionAccessCreateReadUpdateDeleteExecute"
_AREAS = ("Device", "EdgeApp", "AppInstance", "Storage", "User")
_PLATFORM = ("Enterprise", "EnterpriseIntegrationItems")
_NEVER_COMPARED = ("id", "revision", "enterpriseId")


def terraform_role(*, platform: bool = False, **scope: object) -> Json:
    """All rights over nodes, apps and people, and to read the secrets that Terraform compares."""
    areas = (*_AREAS, *(_PLATFORM if platform else ()))
    return {
        "name": "terraform",
        "title": "Terraform",
        "type": "USER_ROLE_USER_DEFINED",
        "scopes": [{**{f"access{one}": ALL for one in areas}, "readSecrets": True, **scope}],
    }


async def terraform_token(rest: Rest, enterprise: str) -> str:
    """Of a new user `terraform`; the role must be there."""
    await rest.add_user("terraform", enterprise=enterprise, role="terraform")
    async with rest.client(await rest.login("terraform")) as http:
        made = await http.post("/v1/sessions/token/self", json={"readSecrets": True})
    assert made.status_code == 200, made.text
    return str(made.json()["token"])


@dataclass(frozen=True)
class Resource:
    """One resource of the provider.

    `free`: members that the server may fill, as dotted JSON names, `[]` for the elements of a
    list; `unordered`: lists whose order does not matter; `unread`: sent, never compared.
    """

    base: str
    free: frozenset[str] = frozenset()
    unordered: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()
    key: str = "name"  # the member that stands in the path of a read by name
    imported: bool = True
    sends_revision: bool = True


@dataclass
class Provider:
    http: httpx.AsyncClient

    async def create(self, resource: Resource, config: Json) -> Json:
        """What is in state afterwards."""
        answer = await self.http.post(resource.base, json=as_go(config))
        made = written(answer, (200, 201) if resource.base == "/v1/datastores" else (200,))
        if resource.base == "/v1/apps/images":
            await self._uplink(made)
        if resource.base == "/v1/devices":
            return await self._finish_node(config)
        return await self.read(resource, config)

    async def _uplink(self, image_id: str) -> None:
        image = await self.get(f"/v1/apps/images/id/{image_id}")
        answer = await self.http.put(f"/v1/apps/images/id/{image_id}/uplink", json=image)
        written(answer, (200, 202), also=ACCEPTED)

    async def _finish_node(self, config: Json) -> Json:
        """Publish, apply and activate as after a create, where it does not know the id yet."""
        path = "/v1/devices"
        state = await self.get(f"{path}/name/{config['name']}")
        if config.get("baseImage"):
            for verb in ("publish", "apply"):
                written(await self.http.put(f"{path}/id//{verb}", json=as_go(config)), (200,))
        wanted, found = config["adminState"], state["adminState"]
        if wanted == "ADMIN_STATE_ACTIVE" and found not in (wanted, "ADMIN_STATE_REGISTERED"):
            written(await self.http.put(f"{path}/id/{state['id']}/activate"), (200,))
        return await self.get(f"{path}/id/{state['id']}")

    async def read(self, resource: Resource, config: Json) -> Json:
        return await self.get(f"{resource.base}/name/{config[resource.key]}")

    async def get(self, path: str) -> Json:
        answer = await self.http.get(path)
        assert answer.status_code == 200, (path, answer.text)
        return cast("Json", answer.json())

    async def plan(self, resource: Resource, config: Json) -> list[str]:
        """Refresh, then everything that a further apply would change."""
        return differences(resource, config, await self.read(resource, config))

    async def update(self, resource: Resource, config: Json, state: Json) -> Json:
        """A full replacement: what is configured, and what the server had set where it may."""
        kept = {name: value for name, value in state.items() if name in resource.free and value}
        body = kept | as_go(config) | {"id": state["id"]}
        if resource.sends_revision:
            body["revision"] = state["revision"]
        path = f"{resource.base}/id/{state['id']}"
        if resource.base == "/v1/devices":
            await self.get(path)
        made = written(await self.http.put(path, json=body), (200,))
        assert made == state["id"], (path, made)
        return await self.read(resource, config)

    async def import_(self, resource: Resource, object_id: str) -> Json:
        return await self.get(f"{resource.base}/id/{object_id}")

    async def destroy(self, resource: Resource, object_id: str) -> None:
        path = f"{resource.base}/id/{object_id}"
        written(await self.http.delete(path), (200,))
        gone = await self.http.get(path)
        assert gone.status_code == 404, (path, gone.text)


def written(
    answer: httpx.Response, statuses: Sequence[int], also: str = SUCCESS, only: str = ""
) -> str:
    """The id in the answer to a write; any doubt is a failure, as the provider sees it.

    `also`: a code beside the one of success that it takes; `only`: the one that it takes alone.
    """
    where = f"{answer.request.method} {answer.request.url.path}"
    assert answer.status_code in statuses, (where, answer.status_code, answer.text)
    envelope = answer.json()
    codes = [one["ec"] for one in envelope.get("error") or ()]
    taken = (only,) if only else (SUCCESS, also)
    assert all(code in taken for code in codes), (where, envelope)
    assert envelope["httpStatusCode"] in (200, 202), (where, envelope)
    return str(envelope["objectId"])


def as_go(config: Json) -> Json:
    """As Go writes it: no false, zero or empty text, and null for an empty list."""

    def member(value: object) -> object:
        if isinstance(value, dict):
            return as_go(cast("Json", value))
        if isinstance(value, list):
            return [member(one) for one in cast("list[object]", value)] or None
        return value

    return {
        name: member(value) for name, value in config.items() if not _omitted(cast("object", value))
    }


def _omitted(value: object) -> bool:
    return value is not None and not isinstance(value, list) and value in (False, 0, "")


def differences(resource: Resource, config: Json, state: Json) -> list[str]:
    """Where what was read is not what is configured."""
    return _differences(resource, config, state, "")


def _differences(resource: Resource, sent: object, told: object, at: str) -> list[str]:
    if at in resource.unread or (at in resource.free and _is_zero(sent)):
        return []
    if _is_zero(sent) and _is_zero(told):
        return []
    if isinstance(sent, Mapping) or isinstance(told, Mapping):
        ours = cast("Json", sent) if isinstance(sent, Mapping) else {}
        theirs = cast("Json", told) if isinstance(told, Mapping) else {}
        names = [*ours, *(name for name in theirs if name not in ours)]
        if at == "":
            names = [name for name in names if name not in _NEVER_COMPARED]
        found: list[str] = []
        for name in names:
            path = f"{at}.{name}" if at else name
            found += _differences(resource, ours.get(name), theirs.get(name), path)
        return found
    if isinstance(sent, list) and isinstance(told, list):
        here, there = cast("list[object]", sent), cast("list[object]", told)
        if len(here) != len(there):
            return [f"{at}: {len(here)} configured, {len(there)} read"]
        if at in resource.unordered:
            here, there = sorted(here, key=_order), sorted(there, key=_order)
        return [
            text
            for one, other in zip(here, there, strict=True)
            for text in _differences(resource, one, other, f"{at}[]")
        ]
    if sent == told:
        return []
    return [f"{at}: configured {sent!r}, read {told!r}"]


def _order(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _is_zero(value: object) -> bool:
    """Absent, null, zero and empty are one; so is the default of an enum."""
    if value in (None, False, 0, "", "0"):
        return True
    if isinstance(value, str):
        return value.endswith("_UNSPECIFIED")
    if isinstance(value, Mapping):
        return all(_is_zero(one) for one in cast("Json", value).values())
    return value == []
