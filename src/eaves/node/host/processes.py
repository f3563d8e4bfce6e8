"""The processes of this machine, read from /proc below a root directory; nothing is changed."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

KERNEL_THREAD = 0x00200000  # PF_KTHREAD in the flags of /proc/PID/stat


@dataclass(frozen=True, slots=True)
class Process:
    """Its name is that of its program, without arguments: those may hold secrets."""

    pid: int
    name: str
    user: bool  # no thread of the kernel
    threads: int
    descriptors: int  # open files; 0 where they may not be counted
    user_s: float
    system_s: float
    started_s: float  # after the start of the machine
    virtual_bytes: int
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class Processes:
    root: Path = field(default=Path("/"))

    def seen(self) -> tuple[Process, ...]:
        """All but those that end while they are looked at."""
        return tuple(self._seen())

    def _seen(self) -> Iterator[Process]:
        for folder in (self.root / "proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                stat = (folder / "stat").read_text(errors="replace")
            except OSError:
                continue
            found = parse_process(stat, os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE"))
            if found is not None:
                yield Process(
                    found.pid,
                    found.name,
                    found.user,
                    found.threads,
                    _count(folder / "fd"),
                    found.user_s,
                    found.system_s,
                    found.started_s,
                    found.virtual_bytes,
                    found.resident_bytes,
                )


def parse_process(stat: str, ticks: int, page: int) -> Process | None:
    """From the one line of /proc/PID/stat; None for what is no such line."""
    head, _, tail = stat.rpartition(")")
    pid, _, name = head.partition("(")
    fields = tail.split()
    if not pid.strip().isdigit() or len(fields) < 22:
        return None
    try:
        flags, user, system = int(fields[6]), int(fields[11]), int(fields[12])
        threads, started = int(fields[17]), int(fields[19])
        virtual, resident = int(fields[20]), int(fields[21])
    except ValueError:
        return None
    return Process(
        int(pid),
        name,
        not flags & KERNEL_THREAD,
        threads,
        0,
        user / ticks,
        system / ticks,
        started / ticks,
        virtual,
        resident * page,
    )


def _count(folder: Path) -> int:
    try:
        return sum(1 for _ in folder.iterdir())
    except OSError:
        return 0
