"""Starting programs: the only place of the node that does.

Two ways.  `run` waits for a short command.  `spawn_detached` starts a workload that must outlive
the node process: a transient systemd scope where systemd runs, else a session of its own.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from eaves.errors import Rejected, Transient
from eaves.node.host.files import read_or_none

log = structlog.get_logger(__name__)

APP_OOM_SCORE = 100
"""Of what an app runs, far above the node's -900: memory that runs out ends one of those first.
Keepers of apps have the node's, so that they can tell of it; conmon gives itself its own.
"""
OURS_ALONE = frozenset({"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"})


def handed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what systemd gave to this process alone.

    A runtime of containers that finds NOTIFY_SOCKET waits until its container says to systemd that
    it is ready, which no app does.
    """
    return {name: value for name, value in environment.items() if name not in OURS_ALONE}


@dataclass(frozen=True, slots=True)
class Completed:
    argv: tuple[str, ...]
    code: int
    out: str
    err: str


class CommandFailed(Transient):
    def __init__(self, done: Completed) -> None:
        said = (done.err or done.out).strip().splitlines()
        tail = " / ".join(said[-3:])[:600] or "no output"
        super().__init__(f"`{' '.join(done.argv)[:300]}` exited {done.code}: {tail}")
        self.done = done


class CommandMissing(Rejected):
    def __init__(self, program: str) -> None:
        super().__init__(f"program {program} is not installed; install its Debian package")
        self.program = program


async def run(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout_s: float = 30.0,
    check: bool = True,
    cwd: Path | None = None,
) -> Completed:
    """Run to its end with a deadline; raises CommandFailed on a code other than 0 if `check`.

    No argument may be a secret: everybody on the machine can read them, and they are logged.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=cwd,
            env=handed_on(os.environ),
        )
    except FileNotFoundError as error:
        raise CommandMissing(argv[0]) from error
    try:
        async with asyncio.timeout(timeout_s):
            out, err = await process.communicate(stdin)
    except TimeoutError:
        done = Completed(tuple(argv), -1, "", f"no end after {timeout_s:g} s")
        raise CommandFailed(done) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    done = Completed(
        tuple(argv),
        process.returncode or 0,
        out.decode(errors="replace"),
        err.decode(errors="replace"),
    )
    log.debug("command", argv=" ".join(done.argv), code=done.code)
    if check and done.code:
        raise CommandFailed(done)
    return done


def systemd_runs() -> bool:
    return Path("/run/systemd/system").is_dir() and shutil.which("systemd-run") is not None


async def spawn_detached(
    argv: Sequence[str],
    *,
    unit: str,
    output: Path,
    env: Mapping[str, str] | None = None,
    folder: Path = Path("/"),
) -> int:
    """Start a program that lives on when the node dies; returns its pid.

    `unit` names the systemd scope; none: the service of the node spares what it started (as that
    of the image, by KillMode=process).  `output` receives what it prints (appended); `folder`
    becomes its working directory.
    """
    full = ["env", f"--chdir={folder}", *argv]
    if unit and systemd_runs():
        full = ["systemd-run", "--scope", "--quiet", "--collect", f"--unit={unit}", "--", *full]
    program = shutil.which(full[0])
    if program is None or shutil.which(argv[0]) is None:
        raise CommandMissing(argv[0])
    return await asyncio.to_thread(
        _spawn, program, full, output, {**handed_on(os.environ), **(env or {})}
    )


def _spawn(program: str, argv: list[str], output: Path, env: dict[str, str]) -> int:
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        program,
        argv,
        env,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(output), append, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A pid that cannot be mistaken for a later process of the same number."""

    pid: int
    start_ticks: int  # field 22 of /proc/PID/stat


def identify(pid: int) -> ProcessId | None:
    """None when no such process lives; a dead child of ours is collected on the way."""
    try:
        stat = read_or_none(f"/proc/{pid}/stat")
    except ProcessLookupError:
        return None
    if stat is None:
        return None
    fields = stat.rpartition(b")")[2].split(None, 20)
    if fields[0] in {b"Z", b"X"}:
        reap(pid)
        return None
    return ProcessId(pid, int(fields[19]))


def reap(pid: int) -> None:
    """Collect a dead detached child; one that another process started is not ours to collect."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def alive(process: ProcessId) -> bool:
    return identify(process.pid) == process


def send_signal(process: ProcessId, number: signal.Signals) -> bool:
    """Signal it if it is still the same process; False when it is gone."""
    if not alive(process):
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


async def wait_gone(process: ProcessId, timeout_s: float, poll_s: float = 0.05) -> bool:
    """True when the process ended within `timeout_s`."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while alive(process):
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(poll_s)
    return True
