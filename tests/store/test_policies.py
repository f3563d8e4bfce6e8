"""Nodes that policies want, on both databases: noted, taken by one, settled, retried."""

import itertools
import json
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, STAMP

from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.secrets import SecretName
from eaves.controller.store import policies
from eaves.controller.store.objects import Draft, insert_object, list_objects, replace_object
from eaves.controller.store.policy_reconcile import Means, faults_as_text, reconcile, remove_owned
from eaves.controller.store.tables import Kind
from eaves.controller.store.tables_policies import policy_objects
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import DeviceId

PROJECT = "11111111-1111-4111-8111-000000000000"
NODES = 5
IDS = tuple(DeviceId(f"22222222-2222-4222-8222-{n:012}") for n in range(NODES))
_made = itertools.count()


def _reseal(_old: SecretName, _new: SecretName, sealed: bytes) -> bytes:
    return sealed


def means() -> Means:
    return Means(NOW, lambda: f"33333333-3333-4333-8333-{next(_made):012}", _reseal)


def project_draft(port: str) -> Draft:
    netinst = {"name": "lan", "kind": "NETWORK_INSTANCE_KIND_LOCAL", "port": port}
    policy = {"networkPolicy": {"netInstanceConfig": [netinst] if port else []}}
    body = {"name": "plant", "title": "Plant", "networkPolicy": policy}
    return Draft(Kind.PROJECT, PROJECT, "acme", "plant", json.dumps(body))


async def make(db: Db, port: str) -> None:
    await insert_object(db, ACME, project_draft(port), STAMP)
    for number, device_id in enumerate(IDS):
        body = {
            "name": f"edge-{number}",
            "projectId": PROJECT,
            "interfaces": [{"intfname": "eth0"}],
        }
        draft = Draft(
            kind=Kind.DEVICE,
            id=device_id,
            enterprise_id="acme",
            name=f"edge-{number}",
            body=json.dumps(body),
            project_id=PROJECT,
            references=frozenset({PROJECT}),
        )
        await insert_object(db, ACME, draft, STAMP)


async def netinsts(engine: AsyncEngine) -> dict[str, NetInstConfig]:
    async with snapshot(engine) as db:
        found = await list_objects(db, ACME, Kind.NETINST)
    return {one.name: NetInstConfig.from_json_text(one.body) for one in found}


async def test_a_project_is_swept_and_each_node_settled_once(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        await make(db, "eth0")
        await policies.want_project(db, "acme", PROJECT, "first")
    async with unit_of_work(engine) as db:
        (sweep,) = await policies.sweeps(db)
        assert await policies.go_on(db, sweep, NOW) == NODES
        assert await policies.go_on(db, sweep, NOW) == 0  # another process was there first
        assert await policies.sweeps(db) == ()
        progress = await policies.progress_of(db, "acme", PROJECT)
        assert (progress.waiting, progress.done) == (NODES, False)
    async with unit_of_work(engine) as one:
        mine = await policies.take_wanted(one, NOW, 3)
        if engine.dialect.name != "sqlite":  # beside the first, another process takes the rest
            async with unit_of_work(engine) as other:
                theirs = await policies.take_wanted(other, NOW, NODES)
                assert {w.device_id for w in theirs} == set(IDS) - {w.device_id for w in mine}
        done = await reconcile(one, [w.device_id for w in mine], means())
        assert (done.changed, done.faults) == (frozenset(w.device_id for w in mine), {})
        await policies.note_settled(one, done.changed)
    async with unit_of_work(engine) as db:
        rest = await policies.take_wanted(db, NOW, NODES)
        await reconcile(db, [w.device_id for w in rest], means())
        await policies.note_settled(db, [w.device_id for w in rest])
        again = await reconcile(db, IDS, means())
        assert not again.changed
        assert (await policies.progress_of(db, "acme", PROJECT)).done
    found = await netinsts(engine)
    assert sorted(found) == [f"lan-edge-{number}" for number in range(NODES)]
    assert {one.network_policy_id for one in found.values()} == {PROJECT}


async def test_what_is_refused_comes_again_and_what_goes_takes_its_objects(
    engine: AsyncEngine,
) -> None:
    async with unit_of_work(engine) as db:
        await make(db, "eth7")  # no node has such a port
        await policies.want_devices(db, "acme", {IDS[0]: PROJECT}, NOW)
        done = await reconcile(db, IDS[:1], means())
        (fault,) = done.faults[IDS[0]]
        assert "eth7" in fault.reasons[0]
        row = {
            "enterprise_id": "acme",
            "device_id": IDS[0],
            "project_id": PROJECT,
            "attempts": 1,
            "due_at": NOW + timedelta(seconds=5),
            "faults": faults_as_text((fault,)),
        }
        await policies.note_faults(db, [row])
        assert await policies.take_wanted(db, NOW, NODES) == ()
        progress = await policies.progress_of(db, "acme", PROJECT)
        assert (progress.done, progress.faulty) == (True, 1)
        (again,) = await policies.take_wanted(db, NOW + timedelta(seconds=6), NODES)
        assert (again.device_id, again.attempts) == (IDS[0], 1)
        await replace_object(db, ACME, project_draft("eth0"), STAMP, expected=None)
        assert (await reconcile(db, IDS, means())).changed == frozenset(IDS)
    async with unit_of_work(engine) as db:
        await remove_owned(db, IDS[0], means())
        owned = await db.execute(select(policy_objects.c.device_id))
        assert {row.device_id for row in owned} == set(IDS[1:])
        await replace_object(db, ACME, project_draft(""), STAMP, expected=None)
        await reconcile(db, IDS, means())
    assert await netinsts(engine) == {}
