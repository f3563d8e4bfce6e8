"""Bulk jobs through REST: what each operation does, what it refuses, who sees it."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from structlog.testing import capture_logs
from support.bulk import Runner, ask, done
from support.many_devices import copy_device, device_id_of
from support.rest import Caller, Json, Rest, running_rest
from support.rest_objects import World, build_world, project

from eaves.controller.domain.builtin_roles import SYS_MONITOR
from eaves.controller.store.devices import ECDH_TYPE
from eaves.controller.store.rendered import find_rendered
from eaves.controller.store.tables import device_certificates
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

COPIES = 7
IDS = sorted(device_id_of(number) for number in range(COPIES))
EDGE_NODE = "OBJECT_TYPE_EDGE_NODE"
Row = tuple[object, ...]


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
def runner(rest: Rest) -> Runner:
    return Runner(rest)


def by(*ids: str) -> Json:
    return {"deviceIdList": list(ids)}


async def refused(caller: Caller, path: str, body: Json) -> list[tuple[str, str]]:
    """The reasons, by where they are; nothing was made."""
    before = (await caller.get("/v1/jobs"))["totalCount"]
    answer = await caller.http.put(f"/v1/jobs/{path}", json=body)
    assert 400 <= answer.status_code < 500, answer.text
    assert (await caller.get("/v1/jobs"))["totalCount"] == before
    return [(one["location"], one["details"]) for one in answer.json()["error"]]


async def device(caller: Caller, device_id: str) -> Json:
    return await caller.get(f"/v1/devices/id/{device_id}")


async def test_tags_of_many_devices_change_and_the_job_tells_of_each(
    rest: Rest, caller: Caller, world: World, runner: Runner
) -> None:
    body = {
        "jobName": "label-them",
        "selectionCriteria": {"projectId": world.project},
        "tagUpdate": {"tags": {"site": "north", "line": "1"}},
    }
    job = await ask(caller, "devices/tags", body)
    waiting = await caller.get(f"/v1/jobs/id/{job}")
    assert waiting["status"] == "JOB_STATUS_INITIALIZED"
    await runner.run()
    told = await caller.get(f"/v1/jobs/id/{job}")
    assert told["status"] == "JOB_STATUS_COMPLETED"
    assert told["operationType"] == "BULK_SERVICE_DEVICE_TAG_UPDATE"
    assert (told["objectType"], told["name"]) == (EDGE_NODE, "label-them")
    assert sorted(told["objectList"]) == sorted([*IDS, world.device])
    assert set(told["individualOpStatus"].values()) == {"COMPLETE"}
    assert told["startTime"]
    assert told["finishTime"]
    assert runner.told == {*map(DeviceId, IDS), DeviceId(world.device)}
    for one in IDS:
        assert (await device(caller, one))["tags"] == {"site": "north", "line": "1"}
        async with snapshot(rest.engine) as db:
            assert await find_rendered(db, DeviceId(one)) is not None
    second = await done(
        caller,
        runner,
        "devices/tags",
        {"selectionCriteria": by(*IDS[:2]), "tagUpdate": {"override": True, "tags": {"a": "b"}}},
    )
    assert sorted(second["objectList"]) == IDS[:2]
    assert (await device(caller, IDS[0]))["tags"] == {"a": "b"}
    assert (await device(caller, IDS[2]))["tags"]["line"] == "1"
    async with snapshot(rest.engine) as db:
        events = await db.execute(text("SELECT event_type FROM events WHERE object_kind = 'jobs'"))
        kinds = Counter(events.scalars())
    assert kinds == {"JOB_CREATED": 2, "JOB_STARTED": 2, "JOB_FINISHED": 2}
    await _read_in_every_way(caller, told, second)


async def _read_in_every_way(caller: Caller, job: Json, second: Json) -> None:
    listed = await caller.get("/v1/jobs")
    assert {one["id"] for one in listed["list"]} == {job["id"], second["id"]}
    assert listed["summaryByState"]["values"] == {"JOB_STATUS_COMPLETED": 2}
    assert not listed["list"][0]["objectList"]
    page = await caller.get("/v1/jobs", **{"next.pageSize": "1", "next.orderBy": "name"})
    assert len(page["list"]) == 1
    assert page["next"]["pageToken"]
    for filters, count in (
        ({"jobStatus": "4"}, 2),
        ({"jobStatus": "3"}, 0),
        ({"namePattern": "LABEL"}, 1),
        ({"projectName": "plant"}, 1),
    ):
        assert (await caller.get("/v1/jobs", **filters))["totalCount"] == count, filters
    one = f"/v1/jobs/id/{job['id']}/objectType/{EDGE_NODE}"
    assert await caller.get(one) == job
    assert await caller.get(f"/v1/jobs/name/label-them/objectType/{EDGE_NODE}") == job
    wrong = await caller.http.get(f"/v1/jobs/id/{job['id']}/objectType/OBJECT_TYPE_USER")
    assert wrong.status_code == 404
    results = f"/v1/eaves/jobs/id/{job['id']}/objects"
    first = await caller.get(results, **{"next.pageSize": "5", "state": "COMPLETE"})
    rest = await caller.get(results, **{"next.pageToken": first["next"]["pageToken"]})
    seen = [one["objectId"] for one in (*first["list"], *rest["list"])]
    assert seen == job["objectList"]
    assert first["summaryByState"]["values"] == {"COMPLETE": COPIES + 1}
    changed = await caller.http.put(
        f"/v1/jobs/id/{job['id']}", json={**job, "title": "Labels", "description": "of the north"}
    )
    assert changed.status_code == 200, changed.text
    assert (await caller.get(one))["title"] == "Labels"
    stale = await caller.http.put(f"/v1/jobs/id/{job['id']}", json=job)
    assert stale.status_code == 409
    assert "revision" in stale.text
    await caller.delete(one)
    assert (await caller.http.get(one)).status_code == 404


async def test_a_bundle_is_deployed_refreshed_and_purged_on_many_devices(
    rest: Rest, caller: Caller, world: World, runner: Runner
) -> None:
    deploy = {
        "jobName": "roll-web-out",
        "selectionCriteria": {"projectId": world.project, "bundleId": world.app},
        "instanceDeploy": {
            "instanceConfig": [
                {
                    "appInstanceConfig": {
                        "activate": True,
                        "name": "shop",
                        "userData": "hush-hush",
                    },
                    "netInstanceDetail": {"netInstanceDefault": True},
                },
                {"deviceId": IDS[0], "appInstanceConfig": {"name": "web-1", "appId": world.app}},
            ]
        },
    }
    job = await ask(caller, "apps/instances/create", deploy)
    async with snapshot(rest.engine) as db:
        (sealed,) = (await db.execute(text("SELECT payload FROM bulk_jobs"))).one()
    assert b"hush-hush" not in sealed
    await runner.run()
    told = await caller.get(f"/v1/jobs/id/{job}")
    assert told["status"] == "JOB_STATUS_COMPLETED"
    status = told["individualOpStatus"]
    assert "'web-1' exists already" in status[IDS[0]], "the name of another instance"
    assert told["errorDetailOfJob"].startswith("1 of 8 objects failed")
    assert Counter(status.values())["COMPLETE"] == COPIES
    failed = await caller.get(f"/v1/eaves/jobs/id/{job}/objects", state="FAILED")
    assert [one["objectId"] for one in failed["list"]] == [IDS[0]]
    instances = (await caller.get("/v1/apps/instances"))["list"]
    assert len(instances) == 1 + COPIES, "one there was, and nothing is left of the one refused"
    made = next(one for one in instances if one["deviceId"] == IDS[1])
    assert made["name"] == f"shop-edge-1-{_number(IDS[1]):06d}"
    own = await caller.get(f"/v1/apps/instances/id/{made['id']}")
    assert own["interfaces"][0]["netinstname"] == f"default-edge-1-{_number(IDS[1]):06d}"
    assert own["drives"][0]["imagename"] == "disk"
    bundle = await caller.get(f"/v1/apps/id/{world.app}")
    await caller.put(f"/v1/apps/id/{world.app}", bundle | {"title": "Newer"})
    chosen = {"deviceIdList": IDS[1:], "bundleId": world.app}
    refreshed = await done(caller, runner, "apps/instances/refresh", {"selectionCriteria": chosen})
    assert len(refreshed["objectList"]) == COPIES - 1
    assert set(refreshed["individualOpStatus"].values()) == {"COMPLETE"}, refreshed
    assert refreshed["objectType"] == "OBJECT_TYPE_EDGE_APP_INSTANCE"
    own = await caller.get(f"/v1/apps/instances/id/{made['id']}")
    assert (own["bundleversion"], own["refresh"]["counter"]) == ("2", 1)
    purged = await done(
        caller, runner, "apps/instances/refresh/purge", {"selectionCriteria": by(IDS[1])}
    )
    assert list(purged["individualOpStatus"]) == [made["id"]]
    assert (await caller.get(f"/v1/apps/instances/id/{made['id']}"))["purge"]["counter"] == 1
    gone = await caller.create(
        "/v1/jobs",
        {
            "name": "take-it-away",
            "objectType": "OBJECT_TYPE_EDGE_APP_INSTANCE",
            "operationType": "BULK_SERVICE_APPINSTANCE_DELETE",
            "objectList": [made["id"]],
        },
    )
    await runner.run()
    assert (await caller.get(f"/v1/jobs/id/{gone}"))["status"] == "JOB_STATUS_COMPLETED"
    assert (await caller.http.get(f"/v1/apps/instances/id/{made['id']}")).status_code == 404


def _number(device_id: str) -> int:
    return next(n for n in range(COPIES) if device_id_of(n) == device_id)


async def test_base_images_deployment_tags_and_projects_of_many_devices(
    caller: Caller, world: World, runner: Runner
) -> None:
    update = {
        "selectionCriteria": by(*IDS),
        "baseosUpdate": {"baseimage": {"uuid": world.image, "version": "14.1", "activate": True}},
    }
    told = await done(caller, runner, "devices/baseos/upgrade", update)
    assert set(told["individualOpStatus"].values()) == {"COMPLETE"}
    (base,) = (await device(caller, IDS[3]))["baseImage"]
    assert (base["imageName"], base["version"], base["activate"]) == ("disk", "14.1", True)
    await done(caller, runner, "devices/baseos/upgrade/retry", {"selectionCriteria": by(*IDS[:3])})
    assert (await device(caller, IDS[0]))["baseOsRetryCounter"] == 1
    assert not (await device(caller, IDS[3])).get("baseOsRetryCounter")
    await done(
        caller,
        runner,
        "devices/deployment/tags",
        {"selectionCriteria": by(IDS[0]), "deploymentTagUpdate": {"deploymentTag": "v2"}},
    )
    assert (await device(caller, IDS[0]))["deploymentTag"] == "v2"
    other = await caller.create("/v1/projects", project("mine"))
    await of_no_network(caller, IDS[0])
    moved = await done(
        caller,
        runner,
        "devices/project/target",
        {
            "selectionCriteria": by(IDS[0], world.device),
            "deviceProjectAndTargetUpdate": {"projectId": other, "tags": {"deep": "yes"}},
        },
    )
    status = moved["individualOpStatus"]
    assert status[IDS[0]] == "COMPLETE"
    assert "network 'dhcp' belongs to another project" in status[world.device]
    first = await device(caller, IDS[0])
    assert (first["projectId"], first["tags"], first["deploymentTag"]) == (
        other,
        {"deep": "yes"},
        "v2",
    )
    listed = await caller.get("/v1/devices", projectName="mine")
    assert {one["id"] for one in listed["list"]} == {IDS[0]}


async def of_no_network(caller: Caller, device_id: str) -> Json:
    """So that it may be moved to another project."""
    body = await device(caller, device_id)
    for port in body["interfaces"]:
        port["netname"] = port["netid"] = ""
    await caller.put(f"/v1/devices/id/{device_id}", body)
    return await device(caller, device_id)


async def test_what_is_wrong_is_told_at_once_and_nothing_is_made(
    caller: Caller, world: World
) -> None:
    nowhere = "11111111-1111-4111-8111-111111111111"
    found = await refused(
        caller,
        "devices/baseos/upgrade",
        {"jobName": "!", "selectionCriteria": {"deviceIdList": [nowhere], "projectId": nowhere}},
    )
    assert [where for where, _ in found] == [
        "jobName",
        "baseosUpdate.baseimage",
        "selectionCriteria.projectId",
        "selectionCriteria.deviceIdList",
    ]
    cases: tuple[tuple[str, Json, str], ...] = (
        ("devices/tags", {"tagUpdate": {"tags": {"a": "b"}}}, "selectionCriteria"),
        ("devices/tags", {"selectionCriteria": by(world.device)}, "tagUpdate"),
        ("devices/deployment/tags", {"selectionCriteria": by(world.device)}, "deploymentTagUpdate"),
        (
            "devices/project/target",
            {
                "selectionCriteria": by(world.device),
                "deviceProjectAndTargetUpdate": {"projectId": nowhere},
            },
            "deviceProjectAndTargetUpdate.projectId",
        ),
        ("apps/instances/refresh", {"selectionCriteria": by(IDS[0])}, "selectionCriteria"),
        (
            "apps/instances/create",
            {"selectionCriteria": by(IDS[0]), "instanceDeploy": {"instanceConfig": []}},
            "instanceDeploy.instanceConfig",
        ),
        (
            "apps/instances/create",
            {"instanceDeploy": {"instanceConfig": [{"deviceId": nowhere}]}},
            "instanceDeploy.instanceConfig.deviceId",
        ),
        ("apps/instances/refresh/purge", {"jobId": nowhere}, ""),
    )
    for path, body, where in cases:
        places = [place for place, _ in await refused(caller, path, body)]
        assert where in places, (path, places)
    name = {"jobName": "twice", "selectionCriteria": by(world.device)}
    await ask(caller, "devices/baseos/upgrade/retry", name)
    ((_, why),) = await refused(caller, "devices/baseos/upgrade/retry", name)
    assert "'twice' exists already" in why


@pytest.mark.usefixtures("world")
async def test_a_job_waits_for_its_task_and_is_given_one_only(
    caller: Caller, runner: Runner
) -> None:
    made = {
        "name": "upgrade-later",
        "objectType": EDGE_NODE,
        "operationType": "BULK_SERVICE_BASEOS_UPDATE",
        "objectList": IDS,
    }
    job = await caller.create("/v1/jobs", made)
    await runner.run()
    assert (await caller.get(f"/v1/jobs/id/{job}"))["status"] == "JOB_STATUS_INITIALIZED"
    task = {"jobId": job, "baseosUpdate": {"baseimage": {"imageName": "disk", "version": "1"}}}
    assert await ask(caller, "devices/baseos/upgrade", task) == job
    ((_, why),) = [(w, d) for w, d in await refused(caller, "devices/baseos/upgrade", task)]
    assert "has its task already" in why
    await runner.run()
    told = await caller.get(f"/v1/jobs/id/{job}")
    assert (told["status"], told["objectList"]) == ("JOB_STATUS_COMPLETED", IDS)
    for wrong, where in (
        ({**made, "name": "x"}, "name"),
        ({**made, "operationType": "BULK_SERVICE_DEPLOYMENT_CREATE"}, "operationType"),
        ({**made, "name": "other", "objectType": "OBJECT_TYPE_USER"}, "objectType"),
    ):
        answer = await caller.http.post("/v1/jobs", json=wrong)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"][0]["location"] == where


async def test_nothing_is_begun_after_an_abort_or_a_deletion(
    caller: Caller, world: World, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eaves.controller.jobs.bulk_jobs.AT_ONCE", 2)
    monkeypatch.setattr("eaves.controller.jobs.bulk_jobs.BATCH_S", 60.0)
    body = {
        "selectionCriteria": {"projectId": world.project},
        "tagUpdate": {"tags": {"phase": "one"}},
    }
    job = await ask(caller, "devices/tags", body)
    assert await runner.step(), "finds"
    assert await runner.step(), "changes two"
    answer = await caller.http.put(f"/v1/eaves/jobs/id/{job}/abort")
    assert answer.status_code == 200, answer.text
    assert not await runner.step()
    told = await caller.get(f"/v1/jobs/id/{job}")
    assert told["status"] == "JOB_STATUS_ABORTED"
    assert "after 2 of 8 objects" in told["errorDetailOfJob"]
    states = Counter(map(str, told["individualOpStatus"].values()))
    assert states == {"COMPLETE": 2, "ABORTED": 6}
    every = [*IDS, world.device]
    changed = [one for one in every if (await device(caller, one))["tags"]]
    assert len(changed) == 2
    again = await caller.http.put(f"/v1/eaves/jobs/id/{job}/abort")
    assert again.status_code == 409
    second = await ask(caller, "devices/tags", body | {"tagUpdate": {"tags": {"phase": "two"}}})
    assert await runner.step()
    assert await runner.step()
    await caller.delete(f"/v1/jobs/id/{second}/objectType/{EDGE_NODE}")
    assert not await runner.step()
    phases = [(await device(caller, one))["tags"].get("phase", "") for one in every]
    assert phases.count("two") == 2


@pytest.mark.usefixtures("world")
async def test_who_may_not_is_refused_and_sees_nothing(
    rest: Rest, enterprise: str, caller: Caller, runner: Runner
) -> None:
    other = await caller.create("/v1/projects", project("other"))
    moved = await of_no_network(caller, IDS[0])
    await caller.put(f"/v1/devices/id/{IDS[0]}", moved | {"projectId": other})
    both = await done(
        caller,
        runner,
        "devices/tags",
        {"selectionCriteria": by(*IDS), "tagUpdate": {"tags": {"a": "b"}}},
    )
    await rest.add_user("stranger")
    await rest.add_user("watcher", enterprise=enterprise, role=SYS_MONITOR)
    role = {
        "name": "others",
        "title": "Others",
        "type": "USER_ROLE_USER_DEFINED",
        "scopes": [{"accessDevice": "PermissionAccessReadUpdate", "projectFilter": [other]}],
    }
    await caller.create("/v1/roles", role)
    await rest.add_user("limited", enterprise=enterprise, role="others")
    retry = {"selectionCriteria": by(IDS[0])}
    tags = {"selectionCriteria": by(*IDS), "tagUpdate": {"tags": {"mine": "1"}}}
    async with rest.client(await rest.login("stranger")) as http:
        assert (await Caller(http).get("/v1/jobs"))["totalCount"] == 0
        for path in (f"/v1/jobs/id/{both['id']}", f"/v1/eaves/jobs/id/{both['id']}/objects"):
            assert (await http.get(path)).status_code == 404
        answer = await http.put("/v1/jobs/devices/baseos/upgrade/retry", json=retry)
        assert answer.status_code == 400
        assert "there is no device" in answer.text
    async with rest.client(await rest.login("watcher")) as http:
        assert (await Caller(http).get("/v1/jobs"))["totalCount"] == 1
        for method, path, body in (
            ("PUT", "/v1/jobs/devices/tags", tags),
            ("PUT", "/v1/jobs/apps/instances/create", {}),
            ("PUT", f"/v1/jobs/id/{both['id']}", {"name": "mine", "objectType": EDGE_NODE}),
            ("PUT", f"/v1/eaves/jobs/id/{both['id']}/abort", {}),
            ("DELETE", f"/v1/jobs/id/{both['id']}/objectType/{EDGE_NODE}", {}),
        ):
            answer = await http.request(method, path, json=body)
            assert answer.status_code == 403, (method, path, answer.text)
    async with rest.client(await rest.login("limited")) as http:
        limited = Caller(http)
        assert (await limited.get("/v1/jobs"))["totalCount"] == 0, "it has objects it may not see"
        assert (await http.get(f"/v1/jobs/id/{both['id']}")).status_code == 404
        answer = await http.put("/v1/jobs/devices/tags", json=tags)
        assert answer.status_code == 400
        assert IDS[0] not in answer.text
        own = await done(
            limited,
            runner,
            "devices/tags",
            {"selectionCriteria": {"projectId": other}, "tagUpdate": {"tags": {"mine": "1"}}},
        )
        assert own["objectList"] == [IDS[0]]
        job = await ask(limited, "devices/baseos/upgrade/retry", retry)
    async with unit_of_work(rest.engine) as db:
        await db.execute(text("DELETE FROM users WHERE name = 'limited'"))
    await runner.run()
    told = await caller.get(f"/v1/jobs/id/{job}")
    assert told["status"] == "JOB_STATUS_FAILED"
    assert "is not there any more" in told["errorDetailOfJob"]
    assert not (await device(caller, IDS[0])).get("baseOsRetryCounter")


@pytest.mark.usefixtures("world")
async def test_devices_changed_together_are_told_of_as_one_by_itself(
    rest: Rest, caller: Caller, runner: Runner
) -> None:
    """Rows, events and audit rows of a batch are those of single devices; who is gone is told."""
    gone = IDS[-1]
    tags = {"tags": {"site": "north"}}
    body = {"selectionCriteria": by(*IDS[2:]), "tagUpdate": tags}
    together = await ask(caller, "devices/tags", body)
    assert await runner.step(), "finds"
    await caller.delete(f"/v1/devices/id/{gone}")
    await runner.run()
    status = (await caller.get(f"/v1/jobs/id/{together}"))["individualOpStatus"]
    assert "there is no device" in status.pop(gone)
    assert status == dict.fromkeys(IDS[2:-1], "COMPLETE")
    single = await ask(caller, "devices/tags", body | {"selectionCriteria": by(*IDS[:2])})
    runner.jobs._singly[single] = COPIES  # as after a batch that failed
    await runner.run()
    assert set((await caller.get(f"/v1/jobs/id/{single}"))["individualOpStatus"]) == {*IDS[:2]}
    async with snapshot(rest.engine) as db:
        of_each = [await _written_of(db, one) for one in IDS[:-1]]
    assert of_each == of_each[:1] * len(of_each)
    (revision, listed_tags, events, audited) = of_each[0]
    assert (revision, listed_tags) == (2, '{"site":"north"}')
    assert [one[0] for one in events] == ["EDGE_NODE_TAGS_CHANGED"]
    assert [json.loads(str(one[1])) for one in audited] == [{"tags": [{}, {"site": "north"}]}]
    wanted_already = body | {"selectionCriteria": by(IDS[2])}
    again = await done(caller, runner, "devices/tags", wanted_already)
    assert again["individualOpStatus"] == {IDS[2]: "COMPLETE"}
    async with snapshot(rest.engine) as db:
        assert await _written_of(db, IDS[2]) == of_each[0], "as wanted already: nothing is written"


async def _written_of(db: Db, device_id: str) -> tuple[int, str, list[Row], list[Row]]:
    """What a change left of a device, without its name and the moment."""
    of = {"of": device_id}
    kept = "SELECT d.revision, l.tags FROM devices d JOIN listed_devices l ON l.id = d.id"
    revision, tags = (await db.execute(text(f"{kept} WHERE d.id = :of"), of)).one()
    events = text(
        "SELECT event_type, severity, source, project_id, user_name, object_kind, data "
        "FROM events WHERE object_id = :of AND device_id = :of"
    )
    audited = text(
        "SELECT verb, changes, result, project_id, user_name, object_kind "
        "FROM audit WHERE object_id = :of"
    )
    return (
        revision,
        tags,
        [tuple(row) for row in await db.execute(events, of)],
        [tuple(row) for row in await db.execute(audited, of)],
    )


async def test_a_device_that_cannot_be_rendered_stops_no_other(
    rest: Rest, enterprise: str, caller: Caller, world: World, runner: Runner
) -> None:
    async with unit_of_work(rest.engine) as db:
        await db.execute(
            insert(device_certificates).values(
                enterprise_id=enterprise,
                device_id=world.device,  # its app has a secret, which nobody can encrypt for it
                type=ECDH_TYPE,
                certificate_hash=bytes(16),
                pem=b"no certificate",
                received_at=rest.clock(),
            )
        )
    body = {"selectionCriteria": {"projectId": world.project}, "tagUpdate": {"tags": {"a": "b"}}}
    with capture_logs() as lines:  # a traceback takes long to be drawn
        told = await done(caller, runner, "devices/tags", body)
    assert "bulk_job_object_failed" in [line["event"] for line in lines]
    assert told["status"] == "JOB_STATUS_COMPLETED"
    status = told["individualOpStatus"]
    assert "its log has the cause" in status.pop(world.device)
    assert status == dict.fromkeys(IDS, "COMPLETE")
    assert not (await device(caller, world.device))["tags"]
