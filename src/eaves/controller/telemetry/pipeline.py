"""From the request to the commit: many reports, one durable write.

`accept` returns after the commit that holds the report, so whoever acknowledges after it never
acknowledges what can be lost.  What a commit is, the committer decides: a transaction in a writer
thread (`telemetry.embedded`), one message of a stream.  The queue is bounded by reports and by
bytes; a full queue is an answer (`Busy`), not a delay.

Two failures differ.  A report that breaks its batch is tried again alone, so that it fails alone;
when the place of the commit cannot be reached (`Unavailable`), no report is to blame and the whole
batch is told at once.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final, Generic, Protocol, TypeVar

from eaves.controller.observe import Commits
from eaves.errors import Transient

R = TypeVar("R")
T = TypeVar("T")
R_contra = TypeVar("R_contra", contravariant=True)
T_co = TypeVar("T_co", covariant=True)

BATCH_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Gathering:
    """How long a few reports wait until more have come; one that comes alone does not.

    A commit of one report costs four times the processor time for each that a commit of ten does.
    """

    few: int  # so many do not wait, nor do as many as fill a commit or the queue
    seconds: float  # between the begins of two commits, while more keep coming
    quiet_s: float  # without another one: nobody is waited for any more


AT_HAND: Final = Gathering(few=16, seconds=0.02, quiet_s=0.02)
# Where servers take part a commit costs each of them as much, whatever its size: a message of a
# stream is written by three servers, delivered and acknowledged by them, and folded in a
# transaction of its own.
AFAR: Final = Gathering(few=64, seconds=0.1, quiet_s=0.04)


class Busy(Transient):
    """The queue before the commit is full; the sender keeps the message and tries again."""


class Stopped(Transient):
    """The controller is stopping; the sender keeps the message and tries again."""


class Unavailable(Transient):
    """Nothing can be committed now: the disk is full, the database or the stream is away."""


class Committer(Protocol[R_contra, T_co]):
    """Makes batches durable, one after the other."""

    def commit(self, batch: Sequence[R_contra], /) -> Awaitable[Sequence[T_co]]:
        """Return a result for each report, in order, once all of them are durable.

        Raises Unavailable when no report is to blame; after anything else nothing of the batch is
        stored and the reports are tried one by one.
        """
        ...


@dataclass(slots=True)
class _Waiting(Generic[R, T]):
    report: R
    size_bytes: int
    done: asyncio.Future[T]


class Pipeline(Generic[R, T]):
    """See the module text.  Lives on one event loop."""

    def __init__(
        self,
        committer: Committer[R, T],
        *,
        queue: int,
        queue_bytes: int,
        batch: int,
        batch_bytes: int = BATCH_BYTES,
        meter: Commits | None = None,
        gathering: Gathering = AT_HAND,
    ) -> None:
        """`queue`: reports that wait; `batch`: reports in one commit (one may exceed its bytes)."""
        self._committer, self._gathering = committer, gathering
        self._meter = meter or Commits("unnamed")
        self._queue: deque[_Waiting[R, T]] = deque()
        self._limit, self._limit_bytes = queue, queue_bytes
        self._batch, self._batch_bytes = batch, batch_bytes
        self._few = min(gathering.few, batch, queue)
        self._few_bytes = min(batch_bytes, queue_bytes)
        self._bytes = 0
        self._filled = asyncio.Event()
        self._enough = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False

    def __len__(self) -> int:
        """How many reports wait for a commit that has not begun."""
        return len(self._queue)

    @property
    def fullness(self) -> float:
        """0 for an empty queue, 1 for a full one: who is worth less gives way before that."""
        return max(len(self._queue) / self._limit, self._bytes / self._limit_bytes)

    async def accept(self, report: R, size_bytes: int = 0) -> T:
        """Wait until the report is durable; its result.

        Raises Busy, Stopped, Unavailable, or what the fold of this report raised.
        """
        if self._stopping:
            raise Stopped("the controller is stopping; send again")
        queue = self._queue
        if len(queue) >= self._limit or (queue and self._bytes + size_bytes > self._limit_bytes):
            self._meter.note_refused()
            raise Busy(f"{len(queue)} messages wait for their commit; send again later")
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        queue.append(_Waiting(report, size_bytes, done))
        self._bytes += size_bytes
        self._idle.clear()
        self._filled.set()
        if self._has_enough():
            self._enough.set()
        return await done

    async def drained(self) -> None:
        """Return once everything accepted so far is committed or refused."""
        await self._idle.wait()

    async def run_forever(self) -> None:
        """Commit batch after batch until `stop`; what is queued then is still committed."""
        now = asyncio.get_running_loop().time
        began, size = 0.0, 0  # of the last batch
        while not (self._stopping and not self._queue):
            await self._filled.wait()
            self._filled.clear()
            while self._queue:
                if size > 1 and (soon := began + self._gathering.seconds - now()) > 0:
                    await self._gather(soon)
                began, batch = now(), self._take()
                size = len(batch)
                try:
                    if batch:
                        await self._commit(batch)
                except asyncio.CancelledError:
                    for waiting in batch:
                        waiting.done.cancel()
                    raise
            if not self._queue:
                self._idle.set()

    async def _gather(self, seconds: float) -> None:
        """Until enough have come or no more come, but no longer than this."""
        now, quiet_s = asyncio.get_running_loop().time, self._gathering.quiet_s
        self._enough.clear()
        end, seen = now() + seconds, 0
        while seen < len(self._queue) and not (self._has_enough() or self._stopping):
            seen = len(self._queue)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(end - now(), quiet_s)):
                    await self._enough.wait()
            if now() >= end:
                return

    def _has_enough(self) -> bool:
        """Whether nothing is won by waiting: as many or as much as a commit or the queue takes."""
        return len(self._queue) >= self._few or self._bytes >= self._few_bytes

    def stop(self) -> None:
        """Accept nothing more; `run_forever` returns when the queue is empty."""
        self._stopping = True
        self._enough.set()
        self._filled.set()

    def _take(self) -> list[_Waiting[R, T]]:
        batch: list[_Waiting[R, T]] = []
        size = 0
        while self._queue and len(batch) < self._batch:
            waiting = self._queue[0]
            if batch and size + waiting.size_bytes > self._batch_bytes:
                break
            self._queue.popleft()
            self._bytes -= waiting.size_bytes
            if not waiting.done.cancelled():
                batch.append(waiting)
                size += waiting.size_bytes
        return batch

    async def _commit(self, batch: list[_Waiting[R, T]]) -> None:
        began = perf_counter()
        try:
            results = await self._committer.commit([waiting.report for waiting in batch])
        except Unavailable as error:
            self._meter.note_failure(len(batch), perf_counter() - began)
            for waiting in batch:
                _fail(waiting, error)
        except Exception as error:  # noqa: BLE001 - a request boundary: the error goes to its request
            self._meter.note_failure(len(batch), perf_counter() - began)
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            for waiting in batch:
                await self._commit([waiting])
        else:
            size = sum(waiting.size_bytes for waiting in batch)
            self._meter.note(len(batch), size, perf_counter() - began)
            for waiting, result in zip(batch, results, strict=True):
                if not waiting.done.done():
                    waiting.done.set_result(result)


def _fail(waiting: _Waiting[R, T], error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
