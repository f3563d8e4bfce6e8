"""Removing content that nobody stands on.

What a deleted tree or volume leaves goes at once, unless the operator keeps it for reuse.  What
nobody claims goes after a time, and never before a configuration arrived: a node that knows no
wishes must not delete data.
"""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from eaves.node.host.files import named
from eaves.node.storage.blobs import BlobStore
from eaves.node.storage.layers import LayerStore
from eaves.node.storage.partial import remove_partial
from eaves.node.storage.records import Layout, TreeRecord, load
from eaves.node.storage.settings import StorageSettings
from eaves.node.storage.snapshots import SnapshotStore
from eaves.node.storage.volumes import VolumeStore
from eaves.reconcile.item import ItemRef

log = structlog.get_logger(__name__)


class Collector:
    def __init__(
        self,
        layout: Layout,
        blobs: BlobStore,
        layers: LayerStore,
        volumes: VolumeStore,
        snapshots: SnapshotStore,
        claims: dict[ItemRef, set[str]],
        settings: Callable[[], StorageSettings],
    ) -> None:
        self._layout = layout
        self._blobs = blobs
        self._layers = layers
        self._volumes = volumes
        self._snapshots = snapshots
        self._claims = claims
        self._settings = settings

    def users(self) -> dict[str, int]:
        """How many trees, volumes and snapshots stand on each blob."""
        counts: dict[str, int] = {}
        for name in named(self._layout.trees, ".json"):
            record = load(self._layout.trees / name, TreeRecord)
            if record is not None:
                _count(counts, (m.sha256 for m in record.members))
        for volume in self._volumes.all():
            _count(counts, volume.blobs)
        for snapshot in self._snapshots.all():
            _count(counts, (blob for volume in snapshot.volumes for blob in volume.blobs))
        for claimed in self._claims.values():
            _count(counts, claimed)
        return counts

    async def drop_tree(self, ref: ItemRef) -> None:
        """Forget a tree, whole or half, and remove what only it stood on."""
        record = load(self._layout.tree_record(ref), TreeRecord)
        held = self._claims.pop(ref, set[str]())
        if record is not None:
            held |= {member.sha256 for member in record.members}
        self._layout.tree_record(ref).unlink(missing_ok=True)
        self._layout.tag_record(ref).unlink(missing_ok=True)
        await self.drop_content(held)

    async def drop_content(self, digests: Iterable[str]) -> None:
        """Remove those that nobody stands on any more."""
        if self._settings().defer_delete_s:
            return
        for sha256 in sorted(set(digests) - self.users().keys()):
            await self._remove(sha256)

    async def collect(self, now: float) -> int:
        """Remove what nobody has claimed for long; returns how many things went."""
        settings = self._settings()
        before = now - max(settings.collect_after_s, settings.defer_delete_s)
        used = self.users()
        gone = 0
        for sha256 in self._blobs.all():
            if sha256 not in used and _changed_at(self._layout.blob(sha256)) < before:
                gone += await self._remove(sha256)
        for layer in self._layers.all():
            if layer.sha256 not in used and layer.made_at < before:
                await self._layers.remove(layer.sha256)
                gone += 1
        for part in sorted(self._layout.downloads.glob("*.part")):
            sha256 = part.stem
            idle = sha256 not in self._blobs.under_way and sha256 not in used
            if idle and _changed_at(part) < before:
                await asyncio.to_thread(remove_partial, part)
                gone += 1
        if gone:
            log.info("content_collected", things=gone)
        return gone

    async def _remove(self, sha256: str) -> bool:
        if not self._blobs.remove(sha256):
            return False
        if self._layers.record(sha256) is not None:
            await self._layers.remove(sha256)
        await asyncio.to_thread(remove_partial, self._layout.downloads / f"{sha256}.part")
        log.info("content_removed", sha256=sha256)
        return True


def _count(counts: dict[str, int], digests: Iterable[str]) -> None:
    for sha256 in set(digests):
        counts[sha256] = counts.get(sha256, 0) + 1


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
