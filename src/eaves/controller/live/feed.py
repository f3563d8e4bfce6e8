"""Changes of other processes, read a few times a second: what keeps every memory right.

A reader holds one connection for itself.  When that is lost, the next one may lead to another
server of the same cluster, which may lack the last commits of the one before; so after it, and
whenever changes were cleared away before they were read, everything is read anew.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from eaves.controller.store.changes import Change, read_changes, read_heads

log = structlog.get_logger()

EVERY_S: Final = 0.25
ANSWER_WITHIN_S: Final = 5.0  # else the connection counts as lost
RETRY_S: Final = 0.5

Tell = Callable[[Iterable[Change]], Awaitable[None]]
"""Takes changes into memory; returns when that is done."""
ReadAnew = Callable[[], Awaitable[None]]


class Feed:
    """The changes of one database, on one loop.  On SQLite there are none to read."""

    def __init__(self, engine: AsyncEngine, tell: Tell, read_anew: ReadAnew) -> None:
        self._engine, self._tell, self._read_anew = engine, tell, read_anew
        self._seen: dict[int, int] | None = None
        self._connection: AsyncConnection | None = None
        self._lock = asyncio.Lock()  # one reading at a time
        self._round: asyncio.Future[None] | None = None  # one that has not begun yet

    @property
    def alone(self) -> bool:
        """No other process writes to this database."""
        return self._engine.dialect.name == "sqlite"

    async def start(self) -> None:
        """Begin here: whatever is read from the database after this shows all that came before."""
        if not self.alone:
            async with self._reading() as db:
                heads = await read_heads(db)
                self._seen = {line: head.number for line, head in heads.items()}

    async def catch_up(self) -> None:
        """Take in everything that was committed before this call; raises what the database raises.

        Any number of callers share one reading, so strangers cannot make many of them.
        """
        if self.alone:
            return
        if self._round is None:
            self._round = asyncio.ensure_future(self._next_round())
            self._round.add_done_callback(_looked_at)
        await asyncio.shield(self._round)

    async def follow_forever(self) -> None:
        while not self.alone:
            await asyncio.sleep(EVERY_S)
            try:
                await self.catch_up()
            except Exception as error:  # noqa: BLE001 - a task boundary: read again
                log.warning("changes_not_read", why=str(error), again_in_s=RETRY_S)
                await asyncio.sleep(RETRY_S)

    async def close(self) -> None:
        async with self._lock:
            await self._drop()

    async def _next_round(self) -> None:
        async with self._lock:
            self._round = None  # who comes from here on needs a later one
            async with self._reading() as db:
                told = await self._read(db)
            try:
                if told is None:
                    log.info("everything_read_anew")
                    await self._read_anew()
                else:
                    await self._tell(told)
            except BaseException:
                self._seen = None  # what was not taken in is read again
                raise

    async def _read(self, db: AsyncConnection) -> tuple[Change, ...] | None:
        """What came since the last time; None: nobody knows any more."""
        heads = await read_heads(db)
        seen = self._seen
        lost = seen is None or any(
            head.number < seen.get(line, 0) or head.kept_from > seen.get(line, 0) + 1
            for line, head in heads.items()
        )
        if seen is None or lost:
            self._seen = {line: head.number for line, head in heads.items()}
            return None
        told: list[Change] = []
        while any(head.number > seen[line] for line, head in heads.items()):
            found = await read_changes(db, seen)
            for change in found:
                seen[change.line] = change.number
            told += found
            if not found:
                break  # cleared away between the two statements: seen in the next round
        return tuple(told)

    @asynccontextmanager
    async def _reading(self) -> AsyncGenerator[AsyncConnection]:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                if self._connection is None:
                    connection = await self._engine.connect()
                    self._connection = await connection.execution_options(
                        isolation_level="AUTOCOMMIT"
                    )
                yield self._connection
        except BaseException:
            self._seen = None
            await self._drop()
            raise

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.invalidate()
            await connection.close()


def _looked_at(round_: "asyncio.Future[None]") -> None:
    """Its callers see how it ended; when all of them left, nobody needs to."""
    if not round_.cancelled():
        round_.exception()
