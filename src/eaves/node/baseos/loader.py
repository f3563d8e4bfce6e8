"""The boot partition as the node changes it: entries and kernel images.

FAT has no journal.  So nothing that boots is ever overwritten or renamed: the new file is written
under another name and synced with its folder, and only then is the old one removed.  Between the
two both are there, and `entries` says which one counts.  Blocking: run it in a thread.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from eaves.errors import Transient
from eaves.node.baseos.entries import (
    ENTRIES,
    Entry,
    entry_name,
    entry_text,
    kernel_path,
    next_number,
    read_entry,
    states,
)
from eaves.node.baseos.slots import Slot
from eaves.node.host.files import sync_folder

_MOST_ENTRY = 4096
_CHUNK = 1 << 20


class BootPartitionFailed(Transient):
    """The boot partition did not take a change; what booted before still boots."""

    def __init__(self, what: str, why: object) -> None:
        super().__init__(
            f"{what} could not be written to the boot partition: {why}; free space on it or mend"
            " its disk, the device tries again"
        )


class BootPartitionUnreadable(Transient):
    """It is not there, or its disk does not give it: nothing is known of the entries."""

    def __init__(self, path: Path, why: object) -> None:
        super().__init__(
            f"the entries of the boot partition cannot be read from {path}: {why}; mend its disk or"
            " its file system"
        )


class Loader:
    """`esp`: where the boot partition is mounted, writable while something is changed."""

    def __init__(self, esp: Path) -> None:
        self._esp = esp
        self._entries = esp / ENTRIES

    def entries(self) -> tuple[Entry, ...]:
        found: list[Entry] = []
        for path in sorted(self._entries.glob("eaves-*.conf")):
            try:
                with path.open("rb") as file:
                    text = file.read(_MOST_ENTRY).decode(errors="replace")
            except OSError:
                continue  # damaged: the loader cannot read it either
            entry = read_entry(path.name, text)
            if entry is not None:
                found.append(entry)
        return tuple(found)

    def states(self) -> Mapping[str, Slot]:
        """Raises BootPartitionUnreadable: a slot whose entry nobody sees is not without one."""
        try:
            os.scandir(self._entries).close()
            return states(self.entries())
        except OSError as error:
            raise BootPartitionUnreadable(self._entries, error.strerror) from error

    def drop(self, letter: str) -> None:
        """Its slot is not booted any more.  Raises BootPartitionFailed."""
        self._remove(path.name for path in self._entries.glob(f"eaves-{letter}*.conf"))

    def mark(self, letter: str, version: str) -> None:
        """The next boot tries this slot, once.  Raises BootPartitionFailed."""
        number = next_number(self.entries())
        self.drop(letter)
        self._write(entry_name(letter, 1), entry_text(letter, number, version))

    def commit(self, letter: str, version: str, other: str) -> None:
        """This slot is good, the other one is not booted.  Raises BootPartitionFailed."""
        entries = self.entries()
        mine = [one for one in entries if one.letter == letter]
        number = max((one.number for one in mine), default=next_number(entries))
        if not any(one.left is None for one in mine):
            self._write(entry_name(letter), entry_text(letter, number, version))
        self._remove(one.name for one in mine if one.left is not None)
        self.drop(other)

    def free_bytes(self, letter: str) -> int:
        """For a kernel image of this slot, which replaces the one it has."""
        at = os.statvfs(self._esp)
        try:
            present = (self._esp / kernel_path(letter)).stat().st_size
        except FileNotFoundError:
            present = 0
        return at.f_bavail * at.f_frsize + present

    def put_kernel(self, letter: str, data: Iterable[bytes], sha256: str) -> None:
        """Replace the kernel image of a slot that has no entry.  Raises BootPartitionFailed."""
        path = self._esp / kernel_path(letter)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                for chunk in data:
                    _write_all(fd, chunk)
                os.fsync(fd)
            finally:
                os.close(fd)
            sync_folder(path.parent)
            got = _hash_from_disk(path)
        except OSError as error:
            raise BootPartitionFailed(f"kernel image {path.name}", error) from error
        if got != sha256:
            raise BootPartitionFailed(
                f"kernel image {path.name}", f"it reads back with sha256 {got}, not {sha256}"
            )

    def has_kernel(self, letter: str, sha256: str) -> bool:
        try:
            return _hash_from_disk(self._esp / kernel_path(letter)) == sha256
        except OSError:
            return False

    def _write(self, name: str, text: str) -> None:
        path = self._entries / name
        try:
            self._entries.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)  # cut off while it was written
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                _write_all(fd, text.encode())
                os.fsync(fd)
            finally:
                os.close(fd)
            sync_folder(self._entries)
        except OSError as error:
            raise BootPartitionFailed(f"entry {name}", error) from error

    def _remove(self, names: Iterable[str]) -> None:
        try:
            gone = False
            for name in names:
                (self._entries / name).unlink(missing_ok=True)
                gone = True
            if gone:
                sync_folder(self._entries)
        except OSError as error:
            raise BootPartitionFailed("the removal of an entry", error) from error


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _hash_from_disk(path: Path) -> str:
    """SHA-256 of what is on the disk, not of what memory remembers of it."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        digest = hashlib.sha256()
        while chunk := os.read(fd, _CHUNK):
            digest.update(chunk)
        return digest.hexdigest()
    finally:
        os.close(fd)
