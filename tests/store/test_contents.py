"""Uploads, marks of images, snapshots of apps and carriers of envelopes, in both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, OTHER, STAMP, draft

from eaves.controller.domain.scope import Scope
from eaves.controller.domain.snapshots import Snapshot
from eaves.controller.store import carriers, contents, latest_images, objects, snapshots
from eaves.controller.store.contents import Held
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import Db, unit_of_work
from eaves.ids import ProjectId

DIGEST = "ab" * 32


def held(object_id: str, upload: str = "u1", total: int = 100) -> Held:
    return Held(object_id, "acme", upload, total, 0, "", NOW)


async def put_image(db: Db, name: str) -> None:
    await objects.insert_object(db, ACME, draft(Kind.IMAGE, name), STAMP)


async def test_an_upload_advances_from_where_it_is_and_from_nowhere_else(
    engine: AsyncEngine,
) -> None:
    async with unit_of_work(engine) as db:
        await put_image(db, "disk")
        first = held("disk")
        await contents.begin(db, first)
        assert await contents.find_held(db, "disk") == first
        later = NOW + timedelta(seconds=1)
        assert await contents.advance(db, first, 60, later, total=100)
        assert not await contents.advance(db, first, 60, later, total=100)  # from 0 once more
        now = await contents.find_held(db, "disk")
        assert now is not None
        assert now == replace(first, received_bytes=60, updated_at=later)
        other = held("disk", "u2", 50)
        await contents.begin(db, other)
        assert not await contents.advance(db, now, 100, later, total=100)
        assert not await contents.complete(db, now, DIGEST, later)
        await contents.drop(db, now)  # of an upload that is no more
        assert await contents.uploads_under_way(db) == {"u2"}
        assert await contents.promised_bytes(db) == 50
        assert await contents.promised_bytes(db, "acme") == 50
        assert await contents.promised_bytes(db, "other") == 0
        assert await contents.bytes_to_come(db) == 50
        assert await contents.advance(db, other, 20, later, total=50)
        assert await contents.bytes_to_come(db) == 30
        assert await contents.complete(db, other, DIGEST, later)
        assert await contents.uploads_under_way(db) == frozenset()
        assert await contents.digests_in_use(db, [DIGEST, "cd" * 32]) == {DIGEST}


async def test_a_device_has_what_an_image_of_the_datastore_has(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        for name in ("depot", "closed"):
            await objects.insert_object(db, ACME, draft(Kind.DATASTORE, name), STAMP)
        image = draft(Kind.IMAGE, "disk", references=frozenset({"depot"}))
        await objects.insert_object(db, ACME, image, STAMP)
        await objects.insert_object(db, ACME, draft(Kind.DEVICE, "edge"), STAMP)
        for kind, name in ((Kind.DATASTORE, "theirs"), (Kind.DEVICE, "their-edge")):
            foreign = replace(draft(kind, name), enterprise_id="other")
            await objects.insert_object(db, OTHER, foreign, STAMP)
        await contents.begin(db, held("disk"))
        assert await contents.find_whole(db, "disk") is None
        assert not await contents.holds(db, "depot", "edge", "")
        await contents.complete(db, held("disk"), DIGEST, NOW)
        assert await contents.find_whole(db, "disk") is not None
        assert await contents.holds(db, "depot", "edge", DIGEST)
        for store, device in (
            ("closed", "edge"),  # another datastore of the same enterprise
            ("theirs", "edge"),
            ("depot", "their-edge"),
            ("nobody", "edge"),
        ):
            assert not await contents.holds(db, store, device, DIGEST), (store, device)
        await objects.delete_object(db, ACME, Kind.DEVICE, "edge")
        assert not await contents.holds(db, "depot", "edge", DIGEST)


async def test_uploads_that_were_left_are_forgotten(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        for name in ("old", "whole", "new"):
            await put_image(db, name)
            await contents.begin(db, held(name, name))
        await contents.complete(db, held("whole", "whole"), DIGEST, NOW)
        fresh = NOW + timedelta(hours=2)
        await contents.advance(db, held("new", "new"), 1, fresh, total=100)
        (left,) = await contents.stale_uploads(db, NOW + timedelta(hours=1), 10)
        assert left == held("old", "old")
        assert not await contents.forget_stale(db, held("new", "new"))  # it was gone on with
        assert await contents.forget_stale(db, left)
        assert await contents.find_held(db, "old") is None
        assert await contents.uploads_under_way(db) == {"new"}
        assert await contents.find_whole(db, "whole") is not None


async def test_one_image_of_an_architecture_is_the_latest(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        for name in ("one", "two"):
            await put_image(db, name)
        await latest_images.mark_latest(db, ACME, "AMD64", "one")
        await latest_images.mark_latest(db, ACME, "AMD64", "two")
        await latest_images.mark_latest(db, ACME, "ARM64", "one")
        assert await latest_images.find_latest(db, ACME) == {"AMD64": "two", "ARM64": "one"}
        assert await latest_images.find_latest(db, OTHER) == {}
        assert not await latest_images.unmark_latest(db, OTHER, "two")
        assert await latest_images.unmark_latest(db, ACME, "two")
        await objects.delete_object(db, ACME, Kind.IMAGE, "one")
        assert await latest_images.find_latest(db, ACME) == {}


def taken(name: str, number: int) -> Snapshot:
    at = NOW + timedelta(seconds=number)
    return Snapshot(f"s{number}", "web", name, '{"name": "web"}', True, 0, at, at)


async def test_snapshots_are_told_by_instance_and_their_numbers_only_grow(
    engine: AsyncEngine,
) -> None:
    async with unit_of_work(engine) as db:
        await objects.insert_object(db, ACME, draft(Kind.APP_INSTANCE, "web"), STAMP)
        first, second = taken("one", 1), taken("two", 2)
        for one in (second, first):
            await snapshots.insert_snapshot(db, "acme", one)
        assert await snapshots.snapshots_of(db, ["web", "none"]) == {"web": (first, second)}
        assert await snapshots.snapshots_of(db, []) == {}
        assert await snapshots.find_snapshot(db, ACME, "s1") == first
        assert await snapshots.find_snapshot(db, OTHER, "s1") is None
        assert await snapshots.roll_back(db, first, NOW) == 1
        assert await snapshots.roll_back(db, second, NOW) == 2
        for one in (first, second):
            await snapshots.delete_snapshot(db, one.id, NOW)
        gone = await snapshots.snapshots_of(db, ["web"])
        assert {one.config for one in gone["web"]} == {"{}"}  # what was saved takes no room
        await snapshots.insert_snapshot(db, "acme", taken("one", 3))  # the name is free again
        await snapshots.forget_deleted(db, "web", NOW + timedelta(days=1))
        left = (await snapshots.snapshots_of(db, ["web"]))["web"]
        assert [(one.id, one.rollback) for one in left] == [("s2", 2), ("s3", 0)]
        assert await snapshots.roll_back(db, taken("one", 3), NOW) == 3
    with pytest.raises(IntegrityError):
        async with unit_of_work(engine) as db:
            await snapshots.insert_snapshot(db, "acme", taken("one", 4))
    async with unit_of_work(engine) as db:
        await objects.delete_object(db, ACME, Kind.APP_INSTANCE, "web")
        assert await snapshots.snapshots_of(db, ["web"]) == {}


async def test_devices_that_carry_an_envelope_are_counted_within_the_scope(
    engine: AsyncEngine,
) -> None:
    async with unit_of_work(engine) as db:
        await objects.insert_object(db, ACME, draft(Kind.PATCH_ENVELOPE, "fix"), STAMP)
        for name, device, project in (("a", "d1", "p1"), ("b", "d1", "p1"), ("c", "d2", "p2")):
            wanted = draft(
                Kind.APP_INSTANCE,
                name,
                device_id=device,
                project_id=project,
                references=frozenset({"fix"}),
            )
            await objects.insert_object(db, ACME, wanted, STAMP)
        ids = ("fix", "nothing")
        assert await carriers.device_counts(db, ACME, ids) == {"fix": 2}
        assert await carriers.carried_on(db, ACME, ids) == (("fix", "d1"), ("fix", "d2"))
        some = Scope(ACME.enterprise, frozenset({ProjectId("p1")}))
        assert await carriers.device_counts(db, some, ids) == {"fix": 1}
        assert await carriers.carried_on(db, some, ids) == (("fix", "d1"),)
        assert await carriers.carried_on(db, OTHER, ids) == ()


async def test_app_instances_are_counted_by_device_and_by_bundle_within_the_scope(
    engine: AsyncEngine,
) -> None:
    async with unit_of_work(engine) as db:
        await objects.insert_object(db, ACME, draft(Kind.APP, "web"), STAMP)
        for name, device, project in (("a", "d1", "p1"), ("b", "d1", "p1"), ("c", "d2", "p2")):
            wanted = draft(
                Kind.APP_INSTANCE,
                name,
                device_id=device,
                project_id=project,
                references=frozenset({"web"}),
            )
            await objects.insert_object(db, ACME, wanted, STAMP)
        devices = ("d1", "d2", "d3", *(f"more-{number}" for number in range(500)))
        assert await carriers.instances_on(db, ACME, devices) == {"d1": 2, "d2": 1}
        assert await carriers.instances_of(db, ACME, ("web", "nothing")) == {"web": 3}
        some = Scope(ACME.enterprise, frozenset({ProjectId("p1")}))
        assert await carriers.instances_on(db, some, devices) == {"d1": 2}
        assert await carriers.instances_of(db, some, ("web",)) == {"web": 2}
        assert await carriers.instances_on(db, OTHER, devices) == {}
        assert await carriers.instances_of(db, OTHER, ("web",)) == {}
