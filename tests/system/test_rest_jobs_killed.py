"""A bulk job of many devices whose controller is killed again and again: each device once."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from store.databases import postgres_is_there
from support.bulk import ask
from support.controller import Process
from support.many_devices import copy_device, device_id_of
from support.rest import Caller
from support.rest_objects import build_world
from support.several import PASSWORD, several, until_true

from eaves.controller.settings import Settings
from eaves.controller.store.unit import open_engine, snapshot, unit_of_work

COPIES = 200
KILLS = 3
IDS = [device_id_of(number) for number in range(COPIES)]

pytestmark = [pytest.mark.system, pytest.mark.postgres]


@dataclass
class Site:
    """Controller processes on one database."""

    url: str
    processes: list[Process]

    async def worker(self, engine: AsyncEngine) -> Process:
        """The one that carries the jobs out."""
        if len(self.processes) == 1:
            return self.processes[0]
        async with snapshot(engine) as db:
            query = text("SELECT holder FROM leases WHERE name = 'bulk-jobs'")
            holder = str((await db.execute(query)).scalar_one())
        return next(p for p in self.processes if f":{p.pid}:" in holder)


@pytest.fixture(params=["sqlite", "postgresql"])
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            password = tmp_path / "password"
            password.write_text(PASSWORD)
            process = Process(tmp_path / "state", "--admin-password-file", str(password))
            process.start()
            stack.callback(process.kill)
            yield Site(Settings(state_dir=tmp_path / "state").database, [process])
        else:
            if not postgres_is_there():
                pytest.skip("no PostgreSQL on this machine; install the package postgresql")
            two = stack.enter_context(several(tmp_path))
            yield Site(two.server.url, two.processes)


@pytest.fixture
async def engine(site: Site) -> AsyncIterator[AsyncEngine]:
    opened = open_engine(site.url)
    yield opened
    await opened.dispose()


@asynccontextmanager
async def logged_in(process: Process) -> AsyncGenerator[Caller]:
    async with httpx.AsyncClient(
        base_url=f"https://127.0.0.1:{process.rest_port}/api", verify=process.tls(), timeout=30
    ) as http:
        given = {"usernameAtRealm": "admin", "password": PASSWORD}
        answer = await http.post("/v1/login", json=given)
        assert answer.status_code == 200, answer.text
        http.headers["Authorization"] = f"Bearer {answer.json()['token']['base64']}"
        yield Caller(http)


async def progress(engine: AsyncEngine) -> tuple[str, int]:
    async with snapshot(engine) as db:
        row = (await db.execute(text("SELECT status, done FROM bulk_jobs"))).one()
    return row.status, row.done


async def test_each_device_is_changed_once_however_often_the_controller_dies(
    site: Site, engine: AsyncEngine
) -> None:
    async with logged_in(site.processes[0]) as caller:
        world = await build_world(caller)
        async with unit_of_work(engine) as db:
            await copy_device(db, world, None, range(COPIES), carried=False)
        before = await revisions(engine)
        body = {
            "jobName": "survivor",
            "selectionCriteria": {"projectId": world.project},
            "tagUpdate": {"tags": {"seen": "once"}},
        }
        job = await ask(caller, "devices/tags", body)
    for number in range(KILLS):
        least = COPIES * number // (KILLS + 1)

        async def far_enough(least: int = least) -> bool:
            return (await progress(engine))[1] > least

        await until_true(far_enough, f"more than {least} devices")
        worker = await site.worker(engine)
        await asyncio.to_thread(worker.kill)
        await asyncio.to_thread(worker.start)

    async def over() -> bool:
        return (await progress(engine))[0] == "COMPLETED"

    await until_true(over, "the job")
    every = {*IDS, world.device}
    after = await revisions(engine)
    assert {one: after[one] - before[one] for one in every} == dict.fromkeys(every, 1)
    async with snapshot(engine) as db:
        query = text("SELECT object_id FROM audit WHERE request_id = 'job survivor'")
        audited = list((await db.execute(query)).scalars())
        rendered = text("SELECT count(*) FROM rendered_configs")
        assert (await db.execute(rendered)).scalar_one() == len(every)
    assert len(audited) == len(every)
    assert set(audited) == every
    async with logged_in(site.processes[-1]) as caller:
        told = await caller.get(f"/v1/jobs/id/{job}")
    assert set(told["individualOpStatus"]) == every
    assert set(told["individualOpStatus"].values()) == {"COMPLETE"}


async def revisions(engine: AsyncEngine) -> dict[str, int]:
    async with snapshot(engine) as db:
        rows = await db.execute(text("SELECT id, revision FROM devices"))
        return {row.id: row.revision for row in rows}
