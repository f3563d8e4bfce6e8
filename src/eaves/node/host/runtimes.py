"""OCI runtimes and conmon: which one works on this machine, and how it is driven.

crun serves pure cgroup2; on cgroup v1 and hybrid layouts crun refuses and runc serves.  conmon
stays with the container: it writes the log and, whatever happens to the node, the exit file.
"""

import asyncio
import json
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from eaves.errors import Rejected, Transient
from eaves.node.host import cgroups
from eaves.node.host.files import read_or_none
from eaves.node.host.process import (
    CommandFailed,
    ProcessId,
    identify,
    run,
    spawn_detached,
    systemd_runs,
)

START_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime program with its own state folder."""

    program: str  # absolute path
    state: Path

    @property
    def name(self) -> str:
        return Path(self.program).name

    @property
    def options(self) -> tuple[str, ...]:
        systemd = ("--systemd-cgroup",) if systemd_runs() else ()
        return (f"--root={self.state}", *systemd)


def choose_runtime(state: Path, layout: cgroups.Layout | None = None) -> Runtime:
    """The installed runtime that fits the control groups of this machine."""
    layout = layout or cgroups.layout()
    wanted = ("crun", "runc") if layout is cgroups.Layout.V2 else ("runc",)
    for name in wanted:
        program = shutil.which(name)
        if program is not None:
            return Runtime(program, state)
    raise Rejected(
        f"no OCI runtime for {layout.value}: install {' or '.join(wanted)} (Debian packages)"
    )


@dataclass(frozen=True, slots=True)
class Bundle:
    """One container: `folder` holds config.json and what conmon writes about it."""

    id: str
    folder: Path
    log: Path  # grows over restarts
    unit: str

    @property
    def exit_file(self) -> Path:
        return self.folder / "exits" / self.id

    @property
    def pid_file(self) -> Path:
        return self.folder / "pid"

    @property
    def keeper_pid_file(self) -> Path:
        return self.folder / "conmon.pid"

    @property
    def oom_file(self) -> Path:
        return self.folder / "oom"


async def create(runtime: Runtime, bundle: Bundle) -> ProcessId:
    """Start conmon, which creates the container; it waits for `start`."""
    conmon = shutil.which("conmon")
    if conmon is None:
        raise Rejected("conmon is not installed; install its Debian package")
    bundle.exit_file.parent.mkdir(parents=True, exist_ok=True)
    runtime_log = bundle.folder / "runtime.log"
    argv = [conmon, "--api-version=1", f"--cid={bundle.id}", f"--cuuid={bundle.id}"]
    argv += [f"--name={bundle.id}", f"--runtime={runtime.program}", f"--bundle={bundle.folder}"]
    argv += [f"--runtime-arg={option}" for option in runtime.options]
    argv += [f"--runtime-arg=--log={runtime_log}", f"--container-pidfile={bundle.pid_file}"]
    argv += [f"--conmon-pidfile={bundle.keeper_pid_file}"]
    argv += [f"--exit-dir={bundle.exit_file.parent}", f"--persist-dir={bundle.folder}"]
    argv += [f"--log-path=k8s-file:{bundle.log}", "--log-level=error", "--full-attach"]
    argv += [f"--socket-dir-path={bundle.folder}", *(["--systemd-cgroup"] * systemd_runs())]
    output = bundle.folder / "conmon.out"
    # Told of an out-of-memory kill, conmon also leaves a file in its working directory.
    keeper = await spawn_detached(argv, unit=bundle.unit, output=output, folder=bundle.folder)
    return await _created(bundle, keeper, (runtime_log, output))


async def _created(bundle: Bundle, keeper: int, said: tuple[Path, ...]) -> ProcessId:
    """Conmon forks away at once; the pid file, or an exit file without one, is its answer."""
    deadline = asyncio.get_running_loop().time() + START_TIMEOUT_S
    while True:
        identify(keeper)  # collects the first process, which ends as soon as it forked
        text = read_or_none(bundle.pid_file)
        if text and text.strip().isdigit():
            process = identify(int(text))
            if process is not None:
                return process
        failed = bundle.exit_file.exists() or _refused(said)
        if failed or asyncio.get_running_loop().time() >= deadline:
            raise Transient(f"container {bundle.id} was not created: {_last_words(said)}")
        await asyncio.sleep(0.02)


def _refused(said: tuple[Path, ...]) -> bool:
    return any(b"level=error" in (read_or_none(path) or b"") for path in said)


def _last_words(paths: tuple[Path, ...]) -> str:
    for path in paths:
        lines = (read_or_none(path) or b"").decode(errors="replace").strip().splitlines()
        if lines:
            return lines[-1][:600]
    return f"conmon said nothing within {START_TIMEOUT_S:g} s"


async def start(runtime: Runtime, container_id: str) -> None:
    await run([runtime.program, *runtime.options, "start", container_id], timeout_s=START_TIMEOUT_S)


async def kill(runtime: Runtime, container_id: str, number: signal.Signals) -> None:
    """Signal its first process; no such container: nothing to do."""
    argv = [runtime.program, *runtime.options, "kill", container_id, str(int(number))]
    await run(argv, check=False)


async def pause(runtime: Runtime, container_id: str) -> None:
    """Hold all its processes still."""
    await run([runtime.program, *runtime.options, "pause", container_id])


async def resume(runtime: Runtime, container_id: str) -> None:
    """Let them go on, and begin one that was only created; what runs goes on anyway."""
    found = await state(runtime, container_id)
    if found == "paused":
        await run([runtime.program, *runtime.options, "resume", container_id])
    elif found == "created":
        await start(runtime, container_id)


async def delete(runtime: Runtime, container_id: str) -> None:
    """Forget it, killing what lives; not known to the runtime: nothing to do."""
    argv = [runtime.program, *runtime.options, "delete", "--force", container_id]
    done = await run(argv, check=False)
    if done.code and (runtime.state / container_id).exists():
        raise CommandFailed(done)


async def state(runtime: Runtime, container_id: str) -> str:
    """`created`, `running`, `stopped`; blank when the runtime does not know it."""
    argv = [runtime.program, *runtime.options, "state", container_id]
    done = await run(argv, check=False)
    return "" if done.code else str(json.loads(done.out).get("status", ""))
