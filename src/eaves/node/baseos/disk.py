"""The two slots of this machine: what the update subsystem asks for, done on a disk.

Blocking: each call runs in a thread.  The boot partition is writable only while it changes.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from eaves.node.baseos.bundle import Manifest, Place, admit, check_parts, chunks, read_bundle
from eaves.node.baseos.device import SlotDevice, SlotNotWritten, Stopped
from eaves.node.baseos.entries import other
from eaves.node.baseos.loader import Loader
from eaves.node.baseos.slots import Slot, mended

Told = Callable[[str, int, int], None]  # "write" or "verify", bytes done, bytes in all
Writable = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Running:
    """The system that was booted, by what its verified root says of itself."""

    letter: str
    version: str
    arch: str
    flavour: str
    epoch: int


class Disk:
    def __init__(
        self,
        running: Running,
        devices: Mapping[str, SlotDevice],
        loader: Loader,
        writable: Writable,
        keys: Iterable[ec.EllipticCurvePublicKey],
    ) -> None:
        self.running = running
        self._other = other(running.letter)
        self._devices = devices
        self._loader = loader
        self._writable = writable
        self._keys = tuple(keys)

    def device_name(self, *, running: bool) -> str:
        return str(self._device(running=running).path)

    def states(self) -> tuple[Slot, Slot]:
        """Of the running slot, then of the other.  Raises BootPartitionUnreadable."""
        seen = self._loader.states()
        return mended(seen[self.running.letter], seen[self._other])

    def mend(self) -> None:
        """Make the loader show what the slots are taken for.  Raises BootPartitionUnreadable."""
        seen = self._loader.states()
        before = seen[self.running.letter], seen[self._other]
        after = mended(*before)
        if before == after:
            return
        with self._writable():
            if after[0] is Slot.ACTIVE:
                self._loader.commit(self.running.letter, self.running.version, self._other)

    def held(self, *, running: bool) -> Manifest | None:
        return self._device(running=running).manifest()

    def write(self, path: Path, wanted: str, stop: threading.Event, told: Told) -> Manifest:
        """Make the other slot hold this update.

        Raises BundleUnusable, SlotNotWritten, BootPartitionFailed, Stopped.
        """
        slot = self._device(running=False)
        with path.open("rb") as file:
            bundle = read_bundle(file, path.stat().st_size, self._keys)
            manifest = bundle.manifest
            admit(manifest, self._place(wanted, slot))
            size = manifest.root.size

            def written(done: int) -> None:
                told("write", done, size)

            def read_back(done: int) -> None:
                told("verify", done, size)

            if self._holds(slot, bundle.raw, manifest, stop, read_back):
                return manifest
            check_parts(file, bundle)
            with self._writable():
                self._loader.drop(self._other)
                slot.clear()
                self._loader.put_kernel(self._other, chunks(file, bundle.uki), manifest.uki.sha256)
            slot.write(chunks(file, bundle.root), stop, written)
            got = slot.hash(size, stop, read_back)
            if got != manifest.root.sha256:
                raise SlotNotWritten(
                    slot.path, f"it reads back with sha256 {got}, not {manifest.root.sha256}"
                )
            if stop.is_set():
                raise Stopped
            slot.finish(bundle.raw, bundle.signature)
        return manifest

    def drop_other(self) -> None:
        with self._writable():
            self._loader.drop(self._other)

    def mark_other(self, version: str) -> None:
        with self._writable():
            self._loader.mark(self._other, version)

    def commit(self) -> None:
        with self._writable():
            self._loader.commit(self.running.letter, self.running.version, self._other)

    def whole(self) -> str:
        """The version that the other slot could boot; empty: none."""
        manifest = self.held(running=False)
        if manifest is None or not self._loader.has_kernel(self._other, manifest.uki.sha256):
            return ""
        return manifest.version

    def _holds(
        self,
        slot: SlotDevice,
        raw: bytes,
        manifest: Manifest,
        stop: threading.Event,
        told: Callable[[int], None],
    ) -> bool:
        """Is it there already, byte for byte?  So a cut after the last write costs no second."""
        held = slot.held()
        if held is None or held[0] != raw:
            return False
        if not self._loader.has_kernel(self._other, manifest.uki.sha256):
            return False
        return slot.hash(manifest.root.size, stop, told) == manifest.root.sha256

    def _place(self, wanted: str, slot: SlotDevice) -> Place:
        mine = self.running
        room = self._loader.free_bytes(self._other)
        return Place(wanted, mine.arch, mine.flavour, mine.epoch, slot.size(), room)

    def _device(self, *, running: bool) -> SlotDevice:
        return self._devices[self.running.letter if running else self._other]
