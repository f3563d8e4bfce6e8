"""One writer for everything that devices send: many messages, one synced commit.

`write` returns after the commit that holds the message, so whoever acknowledges after it never
acknowledges what can be lost.  The queue is bounded by messages and by bytes; a full queue is an
answer (`Busy`), not a delay.  A message that breaks its batch is tried again alone, so that it
fails alone.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from eaves.errors import Transient

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]
Begin = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
"""Opens a connection in a write transaction; commits at a clean exit, else rolls back."""


class Busy(Transient):
    """The queue before the commit is full; the sender keeps the message and tries again."""


class Stopped(Transient):
    """The controller is stopping; the sender keeps the message and tries again."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[T]):
    work: Work[T]
    done: asyncio.Future[T]
    size_bytes: int


class Writer:
    """See the module text.  Lives on one event loop."""

    def __init__(self, begin: Begin, *, queue: int, queue_bytes: int, batch: int) -> None:
        self._begin = begin
        self._queue: deque[_Waiting[object]] = deque()
        self._limit, self._limit_bytes, self._batch = queue, queue_bytes, batch
        self._bytes = 0
        self._filled = asyncio.Event()
        self._stopping = False

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def fullness(self) -> float:
        """How full the queue is, from 0 to 1."""
        return max(len(self._queue) / self._limit, min(self._bytes / self._limit_bytes, 1.0))

    async def write(self, work: Work[T], size_bytes: int = 0) -> T:
        """Run `work` in the next transaction; its result once that is committed.

        Raises Busy, Stopped, or what `work` raised (nothing of it is stored then).
        """
        if self._stopping:
            raise Stopped("the controller is stopping; send again")
        too_many = len(self._queue) >= self._limit
        if too_many or (self._queue and self._bytes + size_bytes > self._limit_bytes):
            raise Busy(f"{len(self._queue)} messages wait for their commit; send again later")
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(work, done, size_bytes))  # type: ignore[arg-type]  # T is covariant here: a future is only completed with what its own work returns
        self._bytes += size_bytes
        self._filled.set()
        return await done

    async def run_forever(self) -> None:
        """Commit batch after batch until `stop`; what is queued then is still committed."""
        while not (self._stopping and not self._queue):
            await self._filled.wait()
            self._filled.clear()
            while batch := self._take():
                try:
                    await self._commit(batch)
                except asyncio.CancelledError:
                    for waiting in batch:
                        waiting.done.cancel()
                    raise

    def stop(self) -> None:
        self._stopping = True
        self._filled.set()

    def _take(self) -> list[_Waiting[object]]:
        batch: list[_Waiting[object]] = []
        while self._queue and len(batch) < self._batch:
            waiting = self._queue.popleft()
            self._bytes -= waiting.size_bytes
            if not waiting.done.cancelled():
                batch.append(waiting)
        return batch

    async def _commit(self, batch: list[_Waiting[object]]) -> None:
        try:
            async with self._begin() as db:
                results = [await waiting.work(db) for waiting in batch]
        except Exception as error:  # noqa: BLE001 - a request boundary: the error goes to its request
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            for waiting in batch:
                await self._commit([waiting])
            return
        for waiting, result in zip(batch, results, strict=True):
            if not waiting.done.done():
                waiting.done.set_result(result)


def _fail(waiting: _Waiting[object], error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
