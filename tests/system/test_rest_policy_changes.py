"""A policy changes, or what it refers to does: what nodes keep, and what reaches them."""

from collections.abc import AsyncIterator
from itertools import count

import pytest
import pytest_asyncio
from sqlalchemy import select
from support.rest import Caller, Rest, running_rest
from support.rest_objects import World, project
from support.rest_policies import (
    app_policy,
    carried,
    deployment,
    empty_world,
    network_policy,
    node,
    with_policies,
)

from eaves.controller.store.devices import Binding, read_devices, register_binding
from eaves.controller.store.tables import onboarding_claims
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.ids import DeviceId

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

_users = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rest(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def alice(rest: Rest) -> AsyncIterator[Caller]:
    """Of an enterprise of her own; her devices go, for others have the same serial numbers."""
    name = f"alice-{next(_users)}"
    await rest.add_user(name)
    async with rest.client(await rest.login(name)) as http:
        caller = Caller(http)
        yield caller
        for one in (await caller.get("/v1/devices"))["list"]:
            await caller.delete(f"/v1/devices/id/{one['id']}")


@pytest_asyncio.fixture(loop_scope="module")
async def world(alice: Caller) -> World:
    return await empty_world(alice)


# --- attestation ---------------------------------------------------------------------------------


async def attests(rest: Rest, device_id: str) -> set[bool]:
    """As its record says, and as its certificate is served once it has registered."""
    claim = select(onboarding_claims.c.attestation_required).where(
        onboarding_claims.c.device_id == device_id
    )
    async with snapshot(rest.engine) as db:
        found = set((await db.execute(claim)).scalars())
        return found | {
            one.attestation_required for one in await read_devices(db, (DeviceId(device_id),))
        }


async def test_a_node_attests_as_long_as_any_of_its_policies_asks_for_it(
    rest: Rest, alice: Caller, world: World
) -> None:
    body = project("fleet") | {"type": "TAG_TYPE_DEPLOYMENT"}
    fleet = (await alice.http.post("/v2/projects", json=body)).json()["objectId"]
    base = f"/v2/projects/id/{fleet}/deployments"
    wanted = deployment(world.app, "v1")
    wanted["devicePolicies"][0]["attestationPolicy"] = {"type": "DEVICE_ATTEST_POLICY_TYPE_ENFORCE"}
    made = (await alice.http.post(base, json=wanted)).json()["objectId"]
    edge = await alice.create("/v1/devices", node(fleet, world.model, "edge-1", deploymentTag="v1"))
    assert await attests(rest, edge) == {True}
    path = f"/v1/devices/id/{edge}"
    await alice.put(path, await alice.get(path) | {"serialno": "another-serial"})
    assert await attests(rest, edge) == {True}
    binding = Binding(
        device_id=DeviceId(edge),
        enterprise_id="",
        certificate_hash=b"h" * 32,
        certificate_der=b"der",
        onboarding_key="key",
        serial="serial",
        bound_at=rest.clock(),
        attestation_required=True,
    )
    async with unit_of_work(rest.engine) as db:
        await register_binding(db, binding)
    await alice.put(path, await alice.get(path) | {"title": "Another title"})
    assert await attests(rest, edge) == {True}

    # the project asks too, and no more
    at = f"/v1/projects/id/{fleet}"
    for word in ("ENFORCE", "ACCEPT"):
        sent = await alice.get(at)
        sent["attestationPolicy"]["attestationPolicy"]["type"] = f"ATTEST_POLICY_TYPE_{word}"
        await alice.put(at, sent)
        assert await attests(rest, edge) == {True}
    # a tag takes it out of the deployment and back; then the deployment goes
    for tag, expected in (("v2", False), ("v1", True)):
        await alice.put(path, await alice.get(path) | {"deploymentTag": tag})
        assert await attests(rest, edge) == {expected}
    assert (await alice.http.delete(f"{base}/id/{made}")).status_code == 200
    assert await attests(rest, edge) == {False}


# --- names ---------------------------------------------------------------------------------------


async def test_of_two_nodes_whose_objects_would_have_one_name_one_is_told(
    alice: Caller, world: World
) -> None:
    for name in ("paris", "eu-paris"):
        await alice.create("/v1/devices", node(world.project, world.model, name))
    path = f"/v1/projects/id/{world.project}"
    apps = [app_policy(world.app, name) for name in ("fw", "fw-eu")]
    wanted = with_policies(await alice.get(path), apps, [network_policy()])
    planned = await alice.http.post("/v1/eaves/plan", json={"kind": "project", "object": wanted})
    assert planned.json()["refusedOnNodes"] == 1
    await alice.put(path, wanted)
    told = (await alice.get(path))["appPolicy"]
    assert told["status"] == "POLICY_STATUS_FAILED"
    assert "'plant-fw-eu-paris' belongs to another app instance" in told["statusMessage"]
    assert await carried(alice) == (
        ["nat-eu-paris", "nat-paris"],
        ["plant-fw-eu-eu-paris", "plant-fw-eu-paris", "plant-fw-paris"],
    )
