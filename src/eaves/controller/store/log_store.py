"""Log lines as they are written: in the transaction of a writer thread, chunk by chunk.

Uploads come late, twice, and cut differently than before, so a line that tells which it is (time,
`iid`, `msgid`) is kept once per device and app.  Only chunks that overlap the new lines in time can
hold one of them; mostly there is none.  What a quiet device sends is gathered: its newest chunk is
written anew until it is worth its row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from sqlalchemy import Connection

from eaves.controller.store.log_chunks import (
    GAP_NS,
    Chunk,
    chunk_names,
    chunk_times,
    make_chunks,
    read_chunk,
)
from eaves.controller.store.sync import execute, execute_rows
from eaves.evapi.log_lines import LogLine

GATHERED_LINES: Final = 256  # a chunk is written anew up to here
GATHERED_US: Final = 3_600_000_000  # of arrival: retention goes by it
_NEWEST: Final = 3  # chunks that are looked at first


@dataclass(frozen=True, slots=True)
class Stream:
    """Whose log it is; `app_id` is empty for the device itself."""

    enterprise_id: str
    device_id: str
    app_id: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.enterprise_id, self.device_id, self.app_id)


@dataclass(frozen=True, slots=True)
class _Known:
    """A chunk in the database."""

    id: int
    received_at: int
    first_ns: int
    last_ns: int
    lines: int


def note_upload(
    connection: Connection, enterprise_id: str, device_id: str, digest: bytes, received_at: int
) -> bool:
    """Remember an upload; False when this very one is known: nothing of it is stored again."""
    done = execute(
        connection,
        "INSERT INTO telemetry_uploads (enterprise_id, device_id, digest, received_at) "
        "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (enterprise_id, device_id, digest, received_at),
    )
    return done.rowcount == 1


def add_lines(
    connection: Connection, stream: Stream, lines: Iterable[LogLine], received_at: int
) -> int:
    """Store the lines that are not there yet; how many those were.

    `received_at`: microseconds since 1970, clock of the controller.
    """
    fresh = _once(lines)
    if not fresh:
        return 0
    first_ns, last_ns = fresh[0].time_ns, fresh[-1].time_ns
    newest = _newest(connection, stream)
    overlapping = [known for known in newest if known.last_ns >= first_ns]
    if len(overlapping) == len(newest) == _NEWEST:  # there may be more
        overlapping = _overlapping(connection, stream, first_ns, last_ns)
    for known in overlapping:
        if known.first_ns <= last_ns:
            fresh = _without_known(connection, stream, known, fresh)
    if not fresh:
        return 0
    gathered: Sequence[LogLine] = fresh
    if newest and _may_grow(newest[0], fresh, received_at):
        gathered = [*_take_out(connection, stream, newest[0]), *fresh]
    _insert(connection, stream, make_chunks(gathered), received_at)
    return len(fresh)


def _once(lines: Iterable[LogLine]) -> list[LogLine]:
    """Sorted; a line that names itself, once."""
    kept: list[LogLine] = []
    last: LogLine | None = None
    for line in sorted(lines):
        # the sort order begins with the name
        if last is None or not line.iid or line[:3] != last[:3]:
            kept.append(line)
        last = line
    return kept


_COLUMNS: Final = "id, received_at, first_ns, last_ns, lines"


def _newest(connection: Connection, stream: Stream) -> list[_Known]:
    rows = execute(
        connection,
        f"SELECT {_COLUMNS} FROM log_chunks "  # noqa: S608 - a constant
        "WHERE enterprise_id = ? AND device_id = ? AND app_id = ? "
        "ORDER BY last_ns DESC LIMIT ?",
        (*stream.key, _NEWEST),
    )
    return [_Known(*cast("tuple[int, int, int, int, int]", tuple(row))) for row in rows]


def _overlapping(
    connection: Connection, stream: Stream, first_ns: int, last_ns: int
) -> list[_Known]:
    rows = execute(
        connection,
        f"SELECT {_COLUMNS} FROM log_chunks "  # noqa: S608 - a constant
        "WHERE enterprise_id = ? AND device_id = ? AND app_id = ? "
        "AND last_ns >= ? AND first_ns <= ?",
        (*stream.key, first_ns, last_ns),
    )
    return [_Known(*cast("tuple[int, int, int, int, int]", tuple(row))) for row in rows]


def _without_known(
    connection: Connection, stream: Stream, known: _Known, lines: list[LogLine]
) -> list[LogLine]:
    """The lines that are not in this chunk already."""
    heads, _ = _parts(connection, stream, known, "heads, lines")
    times = {line.time_ns for line in lines if line.iid}
    if times.isdisjoint(chunk_times(heads).tolist()):
        return lines
    names = chunk_names(heads)
    return [
        line for line in lines if not line.iid or (line.time_ns, line.iid, line.msgid) not in names
    ]


def _may_grow(known: _Known, lines: list[LogLine], received_at: int) -> bool:
    return (
        known.lines + len(lines) <= GATHERED_LINES
        and abs(received_at - known.received_at) <= GATHERED_US
        and lines[0].time_ns - known.last_ns <= GAP_NS
        and known.first_ns - lines[-1].time_ns <= GAP_NS
    )


def _parts(
    connection: Connection, stream: Stream, known: _Known, columns: str
) -> tuple[bytes, bytes]:
    row = execute(
        connection,
        f"SELECT {columns} FROM log_chunks "  # noqa: S608 - constants
        "WHERE enterprise_id = ? AND device_id = ? AND id = ? AND received_at = ?",
        (stream.enterprise_id, stream.device_id, known.id, known.received_at),
    ).one()
    return cast("tuple[bytes, bytes]", tuple(row))


def _take_out(connection: Connection, stream: Stream, known: _Known) -> list[LogLine]:
    """Empty when another process deleted it meanwhile: it was too old, or one too many."""
    row = execute(
        connection,
        "DELETE FROM log_chunks "
        "WHERE enterprise_id = ? AND device_id = ? AND id = ? AND received_at = ? "
        "RETURNING heads, texts",
        (stream.enterprise_id, stream.device_id, known.id, known.received_at),
    ).one_or_none()
    if row is None:
        return []
    heads, texts = cast("tuple[bytes, bytes]", tuple(row))
    return read_chunk(heads, texts)


_INSERT: Final = (
    "INSERT INTO log_chunks (enterprise_id, device_id, app_id, received_at, first_ns, last_ns, "
    "lines, levels, size, grams, heads, texts)"
)


def _insert(
    connection: Connection, stream: Stream, chunks: Sequence[Chunk], received_at: int
) -> None:
    execute_rows(
        connection,
        _INSERT,
        [
            (
                *stream.key,
                received_at,
                chunk.first_ns,
                chunk.last_ns,
                chunk.lines,
                chunk.levels,
                chunk.size,
                chunk.grams,
                chunk.heads,
                chunk.texts,
            )
            for chunk in chunks
        ],
    )


def forget_device(connection: Connection, enterprise_id: str, device_id: str, before: int) -> None:
    """Drop what a deleted device sent until `before` (microseconds since 1970)."""
    for table in ("log_chunks", "flow_chunks", "telemetry_uploads"):
        execute(
            connection,
            f"DELETE FROM {table} "  # noqa: S608 - a constant
            "WHERE enterprise_id = ? AND device_id = ? AND received_at <= ?",
            (enterprise_id, device_id, before),
        )
