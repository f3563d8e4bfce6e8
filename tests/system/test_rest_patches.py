"""Patch envelopes and snapshots: what stands in the configuration, and what devices report."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.bulk import Runner
from support.rest import Caller, Json, Rest, running_rest
from support.rest_objects import World, app_instance, build_world, image
from support.telemetry import fold_state, info_report

from eaves.controller.northbound import patching
from eaves.controller.store.rendered import find_rendered
from eaves.controller.store.unit import snapshot
from eaves.evapi.config import (
    AppInstanceConfig,
    EdgeDevConfig,
    EveOpaqueObjectCategory,
    EvePatchEnvelopeAction,
    SnapshotType,
    decode_edge_dev_config,
)
from eaves.evapi.info import (
    APICapability,
    ErrorInfo,
    EvePatchEnvelopeState,
    ZInfoApp,
    ZInfoDevice,
    ZInfoMsg,
    ZInfoPatchEnvelope,
    ZInfoSnapshot,
    ZInfoTypes,
    ZSwState,
    encode_z_info_msg,
)
from eaves.ids import DeviceId

pytestmark = pytest.mark.system

READING = "PermissionAccessRead"
INSTANCES = "/v1/apps/instances"
REFER = INSTANCES + "/patch-reference-update"
NOBODY = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path) as running:
        yield running


@pytest.fixture
async def enterprise(rest: Rest) -> str:
    return await rest.add_user("alice")


@pytest.fixture
async def alice(rest: Rest, enterprise: str) -> AsyncIterator[Caller]:
    assert enterprise
    async with rest.client(await rest.login("alice")) as http:
        yield Caller(http)


@pytest.fixture
async def world(alice: Caller) -> World:
    return await build_world(alice)


async def stranger(rest: Rest) -> Caller:
    await rest.add_user("mallory")
    return Caller(rest.client(await rest.login("mallory")))


async def reader(rest: Rest, enterprise: str, alice: Caller) -> Caller:
    """May see app instances, and nothing else."""
    scope: Json = {"name": "some", "title": "Some", "type": "USER_ROLE_USER_DEFINED"}
    await alice.create("/v1/roles", {**scope, "scopes": [{"accessAppInstance": READING}]})
    await rest.add_user("bob", enterprise=enterprise, role="some")
    return Caller(rest.client(await rest.login("bob")))


async def config_of(rest: Rest, device_id: str) -> EdgeDevConfig:
    async with snapshot(rest.engine) as db:
        found = await find_rendered(db, DeviceId(device_id))
    assert found is not None
    return decode_edge_dev_config(found.config)


async def app_of(rest: Rest, world: World) -> AppInstanceConfig:
    config = await config_of(rest, world.device)
    (app,) = (
        one
        for one in config.apps
        if one.uuidandversion is not None and one.uuidandversion.uuid == world.instance
    )
    return app


async def report(rest: Rest, world: World, message: ZInfoMsg) -> None:
    fold_state(
        rest.engine.url,
        info_report(DeviceId(world.device), encode_z_info_msg(message), rest.clock()),
    )


def envelope(project_id: str, *artifacts: Json, name: str = "fix") -> Json:
    return {
        "name": name,
        "title": "Fix",
        "projectId": project_id,
        "projectName": "plant",
        "action": "PATCH_ENVELOPE_ACTION_ACTIVATE",
        "userDefinedVersion": "2.1",
        "artifacts": list(artifacts) or [inline()],
    }


def inline(name: str = "rules.json") -> Json:
    return {
        "format": "OpaqueObjectCategoryInline",
        "base64Artifact": {"base64Data": "e30=", "fileNameToUse": name, "base64MetaData": "bQ=="},
        "artifactMetaData": "about",
    }


def blob(image_id: str, name: str = "model.bin") -> Json:
    return {
        "format": "OpaqueObjectCategoryExternalBinary",
        "binaryArtifact": {"imageId": image_id, "fileNameToUse": name},
    }


async def test_an_envelope_is_made_read_changed_and_deleted(
    rest: Rest, enterprise: str, alice: Caller, world: World
) -> None:
    sent = envelope(world.project)
    envelope_id = await alice.create("/v1/patch-envelope", sent)
    told = await alice.get("/v1/patch-envelope/name/fix")
    assert told == await alice.get(f"/v1/patch-envelope/id/{envelope_id}")
    first = told["artifacts"][0]
    assert {name: told[name] for name in sent if name != "artifacts"} == {
        name: sent[name] for name in sent if name != "artifacts"
    }
    assert {**first, "id": ""} == {**sent["artifacts"][0], "id": ""}
    assert len(first["id"]) == 36
    assert "deviceCount" not in told

    told["artifacts"].append(inline("more.json"))
    assert await alice.put(f"/v1/patch-envelope/id/{envelope_id}", told) == envelope_id
    again = await alice.get("/v1/patch-envelope/name/fix")
    assert again["artifacts"][0]["id"] == first["id"]
    assert again["revision"]["curr"] == "2"
    stale = await alice.http.put(f"/v1/patch-envelope/id/{envelope_id}", json=told)
    assert stale.status_code == 409
    taken = await alice.http.post("/v1/patch-envelope", json=sent)
    assert taken.status_code == 409

    found = await alice.get("/v1/patch-envelope", projectNamePattern="pla")
    assert found["totalCount"] == 1
    assert found["list"][0].get("deviceCount", 0) == 0
    assert found["summaryByAction"]["values"] == {"PATCH_ENVELOPE_ACTION_ACTIVATE": 1}
    mallory = await stranger(rest)
    assert (await mallory.get("/v1/patch-envelope"))["totalCount"] == 0
    assert (await mallory.http.get("/v1/patch-envelope/name/fix")).status_code == 404
    bob = await reader(rest, enterprise, alice)
    assert (await bob.get("/v1/patch-envelope"))["totalCount"] == 1
    refused = await bob.http.delete(f"/v1/patch-envelope/id/{envelope_id}")
    assert refused.status_code == 403
    await alice.delete(f"/v1/patch-envelope/id/{envelope_id}")
    assert (await alice.http.get(f"/v1/patch-envelope/id/{envelope_id}")).status_code == 404


async def test_every_fault_of_an_envelope_is_told_at_once(alice: Caller, world: World) -> None:
    both = inline("a/b") | {"binaryArtifact": {"imageId": NOBODY}}
    wrong = inline("same") | {"format": "OpaqueObjectCategoryExternalBinary"}
    unclean = inline("same")
    unclean["base64Artifact"] = {**unclean["base64Artifact"], "base64Data": "not base64!"}
    body = envelope(NOBODY, both, wrong, unclean, blob(world.image), blob("lost", "x"))
    answer = await alice.http.post("/v1/patch-envelope", json={**body, "action": None})
    assert answer.status_code == 400
    told = answer.json()["error"]
    assert {one["location"] for one in told} >= {
        "projectId",
        "action",
        "artifacts[0]",
        "artifacts[1].format",
        "artifacts[2]",
        "artifacts[2].base64Artifact.base64Data",
        "artifacts[3].binaryArtifact.imageId",
        "artifacts[4].binaryArtifact.imageId",
    }
    assert (await alice.get("/v1/patch-envelope"))["list"] == []
    many = envelope(world.project, *(blob(NOBODY, f"{n}") for n in range(501)))
    answer = await alice.http.post("/v1/patch-envelope", json=many)
    assert answer.status_code == 400
    assert answer.json()["error"][0]["location"] == "artifacts"
    assert "501 artifacts, 500 are allowed" in answer.text


async def test_an_envelope_reaches_the_devices_of_the_apps_that_refer_to_it(  # noqa: PLR0915 - one story
    rest: Rest, enterprise: str, alice: Caller, world: World
) -> None:
    body = {**image(world.datastore, "model"), "imageType": "IMAGE_TYPE_ARTIFACT"}
    image_id = await alice.create("/v1/apps/images", body)
    await alice.put(f"/v1/apps/images/id/{image_id}/uplink", body)
    envelope_id = await alice.create(
        "/v1/patch-envelope", envelope(world.project, inline(), blob(image_id))
    )
    assert (await config_of(rest, world.device)).patch_envelopes == ()
    wanted = {
        "appInstIDList": [world.instance],
        "patchenvelopeId": envelope_id,
        "projectId": world.project,
    }
    done = await alice.http.post(REFER, json=wanted)
    assert done.status_code == 202, done.text
    assert done.json()["objectId"] == envelope_id
    assert done.json()["error"] == []
    config = await config_of(rest, world.device)
    (sent,) = config.patch_envelopes
    assert (sent.uuid, sent.display_name, sent.version) == (envelope_id, "fix", "2.1")
    assert sent.action is EvePatchEnvelopeAction.ACTIVATE
    assert sent.app_inst_ids_allowed == (world.instance,)
    first, second = sent.artifacts
    assert first.format is EveOpaqueObjectCategory.BASE64
    assert first.inline is not None
    assert (first.inline.base64_data, first.inline.file_name_to_use) == ("e30=", "rules.json")
    assert second.volume_ref is not None
    (volume,) = (one for one in config.volumes if one.uuid == second.volume_ref.image_id)
    assert volume.origin is not None
    trees = {tree.uuid: tree.display_name for tree in config.content_info}
    assert trees[volume.origin.download_content_tree_id] == "model"
    app = await app_of(rest, world)
    assert app.patch_ref is not None
    assert (app.patch_ref.id, app.patch_ref.name) == (envelope_id, "fix")

    # a change of the envelope is a change of the device; a write of the app leaves it in place
    told = await alice.get(f"/v1/patch-envelope/id/{envelope_id}")
    await alice.put(f"/v1/patch-envelope/id/{envelope_id}", {**told, "userDefinedVersion": "3"})
    assert (await config_of(rest, world.device)).patch_envelopes[0].version == "3"
    written = app_instance(world.app, world.device)
    await alice.put(f"{INSTANCES}/id/{world.instance}", {**written, "title": "Other"})
    one = await alice.get(f"{INSTANCES}/id/{world.instance}")
    assert (one["patchEnvelopeId"], one["patchEnvelopeName"]) == (envelope_id, "fix")
    needed = await alice.http.delete(f"/v1/patch-envelope/id/{envelope_id}")
    assert needed.status_code == 409
    assert "web-1" in needed.text
    assert (await alice.http.delete(f"/v1/apps/images/id/{image_id}")).status_code == 409
    assert (await alice.get("/v1/patch-envelope"))["list"][0]["deviceCount"] == 1
    referring = await alice.get(f"{INSTANCES}/status", patchEnvelopeReference="REFERENCING_PATCH")
    assert [row["name"] for row in referring["list"]] == ["web-1"]
    assert (await alice.get(f"{INSTANCES}/status", patchEnvelopeNamePattern="other"))["list"] == []

    (row,) = (await alice.get("/v1/patch-envelope/status"))["list"]
    assert row["state"] == "PatchEnvelopeStateUnknown"
    told_by_device = ZInfoPatchEnvelope(
        name="fix",
        id=envelope_id,
        version="3",
        state=EvePatchEnvelopeState.PATCH_ERROR,
        errors=("no room",),
    )
    await report(
        rest,
        world,
        ZInfoMsg(ztype=ZInfoTypes.ZiPatchEnvelope, dev_id=world.device, patch_info=told_by_device),
    )
    (row,) = (await alice.get("/v1/patch-envelope/status", **{"filter.deviceName": "edge-1"}))[
        "list"
    ]
    assert row["state"] == "PatchEnvelopeStateErrored"
    assert row["errors"] == ["no room"]
    assert (row["deviceName"], row["projectName"]) == ("edge-1", "plant")
    none = await alice.get("/v1/patch-envelope/status", **{"filter.deviceName": "edge"})
    assert none["list"] == []
    mallory = await stranger(rest)
    assert (await mallory.get("/v1/patch-envelope/status"))["list"] == []
    bob = await reader(rest, enterprise, alice)
    assert (await bob.http.post(REFER, json=wanted)).status_code == 403
    hidden = await mallory.http.post(REFER, json=wanted)
    assert hidden.status_code == 400
    assert "web-1" not in hidden.text

    gone = await alice.http.post(
        REFER, json={"appInstIDList": [world.instance], "projectId": world.project}
    )
    assert gone.status_code == 202
    config = await config_of(rest, world.device)
    assert config.patch_envelopes == ()
    assert volume.uuid not in {one.uuid for one in config.volumes}
    await alice.delete(f"/v1/patch-envelope/id/{envelope_id}")


async def test_references_are_refused_as_a_whole(alice: Caller, world: World) -> None:
    other = await alice.create(
        "/v1/projects", {"name": "other", "title": "Other", "type": "TAG_TYPE_PROJECT"}
    )
    envelope_id = await alice.create("/v1/patch-envelope", envelope(other))
    answer = await alice.http.post(
        REFER,
        json={
            "appInstIDList": [world.instance, NOBODY],
            "patchenvelopeId": envelope_id,
            "projectId": other,
        },
    )
    assert answer.status_code == 400
    details = " ".join(one["details"] for one in answer.json()["error"])
    assert NOBODY in details
    assert "another project" in details
    assert "is not in project" in details
    assert (
        "patchEnvelopeId" not in await alice.get(f"{INSTANCES}/id/{world.instance}")
        or not (await alice.get(f"{INSTANCES}/id/{world.instance}"))["patchEnvelopeId"]
    )
    empty = await alice.http.post(REFER, json={"patchenvelopeId": NOBODY})
    assert empty.status_code == 400
    assert len(empty.json()["error"]) == 2


async def test_references_of_many_instances_are_changed_by_a_job(
    rest: Rest, alice: Caller, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patching, "IN_LINE", 2)
    runner = Runner(rest)
    ids = [world.instance]
    for number in (2, 3, 4):
        body = app_instance(world.app, world.device, f"web-{number}")
        for acl in body["interfaces"][0]["acls"]:
            acl["matches"][1]["value"] = str(9000 + number)
        ids.append(await alice.create(INSTANCES, body))
    first, second = [
        await alice.create("/v1/patch-envelope", envelope(world.project, name=name))
        for name in ("first", "second")
    ]
    wrong = await alice.http.post(
        REFER, json={"appInstIDList": [*ids, NOBODY], "patchenvelopeId": first}
    )
    assert wrong.status_code == 400  # at once, and nothing is begun
    assert (await alice.get("/v1/jobs"))["totalCount"] == 0

    async def refer(wanted: Json) -> Json:
        answer = await alice.http.post(REFER, json={"appInstIDList": ids, **wanted})
        assert answer.status_code == 202, answer.text
        await runner.run()
        told: Json = await alice.get(f"/v1/jobs/id/{answer.json()['jobId']}")
        assert told["operationType"] == "BULK_SERVICE_APPLY_PATCH_ENVELOPE"
        assert told["status"] == "JOB_STATUS_COMPLETED", told
        assert sorted(told["objectList"]) == sorted(ids)
        return told

    told = await refer({"patchenvelopeId": first, "projectId": world.project})
    assert set(told["individualOpStatus"].values()) == {"COMPLETE"}, told
    (sent,) = (await config_of(rest, world.device)).patch_envelopes
    assert (sent.uuid, set(sent.app_inst_ids_allowed)) == (first, set(ids))
    assert world.device in {str(one) for one in runner.told}
    await refer({"patchenvelopeId": second})
    for one in ids:
        assert (await alice.get(f"{INSTANCES}/id/{one}"))["patchEnvelopeName"] == "second"
    await alice.delete(f"/v1/patch-envelope/id/{first}")  # nobody refers to it any more
    await refer({})
    assert (await config_of(rest, world.device)).patch_envelopes == ()
    asked = {
        "name": "by-hand",
        "objectType": "OBJECT_TYPE_EDGE_APP_INSTANCE",
        "operationType": "BULK_SERVICE_APPLY_PATCH_ENVELOPE",
        "objectList": ids,
    }
    assert (await alice.http.post("/v1/jobs", json=asked)).status_code == 400


async def with_snapshots(alice: Caller, world: World, **more: object) -> Json:
    told = await alice.get(f"{INSTANCES}/id/{world.instance}")
    return {**told, "allowSnapshots": True, "maxSnapshots": 2, **more}


async def say(rest: Rest, world: World, *taken: ZInfoSnapshot, errors: int = 0) -> None:
    rest.clock.pass_by(timedelta(seconds=5))
    app = ZInfoApp(
        app_id=world.instance,
        app_name="web-1",
        state=ZSwState.RUNNING,
        snapshots=taken,
        app_err=tuple(ErrorInfo(description="stuck") for _ in range(errors)),
    )
    await report(rest, world, ZInfoMsg(ztype=ZInfoTypes.ZiApp, dev_id=world.device, ainfo=app))


async def test_a_snapshot_is_taken_gone_back_to_and_deleted(  # noqa: PLR0915 - one story
    rest: Rest, enterprise: str, alice: Caller, world: World
) -> None:
    path = f"{INSTANCES}/id/{world.instance}"
    body = await with_snapshots(
        alice, world, availableSnapshots=[{"name": "before", "immediate": True}], title="New"
    )
    assert (await app_of(rest, world)).snapshot is None
    await alice.put(path, body)
    told = await alice.get(f"{path}/snapshot/name/before")
    assert (told["state"], told["immediate"]) == ("CREATING", True)
    assert told["config"]["title"] == "Web One"
    wished = (await app_of(rest, world)).snapshot
    assert wished is not None
    assert [(one.id, one.type) for one in wished.snapshots] == [
        (told["id"], SnapshotType.SNAPSHOT_TYPE_IMMEDIATE)
    ]
    assert wished.max_snapshots == 2
    assert wished.rollback_cmd is not None
    assert wished.rollback_cmd.counter == 0

    back = await with_snapshots(
        alice, world, availableSnapshots=[{"name": "before", "activate": True}]
    )
    early = await alice.http.put(path, json=back)
    assert early.status_code == 412
    assert "CREATING" in early.text
    await say(rest, world, ZInfoSnapshot(id=told["id"]))
    assert (await alice.get(f"{INSTANCES}/snapshot/id/{told['id']}"))["state"] == "CREATED"
    rest.clock.pass_by(timedelta(seconds=5))
    await alice.put(path, back)
    restored = await alice.get(path)
    assert restored["title"] == "Web One"
    assert restored["availableSnapshots"][0]["state"] == "ROLLING_BACK"
    wished = (await app_of(rest, world)).snapshot
    assert wished is not None
    assert wished.active_snapshot == told["id"]
    assert wished.rollback_cmd is not None
    assert wished.rollback_cmd.counter == 1
    await say(rest, world, ZInfoSnapshot(id=told["id"]))
    state = await alice.get(f"{INSTANCES}/snapshot/id/{told['id']}/state")
    assert state["state"] == "ACTIVE"
    assert state["timestamp"]
    again = await with_snapshots(alice, world)
    await alice.put(path, again)  # as it was read: nothing happens twice
    wished = (await app_of(rest, world)).snapshot
    assert wished is not None
    assert wished.rollback_cmd is not None
    assert wished.rollback_cmd.counter == 1
    await say(rest, world, ZInfoSnapshot(id=told["id"]), errors=1)
    assert (await alice.get(f"{path}/snapshots"))["snapshots"][0]["state"] == "ROLLBACK_FAILED"

    mallory = await stranger(rest)
    for one in (
        f"{path}/snapshots",
        f"{path}/snapshot/name/before",
        f"{INSTANCES}/snapshot/id/{told['id']}",
        f"{INSTANCES}/snapshot/id/{told['id']}/state",
    ):
        assert (await mallory.http.get(one)).status_code == 404
    assert (await mallory.http.delete(f"{path}/snapshot/name/before")).status_code == 404
    bob = await reader(rest, enterprise, alice)
    assert len((await bob.get(f"{path}/snapshots"))["snapshots"]) == 1
    assert (await bob.http.delete(f"{path}/snapshot/name/before")).status_code == 403

    await alice.delete(f"{path}/snapshot/name/before")
    assert (await alice.get(f"{path}/snapshots"))["snapshots"][0]["state"] == "DELETING"
    assert (await alice.http.delete(f"{path}/snapshot/name/before")).status_code == 409
    wished = (await app_of(rest, world)).snapshot
    assert wished is not None
    assert (wished.snapshots, wished.active_snapshot) == ((), "")
    assert wished.rollback_cmd is not None
    assert wished.rollback_cmd.counter == 1  # a counter never goes back
    await say(rest, world)
    assert (await alice.get(f"{path}/snapshots"))["snapshots"] == []
    assert (await alice.get(f"{INSTANCES}/snapshot/id/{told['id']}/state"))["state"] == "DELETED"


async def test_snapshots_are_bounded_and_refused_where_they_make_no_sense(
    rest: Rest, alice: Caller, world: World
) -> None:
    path = f"{INSTANCES}/id/{world.instance}"
    plain = await alice.get(path)
    refused = await alice.http.put(path, json={**plain, "availableSnapshots": [{"name": "one"}]})
    assert refused.status_code == 412
    assert "allowSnapshots" in refused.text
    for name in ("one", "two", "three"):
        rest.clock.pass_by(timedelta(seconds=1))
        body = await with_snapshots(alice, world, availableSnapshots=[{"name": name}])
        await alice.put(path, body)
    kept = (await alice.get(f"{path}/snapshots"))["snapshots"]
    assert [(one["name"], one["state"]) for one in kept] == [("two", "IDLE"), ("three", "IDLE")]
    unclean = await with_snapshots(
        alice, world, availableSnapshots=[{"name": ""}, {"name": "x"}, {"name": "x"}]
    )
    answer = await alice.http.put(path, json=unclean)
    assert answer.status_code == 400
    assert len(answer.json()["error"]) == 2
    for names, what in (("abc", "keeps 2"), (map(str, range(50_000)), "50,000 snapshots")):
        many = await with_snapshots(
            alice, world, availableSnapshots=[{"name": name} for name in names]
        )
        began = time.monotonic()
        answer = await alice.http.put(path, json=many)
        assert answer.status_code == 400
        assert what in answer.text
        assert time.monotonic() - began < 5  # seconds; every other request waits meanwhile
        assert len(answer.json()["error"]) == 1
    assert (await alice.get(f"{path}/snapshots"))["snapshots"] == kept
    device = ZInfoDevice(host_name="edge", api_capability=APICapability.API_CAPABILITY_RETRY_UPDATE)
    await report(
        rest, world, ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dev_id=world.device, dinfo=device)
    )
    old = await alice.http.put(
        path, json=await with_snapshots(alice, world, availableSnapshots=[{"name": "four"}])
    )
    assert old.status_code == 412
    assert "API_CAPABILITY_VOLUME_SNAPSHOTS" in old.text
    await alice.delete(path)
