"""A change of many devices on PostgreSQL: of two controllers that render one is killed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from store.databases import postgres_is_there
from support.many_devices import copy_device, device_id_of
from support.rest import Caller
from support.rest_objects import World, build_world
from support.several import Several, several, until_true

from eaves.controller.store.rendered import find_rendered_of
from eaves.controller.store.unit import open_engine, snapshot, unit_of_work
from eaves.evapi.config import decode_edge_dev_config
from eaves.ids import DeviceId

pytestmark = [pytest.mark.system, pytest.mark.postgres]

COPIES = 1500
IDS = tuple(DeviceId(device_id_of(number)) for number in range(COPIES))
FUNCTION = """
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO told VALUES (NEW.device_id); RETURN NEW; END $$
"""
TRIGGER = """
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON rendered_configs
FOR EACH ROW EXECUTE FUNCTION tell()
"""
NOTES = ("CREATE TABLE told (device_id text NOT NULL)", FUNCTION, TRIGGER)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Several]:
    if not postgres_is_there():
        pytest.skip("no PostgreSQL on this machine; install the package postgresql")
    with several(tmp_path) as running:
        yield running


@pytest.fixture
async def engine(two: Several) -> AsyncIterator[AsyncEngine]:
    opened = open_engine(two.server.url)
    yield opened
    await opened.dispose()


async def rendered_once(engine: AsyncEngine) -> Counter[str]:
    """How often each device was stored since the table of notes is there."""
    async with snapshot(engine) as db:
        return Counter(row[0] for row in await db.execute(text("SELECT device_id FROM told")))


async def change_with_copies(engine: AsyncEngine, caller: Caller) -> tuple[World, str]:
    """The world with many devices, and the job of a change of their network."""
    world = await build_world(caller)
    async with unit_of_work(engine) as db:
        await copy_device(db, world, None, range(COPIES), carried=False)
        for statement in NOTES:
            await db.execute(text(statement))
    path = f"/v1/networks/id/{world.network}"
    answer = await caller.http.put(path, json=await caller.get(path) | {"mtu": 1400})
    assert answer.status_code == 200, answer.text
    return world, answer.json()["jobId"]


async def test_the_other_one_renders_what_a_killed_controller_left(
    two: Several, engine: AsyncEngine
) -> None:
    async with two.caller(1) as caller:
        world, job = await change_with_copies(engine, caller)

        async def begun() -> bool:
            return bool(await rendered_once(engine))

        await until_true(begun, "the first batch")
        await asyncio.to_thread(two.processes[0].kill)

        async def finished() -> bool:
            return "finishedAt" in await caller.get(f"/v1/eaves/render-jobs/id/{job}")

        await until_true(finished, "the job")
        told = await caller.get(f"/v1/eaves/render-jobs/id/{job}")
    assert (told["rendered"], told["total"], told["failed"]) == (COPIES + 1, COPIES + 1, 0)
    assert await rendered_once(engine) == Counter([*IDS, world.device])
    async with snapshot(engine) as db:
        configs = await find_rendered_of(db, IDS)
    mtus = {decode_edge_dev_config(one.config).networks[0].mtu for one in configs.values()}
    assert (len(configs), mtus) == (COPIES, {1400})
