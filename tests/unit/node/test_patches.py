"""Patch envelopes: which app is handed what, over a real connection."""

import asyncio
import base64
import hashlib
import io
import json
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from eaves.errors import Rejected
from eaves.evapi.config import (
    CipherBlock,
    ContentTree,
    EdgeDevConfig,
    EncryptedInlineOpaqueBase64Data,
    EncryptionBlock,
    EveBinaryArtifact,
    EvePatchEnvelope,
    EvePatchEnvelopeAction,
    ExternalOpaqueBinaryBlob,
    InlineOpaqueBase64Data,
    Volume,
    VolumeContentOrigin,
    VolumeContentOriginType,
    encode_encryption_block,
)
from eaves.evapi.config import EveOpaqueObjectCategory as Category
from eaves.evapi.config.wire import INLINE_ARTIFACT
from eaves.evapi.info.patch_envelope import EvePatchEnvelopeState as State
from eaves.evapi.metrics import AppMetric
from eaves.ids import AppInstanceId
from eaves.node.checkpoint import Checkpoint
from eaves.node.network.patches import Found, envelopes_of
from eaves.node.runtime.patch_shelf import PatchShelf, found_file
from eaves.reconcile.item import ItemRef

APP = AppInstanceId("00000000-0000-4000-8000-00000000000a")
OTHER = AppInstanceId("00000000-0000-4000-8000-00000000000b")
PATCH = "00000000-0000-4000-8000-0000000000ff"
VOLUME, TREE = "00000000-0000-4000-8000-0000000000aa", "00000000-0000-4000-8000-0000000000bb"
GREAT = bytes(range(256)) * 4096  # a downloaded file
NEW = EvePatchEnvelopeAction.ACTIVATE


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


def inline(name: str, text: bytes, about: str = "") -> EveBinaryArtifact:
    return EveBinaryArtifact(
        inline=InlineOpaqueBase64Data(
            base64_data=encoded(text), file_name_to_use=name, base64_meta_data="ZmlsZQ=="
        ),
        artifact_meta_data=about,
    )


def external(name: str | None = "great.bin", volume: str = VOLUME) -> EveBinaryArtifact:
    return EveBinaryArtifact(
        volume_ref=ExternalOpaqueBinaryBlob(
            image_name="image", file_name_to_use=name, image_id=volume
        )
    )


def envelope(
    *artifacts: EveBinaryArtifact, version: str = "1", action: EvePatchEnvelopeAction = NEW
) -> EvePatchEnvelope:
    return EvePatchEnvelope(
        display_name="patch",
        uuid=PATCH,
        version=version,
        action=action,
        artifacts=artifacts,
        app_inst_ids_allowed=(APP,),
    )


def config(one: EvePatchEnvelope) -> EdgeDevConfig:
    return EdgeDevConfig(
        patch_envelopes=(one,),
        volumes=(
            Volume(
                uuid=VOLUME,
                origin=VolumeContentOrigin(
                    type=VolumeContentOriginType.VCOT_DOWNLOAD, download_content_tree_id=TREE
                ),
            ),
        ),
        content_info=(ContentTree(uuid=TREE, url="great.bin"),),
    )


def closed(_: CipherBlock) -> bytes:
    raise Rejected("no key opens it")


def seen(one: EvePatchEnvelope, found: Found | None = None) -> tuple[State, tuple[str, ...]]:
    (judged,) = envelopes_of(config(one), lambda _: found, closed)
    return judged.state, judged.errors


HERE = Found(Path("/content/abc"), "abc", 5)


def test_an_envelope_is_as_far_as_the_last_of_its_artifacts() -> None:
    both = envelope(inline("a", b"a"), external())
    assert seen(envelope())[0] is State.PATCH_RECEIVED
    assert seen(both)[0] is State.PATCH_DOWNLOADING
    assert seen(both, HERE)[0] is State.PATCH_ACTIVE
    stored = replace(both, action=EvePatchEnvelopeAction.STORE)
    assert seen(stored, HERE)[0] is State.PATCH_READY


@pytest.mark.parametrize(
    ("artifact", "why"),
    [
        (EveBinaryArtifact(), "neither data nor a volume"),
        (inline("../up", b""), "no file name"),
        (inline("", b""), "no file name"),
        (inline("a\nb", b""), "no file name"),
        (
            EveBinaryArtifact(inline=InlineOpaqueBase64Data(base64_data="!", file_name_to_use="a")),
            "no base64",
        ),
        (external(volume="unknown"), "volume unknown is not in the configuration"),
        (
            EveBinaryArtifact(encrypted_inline=EncryptedInlineOpaqueBase64Data()),
            "encrypted part is empty",
        ),
        (
            EveBinaryArtifact(
                encrypted_inline=EncryptedInlineOpaqueBase64Data(cipher_data=CipherBlock())
            ),
            "no key opens it",
        ),
        (replace(inline("a", b"a"), format=Category.BINARYBLOB), "and it holds data"),
        (replace(external(), format=Category.SECRET), "and it names a volume"),
        (inline("good", b"again"), "another one is named good too"),
    ],
)
def test_one_wrong_artifact_keeps_the_whole_envelope_back(
    artifact: EveBinaryArtifact, why: str
) -> None:
    state, errors = seen(envelope(inline("good", b"good"), artifact))
    assert state is State.PATCH_ERROR
    assert len(errors) == 1
    assert errors[0].startswith("artifact 2: ")
    assert why in errors[0]


@dataclass
class Bench:
    """A node that two apps ask; who asks is told by a header here, by its address there."""

    folder: Path
    checkpoint: Checkpoint
    config: EdgeDevConfig = field(default_factory=EdgeDevConfig)
    url: str = ""
    secrets: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    opening: int = 0
    most_opening: int = 0

    def __post_init__(self) -> None:
        self.shelf = self.start()
        self.file = self.folder / hashlib.sha256(GREAT).hexdigest()

    def start(self) -> PatchShelf:
        return PatchShelf(lambda: self.config, self._find, self._open, self.checkpoint)

    def _find(self, ref: ItemRef) -> Found | None:
        assert ref == ItemRef("content-tree", f"{TREE}#0")
        return found_file(self.file)

    def _open(self, block: CipherBlock) -> bytes:
        self.opening += 1
        self.most_opening = max(self.most_opening, self.opening)
        time.sleep(0.02)  # as a TPM
        self.opening -= 1
        return self.secrets[block.cipher_data]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        return await self.shelf.reply(request, AppInstanceId(request.headers["App"]))

    async def ask(self, path: str, app: AppInstanceId = APP) -> tuple[int, bytes]:
        async with (
            aiohttp.ClientSession(headers={"App": app}) as session,
            session.get(f"{self.url}/eve/v1/patch/{path}") as reply,
        ):
            return reply.status, await reply.read()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Iterator[Checkpoint]:
    checkpoint = Checkpoint(tmp_path / "state")
    yield checkpoint
    checkpoint.close()


@pytest.fixture
async def bench(tmp_path: Path, checkpoint: Checkpoint) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path, checkpoint)
    bench.file.write_bytes(GREAT)
    runner = web.ServerRunner(web.Server(bench.handle, access_log=None))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        bench.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield bench
    finally:
        await runner.cleanup()


async def test_an_app_reads_what_there_is_and_fetches_it(bench: Bench) -> None:
    bench.config = config(envelope(inline("a.txt", b"hello", about="about it"), external(None)))
    status, body = await bench.ask("description.json")
    assert status == 200
    (told,) = json.loads(body)
    assert (told["PatchID"], told["Version"]) == (PATCH, "1")
    first, second = told["BinaryBlobs"]
    assert first == {
        "file-name": "a.txt",
        "file-sha": hashlib.sha256(b"hello").hexdigest(),
        "file-meta-data": "ZmlsZQ==",
        "artifact-meta-data": "about it",
        "url": f"http://169.254.169.254/eve/v1/patch/download/{PATCH}/a.txt",
        "size": 5,
    }
    assert (second["file-name"], second["size"]) == ("image", len(GREAT))
    assert second["file-sha"] == hashlib.sha256(GREAT).hexdigest()
    assert await bench.ask(f"download/{PATCH}/a.txt") == (200, b"hello")
    assert await bench.ask(f"download/{PATCH}/image") == (200, GREAT)
    status, body = await bench.ask(f"download/{PATCH}")
    assert status == 200
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        assert {n: archive.read(n) for n in archive.namelist()} == {
            "a.txt": b"hello",
            "image": GREAT,
        }


async def test_nobody_is_told_of_an_envelope_that_is_not_his_or_not_whole(bench: Bench) -> None:
    bench.config = config(envelope(inline("a.txt", b"hello"), external()))
    for path in ("description.json", f"download/{PATCH}", f"download/{PATCH}/a.txt"):
        status, _ = await bench.ask(path, OTHER)
        assert status == (204 if path == "description.json" else 404)
    assert (await bench.ask(f"download/{PATCH}/b.txt"))[0] == 404
    bench.file.unlink()  # not downloaded yet
    assert (await bench.ask("description.json"))[0] == 204
    assert (await bench.ask(f"download/{PATCH}/a.txt"))[0] == 404
    assert [i.state for i in bench.shelf.infos()] == [State.PATCH_DOWNLOADING]


def test_envelopes_are_told_as_they_were_made() -> None:
    made = {"b": datetime(2026, 1, 2, tzinfo=UTC), "c": None, "a": datetime(2026, 1, 1, tzinfo=UTC)}
    told = EdgeDevConfig(
        patch_envelopes=tuple(EvePatchEnvelope(uuid=k, create_time=at) for k, at in made.items())
    )
    found = envelopes_of(told, lambda _: None, lambda block: block.cipher_data)
    assert [one.id for one in found] == ["c", "a", "b"]


async def test_what_is_encrypted_is_opened_for_the_question(bench: Bench) -> None:
    secret = InlineOpaqueBase64Data(base64_data=encoded(b"secret"), file_name_to_use="key")
    bench.secrets = {
        b"data": INLINE_ARTIFACT.encode(secret),
        b"about": encode_encryption_block(EncryptionBlock(encrypted_data="about the key")),
    }
    artifact = EveBinaryArtifact(
        encrypted_inline=EncryptedInlineOpaqueBase64Data(
            cipher_data=CipherBlock(cipher_data=b"data")
        ),
        metadata_cipher_data=CipherBlock(cipher_data=b"about"),
    )
    bench.config = config(envelope(artifact))
    _, body = await bench.ask("description.json")
    assert json.loads(body)[0]["BinaryBlobs"][0]["artifact-meta-data"] == "about the key"
    assert await bench.ask(f"download/{PATCH}/key") == (200, b"secret")
    (info,) = bench.shelf.infos()
    assert (info.state, info.size, info.errors) == (State.PATCH_ACTIVE, 6, ())
    assert all(b"secret" not in p.read_bytes() for p in bench.folder.rglob("*") if p.is_file())


async def test_what_is_encrypted_is_opened_one_at_a_time_and_for_its_app_only(
    bench: Bench,
) -> None:
    secret = InlineOpaqueBase64Data(base64_data=encoded(b"secret"), file_name_to_use="key")
    bench.secrets = {b"data": INLINE_ARTIFACT.encode(secret)}
    block = CipherBlock(cipher_data=b"data")
    artifact = EveBinaryArtifact(
        encrypted_inline=EncryptedInlineOpaqueBase64Data(cipher_data=block)
    )
    bench.config = config(envelope(artifact))
    assert await bench.ask("description.json", OTHER) == (204, b"")
    assert bench.most_opening == 0
    answers = await asyncio.gather(*(bench.ask(f"download/{PATCH}/key") for _ in range(4)))
    assert answers == [(200, b"secret")] * 4
    assert bench.most_opening == 1


async def test_a_new_version_replaces_the_old_one_and_use_is_counted_across_starts(
    bench: Bench,
) -> None:
    bench.config = config(envelope(inline("a.txt", b"one")))
    await bench.ask("description.json")
    await bench.ask(f"download/{PATCH}/a.txt")
    bench.config = config(envelope(inline("b.txt", b"two"), version="2"))
    assert [i.version for i in bench.shelf.infos()] == ["2"]
    assert (await bench.ask(f"download/{PATCH}/a.txt"))[0] == 404
    assert await bench.ask(f"download/{PATCH}/b.txt") == (200, b"two")
    bench.shelf.measured(())
    bench.shelf = bench.start()
    told = bench.shelf.measured((AppMetric(app_id=APP), AppMetric(app_id=OTHER)))
    (use,) = told[0].patch_envelope
    assert (use.uuid, use.version, use.patch_api_call_count, use.download_count) == (
        PATCH,
        "2",
        1,
        2,
    )
    assert told[1].patch_envelope == ()
    bench.config = EdgeDevConfig()
    assert bench.shelf.measured((AppMetric(app_id=APP),))[0].patch_envelope == ()
