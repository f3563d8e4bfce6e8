"""How much of metrics is kept: what to drop, oldest first, and how much room it took.

On PostgreSQL samples go by whole partitions, whose room is free at once.  Roll-ups go row by row
there, which shrinks no file: so the rows are counted, not the disk.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, CursorResult, text

from eaves.controller.store.partitions import ended_before
from eaves.controller.store.series_store import RAW
from eaves.controller.store.sync import execute, is_postgresql

_ROW_BYTES: Final = 100  # of a row, beside what it holds, with two entries of indexes
_COUNTED: Final = {  # what PostgreSQL does not drop by partitions; what counts, and its keys
    "metrics_latest": ("message", ("enterprise_id", "device_id")),
    "metric_layouts": ("objects", ("enterprise_id",)),
    "metric_rollups": ("numbers", ("enterprise_id", "device_id")),
}
_ROLLUP_KEY: Final = "enterprise_id, device_id, level, start, layout"


@dataclass(frozen=True, slots=True)
class Dropped:
    """Nothing was left to drop when `pieces` (rows or partitions) is zero."""

    pieces: int
    bytes: int


def drop_oldest(connection: Connection, *, level: int, before: int, limit: int) -> Dropped:
    """Drop the oldest of a level that began before a moment (microseconds since 1970).

    At most `limit` rows, or one partition that has ended before that moment.
    """
    if is_postgresql(connection):
        if level == RAW:
            return _drop_partition(connection, before)
        sizes: list[int] = list(_delete_rollups(connection, level, before, limit).scalars())
        return Dropped(len(sizes), sum(sizes))
    held = _bytes_of_file(connection)
    if level == RAW:
        gone = execute(
            connection,
            # those that arrived first: to look for the oldest would read the whole table
            "DELETE FROM metric_samples WHERE time < ? AND row IN "
            "(SELECT row FROM metric_samples ORDER BY row LIMIT ?)",
            (before, limit),
        ).rowcount
    else:
        gone = len(_delete_rollups(connection, level, before, limit).all())
    return Dropped(gone, held - _bytes_of_file(connection))


def bytes_on_disk(connection: Connection) -> int:
    """What metrics take on disk; at least what `bytes_held` says, and quickly told."""
    if not is_postgresql(connection):
        return _bytes_of_file(connection)
    sizes = [
        _number(connection, f"SELECT pg_total_relation_size('{table}')")
        for table in (*_COUNTED, "metric_due")
    ]
    return sum(sizes) + _bytes_of_samples(connection)


def bytes_held(connection: Connection) -> int:
    """What metrics take without the room that may be used again.

    On PostgreSQL this reads every roll-up: seconds where there are many millions.
    """
    if not is_postgresql(connection):
        return _bytes_of_file(connection)
    sizes = [
        _number(
            connection,
            f"SELECT coalesce(sum({_row_bytes(table)}), 0) FROM {table}",  # noqa: S608 - constants
        )
        for table in _COUNTED
    ]
    return sum(sizes) + _bytes_of_samples(connection)


def _delete_rollups(
    connection: Connection, level: int, before: int, limit: int
) -> "CursorResult[*tuple[Any, ...]]":
    """One row for each that went: its bytes, on PostgreSQL."""
    size = _row_bytes("metric_rollups") if is_postgresql(connection) else "1"
    return execute(
        connection,
        f"DELETE FROM metric_rollups WHERE ({_ROLLUP_KEY}) IN "  # noqa: S608 - constants
        f"(SELECT {_ROLLUP_KEY} FROM metric_rollups WHERE level = ? AND start < ? "
        f"ORDER BY start LIMIT ?) RETURNING {size}",
        (level, before, limit),
    )


def _row_bytes(table: str) -> str:
    column, keys = _COUNTED[table]
    twice = " + ".join(f"2 * octet_length({key})" for key in keys)  # in the row, in its key
    return f"pg_column_size({column}) + {twice} + {_ROW_BYTES}"


def _drop_partition(connection: Connection, before: int) -> Dropped:
    names = ended_before(connection, "metric_samples", before)
    if not names:
        return Dropped(0, 0)
    size = _number(connection, f"SELECT pg_total_relation_size('{names[0]}')")
    connection.execute(text(f"DROP TABLE {names[0]}"))
    return Dropped(1, size)


def _bytes_of_samples(connection: Connection) -> int:
    return _number(
        connection,
        "SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0) FROM pg_inherits "
        "WHERE inhparent = 'metric_samples'::regclass",
    )


def _bytes_of_file(connection: Connection) -> int:
    pages = _number(connection, "PRAGMA page_count") - _number(connection, "PRAGMA freelist_count")
    return pages * _number(connection, "PRAGMA page_size")


def _number(connection: Connection, sql: str) -> int:
    return int(str(connection.exec_driver_sql(sql).scalar_one()))
