"""One slot as a partition: the system from its start, and in its last block what it is.

The last block is cleared before anything else changes and written after all of it was read back,
so a slot is whole or holds nothing.  Works on partitions and on files.  Blocking.
"""

import fcntl
import hashlib
import os
import stat
import struct
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from eaves.errors import Transient
from eaves.node.baseos.bundle import (
    TRAILER,
    BundleUnusable,
    Manifest,
    read_manifest,
    read_trailer,
    trailer,
)

BLKFLSBUF: Final = 0x1261
BLKGETSIZE64: Final = 0x80081272
_CHUNK: Final = 1 << 20


class SlotNotWritten(Transient):
    """The disk did not take the system, or gives back something else."""

    def __init__(self, path: Path, why: object) -> None:
        super().__init__(
            f"slot {path} was not written: {why}; check the disk (`smartctl -a`), the device"
            " tries again"
        )


class Stopped(Exception):
    """Somebody asked to end the writing."""


class SlotDevice:
    def __init__(self, path: Path) -> None:
        self.path = path

    def size(self) -> int:
        fd = os.open(self.path, os.O_RDONLY)
        try:
            return _size(fd)
        finally:
            os.close(fd)

    def held(self) -> tuple[bytes, bytes] | None:
        """Manifest and signature of the system it holds; None: it holds nothing whole."""
        try:
            fd = os.open(self.path, os.O_RDONLY)
        except OSError:
            return None
        try:
            return read_trailer(os.pread(fd, TRAILER, _size(fd) - TRAILER))
        except OSError:
            return None
        finally:
            os.close(fd)

    def manifest(self) -> Manifest | None:
        """None: nothing whole, or what a newer system wrote."""
        held = self.held()
        try:
            return None if held is None else read_manifest(held[0])
        except BundleUnusable:
            return None

    def clear(self) -> None:
        """It holds nothing from now on, whatever is cut after this.  Raises SlotNotWritten."""
        try:
            fd = os.open(self.path, os.O_RDWR)
            try:
                _pwrite_all(fd, bytes(TRAILER), _size(fd) - TRAILER)
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise SlotNotWritten(self.path, error) from error

    def write(
        self, data: Iterable[bytes], stop: threading.Event, told: Callable[[int], None]
    ) -> int:
        """From its start; answers how many bytes.  Raises SlotNotWritten, Stopped."""
        at = 0
        try:
            fd = os.open(self.path, os.O_RDWR)
            try:
                room = _size(fd) - TRAILER
                for chunk in data:
                    if stop.is_set():
                        raise Stopped
                    if at + len(chunk) > room:
                        raise SlotNotWritten(self.path, f"it has room for {room} bytes only")
                    _pwrite_all(fd, chunk, at)
                    at += len(chunk)
                    told(at)
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise SlotNotWritten(self.path, error) from error
        return at

    def hash(self, size: int, stop: threading.Event, told: Callable[[int], None]) -> str:
        """SHA-256 of the first bytes as the disk gives them.  Raises SlotNotWritten, Stopped."""
        digest, left = hashlib.sha256(), size
        try:
            fd = os.open(self.path, os.O_RDONLY)
            try:
                _forget(fd)
                while left:
                    if stop.is_set():
                        raise Stopped
                    chunk = os.pread(fd, min(left, _CHUNK), size - left)
                    if not chunk:
                        break
                    digest.update(chunk)
                    left -= len(chunk)
                    told(size - left)
            finally:
                os.close(fd)
        except OSError as error:
            raise SlotNotWritten(self.path, error) from error
        return digest.hexdigest()

    def finish(self, raw: bytes, signature: bytes) -> None:
        """Say what it holds.  Raises SlotNotWritten."""
        try:
            fd = os.open(self.path, os.O_RDWR)
            try:
                _pwrite_all(fd, trailer(raw, signature), _size(fd) - TRAILER)
                os.fsync(fd)
                _forget(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise SlotNotWritten(self.path, error) from error
        if self.held() != (raw, signature):
            raise SlotNotWritten(self.path, "its last block reads back differently")


def _size(fd: int) -> int:
    if stat.S_ISBLK(os.fstat(fd).st_mode):
        (size,) = struct.unpack("<Q", fcntl.ioctl(fd, BLKGETSIZE64, bytes(8)))
        return int(size)
    return os.fstat(fd).st_size


def _forget(fd: int) -> None:
    """Let the next read come from the disk."""
    if stat.S_ISBLK(os.fstat(fd).st_mode):
        fcntl.ioctl(fd, BLKFLSBUF, 0)
    else:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def _pwrite_all(fd: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, at)
        view, at = view[written:], at + written
