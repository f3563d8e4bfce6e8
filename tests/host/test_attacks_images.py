"""Attacks on images, on the node: each is refused and named, and nothing else is affected."""

import asyncio
import os
import tarfile
import time
import zipfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from host.test_storage import OTHER, TREE, VOLUME, Node, disk, fault, sha, small_disk, tree
from host.test_storage_images import fault as fault_of_image
from host.test_storage_images import load, unpack
from support.datastore import Datastore, Entry, datastore, layer, static_image
from support.signing import Signer

from eaves.evapi.config import (
    ConfigItem,
    ContentTree,
    DatastoreConfig,
    DsType,
    EdgeDevConfig,
    Format,
    SignatureInfo,
    Volume,
    VolumeContentOrigin,
    VolumeContentOriginType,
)
from eaves.evapi.image_signature import KEYS, POLICY, SIGNED_ONLY, encode_signatures
from eaves.node.storage.authorizers import Anonymous
from eaves.node.storage.intent import intent
from eaves.node.storage.settings import StorageSettings
from eaves.node.storage.status import content_tree_infos
from eaves.node.storage.transfer import NetworkError
from eaves.node.storage.transport import Transport

pytestmark = pytest.mark.host

MIB = 1024**2
QUICK = StorageSettings(download_stalled_s=1, verify_retries=1, log_quota_bytes=0)
Talk = Callable[[asyncio.StreamWriter], Awaitable[None]]


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]


@asynccontextmanager
async def hostile(talk: Talk) -> AsyncGenerator[Datastore]:
    """A datastore that answers every request as `talk` does, until it is hung up on."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield Datastore(port=server.sockets[0].getsockname()[1])
    finally:
        server.close()


async def test_an_image_byte_flipped_in_the_datastore_is_refused_with_both_digests(
    tmp_path: Path,
) -> None:
    good, other = os.urandom(MIB), os.urandom(MIB)
    bad = flipped(good, 4711)
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": bad, "/other.img": other}) as store:
        wish = tree(store, good)
        beside = replace(tree(store, other, url="other.img"), id=OTHER)
        report = await node.reach(wish, disk(), beside)
    said = fault(report, wish)
    assert sha(good) in said
    assert sha(bad) in said
    assert not node.blob(good).exists()
    assert not node.blob(bad).exists()
    assert not list((node.vault / "volumes").iterdir())
    assert node.blob(other).read_bytes() == other  # nothing else is affected


async def test_an_image_byte_flipped_on_the_way_is_fetched_again_and_never_used(
    tmp_path: Path,
) -> None:
    good = os.urandom(MIB)
    bad = flipped(good, MIB - 1)
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": bad}) as store:

        def repaired(served: int, _: int) -> None:
            if served >= len(bad) - 64 * 1024:  # the last piece of the first answer goes out
                store.files["/disk.img"] = good

        store.before_chunk = repaired
        assert not (await node.reach(tree(store, good), disk())).unmet()
        assert store.requests_of("/disk.img") == 2
    assert node.blob(good).read_bytes() == good


async def test_an_image_byte_flipped_on_the_disk_is_noticed_before_anything_is_made_of_it(
    tmp_path: Path,
) -> None:
    good = os.urandom(MIB)
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": good}) as store:
        wish = tree(store, good)
        assert not (await node.reach(wish)).unmet()
        node.blob(good).chmod(0o600)
        node.blob(good).write_bytes(flipped(good, 1))
        node.restart()
        store.status = 404
        report = await node.reach(wish, disk())
        assert "404" in fault(report, wish)
        assert not list((node.vault / "volumes").iterdir())
        store.status = 0
        node.restart()
        assert not (await node.reach(wish, disk())).unmet()
    assert node.blob(good).read_bytes() == good
    assert node.storage.volume_paths(VOLUME, 1).path.exists()


async def test_endless_data_ends_where_the_room_ends_and_leaves_nothing(tmp_path: Path) -> None:
    sent = 0

    async def without_end(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(bytes(MIB))
            await writer.drain()
            sent += MIB

    good = os.urandom(MIB)
    with small_disk(tmp_path, 64 * MIB) as mount:
        node = Node(mount / "vault", QUICK)
        async with hostile(without_end) as store:
            wish = tree(store, b"what it should be")
            with datastore({"/disk.img": good}) as honest:
                beside = replace(tree(honest, good), id=OTHER)
                report = await node.reach(wish, beside)
        assert "remaining" in fault(report, wish)
        assert sent < 64 * MIB
        assert (
            not list((mount / "vault" / "downloads").glob(f"{wish.sha256}.part"))
            or (mount / "vault" / "downloads" / f"{wish.sha256}.part").stat().st_size == 0
        )
        assert node.blob(good).read_bytes() == good


async def test_slow_retrieval_ends_and_holds_up_nothing_else(tmp_path: Path) -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.1)  # the attack itself: a byte now and then

    good = os.urandom(MIB)
    node = Node(tmp_path / "vault", QUICK)
    begun = time.monotonic()
    async with hostile(trickle) as store:
        wish = tree(store, b"what it should be")
        with datastore({"/disk.img": good}) as honest:
            beside = replace(tree(honest, good), id=OTHER)
            report = await node.reach(wish, beside)
    assert "next to nothing" in fault(report, wish)
    assert time.monotonic() - begun < 60
    assert node.blob(good).read_bytes() == good


async def test_slow_headers_and_documents_of_a_registry_end_too() -> None:
    async def silent(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 200 OK\r\nX-More: " if not writer.is_closing() else b"")
            await writer.drain()
            await asyncio.sleep(0.1)  # the attack itself: headers without an end

    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.1)  # as above, of the body

    for talk in (silent, trickle):
        async with hostile(talk) as store, Transport(stalled_s=0.5, connect_s=1) as transport:
            with pytest.raises(NetworkError):
                await transport.read(f"{store.url}/v2/x/manifests/1", Anonymous(), MIB, {})


async def test_an_unsigned_image_under_signed_only_is_refused_and_not_even_fetched(
    tmp_path: Path,
) -> None:
    data = os.urandom(MIB)
    ours, theirs = Signer("ours"), Signer("theirs")
    node = Node(tmp_path / "vault")
    with datastore({"/disk.img": data}) as store:
        for signed, says in (
            ((), "it has no signature"),
            ((theirs.detached(sha(data)),), "none of the trusted keys"),
        ):
            config = config_of(
                store, data, ours, SignatureInfo(signature=encode_signatures(signed))
            )
            wished = intent(config)
            report = await node.reach(*wished.items)
            facts = await node.storage.facts()
            (told,) = content_tree_infos(config, wished, report, facts)
            assert told.err is not None
            assert says in told.err.description
            assert not store.seen
        good = SignatureInfo(signature=encode_signatures((ours.detached(sha(data)),)))
        wished = intent(config_of(store, data, ours, good))
        assert not (await node.reach(*wished.items)).unmet()
    assert node.blob(data).read_bytes() == data


def config_of(store: Datastore, data: bytes, key: Signer, told: SignatureInfo) -> EdgeDevConfig:
    origin = VolumeContentOrigin(
        type=VolumeContentOriginType.VCOT_DOWNLOAD, download_content_tree_id=TREE
    )
    return EdgeDevConfig(
        config_items=(
            ConfigItem(key=POLICY, value=SIGNED_ONLY),
            ConfigItem(key=KEYS, value=key.pem),
        ),
        datastores=(DatastoreConfig(id="d", d_type=DsType.DsHttp, fqdn=store.url),),
        content_info=(
            ContentTree(
                uuid=TREE,
                ds_id="d",
                url="disk.img",
                iformat=Format.RAW,
                sha256=sha(data),
                siginfo=told if told.signature != b"[]" else None,
            ),
        ),
        volumes=(Volume(uuid=VOLUME, origin=origin),),
    )


@pytest.mark.parametrize(
    "entry",
    [
        Entry("../../escaped", b"x"),
        Entry("a/../../escaped", b"x"),
        Entry("link", kind=tarfile.LNKTYPE, link="../../../etc/shadow"),
    ],
    ids=["up", "down and up", "hard link"],
)
def test_path_traversal_in_a_layer_is_refused_by_the_name_in_it(
    tmp_path: Path, entry: Entry
) -> None:
    code, said = unpack(tmp_path, layer(Entry("before", b"x"), entry), 64 * MIB, 1 << 30)
    assert code == 3
    assert "leads out of the image" in said
    assert not list(tmp_path.parent.rglob("escaped"))


def test_a_gzip_bomb_as_a_layer_ends_where_the_room_ends(tmp_path: Path) -> None:
    bomb = layer(Entry("zeros", bytes(64 * MIB)))
    assert len(bomb) < MIB
    code, said = unpack(tmp_path, bomb, limit=8 * MIB, memory=1 << 30)
    assert (code, said) == (4, "the unpacked layer is larger than the space that remains\n")
    written = sum(p.stat().st_size for p in (tmp_path / "target").rglob("*") if p.is_file())
    assert written <= 8 * MIB


async def test_a_zip_bomb_as_a_layer_is_no_layer(tmp_path: Path) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("zeros", bytes(16 * MIB))
    node, report, wish = await load(tmp_path, static_image("app", (packed.getvalue(),)))
    assert "not a sound layer" in fault_of_image(report, wish)
    assert not list((tmp_path / "vault" / "layers").iterdir())
    assert node.reconciler.steps_run >= 1
