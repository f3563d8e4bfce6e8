"""Roll-outs through REST: when an app counts, what an undo gives back, who may ask for it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from support import rest_objects as smallest
from support.many_devices import copy_device, device_id_of
from support.rest import Caller, Json, Rest, running_rest
from support.rest_objects import World, build_world
from support.rollouts import PATH, Driver, begin, move, spec

from eaves.controller.domain.builtin_roles import SYS_ADMIN
from eaves.controller.store.unit import snapshot, unit_of_work

pytestmark = pytest.mark.system

COPIES = 5
IDS = sorted(device_id_of(number) for number in range(COPIES))
PURGE = {"instanceRefreshAndPurge": {"purge": True}}


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
    monkeypatch.setattr("eaves.controller.jobs.rollouts.STEP_S", 60.0)
    return Driver(rest, caller)


def of_app(world: World, **more: object) -> Json:
    return {
        "name": "web-2",
        "operationType": "BULK_SERVICE_APPINSTANCE_REFRESH",
        "selectionCriteria": {"bundleId": world.app},
        **more,
    }


async def new_version(caller: Caller, world: World) -> None:
    """Of the bundle of the world, with another image."""
    await caller.create("/v1/apps/images", smallest.image(world.datastore, "disk-2"))
    (image,) = [
        one for one in (await caller.get("/v1/apps/images"))["list"] if one["name"] == "disk-2"
    ]
    await caller.put(f"/v1/apps/images/id/{image['id']}/uplink", image)
    bundle = await caller.get(f"/v1/apps/id/{world.app}")
    bundle["manifestJSON"]["images"][0] |= {"imagename": "disk-2", "imageid": image["id"]}
    await caller.put(f"/v1/apps/id/{world.app}", bundle)


async def suspend(rest: Rest, name: str) -> None:
    async with unit_of_work(rest.engine) as db:
        query = text("SELECT body FROM users WHERE name = :name")
        body = (await db.execute(query, {"name": name})).scalar_one()
        changed = body.replace("USER_STATE_ACTIVE", "USER_STATE_SUSPENDED")
        assert changed != body
        await db.execute(
            text("UPDATE users SET body = :body WHERE name = :name"),
            {"name": name, "body": changed},
        )


async def test_an_app_is_updated_when_the_new_one_runs_and_undone_when_the_old_one_does(
    rest: Rest, caller: Caller, world: World, driver: Driver
) -> None:
    path = f"/v1/apps/instances/id/{world.instance}"
    booted = rest.clock()
    await driver.report_app(world.device, world.instance, "1", booted)
    await new_version(caller, world)
    answer = await caller.http.post(PATH, json=of_app(world))
    assert answer.status_code == 400
    (refusal,) = answer.json()["error"]
    assert refusal["location"] == "instanceRefreshAndPurge.purge"
    assert "'web-1'" in refusal["details"]
    rollout = await begin(caller, of_app(world, **PURGE))
    await driver.look(rollout)
    told = await caller.get(path)
    assert (told["bundleversion"], told["purge"]["counter"]) == ("2", 1)
    assert told["drives"][0]["imagename"] == "disk-2"
    for version, waits in (("1", ()), ("2", ("a change waits for a purge",)), ("2", ())):
        await driver.report_app(world.device, world.instance, version, booted, *waits)
        assert (await driver.look(rollout))["phase"] == "RUNNING"
        assert (await driver.results(rollout))[world.instance][0] == "STARTED"
    await driver.report_app(world.device, world.instance, "2", rest.clock())
    assert (await driver.look(rollout))["phase"] == "COMPLETED"
    booted = rest.clock()
    await driver.report_app(world.device, world.instance, "2", booted)
    await move(caller, rollout, "undo")
    told = await driver.look(rollout)
    assert told["phase"] == "UNDOING"
    assert told["undoUser"] == "alice"
    assert "have not told yet" in told["reasons"][0]
    told = await caller.get(path)
    assert (told["bundleversion"], told["purge"]["counter"]) == ("1", 2), "a counter of its own"
    assert told["drives"][0]["imagename"] == "disk"
    await driver.report_app(world.device, world.instance, "1", booted)
    assert (await driver.look(rollout))["phase"] == "UNDOING", "it has not booted since"
    await driver.report_app(world.device, world.instance, "1", rest.clock())
    told = await driver.look(rollout)
    assert told["phase"] == "UNDONE"
    assert told["reasons"] == ["everything that was begun is as it was before"]
    assert (await driver.results(rollout))[world.instance][0] == "UNDONE"


async def test_an_undo_leaves_what_was_changed_since_and_waits_for_what_devices_tell(
    caller: Caller, world: World, driver: Driver
) -> None:
    before, by_hand, silent = IDS[0], IDS[1], IDS[2]

    async def give(device_id: str, version: str) -> None:
        body = await caller.get(f"/v1/devices/id/{device_id}")
        body["baseImage"] = [{"imageName": "disk", "version": version, "activate": True}]
        await caller.put(f"/v1/devices/id/{device_id}", body)

    await give(before, "13.0")
    await give(silent, "13.0")
    rollout = await begin(caller, spec(world))
    await driver.look(rollout)
    begun = await driver.standing(rollout, "STARTED")
    assert len(begun) == COPIES + 1
    await driver.report(begun, "14.0")
    assert (await driver.look(rollout))["phase"] == "COMPLETED"
    await give(by_hand, "15.0")
    await move(caller, rollout, "undo")
    told = await driver.look(rollout)
    assert told["phase"] == "UNDOING"
    results = await driver.results(rollout)
    standing, why = results.pop(by_hand)
    assert standing == "NOT_UNDONE"
    assert "changed since" in why
    assert "alice" in why
    assert {results.pop(before)[0], results.pop(silent)[0]} == {"UNDOING"}
    assert {one for one, _ in results.values()} == {"UNDONE"}
    images = {one: (await caller.get(f"/v1/devices/id/{one}"))["baseImage"] for one in IDS}
    assert [images[one][0]["version"] for one in (before, by_hand)] == ["13.0", "15.0"]
    assert not images[IDS[3]]
    await driver.report([before], "13.0")
    assert (await driver.look(rollout))["phase"] == "UNDOING"
    driver.rest.clock.pass_by(timedelta(hours=1))
    told = await driver.look(rollout)
    assert told["phase"] == "UNDONE"
    assert told["reasons"][0].startswith("2 are not as they were before")
    results = await driver.results(rollout)
    assert results[before][0] == "UNDONE"
    assert results[silent][0] == "NOT_UNDONE"


async def test_nothing_goes_on_for_who_was_barred_and_an_undo_runs_for_who_asks(
    rest: Rest, enterprise: str, caller: Caller, world: World, driver: Driver
) -> None:
    for name in ("bob", "carol"):
        await rest.add_user(name, enterprise=enterprise, role=SYS_ADMIN)
    async with rest.client(await rest.login("bob")) as http:
        rollout = await begin(Caller(http), spec(world, budget={"maxUnderWay": 2}))
    await driver.look(rollout)
    begun = await driver.standing(rollout, "STARTED")
    assert len(begun) == 2
    await suspend(rest, "bob")
    told = await driver.look(rollout)
    assert told["phase"] == "PAUSED"
    assert "'bob' is USER_STATE_SUSPENDED" in told["reasons"][0]
    await move(caller, rollout, "abort")
    async with rest.client(await rest.login("carol")) as http:
        await move(Caller(http), rollout, "undo")
    await suspend(rest, "carol")
    told = await driver.look(rollout)
    assert told["phase"] == "UNDO_HELD"
    assert "'carol'" in told["reasons"][0]
    for what in ("resume", "pause", "abort"):
        await move(caller, rollout, what, 409)
    assert len(await driver.standing(rollout, "WAITING")) == COPIES + 1 - 2
    await move(caller, rollout, "undo")
    told = await driver.look(rollout)
    assert told["phase"] == "UNDONE"
    assert [(one["total"], one["undone"]) for one in told["waves"]] == [(COPIES + 1, 2)]
    async with snapshot(rest.engine) as db:
        query = text("SELECT event_type FROM events WHERE object_kind = 'rollouts'")
        kinds = (await db.execute(query)).scalars().all()
    assert sorted(kind.removeprefix("ROLLOUT_") for kind in kinds) == [
        *("ABORTED", "CREATED", "PAUSED", "UNDONE", "UNDO_ASKED", "UNDO_ASKED", "UNDO_HELD")
    ]
    for one in begun:
        assert not (await caller.get(f"/v1/devices/id/{one}"))["baseImage"]


async def test_who_has_the_right_in_one_project_moves_nothing_of_another(
    rest: Rest, enterprise: str, caller: Caller, world: World, driver: Driver
) -> None:
    lab = await caller.create("/v1/projects", smallest.project("lab"))
    role = {
        "name": "of-the-lab",
        "title": "Of the lab",
        "type": "USER_ROLE_USER_DEFINED",
        "scopes": [
            {"accessDevice": "PermissionAccessRead"},
            {"accessDevice": "PermissionAccessReadUpdate", "projectFilter": [lab]},
        ],
    }
    await caller.create("/v1/roles", role)
    await rest.add_user("larry", enterprise=enterprise, role="of-the-lab")
    by_devices = spec(world, "later", selectionCriteria={"deviceIdList": IDS})
    async with rest.client(await rest.login("larry")) as http:
        for body in (spec(world), by_devices):
            rollout = await begin(caller, body)
            for look in (False, True):
                if look:
                    await driver.look(rollout)
                assert (await http.get(f"{PATH}/id/{rollout}")).status_code == 200
                for what in ("pause", "resume", "abort", "undo"):
                    await move(Caller(http), rollout, what, 403)
            await move(caller, rollout, "abort")
            await move(Caller(http), rollout, "undo", 403)
        tags = {"tagUpdate": {"tags": {"a": "b"}}, "selectionCriteria": {"deviceIdList": IDS}}
        made = await caller.http.put("/v1/jobs/devices/tags", json=tags)
        job = made.json()["objectId"]
        told = await caller.get(f"/v1/jobs/id/{job}")
        for method, path in (
            ("PUT", f"/v1/eaves/jobs/id/{job}/abort"),
            ("DELETE", f"/v1/jobs/id/{job}/objectType/OBJECT_TYPE_EDGE_NODE"),
            ("PUT", f"/v1/jobs/id/{job}"),
        ):
            answer = await http.request(method, path, json={**told, "title": "Mine"})
            assert answer.status_code == 403, (method, path, answer.text)
            assert "'of-the-lab'" in answer.text
    assert (await caller.http.put(f"/v1/eaves/jobs/id/{job}/abort")).status_code == 200
