"""Which processes of this host are the demonstration's, beyond doubt.

A process is ours when it was recorded at its start and still has the same start time, carries the
run's token in its environment, lives in one of the demonstration's network namespaces or control
groups, or descends from such a process.  A name or a path on a command line proves nothing.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
RUN_VARIABLE: Final = "EAVES_DEMO_RUN"


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    parent: int
    start: int  # clock ticks since boot: with the pid it names one process for ever
    name: str
    token: str = ""
    netns: int = 0  # inode
    cgroups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claims:
    """What proves that a process belongs to one run of the demonstration."""

    token: str
    recorded: frozenset[tuple[int, int]] = frozenset()  # (pid, start)
    namespaces: frozenset[int] = frozenset()  # inodes of network namespaces, never the host's
    cgroups: tuple[str, ...] = ()  # path prefixes
    spare: frozenset[int] = field(default=frozenset())  # pids that are to live: the caller's


def ours(running: Iterable[Process], claims: Claims) -> frozenset[Process]:
    everything = tuple(running)
    found = {p for p in everything if _proven(p, claims)}
    while True:
        parents = {p.pid for p in found}
        more = {p for p in everything if p not in found and p.parent in parents}
        more = {p for p in more if p.pid not in claims.spare}
        if not more:
            return frozenset(found)
        found |= more


def _proven(process: Process, claims: Claims) -> bool:
    if process.pid in claims.spare:
        return False
    return (
        (process.pid, process.start) in claims.recorded
        or (bool(claims.token) and process.token == claims.token)
        or process.netns in claims.namespaces
        or any(
            path == prefix or path.startswith(f"{prefix}/")
            for path in process.cgroups
            for prefix in claims.cgroups
        )
    )


def running(root: Path = PROC) -> list[Process]:
    """Every process there is now; what ends while we look is left out."""
    found = (read_process(int(p.name), root) for p in root.iterdir() if p.name.isdigit())
    return [p for p in found if p is not None]


def read_process(pid: int, root: Path = PROC) -> Process | None:
    folder = root / str(pid)
    try:
        head, _, rest = (folder / "stat").read_text(errors="replace").rpartition(")")
        fields = rest.split()
        if fields[0] in {"Z", "X"}:  # ended; its parent has not asked yet
            return None
        return Process(
            pid,
            int(fields[1]),
            int(fields[19]),
            head.partition("(")[2],
            _environment(folder).get(RUN_VARIABLE, ""),
            netns_of(folder / "ns" / "net"),
            _cgroups(folder),
        )
    except (OSError, ValueError, IndexError):
        return None


def _environment(folder: Path) -> Mapping[str, str]:
    try:
        raw = (folder / "environ").read_bytes().decode(errors="replace")
    except OSError:
        return {}
    pairs = (entry.partition("=") for entry in raw.split("\0"))
    return {name: value for name, _, value in pairs}


def _cgroups(folder: Path) -> tuple[str, ...]:
    try:
        lines = (folder / "cgroup").read_text().splitlines()
    except OSError:
        return ()
    return tuple(sorted({line.split(":", 2)[2] for line in lines if line.count(":") >= 2}))


def netns_of(path: Path) -> int:
    """Inode of a network namespace by a path to it; 0 where there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def start_of(pid: int) -> int:
    process = read_process(pid)
    return process.start if process is not None else 0


def ask_to_end(recorded: Iterable[tuple[int, int]], grace_s: float) -> None:
    """Those who know how to stop: they get the time for it."""
    deadline = time.monotonic() + grace_s
    waiting = {(pid, began) for pid, began in recorded if start_of(pid) == began}
    for pid, began in waiting:
        _signal(pid, began, signal.SIGTERM)
    while any(start_of(pid) == began for pid, began in waiting) and time.monotonic() < deadline:
        time.sleep(0.05)


def kill(claims: Claims, timeout_s: float = 15.0) -> list[Process]:
    """Kill everything that is ours.  Returns what is still there after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while (left := ours(running(), claims)) and time.monotonic() < deadline:
        for process in left:
            _signal(process.pid, process.start, signal.SIGKILL)
        time.sleep(0.05)
    return sorted(left, key=lambda p: p.pid)


def _signal(pid: int, began: int, number: signal.Signals) -> None:
    """By a descriptor, so that a pid which somebody else got meanwhile is never hit."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if start_of(pid) == began:
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def start(
    argv: Sequence[str], log: Path, token: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A child in a session of its own, so that Ctrl-C of the terminal reaches only the demo."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - argv is ours
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {}), RUN_VARIABLE: token},
            start_new_session=True,
        )
