"""Volumes: made whole or not at all, from content that stays shared below them."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from eaves.errors import Rejected, Transient
from eaves.ids import VolumeId
from eaves.node import refs
from eaves.node.host.files import atomic_write, named, sync_folder
from eaves.node.storage.copies import copy, occupied, remove
from eaves.node.storage.disks import QEMU_WORD, Disk, make_blank, make_converted, make_overlay
from eaves.node.storage.items import CONTAINER, CONVERTED, Volume
from eaves.node.storage.ledger import Ledger
from eaves.node.storage.ondisk import ImageConfig, RootFs, VolumeOnDisk
from eaves.node.storage.records import Layout, TreeRecord, VolumeRecord, load, save
from eaves.reconcile.item import ItemRef

log = structlog.get_logger(__name__)

_DATA = ("qcow2", "raw", "container")
_FORMATTING = "formatting"  # of a container that was cut off while it gave a disk its file system
_RESTORING = "restoring"  # a copy of a snapshot on its way
_BEFORE = "before"  # a folder that a roll-back took out of the way
_OVERLAY_BYTES = 1024**2  # what an empty overlay may take
_ROLL_BACK = "roll-back"  # in the books: a copy beside the volume that it becomes


class VolumeStore:
    def __init__(self, layout: Layout, ledger: Ledger, now: Callable[[], float]) -> None:
        self._layout = layout
        self._ledger = ledger
        self._now = now
        self._working: set[ItemRef] = set()

    def record(self, ref: ItemRef) -> VolumeRecord | None:
        """None while it is not whole."""
        if self._layout.volume(ref, "making").exists():
            return None
        return load(self._layout.volume(ref, "json"), VolumeRecord)

    def all(self) -> tuple[VolumeRecord, ...]:
        folder = self._layout.volumes
        making = {name.removesuffix(".making") for name in named(folder, ".making")}
        found = (
            load(folder / name, VolumeRecord)
            for name in named(folder, ".json")
            if name.removesuffix(".json") not in making
        )
        return tuple(record for record in found if record is not None)

    def data(self, record: VolumeRecord) -> Path:
        folder = self._layout.blobs if record.shared else self._layout.volumes
        return folder / record.file

    async def make(self, item: Volume, tree: TreeRecord | None) -> None:
        ref = item.ref
        self._working.add(ref)
        try:
            found = await asyncio.to_thread(self._clear_or_adopt, ref)
            plan = _plan(item, tree)
            if found is None:
                self._ledger.expect_volume(ref, plan.size_bytes, _OVERLAY_BYTES)
                await self._make_data(item, plan, tree)
            record = replace(plan, made_at=self._now())
            await asyncio.to_thread(self._finish, ref, record)
        finally:
            self._ledger.volume_settled(ref)
            self._working.discard(ref)
        log.info("volume_made", volume=ref.name, kind=plan.kind, size_bytes=plan.size_bytes)

    def _clear_or_adopt(self, ref: ItemRef) -> Path | None:
        """Remove what is half made; data that is whole but lost its record is kept."""
        marker = self._layout.volume(ref, "making")
        if not marker.exists():
            for suffix in _DATA:
                path = self._layout.volume(ref, suffix)
                if path.exists():
                    log.warning("volume_adopted", volume=ref.name)
                    return path
        atomic_write(marker, b"")
        self._wipe(ref)
        return None

    async def _make_data(self, item: Volume, plan: VolumeRecord, tree: TreeRecord | None) -> None:
        path = self._layout.volumes / plan.file
        if plan.kind == "container":
            await asyncio.to_thread(_container_folders, path)
        elif tree is None:
            await asyncio.to_thread(make_blank, path, plan.size_bytes)
        elif not plan.shared:
            disk = Disk(tree.disk_format, tree.virtual_size)
            content = self._layout.blob(tree.digest)
            if item.format in CONVERTED:
                await make_converted(path, content, disk, plan.size_bytes)
            else:
                # Relative, so that the state directory may move.
                backing = f"../{content.relative_to(self._layout.vault)}"
                await make_overlay(path, backing, disk, plan.size_bytes)

    def _finish(self, ref: ItemRef, record: VolumeRecord) -> None:
        path = self.data(record)
        if path.is_file() and not record.shared:
            path.chmod(0o600)
            fd = os.open(path, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        sync_folder(self._layout.volumes)
        save(self._layout.volume(ref, "json"), record)
        self._layout.volume(ref, "making").unlink(missing_ok=True)
        sync_folder(self._layout.volumes)

    async def replace_data(self, item: Volume, saved: VolumeRecord, kept: Path) -> None:
        """Make the volume what `saved` was, from its data at `kept`; what is there goes last.

        Nobody uses the volume now.  Cut anywhere, it holds the data of before or of `kept`.
        """
        ref = item.ref
        self._working.add(ref)
        try:
            if not saved.shared:
                await self._bring_back(ref, saved, kept)
            record = replace(saved, item=item, made_at=self._now())
            await asyncio.to_thread(self._finish, ref, record)
            await asyncio.to_thread(remove, self._layout.volume(ref, _BEFORE))
        finally:
            self._ledger.volume_settled(ItemRef(_ROLL_BACK, ref.name))
            self._ledger.volume_settled(ref)
            self._working.discard(ref)
        log.info("volume_restored", volume=ref.name, restored=item.restored)

    async def _bring_back(self, ref: ItemRef, saved: VolumeRecord, kept: Path) -> None:
        written = await asyncio.to_thread(occupied, kept)
        now = self.record(ref)
        if now is None:
            atomic_write(self._layout.volume(ref, "making"), b"")
            self._wipe(ref)
            self._ledger.expect_volume(ref, saved.size_bytes, written)
        else:  # which is booked already: the copy stands beside it until it is whole
            more = max(0, saved.size_bytes - now.size_bytes)
            self._ledger.expect_volume(ItemRef(_ROLL_BACK, ref.name), written + more, written)
        coming = self._layout.volume(ref, _RESTORING)
        await asyncio.to_thread(remove, coming)
        await copy(kept, coming)
        target = self._layout.volumes / saved.file
        if target.is_dir():
            before = self._layout.volume(ref, _BEFORE)
            await asyncio.to_thread(remove, before)
            target.rename(before)
        coming.rename(target)
        sync_folder(self._layout.volumes)

    def _settle_restored(self) -> None:
        """After a cut in a roll-back: the folder that was taken away comes back, copies go."""
        for before in self._left(f".{_BEFORE}"):
            if ItemRef("volume", before.stem) in self._working:
                continue
            target = before.with_suffix(".container")
            if target.exists():
                remove(before)
            else:
                before.rename(target)
        for coming in self._left(f".{_RESTORING}"):
            if ItemRef("volume", coming.stem) not in self._working:
                remove(coming)

    def _left(self, ending: str) -> list[Path]:
        return [self._layout.volumes / name for name in named(self._layout.volumes, ending)]

    def note(self, item: Volume) -> None:
        """Take over attributes that need no work on the data."""
        record = self.record(item.ref)
        if record is None:
            raise Transient(f"{item.ref} vanished; it is made again")
        save(self._layout.volume(item.ref, "json"), replace(record, item=item))

    async def remove(self, ref: ItemRef) -> tuple[str, ...]:
        """Returns the content it stood on."""
        record = self.record(ref)
        await asyncio.to_thread(self._remove, ref)
        self._ledger.container_bytes.pop(ref.name, None)
        log.info("volume_removed", volume=ref.name)
        return () if record is None else record.blobs

    def _remove(self, ref: ItemRef) -> None:
        marker = self._layout.volume(ref, "making")
        atomic_write(marker, b"")  # cut off from here on, it counts as half made
        self._wipe(ref)
        sync_folder(self._layout.volumes)
        marker.unlink(missing_ok=True)

    def _wipe(self, ref: ItemRef) -> None:
        self._layout.volume(ref, "json").unlink(missing_ok=True)
        for suffix in (*_DATA, _FORMATTING, _RESTORING, _BEFORE):
            remove(self._layout.volume(ref, suffix))

    def remove_half_made(self) -> tuple[ItemRef, ...]:
        """What a cut left behind and nobody works on."""
        self._settle_restored()
        left = [ItemRef("volume", marker.stem) for marker in self._left(".making")]
        for ref in (r for r in left if r not in self._working):
            log.warning("half_made_volume_removed", volume=ref.name)
            self._remove(ref)
        return tuple(left)

    def on_disk(self, volume: VolumeId, generation: int) -> VolumeOnDisk:
        record = self._need(volume, generation)
        return VolumeOnDisk(
            id=volume,
            generation=generation,
            kind="container" if record.kind == "container" else "disk",
            path=self.data(record),
            format=record.format,
            size_bytes=record.size_bytes,
            read_only=record.item.read_only or record.shared,
            cdrom=record.shared and not record.item.as_is,
            digest=record.digest,
        )

    def rootfs(self, volume: VolumeId, generation: int) -> RootFs:
        record = self._need(volume, generation)
        if record.kind != "container":
            raise Rejected(
                f"volume {volume}: holds a disk of format {record.format}; a container needs one "
                "made from a container image"
            )
        folder = self.data(record)
        return RootFs(
            lower=tuple(self._layout.layer(sha) for sha in reversed(record.layers)),
            upper=folder / "upper",
            work=folder / "work",
            image=record.image or ImageConfig(),
        )

    def _need(self, volume: VolumeId, generation: int) -> VolumeRecord:
        ref = refs.volume(volume, generation)
        record = self.record(ref)
        if record is None:
            raise Transient(f"{ref} is not made yet; it is on its way or its error says why")
        return record


def _plan(item: Volume, tree: TreeRecord | None) -> VolumeRecord:
    """What the volume will be.  Pure."""
    name = item.ref.name
    if tree is None:
        return VolumeRecord(
            item, "disk", f"{name}.raw", "raw", item.size_bytes, blobs=(), made_at=0.0
        )
    blobs = tuple(member.sha256 for member in tree.members)
    if item.format == CONTAINER:
        return VolumeRecord(
            item,
            "container",
            f"{name}.container",
            "container",
            item.size_bytes,
            blobs,
            made_at=0.0,
            layers=tree.layers,
            image=tree.image,
            digest=tree.digest,
        )
    if item.format == "ISO" or item.as_is:
        return VolumeRecord(
            item,
            "disk",
            tree.digest,
            QEMU_WORD["ISO"],
            tree.virtual_size,
            blobs,
            made_at=0.0,
            digest=tree.digest,
            shared=True,
        )
    if 0 < item.size_bytes < tree.virtual_size:
        raise Rejected(
            f"{item.ref}: declared with {item.size_bytes} bytes, its content is a disk of "
            f"{tree.virtual_size}; declare a larger size"
        )
    return VolumeRecord(
        item,
        "disk",
        f"{name}.qcow2",
        "qcow2",
        max(item.size_bytes, tree.virtual_size),
        # A converted disk is a copy and stands on nothing.
        () if item.format in CONVERTED else blobs,
        made_at=0.0,
        digest=tree.digest,
    )


def _container_folders(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for part in ("upper", "work"):
        (folder / part).mkdir()
        (folder / part).chmod(0o755)  # the upper folder's mode is that of the container's root
