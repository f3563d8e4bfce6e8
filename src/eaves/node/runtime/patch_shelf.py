"""Hands patch envelopes to apps, and counts who asked for which.

An envelope is looked at anew for each question, so a new version replaces the old one as a whole;
a download that is under way goes on with the file that it opened.
"""

import asyncio
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import structlog
from aiohttp import web

from eaves.evapi.config import CipherBlock, EdgeDevConfig
from eaves.evapi.info.patch_envelope import ZInfoPatchEnvelope
from eaves.evapi.metrics import AppMetric, AppPatchEnvelopeMetric
from eaves.ids import AppInstanceId, ContentTreeId
from eaves.node import refs
from eaves.node.checkpoint import Checkpoint, StateNotWritable
from eaves.node.network.patches import (
    Artifact,
    Envelope,
    Found,
    described,
    envelopes_of,
    patch_info,
)
from eaves.reconcile.item import ItemRef

log = structlog.get_logger(__name__)

PATCHES = "/eve/v1/patch/"
DOCUMENT = "patch-use"
CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Use:
    """Of one envelope by one app."""

    version: str
    asked: int = 0  # for descriptions
    downloaded: int = 0


def found_file(path: Path | None) -> Found | None:
    """Content is stored under its digest."""
    if path is None:
        return None
    try:
        return Found(path, path.name, path.stat().st_size)
    except FileNotFoundError:
        return None


class PatchShelf:
    def __init__(
        self,
        config: Callable[[], EdgeDevConfig | None],
        find_file: Callable[[ItemRef], Found | None],
        opened: Callable[[CipherBlock], bytes],
        checkpoint: Checkpoint,
    ) -> None:
        self._config = config
        self._find_file = find_file
        self._opened = opened
        self._checkpoint = checkpoint
        self._use = _kept_use(checkpoint)
        self._saved = dict(self._use)
        self._opening = asyncio.Lock()
        self._told: tuple[object, object, tuple[ZInfoPatchEnvelope, ...]] = (None, None, ())

    # What the controller is told

    def infos(self) -> tuple[ZInfoPatchEnvelope, ...]:
        """Made anew when the configuration or what was downloaded is another."""
        config = self._config()
        if config is None or not config.patch_envelopes:
            return ()
        here = tuple(
            self._find_file(refs.content_tree(ContentTreeId(t.uuid.lower()), t.generation_count))
            for t in config.content_info
        )
        if self._told[0] is not config or self._told[1] != here:
            self._told = (config, here, tuple(patch_info(one) for one in self._envelopes()))
        return self._told[2]

    def measured(self, apps: Iterable[AppMetric]) -> tuple[AppMetric, ...]:
        """The metrics of apps, with what each took from its envelopes."""
        self._settle()
        return tuple(replace(app, patch_envelope=self._used_by(app.app_id)) for app in apps)

    def _used_by(self, app: str) -> tuple[AppPatchEnvelopeMetric, ...]:
        return tuple(
            AppPatchEnvelopeMetric(
                uuid=key.partition("/")[2],
                version=use.version,
                patch_api_call_count=use.asked,
                download_count=use.downloaded,
            )
            for key, use in sorted(self._use.items())
            if key.partition("/")[0] == app
        )

    def _settle(self) -> None:
        """Counts of apps and envelopes that are gone are dropped; the rest survives a start."""
        config = self._config()
        if config is not None:
            present = {
                _key(AppInstanceId(app.lower()), one.uuid.lower())
                for one in config.patch_envelopes
                for app in one.app_inst_ids_allowed
            }
            self._use = {key: use for key, use in self._use.items() if key in present}
        if self._use == self._saved:
            return
        try:
            self._checkpoint.save(DOCUMENT, msgspec.json.encode(self._use))
            self._saved = dict(self._use)
        except StateNotWritable as error:
            log.warning("patch_use_not_kept", error=str(error))

    # What apps ask

    async def reply(self, request: web.BaseRequest, app: AppInstanceId) -> web.StreamResponse:
        if request.method not in {"GET", "HEAD"}:
            return web.Response(status=405, text=f"{request.path} is read with GET\n")
        # A key in a TPM takes its time to open what is encrypted: one question after another, so
        # that an app which asks all the time leaves threads and the TPM to the node.
        async with self._opening:
            mine = await asyncio.to_thread(self._served, app)
        what, _, rest = request.path.removeprefix(PATCHES).partition("/")
        if what == "description.json" and not rest:
            for one in mine:
                self._count(app, one, asked=1)
            return web.json_response(described(mine)) if mine else web.Response(status=204)
        envelope_id, _, name = rest.partition("/")
        envelope = next((one for one in mine if one.id == envelope_id.lower()), None)
        if what != "download" or envelope is None:
            return web.Response(status=404, text="no such patch envelope for this app\n")
        if not name:
            self._count(app, envelope, downloaded=1)
            return await _archive(request, envelope)
        artifact = next((a for a in envelope.artifacts if a.name == name), None)
        if artifact is None:
            return web.Response(status=404, text=f"the envelope holds no {name[:100]}\n")
        self._count(app, envelope, downloaded=1)
        if artifact.file is not None:
            return web.FileResponse(artifact.file, headers=_as_file(artifact.name))
        return web.Response(body=artifact.data, headers=_as_file(artifact.name))

    def _served(self, app: AppInstanceId) -> tuple[Envelope, ...]:
        config = self._config()
        if config is None:
            return ()
        # What is for others is not opened.
        mine = tuple(
            one
            for one in config.patch_envelopes
            if app in {allowed.lower() for allowed in one.app_inst_ids_allowed}
        )
        config = replace(config, patch_envelopes=mine)
        found = envelopes_of(config, self._find_file, self._opened)
        return tuple(one for one in found if one.served)

    def _envelopes(self) -> tuple[Envelope, ...]:
        config = self._config()
        return envelopes_of(config, self._find_file, self._opened) if config else ()

    def _count(
        self, app: AppInstanceId, envelope: Envelope, asked: int = 0, downloaded: int = 0
    ) -> None:
        key = _key(app, envelope.id)
        before = self._use.get(key, Use(envelope.version))
        self._use[key] = Use(envelope.version, before.asked + asked, before.downloaded + downloaded)


def _key(app: AppInstanceId, envelope: str) -> str:
    return f"{app}/{envelope}"


def _kept_use(checkpoint: Checkpoint) -> dict[str, Use]:
    for document in checkpoint.documents(DOCUMENT):
        try:
            return msgspec.json.decode(document, type=dict[str, Use])
        except msgspec.MsgspecError:
            continue
    return {}


def _as_file(name: str) -> dict[str, str]:
    quoted = name.replace('"', "").encode("ascii", "replace").decode()
    return {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f'attachment; filename="{quoted}"',
    }


class _Sink:
    """What an archive is written to, piece by piece."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        return

    def close(self) -> None:
        return

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


async def _archive(request: web.BaseRequest, envelope: Envelope) -> web.StreamResponse:
    """A zip of every artifact, made while it is sent: nothing of it touches a disk."""
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/zip",
            "Content-Disposition": f'attachment; filename="{envelope.id}.zip"',
        }
    )
    await response.prepare(request)
    pieces = _zipped(envelope.artifacts)
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        if piece:
            await response.write(piece)
    await response.write_eof()
    return response


def _zipped(artifacts: Iterable[Artifact]) -> Iterator[bytes]:
    sink = _Sink()
    # zipfile needs only `write` and `flush` of a stream that cannot be wound back
    with zipfile.ZipFile(sink, "w") as archive:
        for artifact in artifacts:
            with archive.open(zipfile.ZipInfo(artifact.name), "w", force_zip64=True) as entry:
                for chunk in _chunks(artifact):
                    entry.write(chunk)
                    yield sink.take()
    yield sink.take()


def _chunks(artifact: Artifact) -> Iterator[bytes]:
    if artifact.file is None:
        yield artifact.data
        return
    with artifact.file.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
