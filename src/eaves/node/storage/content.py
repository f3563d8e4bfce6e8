"""Bringing a content tree here: from its first source that works, blob by blob, verified."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from pathlib import Path

from eaves.errors import EavesError, Rejected, Transient
from eaves.node.storage.addresses import AZURE_ACCOUNT, object_url
from eaves.node.storage.authorizers import Credentials
from eaves.node.storage.blobs import BlobStore
from eaves.node.storage.disks import Disk, examine
from eaves.node.storage.items import CONTAINER, ContentTree, Source
from eaves.node.storage.layers import LayerStore
from eaves.node.storage.ledger import Ledger
from eaves.node.storage.names import ImageName, image_name
from eaves.node.storage.providers import file_authorizer
from eaves.node.storage.records import Layout, Member, TagRecord, TreeRecord, load, save
from eaves.node.storage.registry import (
    Descriptor,
    Image,
    JsonBlob,
    Platform,
    Registry,
    RegistryAuth,
    image_config,
    image_of,
)
from eaves.node.storage.settings import StorageSettings
from eaves.node.storage.space import NoSpace
from eaves.node.storage.transfer import (
    Carrier,
    Failed,
    Job,
    Note,
    Pace,
    Uplink,
    Wanted,
    Watched,
)
from eaves.node.storage.transport import Transport
from eaves.reconcile.apply import ProgressSink
from eaves.reconcile.item import ItemRef, Progress

PARALLEL_TRANSFERS = 4

ResolveCredentials = Callable[[str], Credentials | None]
ChooseUplinks = Callable[[str], Awaitable[tuple[Uplink, ...]]]
"""The ways to a URL, best first.  Raises Transient while no way may be used for downloads."""


class ContentFetcher:
    def __init__(
        self,
        layout: Layout,
        blobs: BlobStore,
        layers: LayerStore,
        ledger: Ledger,
        settings: Callable[[], StorageSettings],
        *,
        credentials: ResolveCredentials,
        uplinks: ChooseUplinks,
        pace: Pace,
        failed: Failed,
        watched: Watched,
        now: Callable[[], float],
        platform: Platform,
    ) -> None:
        self._layout = layout
        self._blobs = blobs
        self._layers = layers
        self._ledger = ledger
        self._settings = settings
        self._credentials = credentials
        self._uplinks = uplinks
        self._pace = pace
        self._failed = failed
        self._watched = watched
        self._now = now
        self._platform = platform
        self._places = asyncio.Semaphore(PARALLEL_TRANSFERS)
        self.claims: dict[ItemRef, set[str]] = {}  # content of trees that are not complete yet

    async def bring(self, item: ContentTree, progress: ProgressSink) -> TreeRecord:
        """All of it, verified, loaded and recorded."""
        failures: list[EavesError] = []
        for source in item.sources:
            try:
                with self._watched(source.base):
                    record = await self._bring_from(item, source, progress)
            except NoSpace:
                raise
            except (Transient, Rejected) as error:
                failures.append(error)
                await self._failed(source.base, error)
            else:
                save(self._layout.tree_record(item.ref), record)
                self.claims.pop(item.ref, None)
                return record
        if len(failures) == 1:
            raise failures[0]
        text = "; ".join(str(error) for error in failures) or f"{item.ref} has no source"
        raise (Transient if any(isinstance(f, Transient) for f in failures) else Rejected)(text)

    async def _bring_from(
        self, item: ContentTree, source: Source, progress: ProgressSink
    ) -> TreeRecord:
        stalled = float(self._settings().download_stalled_s)
        if source.kind == "sftp":
            files = self._sftp(source, await self._uplinks(source.base), stalled)
            return await self._bring_file(item, source, files, progress)
        uplinks = await self._uplinks(source.base)
        async with Transport(uplinks, source.ca_pem, stalled, pace=self._pace) as transport:
            if item.format == CONTAINER:
                return await self._bring_image(item, source, transport, progress)
            by_http = transport.files(
                file_authorizer(
                    source,
                    self._known(source),
                    transport,
                    self._now,
                    allow_insecure=self._settings().allow_insecure_auth,
                )
            )
            return await self._bring_file(item, source, by_http, progress)

    def _sftp(self, source: Source, uplinks: tuple[Uplink, ...], stalled_s: float) -> Carrier:
        from eaves.node.storage.sftp import SftpFiles  # noqa: PLC0415 - large, seldom needed

        return SftpFiles(uplinks, source.ca_pem, self._known(source), stalled_s, self._pace)

    def _known(self, source: Source) -> Credentials | None:
        return self._credentials(source.credentials) if source.credentials else None

    async def _bring_file(
        self, item: ContentTree, source: Source, files: Carrier, progress: ProgressSink
    ) -> TreeRecord:
        self._claim(item.ref, item.sha256)
        if item.max_size_bytes and self._blobs.size(item.sha256) is None:
            self._ledger.check(str(item.ref), item.max_size_bytes)
        meter = Meter(progress)
        wanted = Wanted(item.sha256, None, item.max_size_bytes)
        known = self._known(source)
        base = source.base.replace(AZURE_ACCOUNT, known.username if known is not None else "")
        url = object_url(source.kind, base, item.url)
        await self._have(item, files, url, wanted, meter)
        meter.phase("LOADING")
        disk = await examine(self._layout.blob(item.sha256), item.format)
        member = Member(item.sha256, self._blobs.size(item.sha256) or 0, "file")
        return self._record(item, item.sha256, (member,), disk)

    async def _bring_image(
        self, item: ContentTree, source: Source, transport: Transport, progress: ProgressSink
    ) -> TreeRecord:
        auth = RegistryAuth(
            transport,
            self._known(source),
            allow_insecure=self._settings().allow_insecure_auth,
        )
        registry = LocalFirst(Registry(transport, auth, source.base), self._layout, self._blobs)
        meter = Meter(progress)
        name = await self._resolve(item, registry, meter)
        image = await registry.image(name, self._platform)
        self._admit_image(item, image)
        self._claim(item.ref, image.config.sha256, *(layer.sha256 for layer in image.layers))
        for document in image.documents:
            self._claim(item.ref, document.sha256)
            if self._blobs.size(document.sha256) is None:
                self._blobs.keep(document.sha256, document.data)
        meter.expect(image.size_bytes)
        unique = {part.sha256: part for part in (image.config, *image.layers)}
        await _all_of(
            self._have(
                item,
                transport.files(auth),
                registry.remote.blob_url(name, part.sha256),
                Wanted(part.sha256, part.size_bytes),
                meter,
            )
            for part in unique.values()
        )
        meter.phase("LOADING")
        for layer in image.layers:
            await self._layers.ensure(layer.sha256, self._ledger.room_to_unpack)
        return self._image_record(item, image)

    async def _resolve(
        self, item: ContentTree, registry: "LocalFirst", meter: "Meter"
    ) -> ImageName:
        """The name by digest; what a tag meant is remembered before anything is fetched by it."""
        name = image_name(item.url, item.sha256)
        if name.by_digest:
            return name
        path = self._layout.tag_record(item.ref)
        known = load(path, TagRecord)
        if known is None or known.url != item.url:
            meter.phase("RESOLVING_TAG")
            known = TagRecord(item.url, (await registry.remote.document(name)).sha256)
            save(path, known)
        return ImageName(name.repository, f"sha256:{known.digest}")

    def _admit_image(self, item: ContentTree, image: Image) -> None:
        if item.max_size_bytes and image.size_bytes > item.max_size_bytes:
            raise Rejected(
                f"{item.ref}: the image has {image.size_bytes} bytes, announced were at most "
                f"{item.max_size_bytes}; correct the size of the content tree"
            )
        parts = {part.sha256: part.size_bytes for part in (image.config, *image.layers)}
        missing = [size for sha, size in parts.items() if self._blobs.size(sha) is None]
        if missing:
            self._ledger.check(str(item.ref), sum(missing))

    async def _have(
        self,
        item: ContentTree,
        files: Carrier,
        url: str,
        wanted: Wanted,
        meter: "Meter",
    ) -> None:
        """One blob here and verified, whoever fetches it."""

        def admit(total: int, to_come: int) -> None:
            self._ledger.expect_content(wanted.sha256, str(item.ref), total, to_come)

        async def fetch(note: Note) -> tuple[str, str]:
            async with self._places:
                meter.phase("DOWNLOAD_STARTED")
                return url, await files.download(self._layout, Job(url, wanted, admit, note))

        try:
            await self._blobs.ensure(
                wanted.sha256,
                fetch,
                lambda here, total: meter.note(wanted.sha256, here, total),
                meter.phase,
                self._settings().verify_retries,
            )
        finally:
            self._ledger.content_settled(wanted.sha256)
        size = self._blobs.size(wanted.sha256) or 0
        meter.note(wanted.sha256, size, size)

    def _claim(self, ref: ItemRef, *digests: str) -> None:
        self.claims.setdefault(ref, set()).update(digests)

    def _image_record(self, item: ContentTree, image: Image) -> TreeRecord:
        roles = ("index", "manifest") if len(image.documents) > 1 else ("manifest",)
        members = (
            *(
                Member(document.sha256, len(document.data), role)
                for document, role in zip(image.documents, roles, strict=True)
            ),
            _member(image.config, "config"),
            *(_member(layer, "layer") for layer in image.layers),
        )
        config = _read(self._layout.blob(image.config.sha256))
        return TreeRecord(
            item,
            image.digest,
            members,
            self._now(),
            image=image_config(config, f"{item.ref}: image configuration"),
        )

    def _record(
        self, item: ContentTree, digest: str, members: tuple[Member, ...], disk: Disk
    ) -> TreeRecord:
        return TreeRecord(
            item,
            digest,
            members,
            self._now(),
            disk_format=disk.format,
            virtual_size=disk.virtual_size,
        )


class LocalFirst:
    """Manifests that are here already need no registry: an interrupted load ends offline too."""

    def __init__(self, remote: Registry, layout: Layout, blobs: BlobStore) -> None:
        self.remote = remote
        self._layout = layout
        self._blobs = blobs

    async def image(self, name: ImageName, platform: Platform) -> Image:
        return await image_of(name, platform, self.document)

    async def document(self, name: ImageName) -> JsonBlob:
        sha256 = name.reference.removeprefix("sha256:")
        if self._blobs.size(sha256) is None:
            return await self.remote.document(name)
        return JsonBlob(sha256, _read(self._layout.blob(sha256)), "")


class Meter:
    """Adds up the blobs of one tree; tells only what a person would see change."""

    def __init__(self, sink: ProgressSink, total: int | None = None) -> None:
        self._sink = sink
        self._total = total  # None: that of the one blob there is
        self._here: dict[str, int] = {}
        self._phase = ""
        self._told: tuple[str, int] = ("", -1)

    def expect(self, total: int) -> None:
        self._total = total

    def phase(self, word: str) -> None:
        self._phase = word
        self._tell(None)

    def note(self, digest: str, here: int, total: int | None) -> None:
        self._here[digest] = here
        self._tell(total)

    def _tell(self, total: int | None) -> None:
        now = Progress(sum(self._here.values()), self._total or total, self._phase)
        if (now.phase, now.percent) != self._told:
            self._told = (now.phase, now.percent)
            self._sink(now)


async def _all_of(jobs: Iterable[Coroutine[None, None, None]]) -> None:
    """Run them together; the first failure ends the others and is the one that is raised."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for job in jobs:
                tasks.create_task(job)
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


def _member(part: Descriptor, role: str) -> Member:
    return Member(part.sha256, part.size_bytes, role)


def _read(path: Path) -> bytes:
    return path.read_bytes()
