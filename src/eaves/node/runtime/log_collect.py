"""Taking over what apps and the node itself print: files first, then the position.

A line's message number is its place in its source, so that lines taken over twice, around a crash,
are the same message to the controller.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog

from eaves.evapi.logs import LogEntry, LogOrigin
from eaves.ids import AppInstanceId
from eaves.node.checkpoint import Checkpoint, StateNotWritable
from eaves.node.host.applogs import LogBatch, LogSource, read_lines, release, skip
from eaves.node.host.files import DISK_FULL
from eaves.node.refs import AppInForce
from eaves.node.runtime.log_policy import SentLines
from eaves.node.runtime.log_store import LogStore, app_origin

log = structlog.get_logger(__name__)

BATCHES = 2  # of one source in one pass: an app that prints without end has its turn, no more
SOON_S = 1.0  # until the next pass while lines wait
KEPT_ON_FULL_DISK = 1024 * 1024  # of each source; what waits beyond it makes room
LAST_PASSES = 50


@dataclass(frozen=True, slots=True)
class Listed:
    source: LogSource
    app: AppInstanceId | None
    origin: LogOrigin
    store: bool = True  # False: nobody wants the lines, only their space is freed


def listed_app(source: LogSource, app: AppInForce) -> Listed:
    resources = app.config.fixedresources
    wanted = resources is None or not resources.disable_logs
    return Listed(source, app.app, app_origin(app.config.displayname), wanted)


class LogCollector:
    """Reading, packing and syncing happen in a thread; positions are kept on the event loop."""

    def __init__(
        self, checkpoint: Checkpoint, store: LogStore, now: Callable[[], datetime]
    ) -> None:
        self._checkpoint = checkpoint
        self._store = store
        self._now = now
        self._reached: dict[str, str] = {}  # newer than what is stored, while it cannot be
        self._turn = asyncio.Lock()
        self.sent = SentLines()
        self.lost_bytes = 0  # since the process began

    async def collect_forever(
        self, sources: Callable[[], Iterable[Listed]], pause_s: Callable[[], float]
    ) -> None:
        while True:
            more = await self.collect(sources())
            await asyncio.sleep(min(SOON_S, pause_s()) if more else pause_s())

    async def collect_last(self, sources: Iterable[Listed]) -> None:
        """What is there now: the last lines before a reboot."""
        listed = list(sources)
        for _ in range(LAST_PASSES):
            if not await self.collect(listed):
                return

    async def collect(self, sources: Iterable[Listed]) -> bool:
        """One pass over all sources; True when more was waiting than it may take."""
        more = False
        async with self._turn:
            for listed in sources:
                try:
                    more |= await self._collect_one(listed)
                except Exception:
                    # One source that cannot be read must not hold up the others.
                    log.exception("logs_not_collected", source=listed.source.key)
        return more

    async def _collect_one(self, listed: Listed) -> bool:
        key = listed.source.key
        for _ in range(BATCHES):
            before = self._reached.get(key) or self._checkpoint.log_position(key)
            try:
                batch = await asyncio.to_thread(self._take_over, listed, before)
            except OSError as error:
                if error.errno not in DISK_FULL:
                    raise
                await self._make_room(listed, before, error)
                return False
            if batch.position == before:
                return False
            self._reached[key] = batch.position
            if listed.store:
                self._count_lost(key, batch)
                if not self._keep_position(key):
                    return False
            await asyncio.to_thread(release, listed.source, batch.position)
            if not listed.store:
                return False
        return True

    def _keep_position(self, key: str) -> bool:
        try:
            self._checkpoint.save_log_position(key, self._reached[key])
        except StateNotWritable as error:
            # The lines are stored; where they end is known until this process ends.
            log.warning("log_position_not_kept", source=key, error=str(error))
            return False
        return True

    async def _make_room(self, listed: Listed, before: str, error: OSError) -> None:
        """Logs may be what filled the disk, and nobody else can free them."""
        key = listed.source.key
        log.warning("logs_not_collected", source=key, error=str(error))
        passed = await asyncio.to_thread(skip, listed.source, before, KEPT_ON_FULL_DISK)
        if passed.dropped_bytes:
            self._reached[key] = passed.position
            self._count_lost(key, passed)
            await asyncio.to_thread(release, listed.source, passed.position)

    def _count_lost(self, key: str, batch: LogBatch) -> None:
        if batch.dropped_bytes:
            self.lost_bytes += batch.dropped_bytes
            log.warning("log_lines_dropped", source=key, bytes=batch.dropped_bytes)

    def _take_over(self, listed: Listed, before: str) -> LogBatch:
        """Runs in a thread.  The lines are durable when this returns."""
        if not listed.store:
            return skip(listed.source, before)
        batch = read_lines(listed.source, before)
        inode, _, end = batch.position.partition(":")
        if not batch.lines:
            return batch
        begin = int(end) - sum(len(line.text) + 1 for line in batch.lines)
        start = int(before.partition(":")[2]) if before.startswith(f"{inode}:") else max(0, begin)
        entries = [
            LogEntry(
                severity="info",
                source=line.stream,
                iid=inode,
                content=line.text,
                msgid=start + n,
                timestamp=line.at or self._now(),
            )
            for n, line in enumerate(batch.lines)
        ]
        wanted = self.sent.of(entries) if listed.app is None else entries
        if wanted:
            self._store.add(listed.origin, listed.app, wanted)
        return batch
