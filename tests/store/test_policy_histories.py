"""Two writers beside each other, and the job between them: whatever comes first, no revision is
lost, and nodes carry in the end what the last facts ask for.
"""

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, STAMP

from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.policies.decide import names_of
from eaves.controller.domain.policies.selectors import matches
from eaves.controller.domain.policies.settle import node_of
from eaves.controller.domain.secrets import SecretName
from eaves.controller.store import policies
from eaves.controller.store.objects import (
    Draft,
    VersionConflict,
    get_object,
    insert_object,
    list_objects,
    replace_object,
)
from eaves.controller.store.policy_reconcile import Means, reconcile
from eaves.controller.store.policy_sites import load_policies
from eaves.controller.store.tables import Kind
from eaves.controller.store.tables_policies import policy_objects
from eaves.controller.store.unit import Db, snapshot, unit_of_work

HISTORIES: Final = {"sqlite": 30, "postgresql": 20}  # a thousand of the decision are in property/
STEPS: Final = 4  # of each writer
PLAIN, FLEET = (f"11111111-1111-4111-8111-{n:012}" for n in range(2))
NODES: Final = tuple(f"22222222-2222-4222-8222-{n:012}" for n in range(3))
DEPLOYMENTS: Final = tuple(f"33333333-3333-4333-8333-{n:012}" for n in range(2))
TAGS: Final = ("v1", "v2")
_ids = itertools.count()

Json = dict[str, object]


def _reseal(_old: SecretName, _new: SecretName, sealed: bytes) -> bytes:
    return sealed


MEANS: Final = Means(NOW, lambda: f"44444444-4444-4444-8444-{next(_ids):012}", _reseal)


def network(name: str = "") -> Json:
    return {"name": name, "kind": "NETWORK_INSTANCE_KIND_LOCAL", "port": "eth0"}


def plain(choose: random.Random) -> Draft:
    netinsts = [network("lan")][: choose.randint(0, 1)]
    policy = {"networkPolicy": {"netInstanceConfig": netinsts}}
    body = {"name": "plain", "networkPolicy": policy}
    return Draft(Kind.PROJECT, PLAIN, "acme", "plain", json.dumps(body))


def deployment(number: int, choose: random.Random) -> Draft:
    networks = [
        {
            "metaData": {
                "name": f"nat-{n}",
                "title": choose.choice(("One", "Other")),
                "policyTargetCondition": {"gpu": "yes"} if choose.random() < 0.5 else {},
            },
            "netInstConfig": network(),
        }
        for n in range(choose.randint(0, 2))
    ]
    name, tag = f"stack-{number}", TAGS[number]
    members = {"name": name, "projectId": FLEET, "deploymentTag": tag}
    body = json.dumps({**members, "networkInstPolicies": networks})
    return Draft(Kind.DEPLOYMENT, DEPLOYMENTS[number], "acme", name, body, project_id=FLEET)


def node(number: int, choose: random.Random) -> Draft:
    project = choose.choice((PLAIN, FLEET))
    body = {
        "name": f"edge-{number}",
        "projectId": project,
        "deploymentTag": choose.choice(TAGS),
        "tags": {"gpu": choose.choice(("yes", "no"))},
        "interfaces": [{"intfname": "eth0"}],
    }
    name = f"edge-{number}"
    return Draft(Kind.DEVICE, NODES[number], "acme", name, json.dumps(body), project_id=project)


async def make(engine: AsyncEngine, choose: random.Random) -> None:
    fleet = {"name": "fleet", "type": "TAG_TYPE_DEPLOYMENT"}
    async with unit_of_work(engine) as db:
        for draft in (
            plain(choose),
            Draft(Kind.PROJECT, FLEET, "acme", "fleet", json.dumps(fleet)),
            *(deployment(n, choose) for n in range(len(DEPLOYMENTS))),
            *(node(n, choose) for n in range(len(NODES))),
        ):
            await insert_object(db, ACME, draft, STAMP)


@dataclass
class Writer:
    engine: AsyncEngine
    choose: random.Random
    written: Counter[str] = field(default_factory=Counter[str])

    async def run(self) -> None:
        for _ in range(STEPS):
            draft = self._change()
            while not await self._stored(draft):
                pass

    def _change(self) -> Draft:
        match self.choose.randrange(4):
            case 0:
                return plain(self.choose)
            case 1:
                return deployment(self.choose.randrange(len(DEPLOYMENTS)), self.choose)
            case _:
                return node(self.choose.randrange(len(NODES)), self.choose)

    async def _stored(self, draft: Draft) -> bool:
        """False: somebody else was between what was read and what was written."""
        async with snapshot(self.engine) as db:
            before = await get_object(db, ACME, draft.kind, draft.id)
        await asyncio.sleep(0)
        try:
            async with unit_of_work(self.engine) as db:
                revision = before.revision.curr
                await replace_object(db, ACME, draft, STAMP, expected=revision)
                await self._touch(db, draft)
        except VersionConflict:
            return False
        self.written[draft.id] += 1
        return True

    async def _touch(self, db: Db, draft: Draft) -> None:
        if draft.kind is Kind.DEVICE:
            await policies.want_devices(db, "acme", {draft.id: draft.project_id}, NOW)
        else:
            project = draft.project_id or draft.id
            await policies.want_project(db, "acme", project, MEANS.new_id())


async def look(engine: AsyncEngine, limit: int) -> bool:
    """As a process does; whether there was anything to look at."""
    async with snapshot(engine) as db:
        found = await policies.sweeps(db)
    for sweep in found:
        async with unit_of_work(engine) as db:
            await policies.go_on(db, sweep, NOW)
    async with unit_of_work(engine) as db:
        taken = await policies.hold_devices(db, await policies.take_wanted(db, NOW, limit))
        ids = sorted(one.device_id for one in taken)
        done = await reconcile(db, ids, MEANS)
        assert not done.faults
        await policies.note_settled(db, ids)
    return bool(found or taken)


async def looking(engine: AsyncEngine, limits: list[int]) -> None:
    for limit in limits:
        await look(engine, limit)


Carried = Mapping[tuple[str, str], tuple[str, str]]
"""By node and entry: the name of the object, and the digest of what it was made from."""


async def wanted(db: Db) -> Carried:
    found: dict[tuple[str, str], tuple[str, str]] = {}
    every = await load_policies(db, "acme", {PLAIN, FLEET})
    for stored in await list_objects(db, ACME, Kind.DEVICE):
        device = DeviceConfig.from_json_text(stored.body).model_copy(update={"id": stored.id})
        entries = every[device.project_id].entries
        names = names_of(node_of(device), entries)
        for entry in entries:
            if matches(entry.selector, node_of(device)):
                found[device.id, entry.key] = names[entry.key], entry.digest
    return found


async def carried(db: Db) -> Carried:
    names = {
        one.id: NetInstConfig.from_json_text(one.body).name
        for one in await list_objects(db, ACME, Kind.NETINST)
    }
    c = policy_objects.c
    rows = (await db.execute(select(c.device_id, c.entry, c.object_id, c.template))).all()
    assert len(rows) == len(names)
    return {(row.device_id, row.entry): (names[row.object_id], row.template) for row in rows}


async def test_nodes_come_to_what_the_last_facts_ask_for_and_no_revision_is_lost(
    engine: AsyncEngine,
) -> None:
    choose = random.Random(4)  # noqa: S311 - the same histories every time
    await make(engine, choose)
    writers = [Writer(engine, choose), Writer(engine, choose)]
    seen: set[int] = set()
    for number in range(HISTORIES[engine.dialect.name]):
        limits = [choose.randint(1, len(NODES)) for _ in range(choose.randint(0, 3))]
        await asyncio.gather(*(one.run() for one in writers), looking(engine, limits))
        while await look(engine, choose.randint(1, len(NODES))):
            pass
        async with snapshot(engine) as db:
            there = await carried(db)
            assert there == await wanted(db), number
            seen.add(len(there))
    assert len(seen) > 2, "the histories are all the same"
    written = writers[0].written + writers[1].written
    async with snapshot(engine) as db:
        for kind in (Kind.PROJECT, Kind.DEPLOYMENT, Kind.DEVICE):
            for one in await list_objects(db, ACME, kind):
                assert one.revision.curr == 1 + written[one.id], one.name
