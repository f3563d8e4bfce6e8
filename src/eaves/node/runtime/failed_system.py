"""The log of a system that did not pass its trial: its end is kept across slots, and sent once.

Only what its own boot wrote counts.  That is the journal of a boot that is neither this one nor the
one that began the trial; without one, lines of the node's log below a mark of that version; and the
last words of its kernel.  Where it wrote nothing, as a kernel that panics before it has a disk,
nothing is told: the end of any other log would be about another system.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import structlog

from eaves.errors import EavesError
from eaves.evapi.config_items import SYSLOG_LEVELS, ItemValues
from eaves.evapi.logs import LogEntry
from eaves.node.baseos.record import LAST_LINES
from eaves.node.host.files import atomic_write, read_or_none
from eaves.node.host.machine_journal import INFO, JournalLine
from eaves.node.runtime.log_policy import SentLines, policy_of
from eaves.node.runtime.log_router import route_of
from eaves.node.runtime.log_store import LogStore, device_origin
from eaves.node.runtime.machine_logs import sent_levels

log = structlog.get_logger(__name__)

MARK: Final = "node_begins"  # the first line of each run of the node: its version, and its boot
KEPT: Final = "failed-system.json"  # below the folder of the logs
DUE: Final = "failed-system.due.json"  # the same, until it is on its way to the controller
MOST_BYTES: Final = 256 * 1024
FEW_LINES: Final = 10  # that stand with the slot

Journals = Callable[[], AsyncIterator[tuple[JournalLine, ...]]]
"""The end of what each boot wrote, the newest first."""


class Line(msgspec.Struct, frozen=True):
    text: str
    program: str
    priority: int = INFO
    kernel: bool = False
    own: bool = False  # of the node
    at_us: int = 0  # since 1970; 0: it does not say


class FailedLog(msgspec.Struct, frozen=True):
    version: str
    told_by: str  # the boot that kept it
    lines: tuple[Line, ...]


class FailedSystem:
    def __init__(
        self, folder: Path, boot_id: str, node_log: str, kernel_log: str, journals: Journals
    ) -> None:
        self._folder = folder
        self._boot_id = boot_id
        self._node_log = node_log  # of the runs before this one
        self._kernel_log = kernel_log  # what the kernel of the boot before left behind
        self._journals = journals

    async def keep(self, version: str, begun_by: str) -> str:
        """Its last few lines; empty: nothing of its log was kept.

        `begun_by`: the boot that went down for its trial.
        """
        others = {bare(self._boot_id), bare(begun_by)}
        others |= {boot for ran, boot, _ in _runs(self._node_log) if ran != version}
        lines = await self._of_journal(others, bare(begun_by))
        lines = lines or of_node_log(self._node_log, version, others)
        lines = bounded((*lines, *map(_of_kernel, self._kernel_log.splitlines())))
        if not lines:
            return ""
        kept = FailedLog(version, bare(self._boot_id), lines)
        try:
            raw = msgspec.json.encode(kept)
            await asyncio.to_thread(atomic_write, self._folder / DUE, raw)
        except OSError as error:
            log.warning("log_of_failed_system_not_kept", version=version, error=str(error))
        return "\n".join(line.text for line in lines[-FEW_LINES:])

    async def _of_journal(self, others: set[str], begun_by: str) -> tuple[Line, ...]:
        """Of the newest boot that is none of `others`; where none is before the one that began the
        trial, what was tried wrote nothing.
        """
        try:
            async for lines in self._journals():
                boot = bare(lines[-1].boot) if lines else bare(self._boot_id)
                if boot == begun_by:
                    return ()
                if boot not in others:
                    return tuple(map(_line, lines))
        except (EavesError, OSError) as error:
            log.warning("journal_not_read", error=str(error))
        return ()


def mark(version: str, boot_id: str) -> None:
    """Say whose log this is, from here on."""
    log.info(MARK, version=version, boot_id=boot_id)


def bare(boot_id: str) -> str:
    """The kernel writes it with dashes, the journal without."""
    return boot_id.replace("-", "")


def of_node_log(text: str, version: str, others: set[str]) -> tuple[Line, ...]:
    """What the last boot of this version wrote there; boots of `others` ran another one."""
    runs = [run for run in _runs(text) if run[0] == version and run[1] not in others]
    if not runs:
        return ()
    said = [line for run in runs if run[1] == runs[-1][1] for line in run[2]]
    return tuple(Line(one, "eaves", own=True) for one in said)


def _runs(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Version, boot and lines; what stands before the first mark belongs to nobody."""
    lines: list[str] = []
    for raw in text.splitlines():
        line = raw.replace("\0", "")  # what was sent is freed, and reads so
        if (begun := _marked(line)) is not None:
            lines = []
            yield *begun, lines
        if line:
            lines.append(line)


def _marked(line: str) -> tuple[str, str] | None:
    if MARK not in line:
        return None
    try:
        said = json.loads(line)
        return (said["version"], bare(said["boot_id"])) if said["event"] == MARK else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def bounded(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The last ones, whole, as far as there is room."""
    room, kept = MOST_BYTES, list[Line]()
    for line in reversed(lines[-LAST_LINES:]):
        room -= len(msgspec.json.encode(line)) + 1
        if room < 0:
            break
        kept.append(line)
    return tuple(reversed(kept))


def _of_kernel(text: str) -> Line:
    """<4>[    1.234] text"""
    level = text[1:2] if text[:1] == "<" and text[2:3] == ">" else ""
    return Line(text, "kernel", int(level) if level in set("01234567") else INFO, kernel=True)


def _line(line: JournalLine) -> Line:
    return Line(line.text, line.program, line.priority, line.kernel, line.own, line.at_us)


# On the way to the controller


def send_failed(folder: Path, store: LogStore, device_id: str, items: ItemValues) -> None:
    """Once; blocking.  Lines that the log of the device would not send are not sent here either."""
    due = folder / DUE
    raw = read_or_none(due)
    if raw is None:
        return
    try:
        kept = msgspec.json.decode(raw, type=FailedLog)
    except (msgspec.MsgspecError, ValueError):
        due.unlink()
        return
    entries = entries_of(kept, items)
    if entries:
        store.add(device_origin(device_id, kept.version), None, entries)
    due.replace(folder / KEPT)


def entries_of(kept: FailedLog, items: ItemValues) -> tuple[LogEntry, ...]:
    """Each names the version, so that it is found by that.  Sent twice, it is the same message."""
    levels, sent = sent_levels(items), SentLines()
    sent.policy = policy_of(items)
    sent.router.follow(route_of(items))
    found: list[LogEntry] = []
    for number, line in enumerate(kept.lines):
        entry = LogEntry(
            severity=SYSLOG_LEVELS[line.priority],
            source=line.program,
            iid=f"failed/{kept.told_by}",
            content=line.text,
            msgid=number,
        )
        if line.own:
            found += sent.of((entry,))
        elif line.priority <= (levels.kernel if line.kernel else levels.syslog):
            found.append(entry)
    return tuple(
        replace(one, content=f"version {kept.version}, which failed its trial: {one.content}")
        for one in found
    )
