"""Snapshots of the volumes of an app: taken whole or not at all, kept until nobody lists them.

A snapshot is a folder.  It is filled under another name, and renamed when all of it is on disk: a
cut leaves either a snapshot or a folder that the next look removes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import structlog

from eaves.errors import Rejected, Transient
from eaves.ids import AppInstanceId
from eaves.node.host.files import below, named, sync_folder
from eaves.node.storage.copies import copy, occupied, remove
from eaves.node.storage.items import Snapshot, Volume
from eaves.node.storage.ledger import Ledger
from eaves.node.storage.records import Layout, SnapshotRecord, VolumeRecord, load, save
from eaves.node.storage.volumes import VolumeStore
from eaves.reconcile.apply import ProgressSink, backoff
from eaves.reconcile.item import Progress

log = structlog.get_logger(__name__)

Pause = Callable[[AppInstanceId], AbstractAsyncContextManager[None]]
RECORD = "record.json"
MAKING = ".making"
FIRST_RETRY_S = 5.0
LAST_RETRY_S = 600.0


class SnapshotStore:
    """`pause` holds an app still while its volumes are copied; one that is down stays so."""

    def __init__(
        self,
        layout: Layout,
        ledger: Ledger,
        volumes: VolumeStore,
        pause: Pause,
        now: Callable[[], float],
    ) -> None:
        self._layout = layout
        self._ledger = ledger
        self._volumes = volumes
        self._pause = pause
        self._now = now
        self._working: set[Path] = set()

    def record(self, snapshot_id: str) -> SnapshotRecord | None:
        return load(below(self._layout.snapshots, snapshot_id) / RECORD, SnapshotRecord)

    def all(self) -> tuple[SnapshotRecord, ...]:
        folder = self._layout.snapshots
        names = (name for name in named(folder, "") if not name.endswith(MAKING))
        found = (load(folder / name / RECORD, SnapshotRecord) for name in names)
        return tuple(record for record in found if record is not None)

    async def take(self, item: Snapshot) -> None:
        folder = below(self._layout.snapshots, item.id)
        making = folder.with_name(folder.name + MAKING)
        records = tuple(self._source(volume) for volume in item.volumes)
        sources = [self._volumes.data(one) for one in records if not one.shared]
        self._working.add(making)
        try:
            await asyncio.to_thread(remove, making)
            size = await asyncio.to_thread(lambda: sum(occupied(path) for path in sources))
            self._ledger.expect_volume(item.ref, size, size)
            making.mkdir(mode=0o700)
            async with self._pause(item.app):
                for path in sources:
                    await copy(path, making / path.name)
            taken = replace(item, taken_at=self._now())
            used = await asyncio.to_thread(lambda: sum(occupied(p) for p in making.iterdir()))
            save(making / RECORD, SnapshotRecord(taken, records, used))
            await asyncio.to_thread(remove, folder)  # one without a record that can be read
            making.rename(folder)
            sync_folder(self._layout.snapshots)
        finally:
            self._ledger.volume_settled(item.ref)
            self._working.discard(making)
        log.info("snapshot_taken", snapshot=item.id, app=item.app, bytes=used)

    def _source(self, volume: Volume) -> VolumeRecord:
        record = self._volumes.record(volume.ref)
        if record is None:
            raise Transient(f"{volume.ref} is not whole; the snapshot is taken when it is")
        return record

    def remove(self, snapshot_id: str) -> tuple[str, ...]:
        """Returns the content it stood on."""
        folder = below(self._layout.snapshots, snapshot_id)
        record = self.record(snapshot_id)
        making = folder.with_name(folder.name + MAKING)
        remove(making)
        if folder.exists():
            folder.rename(making)  # cut off from here on, it counts as half made
            sync_folder(self._layout.snapshots)
            remove(making)
        log.info("snapshot_removed", snapshot=snapshot_id)
        return () if record is None else tuple(b for v in record.volumes for b in v.blobs)

    def remove_half_made(self) -> None:
        """What a cut left behind and nobody works on."""
        for name in named(self._layout.snapshots, MAKING):
            making = self._layout.snapshots / name
            if making not in self._working:
                log.warning("half_made_snapshot_removed", snapshot=making.stem)
                remove(making)

    async def restore(self, item: Volume) -> None:
        """Give a volume, which nobody uses now, the data of the snapshot that it names."""
        snapshot_id = item.restored.partition("/")[0]
        taken = self.record(snapshot_id)
        found = [v for v in taken.volumes if v.item.ref == item.ref] if taken else []
        if not found:
            raise Rejected(
                f"{item.ref}: snapshot {snapshot_id} does not hold it; the app stays on what it has"
            )
        kept = below(self._layout.snapshots, snapshot_id) / found[0].file
        await self._volumes.replace_data(item, found[0], kept)


class SnapshotConfigurator:
    def __init__(
        self,
        snapshots: SnapshotStore,
        drop_content: Callable[[Iterable[str]], Awaitable[None]],
        freed: Callable[[], None],
    ) -> None:
        self._snapshots = snapshots
        self._drop_content = drop_content
        self._freed = freed

    async def create(self, item: Snapshot, progress: ProgressSink, /) -> None:
        progress(Progress(0))
        await self._snapshots.take(item)

    async def modify(self, running: Snapshot, item: Snapshot, _: ProgressSink, /) -> None:
        """Never planned: a snapshot does not change."""

    async def delete(self, item: Snapshot, _: ProgressSink, /) -> None:
        await self._drop_content(await asyncio.to_thread(self._snapshots.remove, item.id))
        self._freed()

    def retry_delay(self, item: Snapshot, attempts: int, /) -> timedelta:
        return backoff(attempts, FIRST_RETRY_S, LAST_RETRY_S)
