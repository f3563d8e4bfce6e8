"""Files from real servers to verified content and volumes, and every way it goes wrong."""

import asyncio
import hashlib
import os
import ssl
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.datastore import Datastore, datastore, private_authority

from eaves.ids import ContentTreeId, DatastoreId, VolumeId
from eaves.node.storage.authorizers import Credentials
from eaves.node.storage.items import ContentTree, Source, Volume
from eaves.node.storage.settings import StorageSettings
from eaves.node.storage.subsystem import StorageSubsystem
from eaves.reconcile.apply import Reconciler
from eaves.reconcile.item import Item, ItemRef
from eaves.reconcile.report import ItemState, Report

pytestmark = pytest.mark.host

TREE = ContentTreeId("11111111-1111-1111-1111-111111111111")
OTHER = ContentTreeId("11111111-1111-1111-1111-222222222222")
VOLUME = VolumeId("22222222-2222-2222-2222-222222222222")
MIB = 1024**2
FAST = StorageSettings(download_stalled_s=5, verify_retries=2)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tree(
    store: Datastore,
    data: bytes,
    *,
    url: str = "disk.img",
    kind: str = "RAW",
    most: int = 0,
    ca: tuple[str, ...] = (),
    credentials: str = "",
) -> ContentTree:
    source = Source(DatastoreId("d"), "http", store.url, credentials, ca)
    return ContentTree(TREE, 1, url, kind, sha(data), most, (source,))


def disk(size: int = 0, kind: str = "RAW", generation: int = 1) -> Volume:
    return Volume(VOLUME, generation, TREE, 1, size, kind)


class Node:
    """A storage subsystem under its reconciler; `restart` is another process on the same disk."""

    def __init__(self, vault: Path, settings: StorageSettings = FAST) -> None:
        self.vault = vault
        self.settings = settings
        self.secrets: dict[str, Credentials] = {}
        self.restart()

    def restart(self) -> None:
        self.storage = StorageSubsystem(
            self.vault,
            lambda: datetime.now(UTC),
            settings=self.settings,
            credentials=self.secrets.get,
            retry=self.retry,
        )
        self.reconciler = Reconciler(self.storage.configurators(), lambda: datetime.now(UTC))

    def retry(self, ref: ItemRef) -> None:
        self.reconciler.retry(ref)

    async def reach(self, *items: Item) -> Report:
        self.reconciler.observed(self.storage.kinds, await self.storage.observe())
        self.reconciler.intend({item.ref: item for item in items})
        return await self.reconciler.settle()

    def blob(self, data: bytes) -> Path:
        return self.vault / "blobs" / "sha256" / sha(data)


def qemu_img(*words: str) -> None:
    subprocess.run(["qemu-img", *words], check=True)


def fault(report: Report, item: Item) -> str:
    status = report.items[item.ref]
    assert status.state is ItemState.FAILED, status
    assert status.fault is not None
    return status.fault.text


async def test_a_file_becomes_a_disk_and_nothing_is_done_twice(tmp_path: Path) -> None:
    data = os.urandom(3 * MIB)
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": data}) as store:
        wishes = (tree(store, data, most=4 * MIB), disk(8 * MIB))
        assert not (await node.reach(*wishes)).unmet()
        assert store.served == len(data)
        node.restart()
        assert not (await node.reach(*wishes)).unmet()
        assert node.reconciler.steps_run == 0
        assert len(store.seen) == 1
    made = node.storage.volume_paths(VOLUME, 1)
    assert (made.kind, made.format, made.size_bytes) == ("disk", "qcow2", 8 * MIB)
    out = tmp_path / "out.raw"
    qemu_img("convert", "-O", "raw", str(made.path), str(out))
    assert out.read_bytes() == data + bytes(5 * MIB)
    assert made.path.stat().st_blocks * 512 < MIB  # the content is shared, not copied


async def test_a_blank_volume_takes_space_as_it_is_written(tmp_path: Path) -> None:
    node = Node(tmp_path / "vault")
    blank = Volume(VOLUME, 1, None, 0, 64 * MIB)
    assert not (await node.reach(blank)).unmet()
    made = node.storage.volume_paths(VOLUME, 1)
    assert (made.format, made.path.stat().st_size) == ("raw", 64 * MIB)
    assert not (await node.reach()).unmet()
    assert not list((tmp_path / "vault" / "volumes").iterdir())


async def test_a_deleted_tree_leaves_no_content(tmp_path: Path) -> None:
    data = os.urandom(MIB)
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": data}) as store:
        await node.reach(tree(store, data), disk())
    assert not (await node.reach()).items
    assert not list((tmp_path / "vault" / "blobs" / "sha256").iterdir())


@pytest.mark.parametrize("kind", ["QCOW2", "VMDK", "VHDX", "VHD", "QCOW", "ISO"])
async def test_other_formats_become_a_disk(tmp_path: Path, kind: str) -> None:
    raw = tmp_path / "raw"
    raw.write_bytes(b"start of disk".ljust(2 * MIB, b"\0"))
    word = {"VHD": "vpc", "ISO": "raw"}.get(kind, kind.lower())
    options = ["-o", "force_size=on"] if kind == "VHD" else []
    image = tmp_path / "image"
    qemu_img("convert", "-O", word, *options, str(raw), str(image))
    data = image.read_bytes()
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": data}) as store:
        report = await node.reach(tree(store, data, kind=kind), disk(kind=kind))
        assert not report.unmet(), report.unmet()
    made = node.storage.volume_paths(VOLUME, 1)
    out = tmp_path / "out"
    qemu_img("convert", "-f", made.format, "-O", "raw", str(made.path), str(out))
    assert out.read_bytes()[: 2 * MIB] == raw.read_bytes()
    assert made.cdrom == made.read_only == (kind == "ISO")


async def test_a_wrong_digest_is_fetched_again_a_few_times_and_named(tmp_path: Path) -> None:
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": b"evil" * 1000}) as store:
        wish = tree(store, b"good" * 1000)
        said = fault(await node.reach(wish), wish)
        assert store.requests_of("/disk.img") == 1 + FAST.verify_retries
        assert f"{store.url}/disk.img" in said
        assert sha(b"evil" * 1000) in said
        assert sha(b"good" * 1000) in said
        assert not list((tmp_path / "vault" / "downloads").iterdir())
        store.files["/disk.img"] = b"good" * 1000  # the way back
        node.reconciler.retry(wish.ref)
        assert not (await node.reconciler.settle()).unmet()


async def test_an_unreachable_datastore_gives_way_to_the_next(tmp_path: Path) -> None:
    data = os.urandom(MIB)
    node = Node(tmp_path / "vault")
    with datastore() as dead:
        pass
    wish = tree(dead, data)
    assert f"{dead.url}/disk.img" in fault(await node.reach(wish), wish)
    with datastore({"/disk.img": data}) as store:
        both = ContentTree(
            TREE, 1, "disk.img", "RAW", sha(data), 0, (*wish.sources, *tree(store, data).sources)
        )
        assert not (await node.reach(both)).unmet()


@pytest.mark.parametrize(
    ("status", "says"), [(404, "it is not there"), (403, "check the credentials"), (503, "trouble")]
)
async def test_a_refusal_of_the_server_is_told(tmp_path: Path, status: int, says: str) -> None:
    node = Node(tmp_path / "vault")
    with datastore() as store:
        store.status = status
        wish = tree(store, b"x")
        said = fault(await node.reach(wish), wish)
    assert f"HTTP status {status}" in said
    assert says in said


async def test_more_than_declared_is_refused_before_and_while_it_comes(tmp_path: Path) -> None:
    data = os.urandom(2 * MIB)
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": data}) as store:
        wish = tree(store, data, most=MIB)
        assert f"announced were at most {MIB}" in fault(await node.reach(wish), wish)
        node.restart()
        store.announce = False
        assert "announced were at most" in fault(await node.reach(wish), wish)
    assert not list(node.blob(data).parent.iterdir())


async def test_a_private_authority_is_trusted_only_where_it_is_given(tmp_path: Path) -> None:
    data = os.urandom(MIB)
    context, root = private_authority(tmp_path / "tls")
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": data}, tls=context) as store:
        wish = tree(store, data)
        assert "certificate is not trusted" in fault(await node.reach(wish), wish)
        node.restart()
        assert not (await node.reach(tree(store, data, ca=(root,)))).unmet()


async def test_credentials_go_out_only_over_tls(tmp_path: Path) -> None:
    data = os.urandom(MIB)
    context, root = private_authority(tmp_path / "tls")
    node = Node(tmp_path / "vault")
    node.secrets["datastore/d"] = Credentials("user", "s3cret")
    with datastore({"/disk.img": data}) as store:
        store.user = "user:s3cret"
        wish = tree(store, data, credentials="datastore/d")
        assert "HTTP status 401" in fault(await node.reach(wish), wish)
        assert {seen.authorization for seen in store.seen} == {""}
    node.restart()
    with datastore({"/disk.img": data}, tls=context) as store:
        store.user = "user:s3cret"
        wish = tree(store, data, credentials="datastore/d", ca=(root,))
        assert not (await node.reach(wish)).unmet()
    everything = b"".join(p.read_bytes() for p in node.vault.rglob("*") if p.is_file())
    assert b"s3cret" not in everything


async def test_a_stalled_transfer_ends_and_goes_on(tmp_path: Path) -> None:
    data = os.urandom(2 * MIB)
    node = Node(tmp_path / "vault", StorageSettings(download_stalled_s=1))
    stop = time.monotonic() + 60

    with datastore({"/disk.img": data}) as store:

        def stall(served: int, _: int) -> None:
            while served >= MIB and len(store.seen) == 1 and time.monotonic() < stop:
                time.sleep(0.02)

        store.before_chunk = stall
        assert not (await node.reach(tree(store, data))).unmet()
        assert store.seen[1].range == f"bytes={MIB}-"


async def test_a_changed_object_starts_over(tmp_path: Path) -> None:
    old, new = os.urandom(2 * MIB), os.urandom(2 * MIB)
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": old}) as store:
        started = asyncio.Event()
        loop = asyncio.get_running_loop()

        def swap(served: int, _: int) -> None:
            if served >= MIB and store.files["/disk.img"] is old:
                store.files["/disk.img"] = new
                loop.call_soon_threadsafe(started.set)
                raise ConnectionError

        store.before_chunk = swap
        assert not (await node.reach(tree(store, new))).unmet()
        assert node.blob(new).read_bytes() == new


@pytest.mark.parametrize("declared", ["RAW", "VMDK"])
async def test_a_format_that_is_not_as_declared_names_both(tmp_path: Path, declared: str) -> None:
    image = tmp_path / "image"
    qemu_img("create", "-q", "-f", "qcow2", str(image), "1M")
    data = image.read_bytes()
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": data}) as store:
        wish = tree(store, data, kind=declared)
        said = fault(await node.reach(wish), wish)
    assert "format qcow2" in said
    assert declared in said


async def test_an_image_that_reads_other_files_is_refused(tmp_path: Path) -> None:
    image = tmp_path / "image"
    backing = ("-u", "-b", "/etc/shadow", "-F", "raw")
    qemu_img("create", "-q", "-f", "qcow2", *backing, str(image), "1M")
    data = image.read_bytes()
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": data}) as store:
        wish = tree(store, data, kind="QCOW2")
        assert "/etc/shadow" in fault(await node.reach(wish), wish)


async def test_a_volume_smaller_than_its_content_is_refused(tmp_path: Path) -> None:
    data = os.urandom(2 * MIB)
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": data}) as store:
        report = await node.reach(tree(store, data), disk(MIB))
    assert f"its content is a disk of {2 * MIB}" in fault(report, disk(MIB))


@contextmanager
def small_disk(folder: Path, size: int) -> Generator[Path, None, None]:
    """A file system of its own, so that full means full."""
    image = folder / "disk"
    with image.open("wb") as file:
        file.truncate(size)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
    mount = folder / "mnt"
    mount.mkdir()
    subprocess.run(["mount", "-o", "loop", image, mount], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", mount], check=True)


async def test_a_full_disk_refuses_before_the_first_byte_and_recovers(tmp_path: Path) -> None:
    data = os.urandom(20 * MIB)
    settings = StorageSettings(host_min_percent=20, log_quota_bytes=0)
    with small_disk(tmp_path, 64 * MIB) as mount, datastore({"/disk.img": data}) as store:
        node = Node(mount / "vault", settings)
        hog = Volume(VolumeId("33333333-3333-3333-3333-333333333333"), 1, None, 0, 40 * MIB)
        assert not (await node.reach(hog)).unmet()
        wish = tree(store, data, most=len(data))
        said = fault(await node.reach(hog, wish), wish)
        assert "remaining" in said
        assert f"needs {len(data)}" in said
        assert not store.seen
        unknown = tree(store, data)
        assert f"needs {len(data)}" in fault(await node.reach(hog, unknown), unknown)
        assert store.served <= 2 * MIB  # refused at the announcement; what was in flight is lost
        assert not (await node.reach(unknown)).unmet()  # freed: tried again without waiting


async def test_work_cut_in_every_phase_arrives(tmp_path: Path) -> None:
    """Cancelled after each progress message, then another process: always the same end."""
    data = os.urandom(MIB)
    with datastore({"/disk.img": data}) as store:
        wishes = (tree(store, data), disk(8 * MIB))
        for cut in (*range(1, 20), *range(20, 400, 4)):  # each phase, then most of a download
            node = Node(tmp_path / f"vault{cut}")
            seen = 0
            doomed: list[asyncio.Task[Report]] = []

            def changed() -> None:
                nonlocal seen
                seen += 1
                if seen == cut:  # noqa: B023 - called within this turn only
                    doomed[0].cancel()  # noqa: B023 - as above

            node.reconciler = Reconciler(
                node.storage.configurators(), lambda: datetime.now(UTC), changed
            )
            node.reconciler.intend({item.ref: item for item in wishes})
            async with asyncio.TaskGroup() as tasks:
                doomed.append(tasks.create_task(node.reconciler.settle()))
                await asyncio.wait(doomed)
            finished = not doomed[0].cancelled()
            node.restart()
            report = await node.reach(*wishes)
            assert not report.unmet(), (cut, report.unmet())
            assert node.storage.volume_paths(VOLUME, 1).size_bytes == 8 * MIB
            if finished:
                assert cut > 5
                return
    pytest.fail("never finished uncut")


@pytest.mark.parametrize("suffix", ["making", "nothing"])
async def test_a_half_made_volume_is_made_again_and_a_whole_one_is_kept(
    tmp_path: Path, suffix: str
) -> None:
    node = Node(tmp_path / "vault")
    blank = Volume(VOLUME, 1, None, 0, MIB)
    await node.reach(blank)
    path = node.storage.volume_paths(VOLUME, 1).path
    path.write_bytes(b"precious".ljust(MIB, b"\0"))
    if suffix == "making":
        path.with_suffix(".making").touch()
    path.with_suffix(".json").unlink()
    node.restart()
    assert not (await node.reach(blank)).unmet()
    kept = path.read_bytes().startswith(b"precious")
    assert kept == (suffix == "nothing")


async def test_changed_content_without_a_new_generation_touches_nothing(tmp_path: Path) -> None:
    data, other = os.urandom(MIB), os.urandom(MIB)
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": data, "/other.img": other}) as store:
        await node.reach(tree(store, data), disk())
        wish = tree(store, other, url="other.img")
        assert "raise generation_count" in fault(await node.reach(wish, disk()), wish)
        assert node.blob(data).exists()
        assert node.storage.volume_paths(VOLUME, 1).path.exists()


async def test_content_touched_on_disk_is_fetched_again(tmp_path: Path) -> None:
    data = os.urandom(MIB)
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": data}) as store:
        wish = tree(store, data)
        await node.reach(wish)
        node.blob(data).write_bytes(b"bit rot".ljust(MIB, b"!"))
        node.restart()
        assert not (await node.reach(wish)).unmet()
    assert node.blob(data).read_bytes() == data


async def test_nobody_claims_old_content_and_it_goes(tmp_path: Path) -> None:
    data = os.urandom(MIB)
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": data}) as store:
        await node.reach(tree(store, data))
    (node.vault / "trees" / f"{TREE}#1.json").unlink()
    assert await node.storage.collect() == 0
    os.utime(node.blob(data), (1, 1))
    assert await node.storage.collect() == 1
    assert not node.blob(data).exists()


def test_the_authority_of_the_tests_is_a_real_one(tmp_path: Path) -> None:
    context, root = private_authority(tmp_path)
    assert isinstance(context, ssl.SSLContext)
    assert root.startswith("-----BEGIN CERTIFICATE-----")
