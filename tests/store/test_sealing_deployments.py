"""Of deployments that have vaults sealed, each revision is read once."""

import json
from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, STAMP, draft

from eaves.controller.domain.policies.selectors import Node
from eaves.controller.store.attesting import OF_DEPLOYMENTS, Deployments, ToBoot, pcr_lists
from eaves.controller.store.objects import insert_object
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.evapi.attest import AttestPolicyPcrList
from eaves.ids import DeviceId

ONE = DeviceId("one")
BOOTS = {ONE: ToBoot(("model", 1), "acme", Node(ONE, "one", "north", "line", {}))}


def deployment(*indices: int) -> str:
    policy = {"pcrPolicy": {"pcrIndices": [*indices]}}
    body: dict[str, object] = {"projectId": "north", "deploymentTag": "line"}
    return json.dumps(body | {"devicePolicies": [policy], "appInstPolicies": ["much"]})


async def put(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        body = json.dumps({"type": OF_DEPLOYMENTS})
        await insert_object(db, ACME, draft(Kind.PROJECT, "north", body=body), STAMP)
        made = draft(Kind.DEPLOYMENT, "d", project_id="north", body=deployment(0, 4))
        await insert_object(db, ACME, made, STAMP)


async def change(engine: AsyncEngine, statement: str, **values: object) -> None:
    async with unit_of_work(engine) as db:
        await db.execute(text(statement), values)


async def asked(engine: AsyncEngine, known: Deployments) -> Mapping[DeviceId, AttestPolicyPcrList]:
    async with snapshot(engine) as db:
        return await pcr_lists(db, BOOTS, known)


async def test_a_revision_is_read_once_and_the_next_one_is_seen(engine: AsyncEngine) -> None:
    await put(engine)
    known, before = Deployments(), {ONE: AttestPolicyPcrList(pcr_indices=(0, 4))}
    assert await asked(engine, known) == before
    await change(engine, "UPDATE deployments SET body = 'not read'")
    assert await asked(engine, known) == before
    await change(engine, "UPDATE deployments SET body = :body, revision = 2", body=deployment(0, 7))
    assert await asked(engine, known) == {ONE: AttestPolicyPcrList(pcr_indices=(0, 7))}


async def test_a_deployment_that_is_gone_seals_nothing(engine: AsyncEngine) -> None:
    await put(engine)
    known = Deployments()
    assert await asked(engine, known)
    await change(engine, "DELETE FROM deployments")
    assert await asked(engine, known) == {}
