"""Snapshots of real volumes: taken whole or not at all, restored, and nothing is left behind."""

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.datastore import datastore

from eaves.ids import AppInstanceId, ContentTreeId, DatastoreId, VolumeId
from eaves.node.storage.items import ContentTree, Snapshot, Source, Volume
from eaves.node.storage.records import Layout, SnapshotRecord, VolumeRecord, load, save
from eaves.node.storage.settings import StorageSettings
from eaves.node.storage.subsystem import StorageSubsystem
from eaves.reconcile.apply import Reconciler
from eaves.reconcile.item import Item
from eaves.reconcile.report import ItemState, Report

pytestmark = pytest.mark.host

APP = AppInstanceId("33333333-3333-4333-8333-333333333333")
DISK = VolumeId("22222222-2222-4222-8222-222222222222")
ROOT = VolumeId("22222222-2222-4222-8222-333333333333")
TREE = ContentTreeId("11111111-1111-4111-8111-111111111111")
ONE = "5a5a5a5a-0000-4000-8000-000000000001"
MIB = 1024**2
BLANK = Volume(DISK, 0, None, size_bytes=8 * MIB)
CONTAINER = Volume(ROOT, 0, None, size_bytes=MIB, format="CONTAINER")


def snapshot(*volumes: Volume) -> Snapshot:
    return Snapshot(ONE, APP, "1", 2, volumes, b"config")


class Node:
    """Storage under its reconciler; `held` notes who stood still, and what was there then."""

    def __init__(self, vault: Path) -> None:
        self.vault = vault
        self.held: list[tuple[AppInstanceId, list[str]]] = []
        self.restart()

    def restart(self) -> None:
        self.storage = StorageSubsystem(self.vault, lambda: datetime.now(UTC), pause=self.pause)
        self.reconciler = Reconciler(self.storage.configurators(), lambda: datetime.now(UTC))

    @asynccontextmanager
    async def pause(self, app: AppInstanceId) -> AsyncGenerator[None]:
        self.held.append((app, self.names("snapshots")))
        yield

    async def reach(self, *items: Item) -> Report:
        self.reconciler.observed(self.storage.kinds, await self.storage.observe())
        self.reconciler.intend({item.ref: item for item in items})
        return await self.reconciler.settle()

    async def taken(self) -> Snapshot:
        seen = await self.storage.observe()
        found = seen.present[snapshot().ref]
        assert isinstance(found, Snapshot)
        return found

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.vault / folder).iterdir())

    @property
    def disk(self) -> Path:
        return self.storage.volume_paths(DISK, 0).path


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "vault")


def container(node: Node) -> Path:
    """A container volume without an image, as a cut-off node would find it."""
    folder = node.vault / "volumes" / f"{ROOT}#0.container"
    for part in ("upper", "work"):
        (folder / part).mkdir(parents=True)
    name = f"{ROOT}#0"
    record = VolumeRecord(CONTAINER, "container", folder.name, "container", MIB, (), 0.0)
    save(Layout(node.vault).volumes / f"{name}.json", record)
    return folder / "upper"


def write(disk: Path, data: bytes) -> None:
    """At its start."""
    with disk.open("r+b") as file:
        file.write(data)


async def test_a_disk_and_a_container_become_what_they_were(node: Node) -> None:
    upper = container(node)
    assert not (await node.reach(BLANK, CONTAINER)).unmet()
    write(node.disk, b"before")
    (upper / "kept").write_text("before")
    (upper / "kept").chmod(0o640)
    os.setxattr(upper / "kept", "user.mark", b"x")
    kept = snapshot(BLANK, CONTAINER)
    assert not (await node.reach(BLANK, CONTAINER, kept)).unmet()
    assert [app for app, _ in node.held] == [APP]
    taken = await node.taken()
    assert (taken, taken.in_force) == (kept, b"config")
    assert taken.taken_at > 0
    write(node.disk, b"after!")
    (upper / "kept").write_text("after")
    (upper / "more").write_text("after")
    back = [replace(one, restored=f"{ONE}/1") for one in (BLANK, CONTAINER)]
    assert not (await node.reach(*back, kept)).unmet()
    assert node.disk.read_bytes() == b"before".ljust(8 * MIB, b"\0")
    assert sorted(p.name for p in upper.iterdir()) == ["kept"]
    assert (upper / "kept").read_text() == "before"
    assert (upper / "kept").stat().st_mode & 0o777 == 0o640
    assert os.getxattr(upper / "kept", "user.mark") == b"x"
    node.restart()
    assert not (await node.reach(*back, kept)).unmet()
    assert node.reconciler.steps_run == 0, "one roll-back, one action"
    assert not (await node.reach()).items
    assert node.names("volumes") == node.names("snapshots") == []


async def test_a_volume_that_is_gone_comes_back_from_the_snapshot_with_its_content(
    node: Node,
) -> None:
    data = os.urandom(MIB)
    digest = hashlib.sha256(data).hexdigest()
    with datastore({"/disk.img": data}) as store:
        source = Source(DatastoreId("d"), "http", store.url)
        tree = ContentTree(TREE, 1, "disk.img", "RAW", digest, 0, (source,))
        disk = Volume(DISK, 0, TREE, 1, 4 * MIB)
        assert not (await node.reach(tree, disk)).unmet()
    kept = snapshot(disk)
    assert not (await node.reach(tree, disk, kept)).unmet()
    assert not (await node.reach(tree, kept)).unmet(), "a purge took the volume"
    assert node.names("volumes") == []
    assert digest in node.names("blobs/sha256"), "the snapshot stands on it"
    back = replace(disk, restored=f"{ONE}/1")
    assert not (await node.reach(tree, back, kept)).unmet()
    process = await asyncio.create_subprocess_exec(
        *("qemu-img", "convert", "-O", "raw", str(node.disk), str(node.vault / "out"))
    )
    assert await process.wait() == 0
    assert (node.vault / "out").read_bytes() == data.ljust(4 * MIB, b"\0")
    assert not (await node.reach()).items
    assert node.names("blobs/sha256") == []


async def test_what_a_cut_left_of_a_snapshot_is_removed(node: Node) -> None:
    await node.reach(BLANK)
    making = node.vault / "snapshots" / f"{ONE}.making"
    making.mkdir()
    (making / "half").write_bytes(b"x")
    node.restart()
    assert not (await node.reach(BLANK)).unmet()
    assert node.names("snapshots") == []
    assert not (await node.reach(BLANK, snapshot(BLANK))).unmet()
    assert node.names("snapshots") == [ONE]


@pytest.mark.parametrize("stage", ["copied", "taken away", "in place"])
async def test_a_cut_in_a_roll_back_leaves_one_whole_copy(node: Node, stage: str) -> None:
    upper = container(node)
    (upper / "kept").write_text("before")
    kept = snapshot(CONTAINER)
    await node.reach(CONTAINER, kept)
    (upper / "kept").write_text("after")
    folder, stem = upper.parent, f"{ROOT}#0"
    coming = folder.with_name(f"{stem}.restoring")
    before = folder.with_name(f"{stem}.before")
    if stage == "copied":
        coming.mkdir()
    else:
        folder.rename(before)
    if stage == "in place":
        (folder / "upper").mkdir(parents=True)
    node.restart()
    report = await node.reach(CONTAINER, kept)
    assert not report.unmet(), report.unmet()
    assert node.names("volumes") == [f"{stem}.container", f"{stem}.json"]
    back = replace(CONTAINER, restored=f"{ONE}/1")
    assert not (await node.reach(back, kept)).unmet()
    assert (upper / "kept").read_text() == "before"


async def test_a_roll_back_from_a_broken_snapshot_changes_nothing(node: Node) -> None:
    """The copy is made beside what is there: what cannot be read is an error, not a loss."""
    await node.reach(BLANK)
    write(node.disk, b"before")
    kept = snapshot(BLANK)
    await node.reach(BLANK, kept)
    write(node.disk, b"after!")
    (node.vault / "snapshots" / ONE / f"{DISK}#0.raw").unlink()  # as a broken disk would have it
    back = replace(BLANK, restored=f"{ONE}/1")
    report = await node.reach(back, kept)
    assert report.items[back.ref].state is ItemState.FAILED
    assert node.disk.read_bytes().startswith(b"after!")


async def test_a_roll_back_waits_for_room_beside_what_is_there(node: Node) -> None:
    await node.reach(BLANK)
    write(node.disk, b"before")
    kept = snapshot(BLANK)
    await node.reach(BLANK, kept)
    write(node.disk, b"after!")
    node.storage.configure(StorageSettings(log_quota_bytes=2**60))
    back = replace(BLANK, restored=f"{ONE}/1")
    report = await node.reach(back, kept)
    told = report.items[back.ref]
    assert told.state is ItemState.FAILED
    assert told.fault is not None
    assert "no space" in told.fault.text
    assert node.disk.read_bytes().startswith(b"after!")
    node.restart()
    assert not (await node.reach(back, kept)).unmet()
    assert node.disk.read_bytes().startswith(b"before")


async def test_a_snapshot_is_booked_with_what_it_takes(node: Node) -> None:
    await node.reach(BLANK)
    write(node.disk, os.urandom(2 * MIB))
    os.sync()
    await node.reach(BLANK, snapshot(BLANK))
    record = load(node.vault / "snapshots" / ONE / "record.json", SnapshotRecord)
    assert record is not None
    assert 2 * MIB <= record.size_bytes < 8 * MIB
