"""What the kernel and other programs of the node's own machine say: kept there, and sent.

Each of the two has a level for what is kept in a file on the machine, and one for what is sent to
the controller.  On a machine that is not the node's, they stay in its own journal.
Source: node reference 15.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from eaves.errors import EavesError
from eaves.evapi.config_items import SYSLOG_LEVELS, ItemValues
from eaves.evapi.logs import LogEntry, LogOrigin
from eaves.node.checkpoint import Checkpoint, StateNotWritable
from eaves.node.host.machine_journal import JournalLine
from eaves.node.runtime.log_store import LogStore

log = structlog.get_logger(__name__)

POSITION: Final = "machine/journal"
LARGEST_FILE_BYTES: Final = 4 << 20  # two of each are kept: this one, and that before


@dataclass(frozen=True, slots=True)
class Levels:
    """Highest number of a priority that passes."""

    kernel: int
    syslog: int

    def passes(self, line: JournalLine) -> bool:
        return line.priority <= (self.kernel if line.kernel else self.syslog)


def kept_levels(items: ItemValues) -> Levels:
    return Levels(
        SYSLOG_LEVELS.index(items.text("debug.kernel.loglevel")),
        SYSLOG_LEVELS.index(items.text("debug.syslog.loglevel")),
    )


def sent_levels(items: ItemValues) -> Levels:
    return Levels(
        SYSLOG_LEVELS.index(items.text("debug.kernel.remote.loglevel")),
        SYSLOG_LEVELS.index(items.text("debug.syslog.remote.loglevel")),
    )


def entry_of(line: JournalLine) -> LogEntry:
    """A line that is taken over twice, around a crash, is the same message."""
    return LogEntry(
        severity=SYSLOG_LEVELS[line.priority],
        source=line.program,
        iid=line.boot,
        content=line.text,
        msgid=line.at_us,
        timestamp=line.at,
    )


class MachineLogs:
    def __init__(
        self,
        checkpoint: Checkpoint,
        store: LogStore,
        folder: Path,
        read: Callable[[str], Awaitable[tuple[JournalLine, ...]]],
        items: Callable[[], ItemValues],
    ) -> None:
        self._checkpoint = checkpoint
        self._store = store
        self._folder = folder
        self._read = read
        self._items = items
        self._reached = ""

    async def collect(self, origin: LogOrigin) -> None:
        """One look; lines are on disk before the position moves."""
        before = self._reached or self._checkpoint.log_position(POSITION)
        try:
            lines = await self._read(before)
            if lines:
                await asyncio.to_thread(self._take_over, origin, lines)
                self._reached = lines[-1].cursor
                self._checkpoint.save_log_position(POSITION, self._reached)
        except StateNotWritable as error:
            log.warning("log_position_not_kept", source=POSITION, error=str(error))
        except (EavesError, OSError) as error:
            log.warning("journal_not_read", error=str(error))

    def _take_over(self, origin: LogOrigin, lines: Iterable[JournalLine]) -> None:
        """Runs in a thread."""
        items = self._items()
        kept, sent = kept_levels(items), sent_levels(items)
        others = [line for line in lines if not line.own]
        entries = [entry_of(line) for line in others if sent.passes(line)]
        if entries:
            self._store.add(origin, None, entries)
        self._folder.mkdir(parents=True, exist_ok=True)
        for kernel in (True, False):
            those = [one for one in others if one.kernel is kernel and kept.passes(one)]
            append(self._folder / ("kernel.log" if kernel else "syslog.log"), those)


def append(file: Path, lines: Iterable[JournalLine]) -> None:
    text = "".join(
        f"{line.at.isoformat()} {SYSLOG_LEVELS[line.priority]} {line.program}: {line.text}\n"
        for line in lines
    )
    if not text:
        return
    if file.exists() and file.stat().st_size > LARGEST_FILE_BYTES:
        file.replace(file.with_suffix(".log.1"))
    with file.open("a", encoding="utf-8") as out:
        out.write(text)
