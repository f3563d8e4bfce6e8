"""A disk as it was at some moment of a run, from QEMU's log of its writes.

QEMU's `blklogwrites` driver keeps the format of the kernel's dm-log-writes: a superblock, then for
each write an entry of one sector and its data.  A flush says that everything before it is on the
disk.  A power cut leaves all writes up to a flush, and of the later ones any: each there, not there
or there in part, down to a torn sector, which holds old bytes and new ones.  One with FUA is there
if anything that was sent after it is.

Source: Linux Documentation/admin-guide/device-mapper/log-writes.rst; QEMU block/blklogwrites.c.
"""

import random
import struct
from bisect import bisect_left
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path
from typing import BinaryIO, Final

MAGIC: Final = 0x6A736677736872
_SUPER: Final = struct.Struct("<QQQI")  # magic, version, entries, sector size
_ENTRY: Final = struct.Struct("<QQQQ")  # sector, sectors, flags, bytes of a mark


class Flag(IntFlag):
    FLUSH = 1
    FUA = 2
    DISCARD = 4
    MARK = 8


@dataclass(frozen=True, slots=True)
class Write:
    number: int
    sector: int  # of the disk, in sectors of the log
    count: int
    flags: Flag
    at: int  # where its data stand in the log

    @property
    def has_data(self) -> bool:
        return not self.flags & (Flag.DISCARD | Flag.MARK) and self.count > 0


@dataclass(frozen=True, slots=True)
class Log:
    path: Path
    sector_bytes: int
    writes: tuple[Write, ...]

    def flushes(self) -> tuple[int, ...]:
        """Numbers of the entries after which everything before is on the disk."""
        return tuple(w.number for w in self.writes if w.flags & Flag.FLUSH)

    def data(self, file: BinaryIO, write: Write) -> bytes:
        file.seek(write.at)
        return file.read(write.count * self.sector_bytes)


class LogUnreadable(Exception):
    """What was found is no such log, or it was cut off."""


def read_log(path: Path) -> Log:
    with path.open("rb") as file:
        head = file.read(_SUPER.size)
        if len(head) < _SUPER.size:
            raise LogUnreadable(f"{path} is empty")
        magic, version, count, sector_bytes = _SUPER.unpack(head)
        if magic != MAGIC or version != 1:
            raise LogUnreadable(f"{path} is no log of writes: magic {magic:#x}, version {version}")
        return Log(path, sector_bytes, tuple(_entries(file, count, sector_bytes)))


def _entries(file: BinaryIO, count: int, sector_bytes: int) -> Iterator[Write]:
    at = sector_bytes
    for number in range(count):
        file.seek(at)
        raw = file.read(_ENTRY.size)
        if len(raw) < _ENTRY.size:
            raise LogUnreadable(f"entry {number} of {count} is cut off")
        sector, sectors, flags, _ = _ENTRY.unpack(raw)
        write = Write(number, sector, sectors, Flag(flags), at + sector_bytes)
        yield write
        at += sector_bytes * (1 + (sectors if write.has_data else 0))


@dataclass(frozen=True, slots=True)
class Cut:
    """One way to lose power.  `kept`: of each write after the flush, how many of its bytes."""

    flush: int  # everything up to this entry is on the disk; -1: nothing is sure
    kept: tuple[tuple[int, int], ...]  # (entry, bytes); of a byte count within a sector: torn

    def text(self) -> str:
        return (
            f"flush {self.flush}, then {', '.join(f'{n}:{size}' for n, size in self.kept) or '-'}"
        )


def cuts(log: Log, seed: int, count: int, after: int = 0, before: int | None = None) -> list[Cut]:
    """A sample: the same seed gives the same.  `after`, `before`: entries that bound the flush."""
    chance = random.Random(seed)  # noqa: S311 - a sample that can be had again
    last = len(log.writes) if before is None else before
    starts = [-1, *log.flushes()] if after == 0 else list(log.flushes())
    starts = [one for one in starts if one < last and (one >= after or after == 0)]
    if not starts:
        return []
    return [_cut(log, chance, chance.choice(starts)) for _ in range(count)]


def end(log: Log, chance: random.Random | None = None) -> Cut:
    """Of a machine that went off with the last write of the log.  Without `chance`: in order."""
    if chance is None:
        return Cut(len(log.writes) - 1, ())
    return _cut(log, chance, max(log.flushes(), default=-1))


def _cut(log: Log, chance: random.Random, flush: int) -> Cut:
    """Writes up to the next flush may have arrived in any order; mostly a few are on their way."""
    later = _pending(log, flush)
    kept: list[tuple[int, int]] = []
    for write in later:
        size = write.count * log.sector_bytes
        match chance.choice(("whole", "none", "sectors", "torn")):
            case "whole":
                kept.append((write.number, size))
            case "sectors":
                kept.append((write.number, chance.randrange(write.count + 1) * log.sector_bytes))
            case "torn":
                kept.append((write.number, chance.randrange(size + 1)))
            case _:
                pass
    last = max((number for number, _ in kept), default=-1)
    sure = {
        w.number: w.count * log.sector_bytes
        for w in later
        if w.flags & Flag.FUA and w.number < last
    }
    kept = [*((n, size) for n, size in kept if n not in sure), *sure.items()]
    chance.shuffle(kept)
    return Cut(flush, tuple(one for one in kept if one[1]))


def _pending(log: Log, flush: int) -> Sequence[Write]:
    found: list[Write] = []
    for write in log.writes[flush + 1 :]:
        if write.has_data:
            found.append(write)
        if write.flags & Flag.FLUSH:
            break  # what comes after it was sent once all this was on the disk
    return found


def replay(log: Log, cut: Cut, disk: Path) -> None:
    """Make `disk`, which is as it was when the log began, what this cut left of it."""
    with log.path.open("rb") as source, disk.open("r+b") as target:
        for write in log.writes[: cut.flush + 1]:
            _put(log, source, target, write, write.count * log.sector_bytes)
        for number, size in cut.kept:
            _put(log, source, target, log.writes[number], size)


def _put(log: Log, source: BinaryIO, target: BinaryIO, write: Write, size: int) -> None:
    if not write.has_data:
        return  # a discard says nothing of what is read afterwards
    target.seek(write.sector * log.sector_bytes)
    target.write(log.data(source, write)[:size])


class Replay:
    """One disk that is each cut of a log in turn.  It only goes forward: take cuts by their flush.

    What came after the flush is taken back, so a case costs its own writes and no copy.
    """

    def __init__(self, log: Log, disk: Path) -> None:
        """`disk` is as it was when the log began."""
        self._log, self._disk = log, disk
        self._next = 0  # entry
        self._kept: tuple[tuple[int, int], ...] = ()
        self._touching: dict[tuple[int, int], list[int]] = {}  # writes of a place

    @contextmanager
    def after(self, cut: Cut) -> Generator[Path]:
        if cut.flush + 1 < self._next:
            raise ValueError(f"it is beyond flush {cut.flush}: sort the cuts")
        undo: list[tuple[int, bytes]] = []
        with self._log.path.open("rb") as source, self._disk.open("r+b") as target:
            for write in self._log.writes[self._next : cut.flush + 1]:
                _put(self._log, source, target, write, write.count * self._log.sector_bytes)
            for number, size in cut.kept:
                write = self._log.writes[number]
                at = write.sector * self._log.sector_bytes
                target.seek(at)
                undo.append((at, target.read(size)))
                _put(self._log, source, target, write, size)
        self._next, self._kept = cut.flush + 1, cut.kept
        try:
            yield self._disk
        finally:
            with self._disk.open("r+b") as target:
                for at, data in reversed(undo):
                    target.seek(at)
                    target.write(data)

    def came_to(self, start: int, size: int) -> Hashable:
        """Which writes these bytes are made of; the same answer: the same bytes."""
        touching = self._touching.get((start, size))
        if touching is None:
            touching = [w.number for w in self._log.writes if self._in(w, start, size)]
            self._touching[start, size] = touching
        sure = bisect_left(touching, self._next)
        late = set(touching[sure:])
        return sure, tuple(one for one in self._kept if one[0] in late)

    def _in(self, write: Write, start: int, size: int) -> bool:
        first = write.sector * self._log.sector_bytes
        return (
            write.has_data
            and first < start + size
            and start < first + write.count * self._log.sector_bytes
        )


def write_log(
    path: Path, writes: Sequence[tuple[int, bytes, Flag]], sector_bytes: int = 512
) -> None:
    """A log as QEMU writes it: for tests of what reads one."""
    with path.open("wb") as file:
        file.write(_SUPER.pack(MAGIC, 1, len(writes), sector_bytes).ljust(sector_bytes, b"\0"))
        for sector, data, flags in writes:
            entry = _ENTRY.pack(sector, len(data) // sector_bytes, int(flags), 0)
            file.write(entry.ljust(sector_bytes, b"\0") + data)


Check = Callable[[Path], str]  # of a disk; empty: it is well
