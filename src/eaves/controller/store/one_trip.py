"""A connection to SQLite whose statements go to its thread and back once.

The driver makes four trips for each statement: for a cursor, to execute it, for its rows, to close
the cursor.  A trip costs two switches of threads and a turn of the loop, more than most statements
take, and where the processor is busy much more: a transaction of some hundred statements holds the
one lock of the database for all that time.
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from functools import partial
from time import perf_counter
from typing import Any, Self

import aiosqlite

Rows = list[Any]
_GIVE_WAY_S = 0.005  # how long statements in place keep the loop from everybody else
_CHUNK = 64  # of the driver's own cursors, which nothing here uses


class Connection(aiosqlite.Connection):
    """Ends with its process, also in the middle of a statement."""

    def __init__(self, database: str, **options: Any) -> None:
        options |= {
            "check_same_thread": False
        }  # one thread at a time: SQLite itself would allow more
        super().__init__(partial(sqlite3.connect, database, **options), _CHUNK)
        self._thread.daemon = True
        self.in_place = False
        self._gave_way = 0.0

    def cursor(self) -> "Cursor":  # type: ignore[override]  # read whole, it is all that is asked of one
        return Cursor(self)

    async def run(
        self, parameters: Sequence[Any], sql: str, *, many: bool
    ) -> tuple[sqlite3.Cursor, Rows]:
        """The cursor, closed, and all rows."""
        if self.in_place:
            if perf_counter() - self._gave_way > _GIVE_WAY_S:
                await asyncio.sleep(0)
                self._gave_way = perf_counter()
            return self._run(parameters, sql, many)
        done: tuple[sqlite3.Cursor, Rows] = await self._execute(  # type: ignore[no-untyped-call]  # of the driver
            self._run, parameters, sql, many
        )
        return done

    def _run(self, parameters: Any, sql: str, many: bool) -> tuple[sqlite3.Cursor, Rows]:  # noqa: FBT001 - the driver passes it on
        cursor = self._conn.cursor()
        try:
            if many:
                cursor.executemany(sql, parameters)
            else:
                cursor.execute(sql, parameters)
            return cursor, cursor.fetchall() if cursor.description else []
        finally:
            cursor.close()


class Cursor:
    """What one statement gave."""

    __slots__ = ("_connection", "_rows", "arraysize", "description", "lastrowid", "rowcount")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: Rows = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Self:
        self._keep(*await self._connection.run(parameters, sql, many=False))
        return self

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> Self:
        self._keep(*await self._connection.run(list(parameters), sql, many=True))
        return self

    def _keep(self, done: sqlite3.Cursor, rows: Rows) -> None:
        self.description, self.rowcount = done.description, done.rowcount
        self.lastrowid, self._rows = done.lastrowid, rows

    async def fetchall(self) -> Rows:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Nothing is left open."""
