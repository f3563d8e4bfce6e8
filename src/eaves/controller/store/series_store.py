"""Series of metrics: samples as they came, roll-ups, the last full message.  SQL, both databases.

One row holds all numbers of a device at one moment; its layout (a digest of the objects' lines)
says what each is.  The time of a sample is in microseconds, of which the last three digits are of
its digest: the same message again is the same row, and two messages of one millisecond are two.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection

from eaves.controller.store.packed import pack
from eaves.controller.store.sync import execute, execute_rows, marks, read_bytes

RAW: Final = 0
FIVE_MINUTES: Final = 300  # seconds, as all levels
HOUR: Final = 3600
SECOND: Final = 1_000_000  # microseconds

_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Latest:
    enterprise_id: str
    device_id: str
    at: int | None  # microseconds since 1970, as all times here
    received_at: int
    digest: bytes
    message: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sample:
    enterprise_id: str
    device_id: str
    time: int
    layout: bytes
    numbers: bytes = field(repr=False)  # little-endian doubles


@dataclass(frozen=True, slots=True)
class Rollup:
    """`numbers`: compressed; see `telemetry.rollups` and `store.packed`."""

    enterprise_id: str
    device_id: str
    level: int  # seconds
    start: int
    layout: bytes
    samples: int
    numbers: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Due:
    """A span of a device whose roll-up is to be made (again)."""

    enterprise_id: str
    device_id: str
    level: int
    start: int


# --- writing -------------------------------------------------------------------------------------


def put_latest(connection: Connection, rows: Sequence[Latest]) -> None:
    """Each device once."""
    execute_rows(
        connection,
        "INSERT INTO metrics_latest (enterprise_id, device_id, at, received_at, digest, message)",
        [
            (
                row.enterprise_id,
                row.device_id,
                row.at,
                row.received_at,
                row.digest,
                pack(row.message),
            )
            for row in rows
        ],
        "ON CONFLICT (enterprise_id, device_id) DO UPDATE SET at = excluded.at, "
        "received_at = excluded.received_at, digest = excluded.digest, message = excluded.message "
        "WHERE metrics_latest.received_at <= excluded.received_at",
    )


def put_layouts(connection: Connection, rows: Sequence[tuple[str, bytes, str]]) -> None:
    """(enterprise, digest, objects) each."""
    execute_rows(
        connection,
        "INSERT INTO metric_layouts (enterprise_id, digest, objects)",
        rows,
        "ON CONFLICT DO NOTHING",
    )


def put_samples(connection: Connection, rows: Sequence[Sample]) -> None:
    execute_rows(
        connection,
        "INSERT INTO metric_samples (enterprise_id, device_id, time, layout, numbers)",
        [(s.enterprise_id, s.device_id, s.time, s.layout, s.numbers) for s in rows],
        "ON CONFLICT DO NOTHING",
    )


def put_rollups(connection: Connection, rows: Sequence[Rollup]) -> None:
    execute_rows(
        connection,
        "INSERT INTO metric_rollups "
        "(enterprise_id, device_id, level, start, layout, samples, numbers)",
        [
            (r.enterprise_id, r.device_id, r.level, r.start, r.layout, r.samples, r.numbers)
            for r in rows
        ],
        "ON CONFLICT (enterprise_id, device_id, level, start, layout) DO UPDATE SET "
        "samples = excluded.samples, numbers = excluded.numbers",
    )


def put_due(connection: Connection, rows: Iterable[Due]) -> None:
    execute_rows(
        connection,
        "INSERT INTO metric_due (enterprise_id, device_id, level, start)",
        [(d.enterprise_id, d.device_id, d.level, d.start) for d in rows],
        "ON CONFLICT DO NOTHING",
    )


def delete_due(connection: Connection, spans: Sequence[Due]) -> None:
    """By the columns of its key in order: SQLite reads all of a table for a list of pairs."""
    alike: dict[tuple[int, int, str], list[str]] = defaultdict(list)
    for due in spans:
        alike[due.level, due.start, due.enterprise_id].append(due.device_id)
    for key, devices in alike.items():
        for start in range(0, len(devices), _AT_ONCE):
            some = devices[start : start + _AT_ONCE]
            execute(
                connection,
                "DELETE FROM metric_due WHERE level = ? AND start = ? AND enterprise_id = ? "  # noqa: S608 - marks only
                f"AND device_id IN ({marks(len(some))})",
                (*key, *some),
            )


def forget_device(connection: Connection, enterprise_id: str, device_id: str) -> None:
    for table in ("metrics_latest", "metric_samples", "metric_rollups", "metric_due"):
        execute(
            connection,
            f"DELETE FROM {table} WHERE enterprise_id = ? AND device_id = ?",  # noqa: S608 - constants
            (enterprise_id, device_id),
        )


# --- reading -------------------------------------------------------------------------------------


def due_before(connection: Connection, level: int, before: int, limit: int) -> tuple[Due, ...]:
    """Spans of a level that began before a moment, oldest first."""
    rows = execute(
        connection,
        "SELECT enterprise_id, device_id, level, start FROM metric_due "
        "WHERE level = ? AND start < ? ORDER BY start, enterprise_id, device_id LIMIT ?",
        (level, before, limit),
    )
    return tuple(Due(str(a), str(b), int(str(c)), int(str(d))) for a, b, c, d in rows)


def samples_between(
    connection: Connection, device_id: str, start: int, end: int, *, before: bool = False
) -> list[Sample]:
    """Oldest first; with `before` also the last one before `start`, as far as an hour back."""
    rows: list[Sample] = []
    if before:
        rows += _samples(
            connection,
            "device_id = ? AND time >= ? AND time < ? ORDER BY time DESC LIMIT 1",
            (device_id, start - HOUR * SECOND, start),
        )
    return rows + _samples(
        connection,
        "device_id = ? AND time >= ? AND time < ? ORDER BY time",
        (device_id, start, end),
    )


def samples_due(connection: Connection, spans: Sequence[Due]) -> list[tuple[int, Sample]]:
    """The samples of each span and the one before it, as far as an hour back; oldest first.

    Each with the place of its span in `spans`.
    """
    rows = _of_spans(
        connection,
        spans,
        "s.time, s.layout, s.numbers",
        "metric_samples",
        "s.time < due.column4 AND s.time >= coalesce((SELECT max(b.time) FROM metric_samples AS b "
        "WHERE b.enterprise_id = due.column1 AND b.device_id = due.column2 "
        "AND b.time < due.column3 AND b.time >= due.column5), due.column3)",
    )
    return [
        (number, Sample(*_owner(spans[int(number)]), time, read_bytes(layout), read_bytes(numbers)))
        for number, time, layout, numbers in rows
    ]


def rollups_due(
    connection: Connection, spans: Sequence[Due], level: int
) -> list[tuple[int, Rollup]]:
    """The roll-ups of a finer level that each span is made of, oldest first.

    Each with the place of its span in `spans`.
    """
    rows = _of_spans(
        connection,
        spans,
        "s.start, s.layout, s.samples, s.numbers",
        "metric_rollups",
        f"s.level = {level:d} AND s.start >= due.column3 AND s.start < due.column4",
    )
    return [
        (
            number,
            Rollup(
                *_owner(spans[int(number)]),
                level,
                at,
                read_bytes(layout),
                samples,
                read_bytes(numbers),
            ),
        )
        for number, at, layout, samples, numbers in rows
    ]


def _owner(due: Due) -> tuple[str, str]:
    return due.enterprise_id, due.device_id


def _of_spans(
    connection: Connection, spans: Sequence[Due], columns: str, table: str, where: str
) -> "Sequence[Sequence[Any]]":
    """Rows of a table (`s`) in each span: the place of the span, then `columns`; by these two.

    `due.column1` to 5 are enterprise, device, start, end, and an hour before the start.
    CROSS JOIN: the spans come first, each looks up its rows.
    """
    if not spans:
        return ()
    values = [
        value
        for number, due in enumerate(spans)
        for value in (
            *(due.enterprise_id, due.device_id, due.start),
            *(due.start + due.level * SECOND, due.start - HOUR * SECOND, number),
        )
    ]
    kinds = "CAST(? AS text), CAST(? AS text), CAST(? AS bigint), CAST(? AS bigint)"
    # PostgreSQL takes the types of the others from it
    first = f"({kinds}, CAST(? AS bigint), CAST(? AS integer))"
    places = ", ".join([first, *["(?, ?, ?, ?, ?, ?)"] * (len(spans) - 1)])
    rows = execute(
        connection,
        f"SELECT due.column6, {columns} FROM (VALUES {places}) AS due "  # noqa: S608 - from above
        f"CROSS JOIN {table} AS s WHERE s.enterprise_id = due.column1 "
        f"AND s.device_id = due.column2 AND {where}",
        values,
    ).fetchall()
    # they come in order; to be told so, SQLite would copy all of them
    return sorted(rows, key=itemgetter(0, 1))


def is_latest(connection: Connection, enterprise_id: str, device_id: str, digest: bytes) -> bool:
    """Is this the last message of the device?"""
    found = execute(
        connection,
        "SELECT 1 FROM metrics_latest WHERE enterprise_id = ? AND device_id = ? AND digest = ?",
        (enterprise_id, device_id, digest),
    )
    return found.first() is not None


def newest_samples(connection: Connection, device_id: str, count: int) -> list[Sample]:
    """Newest first."""
    return _samples(connection, "device_id = ? ORDER BY time DESC LIMIT ?", (device_id, count))


def _samples(connection: Connection, where: str, values: Sequence[object]) -> list[Sample]:
    rows = execute(
        connection,
        f"SELECT enterprise_id, device_id, time, layout, numbers FROM metric_samples WHERE {where}",  # noqa: S608 - from above
        values,
    )
    return [
        Sample(
            str(enterprise), str(device), int(str(time)), read_bytes(layout), read_bytes(numbers)
        )
        for enterprise, device, time, layout, numbers in rows
    ]


def rollups_between(
    connection: Connection, device_id: str, level: int, start: int, end: int
) -> list[Rollup]:
    """Oldest first."""
    rows = execute(
        connection,
        "SELECT enterprise_id, device_id, level, start, layout, samples, numbers "
        "FROM metric_rollups WHERE enterprise_id IN "
        "(SELECT enterprise_id FROM metrics_latest WHERE device_id = ?) "
        "AND device_id = ? AND level = ? AND start >= ? AND start < ? ORDER BY start",
        (device_id, device_id, level, start, end),
    )
    return [
        Rollup(str(a), str(b), int(str(c)), int(str(d)), read_bytes(e), int(str(f)), read_bytes(g))
        for a, b, c, d, e, f, g in rows
    ]


def layouts(connection: Connection, digests: Iterable[bytes]) -> Mapping[bytes, str]:
    """The objects' lines of each."""
    wanted = sorted(frozenset(digests))
    found: dict[bytes, str] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        rows = execute(
            connection,
            f"SELECT digest, objects FROM metric_layouts WHERE digest IN ({marks(len(some))})",  # noqa: S608 - marks only
            some,
        )
        found |= {read_bytes(digest): str(objects) for digest, objects in rows}
    return found
