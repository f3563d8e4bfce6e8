"""Tables of PostgreSQL that grow by time: a partition for each day of arrival, or for each hour.

A partition is dropped as a whole, without a vacuum: hours where a bound of the size may be less
than what a day brings.  Writers make the partitions they need, ahead of time
where they can: attaching one takes a lock that neither readers nor writers of the table wait for.
Nothing here applies to SQLite.
"""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, text

from eaves.controller.store.sync import is_postgresql

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY_US: Final = 86_400_000_000
HOUR_US: Final = 3_600_000_000
_NAME: Final = re.compile(r"_p(\d{8})(\d\d)?$")


def start_of(at: int, span_us: int = DAY_US) -> int:
    """The first microsecond of the day or hour (UTC) of a moment, both since 1970."""
    return at - at % span_us


def partition_name(table: str, start: int, span_us: int = DAY_US) -> str:
    form = "%Y%m%d" if span_us == DAY_US else "%Y%m%d%H"
    return f"{table}_p{_EPOCH + timedelta(microseconds=start):{form}}"


class Partitions:
    """The partitions that one writer knows to be there."""

    def __init__(self, *tables: str, span_us: int = DAY_US) -> None:
        """`tables` are partitioned by a range of microseconds since 1970; a day or an hour."""
        self._tables, self._span_us = tables, span_us
        self._there: set[int] = set()
        self._fresh: set[int] = set()  # by a transaction that may still be rolled back

    def ensure(self, connection: Connection, moments: Iterable[int]) -> None:
        """Make what rows of these moments (microseconds since 1970) need."""
        if not is_postgresql(connection):
            return
        for start in sorted({start_of(at, self._span_us) for at in moments} - self._there):
            for table in self._tables:
                _make(connection, table, start, self._span_us)
            self._there.add(start)
            self._fresh.add(start)

    def committed(self) -> None:
        self._fresh.clear()

    def forget(self) -> None:
        """The transaction was rolled back."""
        self._there -= self._fresh
        self._fresh.clear()


def _make(connection: Connection, table: str, start: int, span_us: int) -> None:
    name = partition_name(table, start, span_us)
    if _is_there(connection, table, start, span_us):
        return
    # two writers may want the same one: one waits here and then finds it
    connection.execute(text(f"LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE"))
    if _is_there(connection, table, start, span_us):
        return
    connection.execute(
        text(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING STORAGE)")
    )
    connection.execute(
        text(
            f"ALTER TABLE {table} ATTACH PARTITION {name} "
            f"FOR VALUES FROM ({start}) TO ({start + span_us})"
        )
    )


def _is_there(connection: Connection, table: str, start: int, span_us: int) -> bool:
    """The one for this span, or that of the whole day from before there were hours."""
    return _exists(connection, partition_name(table, start, span_us)) or _exists(
        connection, partition_name(table, start_of(start))
    )


def _exists(connection: Connection, name: str) -> bool:
    return (
        connection.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar() is not None
    )


def drop_before(connection: Connection, table: str, oldest: int) -> int:
    """Drop the partitions that end before `oldest` (microseconds since 1970); how many."""
    names = ended_before(connection, table, oldest)
    for name in names:
        connection.execute(text(f"DROP TABLE {name}"))
    return len(names)


def ended_before(connection: Connection, table: str, moment: int) -> tuple[str, ...]:
    """The partitions that end before a moment (microseconds since 1970), oldest first."""
    if not is_postgresql(connection):
        return ()
    names = connection.execute(
        text(
            "SELECT child.relname FROM pg_inherits "
            "JOIN pg_class child ON child.oid = inhrelid "
            "WHERE inhparent = to_regclass(:table)"
        ),
        {"table": table},
    ).scalars()
    return tuple(sorted(name for name in names if _end_of(name) <= moment))


def _end_of(name: str) -> float:
    """Microseconds since 1970; never for what is no partition of ours."""
    found = _NAME.search(name)
    if found is None:
        return math.inf
    day, hour = found.groups()
    start = datetime.strptime(day + (hour or "00"), "%Y%m%d%H").replace(tzinfo=UTC)
    return (start - _EPOCH) // timedelta(microseconds=1) + (DAY_US if hour is None else HOUR_US)
