"""A download on its way: what has arrived survives the process, the machine and a cut cable.

Bytes are appended in order, so that the file is its own progress as long as the kernel lives.
After a power cut only what was synced counts: the record names that offset, with the hash of all
bytes before it.  A record that does not check out is ignored and the transfer starts from zero.
"""

import asyncio
import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import msgspec

from eaves.node.host.files import atomic_write, read_or_none

SYNC_EVERY = 8 * 1024**2  # bytes
_READ = 1024**2


@dataclass(frozen=True, slots=True)
class Arrived:
    """The record beside a partial file."""

    url: str = ""
    etag: str = ""
    last_modified: str = ""
    total: int | None = None
    offset: int = 0  # synced
    sha256: str = ""  # of the bytes before offset
    boot: str = ""  # the kernel that took the bytes behind offset


class Partial:
    """One file below downloads/, open for appending.  Use `open_partial`, then `close`."""

    def __init__(self, path: Path, boot: str) -> None:
        self.path = path
        self._boot = boot
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._hash = hashlib.sha256()
        self.offset = 0
        self.arrived = Arrived()

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def restore(self) -> Self:
        """Take up what is already there; hashes it, so call it in a thread."""
        known = _read_record(_record_path(self.path))
        size = os.fstat(self._fd).st_size
        if known is None or size < known.offset:
            self.restart()
            return self
        self._hash_until(known.offset)
        if self._hash.hexdigest() != known.sha256:
            self.restart()
            return self
        self.arrived = known
        if known.boot == self._boot and size > known.offset:
            self._hash_until(size)
        else:
            os.ftruncate(self._fd, known.offset)
        return self

    def restart(self) -> None:
        os.ftruncate(self._fd, 0)
        self._hash = hashlib.sha256()
        self.offset = 0
        self.arrived = Arrived()
        _record_path(self.path).unlink(missing_ok=True)

    def begin(self, url: str, etag: str, last_modified: str, total: int | None) -> None:
        """Note what is being fetched, before its first byte is kept."""
        self.arrived = replace(
            self.arrived, url=url, etag=etag, last_modified=last_modified, total=total
        )
        self.sync()

    def append(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        while view:
            written = os.pwrite(self._fd, view, self.offset)
            self._hash.update(view[:written])
            self.offset += written
            view = view[written:]
        if self.offset - self.arrived.offset >= SYNC_EVERY:
            self.sync()

    def sync(self) -> None:
        os.fdatasync(self._fd)
        self.arrived = replace(
            self.arrived, offset=self.offset, sha256=self._hash.hexdigest(), boot=self._boot
        )
        body = msgspec.json.encode(self.arrived)
        check = hashlib.sha256(body).hexdigest().encode()
        atomic_write(_record_path(self.path), body + b"\n" + check)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _hash_until(self, end: int) -> None:
        while self.offset < end:
            data = os.pread(self._fd, min(_READ, end - self.offset), self.offset)
            if not data:
                return
            self._hash.update(data)
            self.offset += len(data)


async def open_partial(path: Path) -> Partial:
    partial = Partial(path, boot_id())
    try:
        return await asyncio.to_thread(partial.restore)
    except BaseException:
        partial.close()
        raise


def remove_partial(path: Path) -> None:
    path.unlink(missing_ok=True)
    _record_path(path).unlink(missing_ok=True)


def boot_id() -> str:
    return (read_or_none(Path("/proc/sys/kernel/random/boot_id")) or b"").decode().strip()


def hash_from_disk(path: Path) -> str:
    """The sha256 of what the disk gives back, not of what the page cache remembers."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        digest = hashlib.sha256()
        offset = 0
        while data := os.pread(fd, _READ, offset):
            digest.update(data)
            offset += len(data)
        return digest.hexdigest()
    finally:
        os.close(fd)


def _record_path(path: Path) -> Path:
    return path.with_suffix(".progress")


def _read_record(path: Path) -> Arrived | None:
    data = read_or_none(path)
    if data is None:
        return None
    body, _, check = data.rpartition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != check:
        return None
    try:
        return msgspec.json.decode(body, type=Arrived)
    except msgspec.MsgspecError:
        return None
