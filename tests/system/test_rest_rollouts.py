"""Staged roll-outs through REST: waves, threshold, budget, window; pause, abort, undo, joiners."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.many_devices import copy_device, device_id_of
from support.rest import Caller, Rest, running_rest
from support.rest_objects import World, build_world
from support.rollouts import PATH, Driver, begin, move, spec

from eaves.controller.domain.builtin_roles import SYS_MONITOR
from eaves.controller.store.unit import unit_of_work
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

COPIES = 9
IDS = sorted(device_id_of(number) for number in range(COPIES))


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path) as running:
        yield running


@pytest.fixture
async def enterprise(rest: Rest) -> str:
    return await rest.add_user("alice")


@pytest.fixture
async def caller(rest: Rest, enterprise: str) -> AsyncIterator[Caller]:
    assert enterprise
    async with rest.client(await rest.login("alice")) as http:
        yield Caller(http)


@pytest.fixture(name="world")
async def world_of_many(rest: Rest, caller: Caller) -> World:
    world = await build_world(caller)
    async with unit_of_work(rest.engine) as db:
        await copy_device(db, world, rest.keys, range(COPIES), carried=False)
    return world


@pytest.fixture
def driver(rest: Rest, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> Driver:
    # a look begins as many on a busy machine
    monkeypatch.setattr("eaves.controller.jobs.rollouts.STEP_S", 60.0)
    return Driver(rest, caller)


async def test_waves_follow_each_other_by_what_devices_tell(
    caller: Caller, world: World, driver: Driver
) -> None:
    waves = [{"share": 20}, {"share": 30}, {}]
    budget = {"groupBy": "project", "maxUnderWay": 2}
    await begin(caller, spec(world, waves=waves, budget=budget, successThreshold=90))
    told = await driver.look("os-14")
    assert [one["total"] for one in told["waves"]] == [2, 3, 5]
    first = await driver.standing("os-14", "STARTED")
    assert len(first) == 2
    assert driver.told == {*map(DeviceId, first)}
    device = await caller.get(f"/v1/devices/id/{first[0]}")
    assert device["baseImage"][0]["version"] == "14.0"
    told = await driver.look("os-14")
    assert any("under way" in one for one in told["reasons"]), told["reasons"]
    assert any("8 of later waves wait" in one for one in told["reasons"])
    await driver.report(first, "14.0")
    told = await driver.look("os-14")
    assert told["wave"] == 2
    second = await driver.standing("os-14", "STARTED")
    assert len(second) == 2, "the budget"
    assert any("budget of group" in one for one in told["reasons"])
    await driver.report(second[:1], "14.0")
    await driver.report(second[1:], "14.0", ok=False)
    told = await driver.look("os-14")
    assert told["phase"] == "PAUSED"
    assert "1 of 3 failed" in told["reasons"][0]
    failed = (await caller.get(f"{PATH}/id/os-14/objects", standing="FAILED"))["list"]
    assert [(one["objectId"], one["result"]) for one in failed] == [
        (second[1], "version 14.0: FALLBACK")
    ]
    await move(caller, "os-14", "resume")
    for _ in range(12):
        told = await driver.look("os-14")
        await driver.report(await driver.standing("os-14", "STARTED"), "14.0")
    assert told["phase"] == "COMPLETED"
    every = await caller.get(f"{PATH}/id/os-14/objects")
    assert Counter(one["standing"] for one in every["list"]) == {"SUCCEEDED": 9, "FAILED": 1}
    await move(caller, "os-14", "abort", 409)


async def test_nothing_starts_after_an_abort_and_an_undo_gives_back_what_was(
    caller: Caller, world: World, driver: Driver
) -> None:
    rollout = await begin(caller, spec(world, budget={"maxUnderWay": 3}))
    await driver.look(rollout)
    begun = await driver.standing(rollout, "STARTED")
    assert len(begun) == 3
    await move(caller, rollout, "pause")
    await driver.report(begun, "14.0")
    told = await driver.look(rollout)
    assert told["phase"] == "PAUSED"
    assert told["reasons"] == ["paused by alice"]
    assert len(await driver.standing(rollout, "WAITING")) == COPIES + 1 - 3
    await move(caller, rollout, "resume")
    await driver.look(rollout)
    await move(caller, rollout, "abort")
    before = sorted(await driver.standing(rollout, "WAITING"))
    for _ in range(3):
        assert (await driver.look(rollout))["phase"] == "ABORTED"
    assert sorted(await driver.standing(rollout, "WAITING")) == before
    for one in before:
        assert not (await caller.get(f"/v1/devices/id/{one}"))["baseImage"]
    await move(caller, rollout, "undo")
    for _ in range(4):
        told = await driver.look(rollout)
    assert told["phase"] == "UNDONE"
    for one in IDS:
        assert not (await caller.get(f"/v1/devices/id/{one}"))["baseImage"]
    await move(caller, rollout, "resume", 409)


async def test_who_joins_late_is_in_the_last_wave_and_a_window_is_of_the_zone_of_the_node(
    rest: Rest, caller: Caller, world: World, driver: Driver
) -> None:
    far, near = IDS[0], IDS[1]
    for one, zone in ((far, "Asia/Tokyo"), (near, "UTC")):
        body = await caller.get(f"/v1/devices/id/{one}")
        body["tags"] = {"timezone": zone, "tier": "first"}
        await caller.put(f"/v1/devices/id/{one}", body)
    waves = [{"selector": {"tier": "first"}}, {}]
    window = {"opens": "03:00", "closes": "05:00", "timeZone": "America/Lima"}
    rollout = await begin(caller, spec(world, waves=waves, window=window))
    told = await driver.look(rollout)  # 03:04 UTC
    assert await driver.standing(rollout, "STARTED") == [near]
    (closed,) = [one for one in told["reasons"] if "window closed" in one]
    assert closed.startswith("edge-1-")
    assert "12:04" in closed
    async with unit_of_work(rest.engine) as db:
        (late,) = await copy_device(db, world, rest.keys, [COPIES], carried=False)
    told = await driver.look(rollout)
    found = (await caller.get(f"{PATH}/id/{rollout}/objects"))["list"]
    assert {one["wave"] for one in found if one["objectId"] == late} == {2}
    assert [one["total"] for one in told["waves"]] == [2, COPIES]
    rest.clock.pass_by(timedelta(hours=2))  # what has not told anything by now has failed
    told = await driver.look(rollout)
    assert told["waves"][0]["failed"] == 1
    assert told["phase"] == "PAUSED"


async def test_the_list_is_filtered_ordered_and_paged(
    rest: Rest, caller: Caller, world: World
) -> None:
    for name in ("os-b", "os-a", "os-c"):
        rest.clock.pass_by(timedelta(seconds=1))
        await begin(caller, spec(world, name))
    await move(caller, "os-a", "pause")

    async def names(**asked: str) -> list[str]:
        return [one["name"] for one in (await caller.get(PATH, **asked))["list"]]

    assert await names() == ["os-c", "os-a", "os-b"], "the newest first"
    assert await names(**{"next.orderBy": "name"}) == ["os-a", "os-b", "os-c"]
    assert await names(phase="PAUSED") == ["os-a"]
    assert await names(namePattern="OS-B", operationType="BULK_SERVICE_BASEOS_UPDATE") == ["os-b"]
    two = {"next.pageSize": "2"}
    first = await caller.get(PATH, **two)
    assert [one["name"] for one in first["list"]] == ["os-c", "os-a"]
    assert (first["totalCount"], first["next"]["totalPages"]) == (3, 2)
    assert await names(**two, **{"next.pageNum": "2"}) == ["os-b"]
    assert await names(**two, **{"next.pageToken": first["next"]["pageToken"]}) == ["os-b"]
    assert (await caller.http.get(PATH, params={"colour": "red"})).status_code == 400


async def test_what_is_wrong_is_told_at_once_and_others_see_nothing(
    rest: Rest, enterprise: str, caller: Caller, world: World
) -> None:
    wrong = spec(
        world,
        name="!",
        waves=[{"share": 0}, {"share": 0}],
        window={"opens": "25:00", "closes": "04:00", "days": ["FUNDAY"], "timeZone": "Mars/Base"},
        budget={"maxUnderWay": 0},
        baseosUpdate=None,
    )
    answer = await caller.http.post(PATH, json=wrong)
    assert answer.status_code == 400
    assert [one["location"] for one in answer.json()["error"]] == [
        "name",
        "waves[0]",
        "window.opens",
        "window.days",
        "window.timeZone",
        "budget.maxUnderWay",
        "baseosUpdate.baseimage",
    ]
    rollout = await begin(caller, spec(world))
    assert (await caller.http.post(PATH, json=spec(world))).status_code >= 400, "the same name"
    await rest.add_user("stranger")
    await rest.add_user("watcher", enterprise=enterprise, role=SYS_MONITOR)
    async with rest.client(await rest.login("stranger")) as http:
        assert (await Caller(http).get(PATH))["totalCount"] == 0
        assert (await http.get(f"{PATH}/id/{rollout}")).status_code == 404
        assert (await http.put(f"{PATH}/id/{rollout}/abort")).status_code == 404
    async with rest.client(await rest.login("watcher")) as http:
        assert (await Caller(http).get(PATH))["totalCount"] == 1
        assert (await http.put(f"{PATH}/id/{rollout}/abort")).status_code == 403
        assert (await http.post(PATH, json=spec(world, "mine"))).status_code == 403
