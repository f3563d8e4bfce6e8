"""An app policy of many nodes, while the controller is killed: each node gets it once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from support.controller import Process, running
from support.many_devices import copy_device, device_id_of
from support.rest import Caller
from support.rest_objects import World, build_world
from support.several import until_true

from eaves.controller.store.rendered import find_rendered_of
from eaves.controller.store.tables import Kind, objects
from eaves.controller.store.tables_policies import policy_objects, policy_wanted
from eaves.controller.store.unit import open_engine, snapshot, unit_of_work
from eaves.evapi.config import decode_edge_dev_config
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

COPIES = 300
IDS = tuple(DeviceId(device_id_of(number)) for number in range(COPIES))
PASSWORD = "given to this test"


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    with running(Process(tmp_path / "state", "--admin-password-file", str(password))) as started:
        yield started


@pytest.fixture
async def engine(process: Process) -> AsyncIterator[AsyncEngine]:
    opened = open_engine(f"sqlite:///{process.state_dir}/eaves.db")
    yield opened
    await opened.dispose()


async def login(process: Process) -> Caller:
    http = httpx.AsyncClient(
        base_url=f"https://127.0.0.1:{process.rest_port}/api", verify=process.tls(), timeout=30
    )
    given = {"usernameAtRealm": "admin", "password": PASSWORD}
    answer = await http.post("/v1/login", json=given)
    assert answer.status_code == 200, answer.text
    http.headers["Authorization"] = f"Bearer {answer.json()['token']['base64']}"
    return Caller(http)


async def emptied_world(caller: Caller, engine: AsyncEngine) -> World:
    """A project of many nodes that carry nothing."""
    world = await build_world(caller)
    await caller.delete(f"/v1/apps/instances/id/{world.instance}")
    await caller.delete(f"/v1/volumes/instances/id/{world.volume}")
    await caller.delete(f"/v1/netinsts/id/{world.netinst}")
    async with unit_of_work(engine) as db:
        await copy_device(db, world, None, range(COPIES), carried=False)
    return world


def policies(world: World) -> dict[str, object]:
    network = {
        "name": "nat",
        "title": "NAT",
        "kind": "NETWORK_INSTANCE_KIND_LOCAL",
        "type": "NETWORK_INSTANCE_DHCP_TYPE_V4",
        "port": "eth0",
        "deviceDefault": True,
    }
    app = {
        "name": "web",
        "title": "Web",
        "appId": world.app,
        "nameProjectPart": "plant",
        "nameAppPart": "web",
        "originType": "ORIGIN_LOCAL",
    }
    return {
        "networkPolicy": {
            "title": "Nets",
            "type": "POLICY_TYPE_NETWORK",
            "networkPolicy": {"netInstanceConfig": [network]},
        },
        "appPolicy": {
            "title": "Apps",
            "type": "POLICY_TYPE_APP",
            "appPolicy": {"apps": [app]},
        },
    }


async def count(engine: AsyncEngine, kind: Kind) -> int:
    async with snapshot(engine) as db:
        query = select(func.count()).select_from(objects[kind])
        return int((await db.execute(query)).scalar_one())


def reaches(engine: AsyncEngine, number: int) -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        return await count(engine, Kind.APP_INSTANCE) >= number

    return condition


async def test_a_killed_controller_makes_each_instance_once(
    process: Process, engine: AsyncEngine
) -> None:
    caller = await login(process)
    world = await emptied_world(caller, engine)
    path = f"/v1/projects/id/{world.project}"
    await caller.put(path, await caller.get(path) | policies(world))
    for share in (1, COPIES // 2):
        await until_true(reaches(engine, share), f"{share} instances")
        await asyncio.to_thread(process.kill)
        await asyncio.to_thread(process.start)
    again = await login(process)

    async def done() -> bool:
        return bool(
            (await again.get(path))["appPolicy"]["status"] == "POLICY_STATUS_READY"
            and await count(engine, Kind.APP_INSTANCE) == COPIES + 1
        )

    await until_true(done, "the policy on every node")
    async with snapshot(engine) as db:
        made = Counter(
            (row.device_id, row.kind)
            for row in await db.execute(select(policy_objects.c.device_id, policy_objects.c.kind))
        )
        left = (await db.execute(select(func.count()).select_from(policy_wanted))).scalar_one()
    assert len(made) == 2 * (COPIES + 1)
    assert set(made.values()) == {1}
    assert left == 0

    async def rendered() -> bool:
        async with snapshot(engine) as db:
            found = await find_rendered_of(db, IDS)
        return len(found) == COPIES and all(
            len(decode_edge_dev_config(one.config).apps) == 1 for one in found.values()
        )

    await until_true(rendered, "every configuration")
    names = [one["name"] for one in (await again.get("/v1/apps/instances"))["list"]]
    assert len(set(names)) == COPIES + 1

    # without the policy nothing stays
    await again.put(path, await again.get(path) | {"appPolicy": None, "networkPolicy": None})

    async def gone() -> bool:
        return not await count(engine, Kind.NETINST)

    await until_true(gone, "an empty project")
    assert await count(engine, Kind.APP_INSTANCE) == 0
    await caller.http.aclose()
    await again.http.aclose()
