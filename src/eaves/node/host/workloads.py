"""What is remembered of a started workload, in run state that does not outlive a boot.

One folder for each: `item.json` before anything is made, `run.json` once its process is known.
A process that was started but not recorded is found again by its argument list.
"""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from eaves.node.host.files import atomic_write, read_or_none
from eaves.node.host.kept import KEPT
from eaves.node.host.process import ProcessId, alive, identify, reap, send_signal, wait_gone


@dataclass(frozen=True, slots=True)
class Run:
    """A started workload: `pid` is the emulator, or the container's first process."""

    pid: int
    start_ticks: int
    started_at: datetime
    note: str = ""  # how it runs: the accelerator, the runtime

    @property
    def process(self) -> ProcessId:
        return ProcessId(self.pid, self.start_ticks)

    @property
    def alive(self) -> bool:
        return alive(self.process)


@dataclass(frozen=True, slots=True)
class Ended:
    code: int  # 128 + signal when killed by one
    at: datetime


def write_run(folder: Path, run: Run) -> None:
    atomic_write(folder / "run.json", msgspec.json.encode(run))


def read_run(folder: Path) -> Run | None:
    try:
        return KEPT.read(folder / "run.json", Run)
    except msgspec.MsgspecError:
        return None


def read_exit(path: Path) -> Ended | None:
    """The exit file that the workload's keeper leaves: a decimal code, its age is the time."""
    data = read_or_none(path)
    if data is None or not data.strip().lstrip(b"-").isdigit():
        return None
    return Ended(int(data), datetime.fromtimestamp(path.stat().st_mtime, UTC))


def await_exit(path: Path, keeper_pid: Path, timeout_s: float = 2.0) -> Ended | None:
    """`read_exit`, once the keeper, which outlives its workload by a moment, has written it.

    Blocks for that moment: to be called from a thread, for a workload that is gone.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        text = read_or_none(keeper_pid) or b""
        # Asked before the file is read: a keeper that is gone by then has written all it will.
        lives = text.strip().isdigit() and identify(int(text)) is not None
        ended = read_exit(path)
        if ended is not None or not lives or time.monotonic() >= deadline:
            return ended
        time.sleep(0.02)


def describe_code(code: int) -> str:
    """`exit code 3`, or the signal's name."""
    if code > 128:
        try:
            return f"exit code {code} ({signal.Signals(code - 128).name})"
        except ValueError:
            return f"exit code {code}"
    return f"exit code {code}"


def with_argument(text: str) -> Iterator[ProcessId]:
    """Living processes that have `text` within one of their arguments."""
    wanted = os.fsencode(text)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(wanted in argument for argument in arguments):
            found = identify(int(entry.name))
            if found is not None:
                yield found


async def kill_all_with(text: str, timeout_s: float = 10.0) -> None:
    """SIGKILL every process with `text` in an argument, and wait for the end of each."""
    for process in list(with_argument(text)):
        send_signal(process, signal.SIGKILL)
        await wait_gone(process, timeout_s)
        reap(process.pid)
