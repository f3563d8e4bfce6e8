"""What a single process still has to send on, in the file that it came from.

The reports that were new in a commit are kept once more, in the same transaction, until the sink
has them: a sink that is down loses nothing that the bound holds.  Past the bound the oldest is
dropped and counted, for the disk belongs to the telemetry itself first.  With a stream there is no
outbox: the stream keeps what its sinks still need.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import structlog
from sqlalchemy import Connection

from eaves.controller.store.sync import execute
from eaves.controller.telemetry.embedded import Fold
from eaves.controller.telemetry.sinks.sink import Sink
from eaves.errors import Rejected

log = structlog.get_logger()

R = TypeVar("R")
W = TypeVar("W")

BOUND_BYTES: Final = 512 * 1024 * 1024
AT_ONCE: Final = 8  # rows of one request
PAUSE_S: Final = (0.5, 60.0)  # the first and the longest pause of a sink that is away
IDLE_S: Final = 1.0

_TABLE: Final = """CREATE TABLE IF NOT EXISTS outbox (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    batch BLOB NOT NULL,
    aside TEXT
)"""


@dataclass(slots=True)
class OutboxState:
    """For `/metrics`."""

    bytes: int = 0  # that wait, those set aside included
    dropped: int = 0  # batches that the bound took, since the start
    sent: int = 0
    set_aside: int = 0
    away: str = ""  # why the sink cannot be reached now


class AllNew(Generic[R]):
    """A fold that does not tell what was new: what comes again is sent on again."""

    def __init__(self, inner: Fold[R, object]) -> None:
        self._inner = inner

    def fold(self, connection: Connection, batch: Sequence[R], /) -> Sequence[bool]:
        self._inner.fold(connection, batch)
        return [True] * len(batch)

    def forget(self) -> None:
        self._inner.forget()


class OutboxFold(Generic[R]):
    """A fold that also keeps what is new for the sender; called in the writer thread only."""

    def __init__(
        self,
        inner: Fold[R, bool],
        encode: Callable[[Sequence[R]], bytes],
        wanted: Callable[[R], bool],
        state: OutboxState,
        bound_bytes: int = BOUND_BYTES,
    ) -> None:
        """`inner` tells for each report whether it was new; `wanted`: what the sink takes."""
        self._inner, self._encode, self._wanted = inner, encode, wanted
        self._state, self._bound = state, bound_bytes
        self._ready = False

    def fold(self, connection: Connection, batch: Sequence[R], /) -> Sequence[bool]:
        results = self._inner.fold(connection, batch)
        if not self._ready:
            execute(connection, _TABLE)
            self._state.bytes = _size(connection)
            self._ready = True
        new = [r for r, is_new in zip(batch, results, strict=True) if is_new and self._wanted(r)]
        if new:
            data = self._encode(new)
            execute(connection, "INSERT INTO outbox (batch) VALUES (?)", (data,))
            self._state.bytes += len(data)
            if self._state.bytes > self._bound:
                self._drop_oldest(connection)
        return results

    def forget(self) -> None:
        self._ready = False
        self._inner.forget()

    def _drop_oldest(self, connection: Connection) -> None:
        """Down to nine tenths of the bound, so that it is not done for each commit."""
        dropped = 0
        query = "SELECT row, length(batch) FROM outbox ORDER BY row"
        rows: Sequence[Sequence[object]] = execute(connection, query).fetchall()
        last = 0
        for row in rows:
            if self._state.bytes <= self._bound * 9 // 10:
                break
            last, dropped = int(str(row[0])), dropped + 1
            self._state.bytes -= int(str(row[1]))
        execute(connection, "DELETE FROM outbox WHERE row <= ?", (last,))
        self._state.dropped += dropped
        log.error(
            "telemetry_not_sent_on",
            batches=dropped,
            why=f"the sink is behind by more than {self._bound} bytes: {self._state.away}",
        )


def _size(connection: Connection) -> int:
    found = execute(connection, "SELECT coalesce(sum(length(batch)), 0) FROM outbox").scalar_one()
    return int(str(found))


class Worker(Protocol):
    """The thread that writes the file."""

    async def work(self, work: Callable[[Connection], W]) -> W:
        """Run it in a transaction of its own."""
        ...


class OutboxSender:
    """Sends what an `OutboxFold` kept, oldest first.  Lives on one event loop, any."""

    def __init__(self, committer: Worker, sink: Sink, state: OutboxState) -> None:
        self._committer, self._sink, self._state = committer, sink, state

    async def run_forever(self) -> None:
        """Until cancelled; closes the sink.

        A batch that was sent and not yet struck off is sent again.
        """
        try:
            await self._send_forever()
        finally:
            await self._sink.close()

    async def _send_forever(self) -> None:
        pause, longest = PAUSE_S
        while True:
            try:
                wait = 0.0 if await self._turn() else IDLE_S
                if self._state.away:
                    log.info("sink_back", sink=self._sink.name)
                    self._state.away = ""
                pause = PAUSE_S[0]
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - a task boundary: the batches stay in the file
                if not self._state.away:
                    log.warning("sink_away", sink=self._sink.name, why=str(error))
                self._state.away = str(error) or type(error).__name__
                wait, pause = pause, min(pause * 2, longest)
            await asyncio.sleep(wait)

    async def _turn(self) -> bool:
        """Send some; False when there was nothing.  Raises Transient."""
        rows = await self._committer.work(_oldest)
        if not rows:
            return False
        try:
            await self._sink.store([batch for _, batch in rows])
        except Rejected:
            for row, batch in rows:
                await self._alone(row, batch)
        else:
            await self._strike_off(rows)
        self._state.sent += len(rows)
        return True

    async def _alone(self, row: int, batch: bytes) -> None:
        refused: list[tuple[bytes, str]] = []
        try:
            parts = self._sink.apart(batch)
        except Rejected as error:
            parts, refused = (), [(batch, str(error))]
        for part in parts:
            try:
                await self._sink.store([part])
            except Rejected as error:
                refused.append((part, str(error)))
        for _, why in refused:
            log.error("telemetry_set_aside", sink=self._sink.name, why=why)
        self._state.set_aside += len(refused)
        await self._strike_off([(row, batch)], refused)

    async def _strike_off(
        self, rows: Sequence[tuple[int, bytes]], refused: Sequence[tuple[bytes, str]] = ()
    ) -> None:
        def work(connection: Connection) -> None:
            for part, why in refused:
                execute(connection, "INSERT INTO outbox (batch, aside) VALUES (?, ?)", (part, why))
                self._state.bytes += len(part)
            for row, batch in rows:
                gone = execute(connection, "DELETE FROM outbox WHERE row = ?", (row,))
                if gone.rowcount == 1:  # else the bound took it while it was being sent
                    self._state.bytes -= len(batch)

        await self._committer.work(work)


def _oldest(connection: Connection) -> list[tuple[int, bytes]]:
    execute(connection, _TABLE)
    query = "SELECT row, batch FROM outbox WHERE aside IS NULL ORDER BY row LIMIT ?"
    rows: Sequence[Sequence[object]] = execute(connection, query, (AT_ONCE,)).fetchall()
    return [(int(str(row)), batch if isinstance(batch, bytes) else b"") for row, batch in rows]
