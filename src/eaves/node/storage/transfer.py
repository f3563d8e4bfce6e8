"""What every way of fetching has in common: what is wanted, how far it is, when to give up.

A cut is not a failure as long as bytes arrive: the transfer goes on where it stopped.  Only tries
without progress count, and after a few of them the caller is told.  A trickle is no progress: a
server that sends a byte now and then would hold its place for ever.  What comes without an end asks
for its room again and again, and ends where that ends.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, Self

import structlog

from eaves.errors import EavesError, Rejected, Transient
from eaves.node.host.resolve import PortResolver, port_resolver
from eaves.node.refs import StaticNames
from eaves.node.storage.partial import Partial, open_partial
from eaves.node.storage.records import Layout

log = structlog.get_logger(__name__)

CONNECT_S = 30.0
TRIES_WITHOUT_PROGRESS = 3
PAUSE_S = 0.2  # doubles with every try without progress
MOST_PAUSE_S = 30.0  # whoever asks for more is asked again by the caller's own timer
LEAST_PROGRESS = 16 * 1024  # bytes in `stalled_s`; the slowest modem brings a hundred times that
MOST_WAITING = 128 * 1024  # bytes that came and are not written yet; a process that dies loses them
ROOM_STEP = 16 * 1024**2  # room for so many more is asked for, where nobody said how many come


@dataclass(frozen=True, slots=True)
class Uplink:
    """One way out: address and port to send from (blank: the kernel chooses) and its proxy."""

    source_address: str = ""
    proxy: str = ""
    interface: str = ""
    roots: tuple[str, ...] = ()  # PEM, of a proxy that opens TLS
    dns: tuple[str, ...] = ()  # servers of the port; none: the machine looks names up
    names: StaticNames = ()  # of the port's network, before any server

    def resolver(self) -> PortResolver | None:
        """None: the machine looks names up."""
        return port_resolver(self.dns, self.interface, self.source_address, self.names)


Pace = Callable[[str, int], Awaitable[None]]
"""Told of bytes that came over an interface; returns when more may be read from it."""


async def at_once(_interface: str, _count: int) -> None:
    """No pace: as fast as it comes."""


Failed = Callable[[str, EavesError], Awaitable[None]]
"""Told of a datastore from which something could not be brought, and why."""


Watched = Callable[[str], AbstractContextManager[None]]
"""Looks at a download from the datastore of that address, as long as it lasts."""


def nobody_looks(_base: str) -> AbstractContextManager[None]:
    return nullcontext()


async def nobody_told(_base: str, _error: EavesError) -> None:
    """Failures of downloads are of no interest but to who asked for them."""


class TooBig(Rejected):
    def __init__(self, url: str, allowed: int, seen: int) -> None:
        super().__init__(
            f"{url}: {seen} bytes or more, announced were at most {allowed}; "
            "correct the size of the content tree"
        )


class NetworkError(Transient):
    """The peer cannot be reached, went away or said nothing: another try may go through."""


class HttpError(NetworkError):
    """`reason` is the provider's word for it, `pause_s` how long it asks to be left alone."""

    def __init__(
        self,
        url: str,
        status: int,
        advice: str,
        reason: str = "",
        pause_s: float = 0.0,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        seen = f"HTTP status {status}" + (f" ({reason})" if reason else "")
        super().__init__(f"{url}: {seen}; {advice}")
        self.status, self.reason, self.pause_s = status, reason, pause_s
        self.headers = headers  # of the answer

    @property
    def passes(self) -> bool:
        """The same request may well be answered in a moment."""
        return self.status >= 500 or self.status in {408, 429}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One blob.  `size_bytes` is exact where a manifest announced it."""

    sha256: str
    size_bytes: int | None = None
    max_bytes: int = 0  # 0: no limit

    @property
    def limit(self) -> int | None:
        return self.size_bytes if self.size_bytes is not None else (self.max_bytes or None)


Note = Callable[[int, int | None], None]  # bytes here, bytes in all
Admit = Callable[[int, int], None]  # bytes in all, of them still to come; raises when refused


@dataclass(frozen=True, slots=True)
class Job:
    url: str
    wanted: Wanted
    admit: Admit
    note: Note


def check_size(url: str, wanted: Wanted, total: int | None) -> None:
    if total is None:
        return
    if wanted.limit is not None and total > wanted.limit:
        raise TooBig(url, wanted.limit, total)
    if wanted.size_bytes is not None and total < wanted.size_bytes:
        raise Rejected(
            f"{url}: {total} bytes, its manifest says {wanted.size_bytes}; push the image again"
        )


class Carrier(Protocol):
    """Brings the objects of one datastore."""

    async def download(self, layout: Layout, job: Job) -> str:
        """Bring all of it into downloads/; returns the digest of what came."""
        ...


class Watch:
    """Ends a transfer that brings next to nothing."""

    def __init__(self, stalled_s: float, offset: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._stalled_s, self._offset, self._since = stalled_s, offset, clock()

    def saw(self, offset: int) -> None:
        """Raises TimeoutError."""
        if offset - self._offset >= LEAST_PROGRESS:
            self._offset, self._since = offset, self._clock()
        elif self._clock() - self._since > self._stalled_s:
            raise TimeoutError


def nothing(stalled_s: float) -> str:
    return f"nothing, or next to nothing, arrived for {stalled_s:g} s"


async def persist(
    layout: Layout, job: Job, go_on: Callable[[Partial], Awaitable[None]], patience: int
) -> str:
    """Run `go_on` until the object is here; gives up after tries that brought nothing."""
    url = job.url
    partial = await open_partial(layout.downloads / f"{job.wanted.sha256}.part")
    try:
        stuck = 0
        while True:
            before = partial.offset
            pause_s = 0.0
            try:
                await go_on(partial)
                return partial.digest
            except NetworkError as error:
                stuck = 0 if partial.offset - before >= LEAST_PROGRESS else stuck + 1
                if isinstance(error, HttpError):
                    pause_s = error.pause_s
                    if not error.passes or pause_s > MOST_PAUSE_S:
                        raise
                if stuck >= patience:
                    raise
                log.info("transfer_resumes", url=url, offset=partial.offset, why=str(error))
            await asyncio.sleep(max(pause_s, PAUSE_S * 2**stuck))
    finally:
        # Only the record is lost if the disk is full: the bytes count without it.
        try:
            if partial.offset > partial.arrived.offset:
                partial.sync()
        except OSError as error:
            log.warning("progress_not_saved", url=url, error=str(error))
        partial.close()


class Intake:
    """Takes what comes and hands it to a thread, which writes while more comes.

    Use as a context manager: however it ends, what came is written by then, so that a cut costs
    nothing that was here.  `offset` counts what waits, too.
    """

    def __init__(self, partial: Partial, job: Job, total: int | None) -> None:
        self.offset = partial.offset
        self._partial, self._job, self._total = partial, job, total
        self._waiting: list[bytes] = []
        self._bytes = 0  # that wait
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Who is cancelled hears of that, also where what waited cannot be written."""
        try:
            await self._written()
        except Transient as lost:
            if not isinstance(error, asyncio.CancelledError):
                raise
            log.warning("arrived_not_kept", url=self._job.url, error=str(lost))

    async def take(self, chunk: bytes) -> None:
        """Raises TooBig, what the admission raises, and Transient where the disk takes no more."""
        await self._admit(len(chunk))
        self._waiting.append(chunk)
        self._bytes += len(chunk)
        self.offset += len(chunk)
        if self._writer is None or self._writer.done():
            await self._written()  # tells how the one before ended
            self._writer = asyncio.create_task(self._write())
        if self._bytes >= MOST_WAITING:
            await self._written()

    async def _admit(self, count: int) -> None:
        """May so much more come?  It may, if so much was announced."""
        total, limit = self._total, self._job.wanted.limit
        bound, after = total if total is not None else limit, self.offset + count
        if bound is not None and after > bound:
            await self._drop()
            raise TooBig(self._job.url, bound, after)
        step = after // ROOM_STEP > self.offset // ROOM_STEP
        if total is None and (self.offset == 0 or step):
            try:
                self._job.admit(after + ROOM_STEP, ROOM_STEP)
            except EavesError:
                await self._drop()  # what has no end must not keep what it took
                raise

    async def _drop(self) -> None:
        await self._written()
        self._partial.restart()

    async def _written(self) -> None:
        """Until nothing waits.  A writer that was begun ends, whatever becomes of who waits."""
        if self._writer is not None:
            await asyncio.shield(self._writer)
            self._writer = None

    async def _write(self) -> None:
        while self._waiting:
            chunks, self._waiting, self._bytes = self._waiting, [], 0
            try:
                await asyncio.to_thread(self._append, chunks)
            except OSError as error:
                raise Transient(f"{self._job.url}: cannot keep what arrives: {error}") from error
            self._job.note(self._partial.offset, self._total)

    def _append(self, chunks: list[bytes]) -> None:
        for chunk in chunks:
            self._partial.append(chunk)


def end(partial: Partial, url: str, total: int | None) -> None:
    """The peer has no more: either that was all, or it is a cut."""
    if total is not None and partial.offset < total:
        raise NetworkError(f"{url}: ended at byte {partial.offset} of {total}")
    if total is None:
        partial.begin(url, "", "", partial.offset)
