"""Tables of PostgreSQL that grow by time: a partition for each day of arrival.

A day is dropped as a whole, without a vacuum.  Writers make the partitions they need, ahead of time
where they can: attaching one takes a lock that neither readers nor writers of the table wait for.
Nothing here applies to SQLite.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, text

from eaves.controller.store.sync import is_postgresql

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US: Final = 86_400_000_000
_NAME: Final = re.compile(r"_p(\d{8})$")


def day_of(at: int) -> int:
    """The first microsecond of the day (UTC) of a moment, both since 1970."""
    return at - at % _DAY_US


def partition_name(table: str, day: int) -> str:
    return f"{table}_p{_EPOCH + timedelta(microseconds=day):%Y%m%d}"


class Partitions:
    """The partitions that one writer knows to be there."""

    def __init__(self, *tables: str) -> None:
        """`tables` are partitioned by a range of microseconds since 1970."""
        self._tables = tables
        self._there: set[int] = set()
        self._fresh: set[int] = set()  # by a transaction that may still be rolled back

    def ensure(self, connection: Connection, moments: Iterable[int]) -> None:
        """Make what rows of these moments (microseconds since 1970) need."""
        if not is_postgresql(connection):
            return
        for day in sorted({day_of(at) for at in moments} - self._there):
            for table in self._tables:
                _make(connection, table, day)
            self._there.add(day)
            self._fresh.add(day)

    def committed(self) -> None:
        self._fresh.clear()

    def forget(self) -> None:
        """The transaction was rolled back."""
        self._there -= self._fresh
        self._fresh.clear()


def _make(connection: Connection, table: str, day: int) -> None:
    name = partition_name(table, day)
    if _exists(connection, name):
        return
    # two writers may want the same day: one waits here and then finds it
    connection.execute(text(f"LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE"))
    if _exists(connection, name):
        return
    connection.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS)"))
    connection.execute(
        text(
            f"ALTER TABLE {table} ATTACH PARTITION {name} "
            f"FOR VALUES FROM ({day}) TO ({day + _DAY_US})"
        )
    )


def _exists(connection: Connection, name: str) -> bool:
    return (
        connection.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar() is not None
    )


def drop_before(connection: Connection, table: str, oldest: int) -> int:
    """Drop the partitions that end before `oldest` (microseconds since 1970); how many."""
    if not is_postgresql(connection):
        return 0
    names = connection.execute(
        text(
            "SELECT child.relname FROM pg_inherits "
            "JOIN pg_class child ON child.oid = inhrelid "
            "WHERE inhparent = to_regclass(:table)"
        ),
        {"table": table},
    ).scalars()
    dropped = 0
    for name in list(names):
        found = _NAME.search(name)
        if found is None:
            continue
        day = datetime.strptime(found[1], "%Y%m%d").replace(tzinfo=UTC)
        if (day - _EPOCH) // timedelta(microseconds=1) + _DAY_US <= oldest:
            connection.execute(text(f"DROP TABLE {name}"))
            dropped += 1
    return dropped
