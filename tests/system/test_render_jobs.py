"""A change that touches many devices: stored at once, rendered in batches, whoever dies."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from support.many_devices import copy_device, device_id_of
from support.rest import Caller, Json, Rest, running_rest
from support.rest_objects import World, build_world

from eaves.controller.jobs.render_jobs import RETRY_S, RenderJobs
from eaves.controller.jobs.rendering import Renderer
from eaves.controller.store.inputs import ToRender
from eaves.controller.store.rendered import Outcome, find_rendered
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.evapi.config import decode_edge_dev_config
from eaves.ids import DeviceId

COPIES = 120
BATCH = 50  # devices at once
IDS = sorted(DeviceId(device_id_of(n)) for n in range(COPIES))

pytestmark = pytest.mark.system


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path) as running:
        await running.add_user("alice")
        yield running


@pytest.fixture
async def caller(rest: Rest) -> AsyncIterator[Caller]:
    async with rest.client(await rest.login("alice")) as http:
        yield Caller(http)


@pytest.fixture(name="world")
async def world_of_many(rest: Rest, caller: Caller) -> World:
    world = await build_world(caller)
    async with unit_of_work(rest.engine) as db:
        await copy_device(db, world, rest.keys, range(COPIES), carried=False)
    return world


def runner(rest: Rest, told: set[DeviceId]) -> RenderJobs:
    def changed(ids: Iterable[DeviceId]) -> None:
        told.update(ids)

    return RenderJobs(rest.engine, Renderer(rest.keys), rest.clock, changed, devices_at_once=BATCH)


async def change_network(caller: Caller, world: World, mtu: int) -> Json:
    path = f"/v1/networks/id/{world.network}"
    answer = await caller.http.put(path, json=await caller.get(path) | {"mtu": mtu})
    assert answer.status_code == 200, answer.text
    return cast("Json", answer.json())


async def mtu_of(rest: Rest, device_id: DeviceId) -> int:
    async with snapshot(rest.engine) as db:
        rendered = await find_rendered(db, device_id)
    assert rendered is not None
    return decode_edge_dev_config(rendered.config).networks[0].mtu


async def test_a_change_of_many_devices_is_a_job_that_outlives_its_process(
    rest: Rest, caller: Caller, world: World
) -> None:
    job_id = (await change_network(caller, world, 1400))["jobId"]
    assert job_id
    path = f"/v1/eaves/render-jobs/id/{job_id}"
    job = await caller.get(path)
    assert (job["total"], job["rendered"], job["failed"]) == (COPIES + 1, 0, 0)
    why = await caller.get(f"/v1/eaves/why/device/{IDS[-1]}")
    assert not why["met"]
    waits = f"config not rendered yet: network 'dhcp' was changed, job {job_id} 0/{COPIES + 1}"
    assert why["chain"][0]["text"] == waits
    told: set[DeviceId] = set()
    assert await runner(rest, told).round()  # finds the devices, and then its process dies
    assert not told
    job = await caller.get(path)
    assert (job["total"], job["rendered"], job["failed"]) == (COPIES + 1, 0, 0)
    assert await runner(rest, told).round()  # one batch, and the next one dies
    assert len(told) == BATCH
    assert (await caller.get(path))["rendered"] == BATCH
    successor = runner(rest, told)
    while await successor.round():
        pass
    job = await caller.get(path)
    assert job["rendered"] == job["total"] == COPIES + 1
    assert job["finishedAt"]
    assert told == {*IDS, world.device}
    assert {await mtu_of(rest, one) for one in IDS} == {1400}
    why = await caller.get(f"/v1/eaves/why/device/{IDS[-1]}")
    assert not any("not rendered yet" in link["text"] for link in why["chain"])
    assert [j["id"] for j in (await caller.get("/v1/eaves/render-jobs"))["list"]] == [job_id]


async def test_later_changes_are_in_what_is_rendered_and_end_both_jobs(
    rest: Rest, caller: Caller, world: World
) -> None:
    jobs = [(await change_network(caller, world, mtu))["jobId"] for mtu in (1400, 1300)]
    rendering = runner(rest, set())
    while await rendering.round():
        pass
    assert {await mtu_of(rest, one) for one in IDS} == {1300}
    for job_id in jobs:
        assert "finishedAt" in await caller.get(f"/v1/eaves/render-jobs/id/{job_id}")


async def test_a_change_that_cannot_be_rendered_is_refused(caller: Caller, world: World) -> None:
    path = f"/v1/sysmodels/id/{world.model}"
    before = await caller.get(path)
    (member,) = before["ioMemberList"]
    wrong = [member | {"vfs": {"count": 1 << 40}}]
    answer = await caller.http.put(path, json=before | {"ioMemberList": wrong})
    assert answer.status_code == 400
    (error,) = answer.json()["error"]
    assert "(model 'box-1') cannot be rendered" in error["details"], error
    assert f"none of {COPIES + 1} devices" in error["details"]
    assert (await caller.get("/v1/eaves/render-jobs"))["list"] == []
    assert await caller.get(path) == before


async def test_who_changes_a_device_meanwhile_wins(
    rest: Rest, caller: Caller, world: World
) -> None:
    """A request changes and renders a device between the reading of a batch and its storing."""
    await change_network(caller, world, 1400)
    path, loop = f"/v1/devices/id/{IDS[0]}", asyncio.get_running_loop()

    async def rename() -> None:
        await caller.put(path, await caller.get(path) | {"title": "new", "tags": {"a": "b"}})
        port = (await caller.get(path))["interfaces"][0] | {"cost": 7}
        await caller.put(path, await caller.get(path) | {"interfaces": [port]})

    class Interrupted(Renderer):
        done = False

        def made(
            self, found: ToRender, now: datetime
        ) -> tuple[list[Outcome], dict[DeviceId, Exception]]:
            result = super().made(found, now)
            if not self.done:
                self.done = True
                asyncio.run_coroutine_threadsafe(rename(), loop).result(30)
            return result

    rendering = RenderJobs(rest.engine, Interrupted(rest.keys), rest.clock, lambda _ids: None)
    assert await rendering.round()  # finds the devices
    assert await rendering.round()
    assert (await cost_of(rest, IDS[0]), await cost_of(rest, IDS[1])) == (7, 0)
    while await rendering.round():
        pass
    assert await cost_of(rest, IDS[0]) == 7
    assert {await mtu_of(rest, one) for one in IDS} == {1400}


async def test_a_job_that_fails_rests_and_the_others_go_on(
    rest: Rest, caller: Caller, world: World
) -> None:
    jobs = [(await change_network(caller, world, mtu))["jobId"] for mtu in (1400, 1300)]
    refuse = (
        "CREATE TRIGGER refuse BEFORE UPDATE ON render_jobs "
        f"WHEN old.id = '{jobs[0]}' BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )
    async with unit_of_work(rest.engine) as db:
        await db.exec_driver_sql(refuse)
    rendering = runner(rest, set())
    while await rendering.round():
        pass
    assert {await mtu_of(rest, one) for one in IDS} == {1300}
    shown = [await caller.get(f"/v1/eaves/render-jobs/id/{job_id}") for job_id in jobs]
    assert ["finishedAt" in job for job in shown] == [False, True]
    async with unit_of_work(rest.engine) as db:
        await db.exec_driver_sql("DROP TRIGGER refuse")
    assert not await rendering.round()
    rest.clock.pass_by(timedelta(seconds=RETRY_S))
    while await rendering.round():
        pass
    assert "finishedAt" in await caller.get(f"/v1/eaves/render-jobs/id/{jobs[0]}")


async def without_networks(rest: Rest, caller: Caller) -> World:
    """As `world`, but the ports of the devices name no network."""
    world = await build_world(caller)
    path = f"/v1/devices/id/{world.device}"
    device = await caller.get(path)
    (port,) = device["interfaces"]
    nameless = port | {"netname": "", "netid": ""}
    await caller.put(path, device | {"interfaces": [nameless]})
    async with unit_of_work(rest.engine) as db:
        await copy_device(db, world, rest.keys, range(COPIES), carried=False)
    return world


async def test_the_default_network_is_that_of_ports_that_name_none(
    rest: Rest, caller: Caller
) -> None:
    world = await without_networks(rest, caller)
    rendering, path = runner(rest, set()), f"/v1/networks/id/{world.network}"

    async def mtus_after(**changes: object) -> set[int]:
        await caller.put(path, await caller.get(path) | changes)
        while await rendering.round():
            pass
        return {await mtu_of(rest, one) for one in (*IDS, DeviceId(world.device))}

    assert await mtus_after(enterpriseDefault=True, mtu=1400) == {1400}
    assert await mtus_after(mtu=1300) == {1300}
    (plain,) = await mtus_after(enterpriseDefault=False)
    assert plain != 1300
    assert await mtus_after(enterpriseDefault=True) == {1300}
    answer = await caller.http.delete(path)
    assert answer.status_code == 200, answer.text
    while await rendering.round():
        pass
    assert {await mtu_of(rest, one) for one in (*IDS, DeviceId(world.device))} == {plain}


async def cost_of(rest: Rest, device_id: DeviceId) -> int:
    async with snapshot(rest.engine) as db:
        rendered = await find_rendered(db, device_id)
    assert rendered is not None
    return decode_edge_dev_config(rendered.config).system_adapter_list[0].cost
