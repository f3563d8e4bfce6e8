"""The journal of this machine: what its kernel and its other programs say."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from eaves.node.host.process import run

MOST_LINES = 2000  # of one look; of more, the newest
LONGEST_LINE = 16 * 1024
READ_S = 30.0
FIELDS = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_TRANSPORT,_SYSTEMD_UNIT,_BOOT_ID"
OWN_UNIT = "eaves-node"  # its lines are in the log of the node already
INFO = 6


@dataclass(frozen=True, slots=True)
class JournalLine:
    kernel: bool
    priority: int  # 0 (emerg) to 7 (debug)
    program: str
    text: str
    boot: str
    at_us: int  # since 1970, by the clock of then
    cursor: str
    own: bool  # of the node itself

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.at_us / 1e6, UTC)


async def read_journal(cursor: str) -> tuple[JournalLine, ...]:
    """What was said after `cursor`; without one, the last lines of this boot.

    Nothing where no journal is.  Raises CommandFailed.
    """
    if shutil.which("journalctl") is None:
        return ()
    begin = f"--after-cursor={cursor}" if cursor else "--boot"
    done = await run(journal_argv(begin), timeout_s=READ_S)
    return tuple(parse_journal(done.out))


async def journals_of_boots(root: Path, most_lines: int) -> AsyncIterator[tuple[JournalLine, ...]]:
    """The last lines of each boot that wrote below a name of its own, the newest boot first.

    Raises CommandFailed.
    """
    if shutil.which("journalctl") is None:
        return
    for folder in await asyncio.to_thread(_newest_first, root):
        argv = journal_argv(f"--directory={folder}", most_lines)
        yield tuple(parse_journal((await run(argv, timeout_s=READ_S)).out))


def _newest_first(root: Path) -> list[Path]:
    folders = (one for one in root.iterdir() if one.is_dir()) if root.is_dir() else ()
    return sorted(folders, key=lambda one: one.stat().st_mtime, reverse=True)


def journal_argv(begin: str, most_lines: int = MOST_LINES) -> tuple[str, ...]:
    """All of each field: without that, one of more than 4096 bytes is told as null."""
    told = ("journalctl", "--quiet", "--no-pager", "--all", "--output=json")
    return (*told, f"--output-fields={FIELDS}", f"--lines={most_lines}", begin)


def parse_journal(told: str) -> Iterator[JournalLine]:
    """As `journalctl --output=json` prints them."""
    for text in told.splitlines():
        try:
            line: object = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict):
            yield _line(cast("dict[str, Any]", line))  # keys are text


def _line(fields: dict[str, Any]) -> JournalLine:
    kernel = fields.get("_TRANSPORT") == "kernel"
    priority, at = str(fields.get("PRIORITY", "")), str(fields.get("__REALTIME_TIMESTAMP", ""))
    return JournalLine(
        kernel,
        int(priority) if priority in set("01234567") else INFO,
        "kernel" if kernel else str(fields.get("SYSLOG_IDENTIFIER", "") or "syslog")[:64],
        _message(fields.get("MESSAGE"))[:LONGEST_LINE],
        str(fields.get("_BOOT_ID", "")),
        int(at) if at.isdecimal() else 0,
        str(fields.get("__CURSOR", "")),
        str(fields.get("_SYSTEMD_UNIT", "")).startswith(OWN_UNIT),
    )


def _message(value: object) -> str:
    """What is no text comes as a list of its bytes."""
    if isinstance(value, list):
        numbers = [n for n in cast("list[object]", value) if isinstance(n, int) and 0 <= n < 256]
        return bytes(numbers).decode(errors="replace")
    return str(value) if value is not None else ""
