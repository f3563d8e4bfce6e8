"""Two writers beside each other, and two jobs between them: whatever comes first, no revision is
lost, and nodes carry in the end what the last facts ask for.

A history is what two writers do to one enterprise at the same time, until all is settled.  Many
enterprises stand side by side in one database, so that jobs look at the nodes of all of them at
once; each history goes on from where the one before left its enterprise.
"""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import NOW, STAMP

from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.policies.decide import names_of
from eaves.controller.domain.policies.selectors import matches
from eaves.controller.domain.policies.settle import node_of
from eaves.controller.domain.scope import Scope
from eaves.controller.jobs.policy_jobs import PolicyJobs
from eaves.controller.jobs.wanted import RenderWanted
from eaves.controller.keys import KeyStore, open_keys
from eaves.controller.northbound.policies import touch_devices, touch_project
from eaves.controller.northbound.work import Principal, Work
from eaves.controller.settings import Settings
from eaves.controller.store import policies
from eaves.controller.store.objects import (
    Draft,
    VersionConflict,
    get_object,
    insert_object,
    list_objects,
    replace_object,
)
from eaves.controller.store.policy_sites import load_policies
from eaves.controller.store.tables import Kind
from eaves.controller.store.tables_policies import policy_objects, policy_wanted
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import EnterpriseId

SEED: Final = os.environ.get("EAVES_SEED", "4")
HISTORIES: Final = int(os.environ.get("EAVES_POLICY_HISTORIES", "20"))  # `make test-system`: 1,000
WORLDS: Final = 20  # enterprises beside each other
STEPS: Final = 3  # of each writer
NODES: Final = 3
TAGS: Final = ("v1", "v2")

Json = dict[str, object]


def network(name: str = "") -> Json:
    return {"name": name, "kind": "NETWORK_INSTANCE_KIND_LOCAL", "port": "eth0"}


@dataclass(frozen=True, slots=True)
class World:
    """An enterprise with two projects: one with policies of its own, one with deployments."""

    number: int

    @property
    def scope(self) -> Scope:
        return Scope(EnterpriseId(f"acme-{self.number}"))

    def id_of(self, kind: int, number: int = 0) -> str:
        return f"{kind:08}-1111-4111-8111-{self.number:06}{number:06}"

    @property
    def projects(self) -> tuple[str, str]:
        return self.id_of(1, 0), self.id_of(1, 1)

    def draft(self, kind: Kind, object_id: str, body: Json) -> Draft:
        name = str(body["name"])
        project = str(body.get("projectId", ""))
        text = json.dumps(body)
        return Draft(kind, object_id, self.scope.enterprise, name, text, project_id=project)

    def plain(self, choose: random.Random) -> Draft:
        netinsts = [network("lan")][: choose.randint(0, 1)]
        policy = {"networkPolicy": {"netInstanceConfig": netinsts}}
        return self.draft(
            Kind.PROJECT, self.projects[0], {"name": "plain", "networkPolicy": policy}
        )

    def fleet(self) -> Draft:
        body: Json = {"name": "fleet", "type": "TAG_TYPE_DEPLOYMENT"}
        return self.draft(Kind.PROJECT, self.projects[1], body)

    def deployment(self, number: int, choose: random.Random) -> Draft:
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
        body: Json = {
            "name": f"stack-{number}",
            "projectId": self.projects[1],
            "deploymentTag": TAGS[number],
            "networkInstPolicies": networks,
        }
        return self.draft(Kind.DEPLOYMENT, self.id_of(2, number), body)

    def node(self, number: int, choose: random.Random) -> Draft:
        body: Json = {
            "name": f"edge-{number}",
            "projectId": choose.choice(self.projects),
            "deploymentTag": choose.choice(TAGS),
            "tags": {"gpu": choose.choice(("yes", "no"))},
            "interfaces": [{"intfname": "eth0"}],
        }
        return self.draft(Kind.DEVICE, self.id_of(3, number), body)

    def any_of(self, place: int, choose: random.Random) -> Draft:
        """A version of the object at one of six places; a node at half of them."""
        if place == 0:
            return self.plain(choose)
        if place <= len(TAGS):
            return self.deployment(place - 1, choose)
        return self.node(place - 1 - len(TAGS), choose)

    async def make(self, db: Db) -> None:
        choose = random.Random(f"{SEED} {self.number}")  # noqa: S311 - the same every time
        enterprise = self.scope.enterprise
        every = [Draft(Kind.ENTERPRISE, enterprise, enterprise, enterprise, "{}")]
        every += [self.plain(choose), self.fleet()]
        every += [self.deployment(n, choose) for n in range(len(TAGS))]
        every += [self.node(n, choose) for n in range(NODES)]
        for draft in every:
            await insert_object(db, self.scope, draft, STAMP)
        for project in self.projects:
            await policies.want_project(db, enterprise, project, "made")


PLACES: Final = 1 + len(TAGS) + NODES


@dataclass
class Site:
    """A database, and what the processes on it have beside it."""

    engine: AsyncEngine
    keys: KeyStore
    written: Counter[str] = field(default_factory=Counter[str])
    conflicts: int = 0

    def jobs(self) -> PolicyJobs:
        return PolicyJobs(self.engine, self.keys, lambda: NOW, RenderWanted(), lambda _ids: None)

    def work(self, db: Db, scope: Scope) -> Work:
        who = Principal("", "admin", scope, "", "", "", must_change_password=False)
        return Work(db, who, NOW, "", os.urandom, self.keys)


@dataclass
class Writer:
    """One of the two of a history.  Both begin with the same object, and meet before they write."""

    site: Site
    world: World
    choose: random.Random
    first: int
    met: asyncio.Barrier

    async def run(self) -> None:
        await self._write(self.world.any_of(self.first, self.choose), meet=True)
        for _ in range(STEPS - 1):
            place = self.choose.randrange(PLACES)
            await self._write(self.world.any_of(place, self.choose), meet=False)

    async def _write(self, draft: Draft, *, meet: bool) -> None:
        by_job = self.choose.random() < 0.5
        while not await self._stored(draft, meet=meet, by_job=by_job):
            self.site.conflicts += 1
            meet = False

    async def _stored(self, draft: Draft, *, meet: bool, by_job: bool) -> bool:
        """False: somebody else was between what was read and what was written."""
        scope = self.world.scope
        async with snapshot(self.site.engine) as db:
            before = await get_object(db, scope, draft.kind, draft.id)
        if meet:
            await self.met.wait()
        try:
            async with unit_of_work(self.site.engine) as db:
                revision = before.revision.curr
                await replace_object(db, scope, draft, STAMP, expected=revision)
                await self._touch(self.site.work(db, scope), draft, by_job=by_job)
        except VersionConflict:
            return False
        self.site.written[draft.id] += 1
        return True

    async def _touch(self, work: Work, draft: Draft, *, by_job: bool) -> None:
        """As REST does with few nodes, or as with many: `by_job`."""
        own = {draft.id: draft.project_id}
        project = draft.project_id or draft.id
        match draft.kind is Kind.DEVICE, by_job:
            case True, True:
                await policies.want_devices(work.db, work.scope.enterprise, own, NOW)
            case True, False:
                await touch_devices(work, own)
            case False, True:
                await policies.want_project(work.db, work.scope.enterprise, project, work.new_id())
            case _:
                await touch_project(work, project)


async def history(site: Site, world: World, number: int) -> None:
    choose = random.Random(f"{SEED} {world.number} {number}")  # noqa: S311 - the same every time
    first, met = choose.randrange(PLACES), asyncio.Barrier(2)
    seeds = [choose.random(), choose.random()]
    async with asyncio.TaskGroup() as tasks:
        for seed in seeds:
            own = random.Random(seed)  # noqa: S311 - as above
            tasks.create_task(Writer(site, world, own, first, met).run())


async def side_by_side(site: Site, worlds: Sequence[World], number: int) -> None:
    """A history of each of these, while two processes look after policies."""
    over = asyncio.Event()

    async def look_after() -> None:
        jobs = site.jobs()
        while not over.is_set():
            if not await jobs.round():
                await asyncio.sleep(0.005)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(look_after())
        for world in worlds:
            await history(site, world, number)
        over.set()
    jobs = site.jobs()
    while await jobs.round():
        pass


Carried = Mapping[tuple[str, str], tuple[str, str]]
"""By node and entry: the name of the object, and the digest of what it was made from."""


async def wanted(db: Db, world: World) -> Carried:
    found: dict[tuple[str, str], tuple[str, str]] = {}
    every = await load_policies(db, world.scope.enterprise, world.projects)
    for stored in await list_objects(db, world.scope, Kind.DEVICE):
        device = DeviceConfig.from_json_text(stored.body).model_copy(update={"id": stored.id})
        entries = every[device.project_id].entries
        names = names_of(node_of(device), entries)
        for entry in entries:
            if matches(entry.selector, node_of(device)):
                found[device.id, entry.key] = names[entry.key], entry.digest
    return found


async def carried(db: Db, world: World) -> Carried:
    names = {
        one.id: NetInstConfig.from_json_text(one.body).name
        for one in await list_objects(db, world.scope, Kind.NETINST)
    }
    c = policy_objects.c
    query = select(c.device_id, c.entry, c.object_id, c.template)
    rows = (await db.execute(query.where(c.enterprise_id == world.scope.enterprise))).all()
    assert len(rows) == len(names)
    return {(row.device_id, row.entry): (names[row.object_id], row.template) for row in rows}


@pytest.mark.timeout(1800)
async def test_nodes_come_to_what_the_last_facts_ask_for_and_no_revision_is_lost(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    keys = open_keys(Settings(state_dir=tmp_path / "keys"), clock=lambda: NOW, random=os.urandom)
    site, worlds = Site(engine, keys), [World(number) for number in range(WORLDS)]
    async with unit_of_work(engine) as db:
        for world in worlds:
            await world.make(db)
    seen: set[int] = set()
    rounds = -(-HISTORIES // WORLDS)
    for number in range(rounds):
        await side_by_side(site, worlds, number)
        async with snapshot(engine) as db:
            left = (await db.execute(select(policy_wanted))).all()
            assert left == [], f"seed {SEED}, round {number}: refused, or never looked at"
            for world in worlds:
                there = await carried(db, world)
                told = f"seed {SEED}, world {world.number}, round {number}"
                assert there == await wanted(db, world), told
                seen.add(len(there))
    assert len(seen) > 2, "the histories are all the same"
    assert site.conflicts >= rounds * WORLDS, "the writers of some history never met"
    async with snapshot(engine) as db:
        for world in worlds:
            for kind in (Kind.PROJECT, Kind.DEPLOYMENT, Kind.DEVICE):
                for one in await list_objects(db, world.scope, kind):
                    assert one.revision.curr == 1 + site.written[one.id], (world, one.name)
