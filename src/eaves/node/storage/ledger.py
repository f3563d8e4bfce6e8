"""The books of space: what is measured, what is promised, and who is turned away."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from eaves.node.host.files import named
from eaves.node.storage.records import LayerRecord, Layout, SnapshotRecord, VolumeRecord, load
from eaves.node.storage.settings import StorageSettings
from eaves.node.storage.space import NoSpace, Usage, admit, remaining
from eaves.reconcile.item import ItemRef


class Ledger:
    def __init__(self, layout: Layout, settings: Callable[[], StorageSettings]) -> None:
        self._layout = layout
        self._settings = settings
        self._coming: dict[str, int] = {}  # announced sizes of content on its way, by digest
        self._making: dict[ItemRef, int] = {}  # declared sizes of volumes being made, and snapshots
        self.container_bytes: dict[str, int] = {}  # measured now and then; a walk is too slow here

    def usage(self) -> Usage:
        disk = os.statvfs(self._layout.vault)
        blobs = list(_files(self._layout.blobs, ""))
        layers = [
            record.size_bytes
            for name in named(self._layout.layers, ".layer")
            if (record := load(self._layout.layers / name, LayerRecord)) is not None
        ]
        volumes = [
            volume
            for name in named(self._layout.volumes, ".json")
            if (volume := load(self._layout.volumes / name, VolumeRecord)) is not None
        ]
        taken = sum(
            snapshot.size_bytes
            for name in named(self._layout.snapshots, "")
            if (snapshot := load(self._layout.snapshots / name / "record.json", SnapshotRecord))
            is not None
        )
        files = [*blobs, *_files(self._layout.downloads, ".part")]
        files += [f for s in (".qcow2", ".raw") for f in _files(self._layout.volumes, s)]
        ours = sum(f.st_blocks * 512 for f in files)
        made = sum(r.size_bytes for r in volumes if not r.shared and r.item.ref not in self._making)
        return Usage(
            total=disk.f_blocks * disk.f_frsize,
            free=disk.f_bavail * disk.f_frsize,
            ours=ours + taken + sum(layers) + sum(self.container_bytes.values()),
            content=sum(f.st_size for f in blobs) + sum(layers) + sum(self._coming.values()),
            volumes=made + taken + sum(self._making.values()),
        )

    def remaining(self) -> int:
        return remaining(self.usage(), self._settings())

    def expect_content(self, digest: str, what: str, total: int, to_come: int) -> None:
        """Promise room for content, once its size is known; raises NoSpace."""
        self._coming.pop(digest, None)
        refusal = admit(what, total, to_come, self.usage(), self._settings())
        if refusal is not None:
            raise refusal
        self._coming[digest] = total

    def content_settled(self, digest: str) -> None:
        """It is here, or will not come now."""
        self._coming.pop(digest, None)

    def expect_volume(self, ref: ItemRef, size: int, written: int) -> None:
        self._making.pop(ref, None)
        refusal = admit(str(ref), size, written, self.usage(), self._settings())
        if refusal is not None:
            raise refusal
        self._making[ref] = size

    def volume_settled(self, ref: ItemRef) -> None:
        self._making.pop(ref, None)

    def room_to_unpack(self) -> int:
        """What an unpacked layer may take: all that is really free, and declared to nobody."""
        usage = self.usage()
        if self._settings().ignore_disk_check:
            return usage.free
        return min(usage.free, remaining(usage, self._settings()))

    def check(self, what: str, total: int) -> None:
        """Before the first byte of several blobs together."""
        refusal = admit(what, total, total, self.usage(), self._settings())
        if refusal is not None:
            raise refusal


def _files(folder: Path, suffix: str) -> Iterator[os.stat_result]:
    """Of the files that are there; a download that ends meanwhile is renamed under our hands."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not (entry.name.endswith(suffix) if suffix else "." not in entry.name):
                continue
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(found.st_mode):
                yield found


__all__ = ["Ledger", "NoSpace"]
