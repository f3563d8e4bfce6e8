"""Taking over what apps and the node itself print: files first, then the position.

A line's message number is its place in its source, so that lines taken over twice, around a crash,
are the same message to the controller.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime

import structlog

from eaves.evapi.logs import LogEntry, LogOrigin
from eaves.ids import AppInstanceId
from eaves.node.checkpoint import Checkpoint, StateNotWritable
from eaves.node.host.applogs import LogSource, read_lines, release
from eaves.node.runtime.log_store import LogStore

log = structlog.get_logger(__name__)

Listed = tuple[LogSource, AppInstanceId | None, LogOrigin]


def collect(
    sources: Iterable[Listed], checkpoint: Checkpoint, store: LogStore, now: Callable[[], datetime]
) -> int:
    """One pass over all sources; how many lines were taken over."""
    taken = 0
    for source, app, origin in sources:
        while True:
            before = checkpoint.log_position(source.key)
            batch = read_lines(source, before)
            if batch.empty:
                break
            inode, _, end = batch.position.partition(":")
            begin = int(end) - sum(len(line.text) + 1 for line in batch.lines)
            start = (
                int(before.partition(":")[2]) if before.startswith(f"{inode}:") else max(0, begin)
            )
            if batch.dropped_bytes:
                log.warning("log_lines_dropped", source=source.key, bytes=batch.dropped_bytes)
            entries = [
                LogEntry(
                    severity="info",
                    source=line.stream,
                    iid=inode,
                    content=line.text,
                    msgid=start + n,
                    timestamp=line.at or now(),
                )
                for n, line in enumerate(batch.lines)
            ]
            store.add(origin, app, entries)
            checkpoint.save_log_position(source.key, batch.position)
            release(source, batch.position)
            taken += len(entries)
    return taken


async def collect_forever(
    sources: Callable[[], Iterable[Listed]],
    checkpoint: Checkpoint,
    store: LogStore,
    now: Callable[[], datetime],
    pause_s: Callable[[], float],
) -> None:
    while True:
        try:
            collect(sources(), checkpoint, store, now)
        except (OSError, StateNotWritable) as error:
            # A full disk stops logs, never apps; the position did not move, nothing is lost.
            log.warning("logs_not_collected", error=str(error))
        await asyncio.sleep(pause_s())
