"""Container images: from real registries, through hostile layers, to a mounted root."""

import hashlib
import os
import subprocess
import sys
import tarfile
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.datastore import (
    Entry,
    StaticImage,
    busybox_image,
    datastore,
    docker_registry,
    layer,
    static_image,
)

from eaves.ids import ContentTreeId, DatastoreId, VolumeId
from eaves.node.storage import unpack as unpack_helper
from eaves.node.storage.authorizers import Credentials
from eaves.node.storage.items import ContentTree, Source, Volume
from eaves.node.storage.settings import StorageSettings
from eaves.node.storage.subsystem import StorageSubsystem
from eaves.reconcile.apply import Reconciler
from eaves.reconcile.item import Item
from eaves.reconcile.report import Report

pytestmark = pytest.mark.host

TREE = ContentTreeId("11111111-1111-1111-1111-111111111111")
OTHER = ContentTreeId("11111111-1111-1111-1111-222222222222")
VOLUME = VolumeId("22222222-2222-2222-2222-222222222222")


def tree(
    base: str,
    image: str,
    *,
    sha256: str = "",
    name: ContentTreeId = TREE,
    generation: int = 1,
    credentials: str = "",
) -> ContentTree:
    source = Source(DatastoreId("d"), "registry", f"{base}/v2", credentials)
    return ContentTree(name, generation, image, "CONTAINER", sha256, 0, (source,))


def root_of(wish: ContentTree) -> Volume:
    return Volume(VOLUME, 1, wish.id, wish.generation, 0, "CONTAINER")


class Node:
    def __init__(self, vault: Path, settings: StorageSettings | None = None) -> None:
        self.secrets: dict[str, Credentials] = {}
        self.storage = StorageSubsystem(
            vault,
            lambda: datetime.now(UTC),
            credentials=self.secrets.get,
            settings=settings or StorageSettings(verify_retries=1),
        )
        self.reconciler = Reconciler(self.storage.configurators(), lambda: datetime.now(UTC))

    async def reach(self, *items: Item) -> Report:
        self.reconciler.observed(self.storage.kinds, await self.storage.observe())
        self.reconciler.intend({item.ref: item for item in items})
        return await self.reconciler.settle()


def run_in(root: Path, *argv: str) -> str:
    done = subprocess.run(["chroot", str(root), *argv], check=True, capture_output=True, text=True)
    return done.stdout


def found_below(folder: Path, name: str) -> list[Path]:
    return list(folder.rglob(name))


def fault(report: Report, item: Item) -> str:
    found = report.items[item.ref].fault
    assert found is not None
    return found.text


async def test_an_image_of_a_real_registry_becomes_a_root(tmp_path: Path) -> None:
    layout = busybox_image(tmp_path / "image")
    node = Node(tmp_path / "vault")
    with docker_registry(tmp_path / "registry") as registry:
        registry.push(layout, "team/busybox:1")
        wish = tree(f"http://{registry.address}", "team/busybox:1")
        report = await node.reach(wish, root_of(wish))
        assert not report.unmet(), report.unmet()
    rootfs = node.storage.container_rootfs(VOLUME, 1)
    assert rootfs.image.entrypoint == ("/bin/busybox",)
    assert rootfs.image.cmd == ("cat", "/hello.txt")
    assert "GREETING=hi" in rootfs.image.env
    target = tmp_path / "root"
    await node.storage.mount_rootfs(rootfs, target)
    await node.storage.mount_rootfs(rootfs, target)
    try:
        assert run_in(target, *rootfs.image.entrypoint, *rootfs.image.cmd) == "hello"
        (target / "written").write_text("kept")
    finally:
        await node.storage.unmount_rootfs(target)
        await node.storage.unmount_rootfs(target)
    assert (rootfs.upper / "written").read_text() == "kept"


async def test_a_registry_with_users_wants_credentials(tmp_path: Path) -> None:
    layout = busybox_image(tmp_path / "image")
    node = Node(tmp_path / "vault", StorageSettings(allow_insecure_auth=True))
    with docker_registry(tmp_path / "registry", user="me:s3cret") as registry:
        registry.push(layout, "busybox:1")
        wish = tree(f"http://{registry.address}", "busybox:1", credentials="datastore/d")
        assert "check the credentials" in fault(await node.reach(wish), wish)
        node.secrets["datastore/d"] = Credentials("me", "s3cret")
        node.reconciler.retry(wish.ref)
        assert not (await node.reconciler.settle()).unmet()


async def test_a_token_is_fetched_where_the_registry_says(tmp_path: Path) -> None:
    image = static_image("app", (layer(Entry("a", b"1")),))
    node = Node(tmp_path / "vault", StorageSettings(allow_insecure_auth=True))
    node.secrets["datastore/d"] = Credentials("me", "s3cret")
    with datastore(image.files) as store:
        store.token_user = "me:s3cret"
        wish = tree(store.url, "app:1", credentials="datastore/d")
        report = await node.reach(wish)
        assert not report.unmet(), report.unmet()
        assert store.requests_of("/token") >= 1


async def test_shared_layers_are_fetched_once(tmp_path: Path) -> None:
    common = layer(Entry("common", os.urandom(100_000)))
    one = static_image("one", (common, layer(Entry("one"))))
    two = static_image("two", (common, layer(Entry("two"))))
    node = Node(tmp_path / "vault")
    with datastore({**one.files, **two.files}) as store:
        wishes = (tree(store.url, "one:1"), tree(store.url, "two:1", name=OTHER))
        assert not (await node.reach(*wishes)).unmet()
        digest = one.blobs[1]
        fetched = [seen.path for seen in store.seen if seen.path.endswith(digest)]
        assert len(fetched) == 1
        await node.reach(wishes[0])
        assert (tmp_path / "vault/blobs/sha256" / digest.removeprefix("sha256:")).exists()
    await node.reach()
    assert not list((tmp_path / "vault/layers").iterdir())


async def test_a_moved_tag_moves_only_a_new_generation(tmp_path: Path) -> None:
    old = static_image("app", (layer(Entry("old")),))
    new = static_image("app", (layer(Entry("new")),))
    node = Node(tmp_path / "vault")
    with datastore(old.files) as store:
        wish = tree(store.url, "app:1")
        assert not (await node.reach(wish)).unmet()
        store.files.update(new.files)
        node = Node(tmp_path / "vault")
        (tmp_path / "vault/trees" / f"{wish.ref.name}.json").unlink()
        assert not (await node.reach(wish)).unmet()
        assert (await node.storage.facts()).trees[wish.ref].digest == old.digest
        newer = tree(store.url, "app:1", generation=2)
        assert not (await node.reach(newer)).unmet()
        assert (await node.storage.facts()).trees[newer.ref].digest == new.digest


async def test_a_manifest_that_is_not_its_digest_is_refused(tmp_path: Path) -> None:
    image = static_image("app", (layer(Entry("a")),))
    files = dict(image.files)
    files[f"/v2/app/manifests/sha256:{image.digest}"] = b"{}"
    node = Node(tmp_path / "vault")
    with datastore(files) as store:
        wish = tree(store.url, "app", sha256=image.digest)
        assert f"wanted {image.digest}" in fault(await node.reach(wish), wish)


async def test_an_image_for_another_machine_is_refused_by_name(tmp_path: Path) -> None:
    image = static_image("app", (layer(Entry("a")),))
    top = image.files["/v2/app/manifests/1"].replace(b"amd64", b"sparc")
    node = Node(tmp_path / "vault")
    with datastore({**image.files, "/v2/app/manifests/1": top}) as store:
        digest = hashlib.sha256(top).hexdigest()
        store.files[f"/v2/app/manifests/sha256:{digest}"] = top
        wish = tree(store.url, "app:1")
        said = fault(await node.reach(wish), wish)
    assert "linux/s390x, linux/sparc" in said


async def load(tmp_path: Path, image: StaticImage) -> tuple[Node, Report, ContentTree]:
    node = Node(tmp_path / "vault")
    with datastore(image.files) as store:
        wish = tree(store.url, "app:1")
        return node, await node.reach(wish, root_of(wish)), wish


@pytest.mark.parametrize(
    "entries",
    [
        (Entry("../../escaped", b"x"),),
        (Entry("a/../../escaped", b"x"),),
        (Entry("link", kind=tarfile.LNKTYPE, link="../../../etc/shadow"),),
        (Entry("/etc/shadow-link", kind=tarfile.LNKTYPE, link="/no/such"),),
    ],
    ids=["up", "down-and-up", "hard-link", "missing-target"],
)
async def test_a_layer_that_leads_out_is_refused(
    tmp_path: Path, entries: tuple[Entry, ...]
) -> None:
    _, report, wish = await load(tmp_path, static_image("app", (layer(*entries),)))
    assert "refused" in fault(report, wish)
    assert not found_below(tmp_path, "escaped")


async def test_a_link_to_the_outside_stays_inside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    entries = (
        Entry("door", kind=tarfile.SYMTYPE, link=str(outside)),
        Entry("door/planted", b"x"),
    )
    await load(tmp_path, static_image("app", (layer(*entries),)))
    assert not list(outside.iterdir())


async def test_garbage_is_not_a_layer(tmp_path: Path) -> None:
    for n, data in enumerate((b"\x1f\x8bgarbage", b"no tar at all" * 100)):
        folder = tmp_path / str(n)
        _, report, wish = await load(folder, static_image("app", (data,)))
        assert "layer" in fault(report, wish)


def unpack(tmp_path: Path, data: bytes, limit: int, memory: int) -> tuple[int, str]:
    """The helper by itself: its exit code and what it says."""
    blob, target = tmp_path / "blob", tmp_path / "target"
    blob.write_bytes(data)
    target.mkdir()
    argv = ["prlimit", f"--as={memory}", "--", sys.executable, "-I", "-m", unpack_helper.__name__]
    argv += [str(blob), str(target), f"--limit={limit}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "names",
    [tuple(f"empty{n}" for n in range(100)), ("/".join("d" * 100),)],
    ids=["files", "folders-on-the-way"],
)
def test_entries_without_content_cost_space_too(tmp_path: Path, names: tuple[str, ...]) -> None:
    data = layer(*(Entry(name) for name in names))
    code, said = unpack(tmp_path, data, limit=50 * 4096, memory=1 << 30)
    assert (code, said) == (4, "the unpacked layer is larger than the space that remains\n")


def test_a_header_that_fills_the_memory_is_refused_for_good(tmp_path: Path) -> None:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 400 << 20
    packer = zlib.compressobj(level=1, wbits=31)
    data = packer.compress(header.tobuf())
    data += b"".join(packer.compress(bytes(1 << 20)) for _ in range(400)) + packer.flush()
    code, said = unpack(tmp_path, data, limit=1 << 30, memory=256 << 20)
    assert (code, said) == (3, "not a sound layer: MemoryError while reading it\n")


async def test_layers_stack_with_whiteouts_owners_and_no_devices(tmp_path: Path) -> None:
    below = layer(
        Entry("etc", kind=tarfile.DIRTYPE, mode=0o755),
        Entry("etc/gone", b"old"),
        Entry("etc/kept", b"kept", mode=0o4755, uid=7, gid=8),
        Entry("full", kind=tarfile.DIRTYPE, mode=0o755),
        Entry("full/old", b"old"),
        Entry("file", b"file below"),
        Entry("dev/null", kind=tarfile.CHRTYPE),
    )
    above = layer(
        Entry("etc/.wh.gone"),
        Entry("full/.wh..wh..opq"),
        Entry("full/new", b"new"),
        Entry(".wh.file"),
        Entry("file", kind=tarfile.DIRTYPE, mode=0o700),
        Entry("file/inside", b"x"),
        Entry("hard", kind=tarfile.LNKTYPE, link="full/new"),
    )
    node, report, _ = await load(tmp_path, static_image("app", (below, above)))
    assert not report.unmet(), report.unmet()
    target = tmp_path / "root"
    await node.storage.mount_rootfs(node.storage.container_rootfs(VOLUME, 1), target)
    try:
        assert [p.name for p in sorted((target / "etc").iterdir())] == ["kept"]
        assert [p.name for p in (target / "full").iterdir()] == ["new"]
        assert (target / "file/inside").read_bytes() == b"x"
        assert (target / "hard").read_bytes() == b"new"
        kept = (target / "etc/kept").stat()
        assert (kept.st_uid, kept.st_gid, kept.st_mode & 0o7777) == (7, 8, 0o4755)
        assert not (target / "dev/null").exists()
    finally:
        await node.storage.unmount_rootfs(target)


async def test_an_image_that_is_here_needs_no_registry(tmp_path: Path) -> None:
    """Cut after the last byte, before the record: the rest is done offline."""
    node, report, wish = await load(tmp_path, static_image("app", (layer(Entry("a", b"1")),)))
    assert not report.unmet()
    (tmp_path / "vault/trees" / f"{wish.ref.name}.json").unlink()
    node = Node(tmp_path / "vault")
    report = await node.reach(wish, root_of(wish))
    assert not report.unmet(), report.unmet()


async def test_a_container_of_many_layers_mounts(tmp_path: Path) -> None:
    layers = tuple(layer(Entry(f"f{n}", b"x")) for n in range(60))
    node, report, _ = await load(tmp_path, static_image("app", layers))
    assert not report.unmet(), report.unmet()
    target = tmp_path / "root"
    await node.storage.mount_rootfs(node.storage.container_rootfs(VOLUME, 1), target)
    try:
        assert len(list(target.iterdir())) == 60
    finally:
        await node.storage.unmount_rootfs(target)
