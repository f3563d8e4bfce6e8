"""Roll-outs in the database: whom a look finds, who may move one, and what a clash leaves."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW
from support.bulk import ALONE
from support.rest import Caller, Rest, running_rest
from support.rest_objects import build_world
from support.rollouts import A_LOOK, Driver, begin, spec

from eaves.controller.domain.rollouts import Due, Phase, Standing
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound.rollouts import stepping
from eaves.controller.store import rollouts
from eaves.controller.store.rollouts import Pool, Rollout, RolloutObject, TooManyRollouts
from eaves.controller.store.tables import Kind, objects
from eaves.controller.store.unit import unit_of_work
from eaves.ids import ProjectId

DEADLINE_S = 30


def rollout(name: str, **more: object) -> Rollout:
    made = Rollout("acme", name, name, "x", "{}", "maker", "maker", NOW, NOW)
    return replace(made, **more)  # type: ignore[arg-type]  # members of a roll-out


def waits(number: int, group: str, zone: str, wave: int = 0) -> RolloutObject:
    name = f"{number:02}"
    project = "lab" if group == "a" else "plant"
    return RolloutObject(name, f"n{name}", project, f"d{name}", wave, group=group, zone=zone)


async def test_who_waits_is_counted_by_group_and_zone(engine: AsyncEngine) -> None:
    one = rollout("one")
    made = [waits(n, "a", "UTC") for n in range(4)]
    made += [waits(n, "b", "Asia/Tokyo") for n in range(10, 13)]
    made += [waits(20, "b", "UTC"), waits(30, "b", "UTC", wave=1)]
    async with unit_of_work(engine) as db:
        await rollouts.insert_rollout(db, one)
        await rollouts.add_objects(db, one, made)
        await rollouts.put_objects(
            db, one, [replace(made[0], standing=Standing.STARTED, made="{}")]
        )
        assert await rollouts.pools(db, one, 0) == (
            Pool("a", "UTC", 3, "01"),
            Pool("b", "Asia/Tokyo", 3, "10"),
            Pool("b", "UTC", 1, "20"),
        )
        assert await rollouts.busy(db, one) == {"a": 1}
        assert await rollouts.standings(db, one) == {Standing.STARTED: 1, Standing.WAITING: 8}
        found = await rollouts.objects(
            db, one, standings=(Standing.WAITING,), wave=0, place=("b", "Asia/Tokyo"), limit=2
        )
        assert [each.object_id for each in found] == ["10", "11"]
        assert await rollouts.names_of(db, one, ["10", "20"]) == {"10": "n10", "20": "n20"}
        (begun,) = await rollouts.objects(db, one, standings=(Standing.STARTED,), limit=9)
        assert begun.made == "{}"


async def test_only_what_may_go_on_is_looked_at(engine: AsyncEngine) -> None:
    phases = dict.fromkeys(Phase)
    async with unit_of_work(engine) as db:
        for phase in phases:
            one = rollout(phase.value.lower())
            await rollouts.insert_rollout(db, one)
            await rollouts.put(db, replace(one, phase=phase))
        due = await rollouts.due(db)
        assert {one.id for one in due} == {"running", "undoing"}
        paused = rollout("paused")
        told = replace(waits(1, "a", ""), standing=Standing.STARTED)
        await rollouts.add_objects(db, paused, [told])
        assert Due("acme", "paused", NOW, paused=True) in await rollouts.due(db)


async def test_an_enterprise_has_so_many_and_what_ended_is_forgotten(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollouts, "MOST_UNDER_WAY", 2)
    async with unit_of_work(engine) as db:
        for name in ("one", "two"):
            await rollouts.insert_rollout(db, rollout(name))
        with pytest.raises(TooManyRollouts, match="2 roll-outs have not ended"):
            await rollouts.insert_rollout(db, rollout("three"))
        ended = replace(rollout("one"), phase=Phase.COMPLETED, ended_at=NOW)
        await rollouts.put(db, ended)
        await rollouts.add_objects(db, ended, [waits(1, "a", "")])
        await rollouts.insert_rollout(db, rollout("three"))
        await rollouts.forget_old(db, NOW + rollouts.KEPT)
        assert await rollouts.read(db, "acme", "one") is not None
        await rollouts.forget_old(db, NOW + rollouts.KEPT + timedelta(seconds=1))
        assert await rollouts.read(db, "acme", "one") is None
        assert await rollouts.objects(db, ended, limit=9) == ()


async def test_who_moves_one_has_all_of_its_projects(engine: AsyncEngine) -> None:
    lab = replace(ACME, projects=frozenset({ProjectId("lab")}))
    both = replace(ACME, projects=frozenset({ProjectId("lab"), ProjectId("plant")}))
    one, of_lab = rollout("one"), rollout("two", project_id="lab")

    async def inside(scope: Scope, user: str, which: Rollout) -> bool:
        async with unit_of_work(engine) as db:
            return await rollouts.all_inside(db, scope, user, which)

    async with unit_of_work(engine) as db:
        for made in (one, of_lab):
            await rollouts.insert_rollout(db, made)
    assert await inside(ACME, "other", one)
    assert not await inside(lab, "other", one), "it has not looked yet"
    assert await inside(lab, "maker", one)
    assert await inside(lab, "other", of_lab)
    async with unit_of_work(engine) as db:
        await rollouts.add_objects(db, one, [waits(1, "a", "")])
    assert await inside(lab, "other", one)
    async with unit_of_work(engine) as db:
        await rollouts.add_objects(db, one, [waits(2, "b", "")])
    assert not await inside(lab, "other", one)
    assert not await inside(lab, "maker", one)
    assert await inside(both, "other", one)


@pytest.fixture
async def rest(tmp_path: Path, postgres_url: str, database_url: str) -> AsyncIterator[Rest]:
    assert postgres_url
    async with running_rest(tmp_path / "state", database_url) as running:
        yield running


async def someone_waits(engine: AsyncEngine) -> None:
    """Until a transaction waits for another one's row."""
    query = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(DEADLINE_S), engine.connect() as watching:
        while not (await watching.execute(query)).scalar_one():  # noqa: ASYNC110 - the database tells by asking only
            await asyncio.sleep(0.01)


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_what_somebody_else_writes_at_the_same_moment_is_tried_again(
    rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eaves.controller.jobs.rollouts.STEP_S", 60.0)
    await rest.add_user("alice")
    async with rest.client(await rest.login("alice")) as http:
        caller = Caller(http)
        world = await build_world(caller)
        driver = Driver(rest, caller)
        name = await begin(caller, spec(world))
        devices = objects[Kind.DEVICE]
        touch = update(devices).values(revision=devices.c.revision + 1)

        async def clash() -> dict[str, tuple[str, str]]:
            rest.clock.pass_by(A_LOOK)
            async with asyncio.TaskGroup() as tasks, unit_of_work(rest.engine) as db:
                await db.execute(touch.where(devices.c.id == world.device))
                tasks.create_task(driver.jobs.tick(ALONE))
                await someone_waits(rest.engine)
            return await driver.results(name)

        standing, why = (await clash())[world.device]
        assert standing == "WAITING"
        assert "tried again" in why
        assert (await driver.look(name))["phase"] == "RUNNING"
        assert (await driver.results(name))[world.device] == ("STARTED", "")
        await driver.report([world.device], "14.0")
        assert (await driver.look(name))["phase"] == "COMPLETED"
        answer = await http.put(f"/v1/eaves/rollouts/id/{name}/undo")
        assert answer.status_code == 200, answer.text
        standing, why = (await clash())[world.device]
        assert standing == "SUCCEEDED"
        assert "tried again" in why
        monkeypatch.setattr(stepping, "TRIES", 2)
        standing, why = (await clash())[world.device]
        assert standing == "NOT_UNDONE"
        assert "read it again" in why
