"""What apps print, read back without losing or doubling a line.

A source is a file that only grows: the writer (QEMU, conmon) appends and outlives the node.  The
reader hands out whole lines and a position; the caller stores the position when the lines are
durable elsewhere, and then `release` frees the bytes before it.  Freed bytes become a hole, so
offsets never move and nothing races with the writer.
"""

import ctypes
import errno
import os
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import structlog

from eaves.ids import AppInstanceId

log = structlog.get_logger(__name__)

MOST_WAITING_BYTES = 64 * 1024 * 1024  # of one app; older ones are dropped and counted
LONGEST_LINE = 16 * 1024  # a longer one is cut into several
PUNCH_HOLE_KEEP_SIZE = 0x03
MOST_OPEN_BYTES = 64 * 1024  # then a line that does not end goes as it is
BLOCK = 4096


class LogFormat(StrEnum):
    RAW = "raw"  # a serial console
    K8S_FILE = "conmon k8s-file"  # "time stream P|F text"


@dataclass(frozen=True, slots=True)
class LogSource:
    app: AppInstanceId
    path: Path
    format: LogFormat

    @property
    def key(self) -> str:
        """Names the stored position."""
        return f"{self.app}/{self.path.name}"


@dataclass(frozen=True, slots=True)
class LogLine:
    text: str
    stream: str  # "console", "stdout", "stderr"
    at: datetime | None  # None: the writer does not say


@dataclass(frozen=True, slots=True)
class LogBatch:
    lines: tuple[LogLine, ...]
    position: str  # store it once `lines` are durable, and pass it to the next read
    dropped_bytes: int = 0  # skipped because too much was waiting

    @property
    def empty(self) -> bool:
        return not self.lines and not self.dropped_bytes


def read_lines(source: LogSource, position: str, most_bytes: int = 256 * 1024) -> LogBatch:
    """Whole lines after `position` ("" = from the start); what has no line end yet waits."""
    try:
        fd = os.open(source.path, os.O_RDONLY)
    except FileNotFoundError:
        return LogBatch((), position)
    try:
        stat = os.fstat(fd)
        start = _offset(position, stat.st_ino, stat.st_size)
        dropped = 0
        if stat.st_size - start > MOST_WAITING_BYTES:
            kept = stat.st_size - MOST_WAITING_BYTES // 2
            dropped, start = kept - start, kept
        begin = _data_after(fd, start, stat.st_size)
        dropped, start = dropped + begin - start, begin
        data = os.pread(fd, max(most_bytes, 2 * LONGEST_LINE), start)
        if dropped or (source.format is LogFormat.K8S_FILE and _within_line(fd, start)):
            cut = data.find(b"\n") + 1
            dropped, start, data = dropped + cut, start + cut, data[cut:]
    finally:
        os.close(fd)
    whole = data.rfind(b"\n") + 1
    if not whole and len(data) >= LONGEST_LINE:
        whole = len(data)
    lines, taken = _parse(source.format, data[:whole])
    return LogBatch(lines, f"{stat.st_ino}:{start + taken}", dropped)


def skip(source: LogSource, position: str, keep_bytes: int = 0) -> LogBatch:
    """Pass over what waits after `position`, but for the last `keep_bytes`."""
    try:
        stat = source.path.stat()
    except FileNotFoundError:
        return LogBatch((), position)
    start = _offset(position, stat.st_ino, stat.st_size)
    kept = max(start, stat.st_size - keep_bytes)
    return LogBatch((), f"{stat.st_ino}:{kept}", kept - start)


def release(source: LogSource, position: str) -> None:
    """Free the disk blocks before a stored position; where that is not supported, do nothing."""
    try:
        fd = os.open(source.path, os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        stat = os.fstat(fd)
        length = _offset(position, stat.st_ino, stat.st_size) // BLOCK * BLOCK
        if length and stat.st_blocks * 512 > BLOCK:
            _punch(fd, length)
    finally:
        os.close(fd)


def _punch(fd: int, length: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    if libc.fallocate(fd, PUNCH_HOLE_KEEP_SIZE, 0, length) != 0:
        log.debug("log_blocks_kept", error=os.strerror(ctypes.get_errno()))


def _within_line(fd: int, start: int) -> bool:
    return start > 0 and os.pread(fd, 1, start - 1) not in (b"\n", b"\0")


def _data_after(fd: int, start: int, size: int) -> int:
    """`start`, or behind the hole there: freed by a node that could not store how far it was."""
    try:
        return max(start, os.lseek(fd, start, os.SEEK_DATA))
    except OSError as error:
        return size if error.errno == errno.ENXIO else start


def _offset(position: str, inode: int, size: int) -> int:
    """Where to read on; another file under the name, or one a power cut shortened: its start."""
    known, _, offset = position.partition(":")
    if known != str(inode) or not offset.isdigit() or int(offset) > size:
        return 0
    return int(offset)


def _parse(format_: LogFormat, data: bytes) -> tuple[tuple[LogLine, ...], int]:
    """The lines, and how many bytes they took."""
    match format_:
        case LogFormat.RAW:
            texts = (_clean(line) for line in data.split(b"\n"))
            return tuple(LogLine(text, "console", None) for text in texts if text), len(data)
        case LogFormat.K8S_FILE:
            return _parse_k8s(data)


def _parse_k8s(data: bytes) -> tuple[tuple[LogLine, ...], int]:
    """Records of one line are joined: conmon cuts where its reads end, and marks those P.

    What is still open at the end waits for its rest, unless it is long or holds up the others.
    """
    lines: list[LogLine] = []
    open_: dict[str, tuple[datetime | None, bytes]] = {}
    whole, taken, offset = 0, 0, 0
    for raw in data.split(b"\n")[:-1]:
        offset += len(raw) + 1
        head = raw.lstrip(b"\0").split(b" ", 3)
        if len(head) >= 3:
            stream = head[1].decode(errors="replace")
            at, text = open_.pop(stream, (_time(head[0]), b""))
            text += head[3] if len(head) == 4 else b""
            if head[2].startswith(b"P") and len(text) < LONGEST_LINE:
                open_[stream] = (at, text)
            else:
                lines.append(LogLine(_clean(text), stream, at))
        if offset - taken > MOST_OPEN_BYTES:
            lines += [LogLine(_clean(text), name, at) for name, (at, text) in open_.items()]
            open_.clear()
        if not open_:
            whole, taken = len(lines), offset
    return tuple(lines[:whole]), taken


def _clean(line: bytes) -> str:
    return line.replace(b"\0", b"").decode(errors="replace").rstrip("\r")


def _time(text: bytes) -> datetime | None:
    """RFC 3339 with nanoseconds; Python keeps microseconds."""
    try:
        stamp = text.decode()
        main, dot, rest = stamp.partition(".")
        digits = len(rest) - len(rest.lstrip("0123456789"))
        zone = rest[digits:]
        return datetime.fromisoformat(
            f"{main}{dot}{rest[:6] if digits > 6 else rest[:digits]}{zone}"
        )
    except ValueError:
        return None
