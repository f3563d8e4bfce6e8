"""The job of policies beside other writers, and among several enterprises."""

import asyncio
import json
import os
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, OTHER, STAMP

from eaves.controller.domain.scope import Scope
from eaves.controller.jobs.policy_jobs import PolicyJobs
from eaves.controller.jobs.wanted import RenderWanted
from eaves.controller.keys import open_keys
from eaves.controller.settings import Settings
from eaves.controller.store import policies
from eaves.controller.store.objects import (
    Draft,
    delete_object,
    insert_object,
    list_objects,
    replace_object,
)
from eaves.controller.store.policy_reconcile import Means
from eaves.controller.store.tables import Kind
from eaves.controller.store.tables_policies import policy_objects
from eaves.controller.store.unit import Db, open_engine, snapshot, unit_of_work
from eaves.ids import DeviceId

NODES = 5


def project_id(scope: Scope) -> str:
    return f"project-of-{scope.enterprise}"


def node_id(scope: Scope, number: int) -> DeviceId:
    return DeviceId(f"{scope.enterprise}-{number}")


def nodes_of(scope: Scope) -> dict[str, str]:
    return {node_id(scope, number): project_id(scope) for number in range(NODES)}


def project(scope: Scope, network: str) -> Draft:
    netinst = {"name": network, "kind": "NETWORK_INSTANCE_KIND_LOCAL", "port": "eth0"}
    body = {"name": "plant", "networkPolicy": {"networkPolicy": {"netInstanceConfig": [netinst]}}}
    return Draft(Kind.PROJECT, project_id(scope), scope.enterprise, "plant", json.dumps(body))


async def make(db: Db, scope: Scope, network: str) -> None:
    """A project with a network for each of its nodes, all of which wait."""
    await insert_object(db, scope, project(scope, network), STAMP)
    for device_id, of in nodes_of(scope).items():
        body = {"name": device_id, "projectId": of, "interfaces": [{"intfname": "eth0"}]}
        draft = Draft(
            Kind.DEVICE,
            device_id,
            scope.enterprise,
            device_id,
            json.dumps(body),
            project_id=of,
            references=frozenset({of}),
        )
        await insert_object(db, scope, draft, STAMP)
    await policies.want_devices(db, scope.enterprise, nodes_of(scope), NOW)


def job(engine: AsyncEngine, folder: Path, wanted: RenderWanted, after_s: float = 0) -> PolicyJobs:
    now = NOW + timedelta(seconds=after_s)
    keys = open_keys(Settings(state_dir=folder / "keys"), clock=lambda: NOW, random=os.urandom)
    return PolicyJobs(engine, keys, lambda: now, wanted, lambda _ids: None)


@dataclass
class Overtaken(PolicyJobs):
    """Somebody else changes the policy between what it reads and what it writes, once."""

    url: str
    overtaken: bool = False

    def _means(self, now: datetime) -> Means:
        return replace(super()._means(now), new_id=self._id)

    def _id(self) -> str:
        if not self.overtaken:  # in the thread that decides, without the lock
            self.overtaken = True
            asyncio.run(self._write())
        return str(uuid.uuid4())

    async def _write(self) -> None:
        theirs = open_engine(self.url)
        async with unit_of_work(theirs) as db:
            await replace_object(db, ACME, project(ACME, "dmz"), STAMP, expected=None)
        await theirs.dispose()


async def names(engine: AsyncEngine, scope: Scope) -> list[str]:
    async with snapshot(engine) as db:
        return [one.name for one in await list_objects(db, scope, Kind.NETINST)]


async def test_what_was_read_before_another_writer_came_is_not_carried_out(
    database_url: str, engine: AsyncEngine, tmp_path: Path
) -> None:
    if engine.dialect.name != "sqlite":
        return  # rows are locked where they are read
    async with unit_of_work(engine) as db:
        await make(db, ACME, "lan")
    wanted = RenderWanted()
    keys = open_keys(Settings(state_dir=tmp_path / "keys"), clock=lambda: NOW, random=os.urandom)
    looking = Overtaken(engine, keys, lambda: NOW, wanted, lambda _ids: None, database_url)
    assert await looking.round()
    assert looking.overtaken
    assert await names(engine, ACME) == sorted(f"dmz-{one}" for one in nodes_of(ACME))
    assert len(wanted) == NODES
    assert not await looking.round()


async def test_a_node_that_fails_holds_up_no_other_enterprise(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    broken = Draft(
        Kind.NETINST, "broken", "acme", "broken", '{"ip": 5}', device_id=node_id(ACME, 2)
    )
    async with unit_of_work(engine) as db:
        for scope in (ACME, OTHER):
            await make(db, scope, "lan")
        await insert_object(db, ACME, broken, STAMP)
    wanted = RenderWanted()
    looking = job(engine, tmp_path, wanted)
    while await looking.round():
        pass
    every = {*nodes_of(ACME), *nodes_of(OTHER)}
    async with snapshot(engine) as db:
        owned = set((await db.execute(select(policy_objects.c.device_id))).scalars())
        assert owned == every - {broken.device_id}
        assert "ValidationError" in await policies.faults_of(db, "acme", broken.device_id)
        for scope, faulty in ((ACME, 1), (OTHER, 0)):
            left = await policies.progress_of(db, scope.enterprise, project_id(scope))
            assert (left.done, left.faulty) == (True, faulty)
    assert len(wanted) == len(every) - 1
    async with unit_of_work(engine) as db:
        await delete_object(db, ACME, Kind.NETINST, broken.id)
    assert await job(engine, tmp_path, wanted, after_s=60).round()
    assert await names(engine, ACME) == sorted(f"lan-{one}" for one in nodes_of(ACME))
    assert await names(engine, OTHER) == sorted(f"lan-{one}" for one in nodes_of(OTHER))
