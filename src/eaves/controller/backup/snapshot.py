"""One moment of a SQLite file that others write, read page by page.

SQLite's own copy goes to a file in clear or into memory as a whole; a backup shall do neither.  So
a read transaction pins the moment, and the pages are read as SQLite reads them: from the log up to
the frame that was the last one then, else from the file.  What makes this right
(https://www.sqlite.org/walformat.html):

- The last frame is read from the wal-index under the write lock, and the reader begins under the
  same lock, so both speak of one moment.
- While a reader is there, a checkpoint copies no frame newer than the reader's into the file.  A
  page that it copies at this very moment stands in the log as well, and is taken from there.
- A log that was copied whole may be begun anew under a reader (its salts change then); that reader
  needs no log, and holds the file as it is.

Locks of this process end when *any* descriptor of the file is closed, so ours are closed last.
"""

import os
import sqlite3
import struct
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eaves.errors import Rejected

_WAL_HEAD: Final = 32
_FRAME_HEAD: Final = 24
_BUSY_S: Final = 60.0
PART_BYTES: Final = 1024 * 1024


class NotInWal(Rejected):
    """The file is not one that a controller writes."""


@dataclass(frozen=True, slots=True)
class _Moment:
    page_bytes: int
    pages: int
    salts: bytes
    frames: dict[int, int]  # page number -> offset of its newest frame


class Snapshot:
    """A moment of a SQLite file; valid inside of `pinned`."""

    def __init__(self, file: int, log: int, moment: _Moment) -> None:
        self._file, self._log, self._moment = file, log, moment

    @property
    def size(self) -> int:
        return self._moment.pages * self._moment.page_bytes

    def parts(self) -> Iterator[bytes]:
        """The file as it was, in parts of about a MiB."""
        at_once = max(PART_BYTES // self._moment.page_bytes, 1)
        for first in range(1, self._moment.pages + 1, at_once):
            last = min(first + at_once, self._moment.pages + 1)
            yield b"".join(self._page(number) for number in range(first, last))

    def _page(self, number: int) -> bytes:
        size = self._moment.page_bytes
        offset = self._moment.frames.get(number)
        if offset is not None:
            page = os.pread(self._log, size, offset + _FRAME_HEAD)
            # read after the page: a log begun anew shows other salts before its first frame
            if os.pread(self._log, 8, 16) == self._moment.salts and len(page) == size:
                return page
        return os.pread(self._file, size, (number - 1) * size).ljust(size, b"\0")


@contextmanager
def pinned(path: Path) -> Generator[Snapshot]:
    """Hold the present moment of a file until left; writers go on.  Raises NotInWal."""
    with ExitStack() as stack:
        reader = stack.enter_context(_descriptors(path))
        connection, file, log, index = reader
        gate = stack.enter_context(_connected(path))
        gate.execute("BEGIN IMMEDIATE")
        try:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            moment = _moment(path, file, log, index)
        finally:
            gate.execute("ROLLBACK")
        yield Snapshot(file, log, moment)


@contextmanager
def _connected(path: Path) -> Generator[sqlite3.Connection]:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_BUSY_S, isolation_level=None
    )
    with closing(connection):
        yield connection


@contextmanager
def _descriptors(path: Path) -> Generator[tuple[sqlite3.Connection, int, int, int]]:
    """A connection, and descriptors of file, log and index that outlive it."""
    with ExitStack() as files, ExitStack() as connections:
        connection = connections.enter_context(_connected(path))
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        if mode != "wal":
            raise NotInWal(
                f"{path} is in journal mode {mode}, a controller uses wal; "
                "start the controller with it once"
            )
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # makes the index
        opened: list[int] = []
        for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
            files.callback(os.close, descriptor)
            opened.append(descriptor)
        yield connection, opened[0], opened[1], opened[2]
        connections.close()


def _moment(path: Path, file: int, log: int, index: int) -> _Moment:
    head = os.pread(index, 48, 0)
    _version, _unused, _change, ready, _order, page_bytes, last, pages = struct.unpack_from(
        "=IIIBBHII", head
    )
    salts = head[32:40]
    if not ready:
        raise NotInWal(f"{path}-shm is not in use; start the controller with this file once")
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    if last == 0:  # nothing in the log: the file is all, and its head says how long it is
        first = os.pread(file, 32, 0)
        size = int.from_bytes(first[16:18], "big")
        page_bytes = 65536 if size == 1 else size
        pages = int.from_bytes(first[28:32], "big")
    frames: dict[int, int] = {}
    step = _FRAME_HEAD + page_bytes
    for number in range(last):
        offset = _WAL_HEAD + number * step
        frames[int.from_bytes(os.pread(log, 4, offset), "big")] = offset
    return _Moment(page_bytes, pages, salts, frames)
