"""Nodes that policies want, on both databases: noted, taken by one, settled, retried."""

import asyncio
import itertools
import json
import os
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, STAMP

from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.secrets import SecretName
from eaves.controller.jobs.policy_jobs import PolicyJobs
from eaves.controller.jobs.wanted import RenderWanted
from eaves.controller.keys import open_keys
from eaves.controller.settings import Settings
from eaves.controller.store import policies
from eaves.controller.store.devices import claim_serial, set_attestation_required
from eaves.controller.store.inputs import lock_devices
from eaves.controller.store.objects import (
    Draft,
    delete_object,
    insert_object,
    list_objects,
    replace_object,
)
from eaves.controller.store.policy_reconcile import Means, faults_as_text, reconcile, remove_owned
from eaves.controller.store.tables import Kind
from eaves.controller.store.tables_policies import policy_objects
from eaves.controller.store.tables_shared import changes
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
    await make_nodes(db, *(f"edge-{number}" for number in range(NODES)))


async def make_nodes(db: Db, *names: str) -> None:
    for device_id, name in zip(IDS, names, strict=False):
        body = {
            "name": name,
            "projectId": PROJECT,
            "interfaces": [{"intfname": "eth0"}],
        }
        draft = Draft(
            kind=Kind.DEVICE,
            id=device_id,
            enterprise_id="acme",
            name=name,
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


def project_of(*networks: str) -> Draft:
    netinsts = [
        {"name": name, "kind": "NETWORK_INSTANCE_KIND_LOCAL", "port": "eth0"} for name in networks
    ]
    body = {"name": "plant", "networkPolicy": {"networkPolicy": {"netInstanceConfig": netinsts}}}
    return Draft(Kind.PROJECT, PROJECT, "acme", "plant", json.dumps(body))


async def test_a_name_that_one_node_of_a_batch_got_is_taken_for_the_next_one(
    engine: AsyncEngine,
) -> None:
    async with unit_of_work(engine) as db:
        await insert_object(db, ACME, project_of("fw", "fw-eu"), STAMP)
        await make_nodes(db, "paris", "eu-paris")
        done = await reconcile(db, IDS[:2], means())
        (faults,) = done.faults.values()
        assert "'fw-eu-paris' belongs to another network instance" in faults[0].reasons[0]
    assert sorted(await netinsts(engine)) == ["fw-eu-eu-paris", "fw-eu-paris", "fw-paris"]


async def test_enterprises_take_turns(engine: AsyncEngine) -> None:
    others = {f"44444444-4444-4444-8444-{n:012}": PROJECT for n in range(3)}
    async with unit_of_work(engine) as db:
        await policies.want_devices(db, "acme", dict.fromkeys(IDS, PROJECT), NOW)
        await policies.want_devices(db, "other", others, NOW)
    async with unit_of_work(engine) as db:
        one = await policies.take_wanted(db, NOW, 4)
        assert [w.enterprise_id for w in one] == ["acme"] * 2 + ["other"] * 2
        next_one = await policies.take_wanted(db, NOW, 1, behind="acme")
        assert [w.enterprise_id for w in next_one] == ["other"]
        await policies.note_settled(db, tuple(others))
        assert len(await policies.take_wanted(db, NOW, 4, behind="acme")) == 4


async def test_a_device_that_another_transaction_renders_is_left_for_later(
    engine: AsyncEngine,
) -> None:
    gone = DeviceId("22222222-2222-4222-8222-222222222222")
    async with unit_of_work(engine) as db:
        await make(db, "eth0")
        await policies.want_devices(db, "acme", dict.fromkeys((*IDS, gone), PROJECT), NOW)
    if engine.dialect.name == "sqlite":  # has one writer
        return
    async with unit_of_work(engine) as renderer, asyncio.timeout(30):
        await lock_devices(renderer, IDS[:2])
        async with unit_of_work(engine) as db:
            held = await policies.hold_devices(db, await policies.take_wanted(db, NOW, 10))
        assert {one.device_id for one in held} == {*IDS[2:], gone}


async def test_a_node_that_fails_holds_up_no_other(engine: AsyncEngine, tmp_path: Path) -> None:
    keys = open_keys(Settings(state_dir=tmp_path / "keys"), clock=lambda: NOW, random=os.urandom)
    broken = Draft(Kind.NETINST, "broken", "acme", "broken", '{"ip": 5}', device_id=IDS[1])
    async with unit_of_work(engine) as db:
        await make(db, "eth0")
        await insert_object(db, ACME, broken, STAMP)
        await policies.want_project(db, "acme", PROJECT, "first")
    wanted = RenderWanted()
    job = PolicyJobs(engine, keys, lambda: NOW, wanted, lambda _ids: None)
    assert await job.round()
    assert not await job.round()  # it rests
    assert len(wanted) == NODES - 1
    async with snapshot(engine) as db:
        assert (await policies.progress_of(db, "acme", PROJECT)).faulty == 1
        (fault,) = json.loads(await policies.faults_of(db, "acme", IDS[1]))
        assert "could not be carried out (ValidationError)" in fault["reasons"][0]
        owned = (await db.execute(select(policy_objects.c.device_id))).scalars()
        assert set(owned) == set(IDS) - {IDS[1]}
    later = PolicyJobs(engine, keys, lambda: NOW + timedelta(minutes=1), wanted, lambda _ids: None)
    async with unit_of_work(engine) as db:
        await delete_object(db, ACME, Kind.NETINST, broken.id)
    assert await later.round()
    async with snapshot(engine) as db:
        assert (await policies.progress_of(db, "acme", PROJECT)).done
    assert len(wanted) == NODES


async def test_other_processes_hear_of_attestation_where_it_was_otherwise(
    engine: AsyncEngine,
) -> None:
    async with unit_of_work(engine) as db:
        await make(db, "eth0")
        await claim_serial(db, IDS[0], "key", "serial")
    for changed in (frozenset(IDS[:1]), frozenset[DeviceId]()):
        async with unit_of_work(engine) as db:
            assert await set_attestation_required(db, IDS, required=True) == changed
    async with snapshot(engine) as db:
        told = [*(await db.execute(select(changes.c.ids))).scalars()]
    alone = engine.dialect.name == "sqlite"
    assert told == ([] if alone else [json.dumps([IDS[0]])])
