"""The folder of bytes that the controller keeps: whole files by digest, partial ones by upload.

    sha256/ab/ab12...   whole and never changed; the name is the digest
    partial/<upload>    bytes of an upload that is under way

A file is whole before it has its name, and its name is on the disk before the database says that
somebody has it.  A file that nobody has is removed by `sweep` when it is old enough that no upload
can be about to say so.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eaves.errors import Rejected, Transient

HASH_BYTES: Final = 1 << 20
SPARE_BYTES: Final = 1 << 30  # of the disk, left to everything else: the database may be on it
PARTIAL, WHOLE = "partial", "sha256"


class NoRoom(Rejected):
    """The bytes would not fit on the disk, or not within a bound."""


class UploadUnderWay(Transient):
    """Another request writes to the same upload."""


class BytesLost(Rejected):
    """Bytes of an upload that were here are not any more."""


@dataclass(frozen=True, slots=True)
class Old:
    """Files that were not touched for a while."""

    digests: tuple[str, ...]
    uploads: tuple[str, ...]


class Writer:
    """Appends to one partial file; made by `ContentFolder.writing`.

    Where there is no room for all, nothing that it wrote stays: others need the disk too.
    """

    def __init__(self, descriptor: int, at: int, spare_bytes: int) -> None:
        self._descriptor, self._at, self._begun = descriptor, at, at
        self._spare_bytes = spare_bytes

    def write(self, data: bytes) -> None:
        """Raises NoRoom, also where `spare_bytes` of the disk would not stay free."""
        left = memoryview(data)
        try:
            self._require_spare(len(left))
            while left:
                written = os.pwrite(self._descriptor, left, self._at)
                self._at += written
                left = left[written:]
        except OSError as error:
            raise self._nothing_stays(error) from error
        except NoRoom:
            self.cut(self._begun)
            raise

    def _require_spare(self, size: int) -> None:
        """What was promised at the beginning may be gone: logs and databases grow meanwhile."""
        disk = os.fstatvfs(self._descriptor)
        free = disk.f_bavail * disk.f_frsize
        if free - size < self._spare_bytes:
            raise NoRoom(
                f"of the controller's disk {free:,} bytes are free, and {self._spare_bytes:,} stay "
                "free for everything else; free space, then send these bytes again"
            )

    def _nothing_stays(self, error: OSError) -> OSError | NoRoom:
        failed = _no_room(error)
        if isinstance(failed, NoRoom):
            self.cut(self._begun)
        return failed

    def read(self, at: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, at)

    def cut(self, size: int) -> None:
        """Forget what stands behind."""
        os.ftruncate(self._descriptor, size)
        self._at = min(self._at, size)

    def sync(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._nothing_stays(error) from error


def _no_room(error: OSError) -> OSError | NoRoom:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NoRoom("the controller's disk is full; free space, then send these bytes again")
    return error


class ContentFolder:
    def __init__(self, folder: Path, spare_bytes: int = SPARE_BYTES) -> None:
        self.folder, self._spare_bytes = folder, spare_bytes

    def path_of(self, digest: str) -> Path:
        """`digest` must be 64 hex digits."""
        return self.folder / WHOLE / digest[:2] / digest

    def has(self, digest: str) -> bool:
        return self.path_of(digest).is_file()

    def require_room(self, more_bytes: int, promised_bytes: int = 0) -> None:
        """Raises NoRoom unless so many bytes leave the spare ones of the disk free.

        `promised_bytes`: what other uploads were let begin with, and have not sent yet.
        """
        self._make(self.folder)
        free = shutil.disk_usage(self.folder).free
        if free - promised_bytes - more_bytes < self._spare_bytes:
            raise NoRoom(
                f"{more_bytes:,} bytes would leave less than {self._spare_bytes:,} of the {free:,} "
                f"free on the controller's disk, of which other uploads may use "
                f"{promised_bytes:,}; delete images that nobody needs, or give it more"
            )

    @contextmanager
    def writing(self, upload: str, at: int, received_bytes: int = 0) -> Generator[Writer]:
        """One at a time for each upload, over all processes.

        Raises UploadUnderWay, and BytesLost unless the first `received_bytes` are there.
        """
        path = self._partial(upload)
        self._make(path.parent)
        made = 0 if received_bytes else os.O_CREAT
        lost = BytesLost("the bytes of this upload that were here are gone; begin anew at byte 0")
        try:
            descriptor = os.open(path, os.O_RDWR | made | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            raise lost from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UploadUnderWay(
                    "another request writes to this upload; wait for its end, then ask how far it "
                    "is with Content-Range: bytes */TOTAL"
                ) from None
            there = os.fstat(descriptor)
            if there.st_size < received_bytes or not there.st_nlink:  # swept a moment ago
                raise lost
            yield Writer(descriptor, at, self._spare_bytes)
        finally:
            os.close(descriptor)

    def digest_of(self, upload: str) -> str:
        """SHA-256 of a partial file, in hex; takes a second for about a gigabyte."""
        with self._partial(upload).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def size_of(self, upload: str) -> int:
        try:
            return self._partial(upload).stat().st_size
        except FileNotFoundError:
            return -1

    def keep(self, upload: str, digest: str) -> None:
        """Give the bytes of an upload their name; the partial file stays until `drop`.

        Once more after the commit: a sweep may have removed a file of the same digest that nobody
        had a moment ago.
        """
        whole = self.path_of(digest)
        self._make(whole.parent)
        with contextlib.suppress(FileExistsError):
            os.link(self._partial(upload), whole)
        os.utime(whole)
        for folder in (whole.parent, whole.parent.parent):
            _sync_folder(folder)

    def drop(self, upload: str) -> None:
        self._partial(upload).unlink(missing_ok=True)

    def drop_left(self, upload: str, before: float) -> bool:
        """Unless somebody writes to it now, or did since `before`: then False."""
        path = self._partial(upload)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            if os.fstat(descriptor).st_mtime >= before:
                return False
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def old(self, before: float) -> Old:
        """Files that were last touched before that time (seconds since 1970)."""
        whole = tuple(p.name for p in self._files(WHOLE) if _touched(p) < before)
        return Old(whole, tuple(p.name for p in self._files(PARTIAL) if _touched(p) < before))

    def remove(self, digest: str, before: float) -> bool:
        """Unless it was touched since: then somebody is about to have it."""
        path = self.path_of(digest)
        if _touched(path) >= before:
            return False
        path.unlink(missing_ok=True)
        return True

    def _files(self, kind: str) -> Iterator[Path]:
        top = self.folder / kind
        if top.is_dir():
            yield from (path for path in sorted(top.rglob("*")) if path.is_file())

    def _partial(self, upload: str) -> Path:
        return self.folder / PARTIAL / upload

    @staticmethod
    def _make(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
