"""A base OS over several nodes with two slots: from a roll-out to committed systems, and back.

The controller, the wire and the state machine of each node are those of a product; the slots of a
node are files, and its loader and its power are the test's.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from support import rest_objects
from support.bulk import ALONE
from support.controller import WireDevice
from support.os_device import Device
from support.os_updates import Computer
from support.rest import Json
from support.rest_objects import World, build_world
from support.rollouts import A_LOOK, PATH, begin, move, spec
from support.whole_controller import Whole, whole_controller

from eaves.evapi.config import EdgeDevConfig, decode_edge_dev_config
from eaves.evapi.info import ZInfoDevice, ZInfoMsg, ZInfoTypes, encode_z_info_msg
from eaves.evapi.paths import Endpoint
from eaves.ids import DeviceId
from eaves.node.baseos.slots import Phase
from eaves.node.baseos.trial import Answer

pytestmark = pytest.mark.system

OLD, NEW = "1", "14.0"
A_TRIAL_S = 720.0


@dataclass
class Node:
    """A device of the controller whose base OS has two slots."""

    whole: Whole
    wire: WireDevice
    os: Device

    async def config(self) -> EdgeDevConfig:
        body = await self.whole.until_polled(self.wire, 200)
        raw = self.whole.devices.controller_key.poll_response(body).config
        assert raw is not None
        return decode_edge_dev_config(raw)

    async def until_asked_for(self, version: str, retry: int = 0) -> EdgeDevConfig:
        """What is changed by REST is rendered a moment later."""
        async with asyncio.timeout(60):
            while True:
                config = await self.config()
                asked = config.baseos
                counter = asked.retry_update.counter if asked and asked.retry_update else 0
                if asked and (asked.base_os_version, counter) == (version, retry):
                    return config
                await asyncio.sleep(0.05)

    async def tell(self) -> Json:
        """Report both slots; the status of the device once REST has them."""
        assert self.os.node is not None
        now = self.whole.devices.clock()
        slots = self.os.node.software()
        info = ZInfoDevice(sw_list=slots, baseos_update_counter=self.os.node.counter())
        message = ZInfoMsg(
            ztype=ZInfoTypes.ZiDevice,
            dev_id=self.wire.device_id,
            dinfo=info,
            at_time_stamp=now,
        )
        body = self.wire.sealed(encode_z_info_msg(message))
        reply = await self.whole.devices.post(self.wire.path(Endpoint.INFO), body)
        assert reply.status in (200, 201)
        wanted = [(slot.short_version, slot.partition_state) for slot in slots]
        path = f"/v1/devices/id/{self.wire.device_id}/status"
        async with asyncio.timeout(60):
            while True:
                status = await self.whole.caller.get(path)
                told = [
                    (one["shortVersion"], one["partitionState"]) for one in status.get("swInfo", ())
                ]
                if told == wanted:
                    return status
                await asyncio.sleep(0.05)

    async def update(self, config: EdgeDevConfig) -> Phase:
        """Everything up to the end of the trial; the phase that the machine ends in."""
        self.os.offer(self.os.computer.release(NEW))
        node = await self.os.follow(config)
        assert node.phase is Phase.REBOOTING, node.text()
        node = await self.os.boot("the update asked for it")
        assert node.version == NEW
        await self.os.follow(config)
        node = await self.os.passes(A_TRIAL_S, Answer.WELL)
        if node.phase is Phase.LEAVING:
            node = await self.os.boot("a base OS on trial did not pass")
            node = await self.os.follow(config)
        return node.phase


@pytest.fixture
async def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Whole]:
    # a look begins as many on a busy machine
    monkeypatch.setattr("eaves.controller.jobs.rollouts.STEP_S", 60.0)
    async with whole_controller(tmp_path) as running:
        yield running


@pytest.fixture
async def world(whole: Whole) -> World:
    return await build_world(whole.caller)


@pytest.fixture
async def nodes(whole: Whole, world: World, tmp_path: Path) -> AsyncIterator[dict[str, Node]]:
    """Three, by id."""
    made: dict[str, Node] = {}
    for name in ("edge-1", "edge-2", "edge-3"):
        body = rest_objects.device(world.project, world.model, name)
        known = name == "edge-1"
        ident = world.device if known else await whole.caller.create("/v1/devices", body)
        wire = WireDevice(serial=f"serial-of-{name}", device_id=DeviceId(ident))
        await whole.register(wire)
        device = Device(Computer(tmp_path / name), tmp_path / f"{name}-state")
        await device.boot("first start")
        made[ident] = Node(whole, wire, device)
    yield made
    for node in made.values():
        node.os.close()


async def look(whole: Whole) -> Json:
    whole.devices.clock.pass_by(A_LOOK)
    await whole.jobs.rollouts().tick(ALONE)
    return await whole.caller.get(f"{PATH}/id/os-14")


async def standing(whole: Whole, word: str) -> list[str]:
    found = await whole.caller.get(f"{PATH}/id/os-14/objects", standing=word)
    return [str(one["objectId"]) for one in found["list"]]


async def test_a_roll_out_stops_at_a_node_that_fell_back_and_a_retry_ends_it(
    whole: Whole, world: World, nodes: dict[str, Node]
) -> None:
    for node in nodes.values():
        assert (await node.tell())["swInfo"][0]["shortVersion"] == OLD
    await begin(whole.caller, spec(world, waves=[{"share": 33}, {}], successThreshold=100))
    await look(whole)

    # The first wave commits; what is on trial has not succeeded.
    (first,) = await standing(whole, "STARTED")
    node = nodes[first]
    whole.devices.clock.pass_by(timedelta(seconds=1))
    assert await node.update(await node.until_asked_for(NEW)) is Phase.IDLE
    running, other = (await node.tell())["swInfo"]
    assert (running["shortVersion"], running["partitionState"]) == (NEW, "active")
    assert (other["shortVersion"], other["partitionState"]) == (OLD, "unused")
    await look(whole)
    assert await standing(whole, "SUCCEEDED") == [first]

    # In the second wave the system of one node is ill: it goes back, and says why.
    good, bad = await standing(whole, "STARTED")
    nodes[bad].os.ill = "failed: eaves-measure.service"
    whole.devices.clock.pass_by(timedelta(seconds=1))
    assert await nodes[good].update(await nodes[good].until_asked_for(NEW)) is Phase.IDLE
    assert await nodes[bad].update(await nodes[bad].until_asked_for(NEW)) is Phase.FAILED
    await nodes[good].tell()
    running, failed = (await nodes[bad].tell())["swInfo"]
    assert (running["shortVersion"], running["partitionState"]) == (OLD, "active")
    assert (failed["shortVersion"], failed["partitionState"]) == (NEW, "inprogress")
    told = failed["swError"]["description"]
    assert told.startswith(
        "health check units: a health check failed; failed: eaves-measure.service"
    )
    assert told.endswith("kernel: last line")
    assert (await look(whole))["phase"] == "PAUSED"
    assert await standing(whole, "FAILED") == [bad]
    why = await whole.caller.get(f"/v1/eaves/why/device/{bad}")
    causes = [one["text"] for one in why["chain"] if "base OS" in one["text"]]
    (cause,) = [one for one in causes if NEW in one]
    assert cause.startswith(f"base OS {NEW}: health check units: a health check failed")
    assert "last line" not in cause

    # The same version is not tried again by itself; the retry counter lets it.
    nodes[bad].os.ill = ""
    node = nodes[bad]
    assert (await node.os.follow(await node.config())).phase is Phase.FAILED
    answer = await whole.caller.http.put(
        "/v1/jobs/devices/baseos/upgrade/retry",
        json={"name": "again", "selectionCriteria": {"deviceIdList": [bad]}},
    )
    assert answer.status_code == 200, answer.text
    await whole.jobs.bulk_jobs().tick(ALONE)
    assert await node.update(await node.until_asked_for(NEW, retry=1)) is Phase.IDLE
    running, _ = (await node.tell())["swInfo"]
    assert (running["shortVersion"], running["partitionState"]) == (NEW, "active")
    assert node.os.node is not None
    assert node.os.node.counter() == 1
    why = await whole.caller.get(f"/v1/eaves/why/device/{bad}")
    assert not any("base OS" in cause["text"] for cause in why["chain"])
    await move(whole.caller, "os-14", "abort")
