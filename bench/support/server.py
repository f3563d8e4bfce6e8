"""`eaves controller` pinned to one core, and what it costs: time, memory, synced writes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SERVER_CORE: Final = 0
GENERATOR_CORE: Final = 1
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_START_S: Final = 60.0
_STOP_S: Final = 30.0
_SYNCS: Final = ("fsync", "fdatasync", "sync_file_range", "msync")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_of(pids: Iterable[int]) -> float:
    """Seconds of processor time of these processes, with all threads and ended children."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue  # it has ended: its time counts as that of a child of its parent
        ticks += sum(int(fields[i]) for i in range(11, 15))  # utime stime cutime cstime
    return ticks / _TICKS


def core_ticks(core: int) -> tuple[int, int]:
    """(busy, all) clock ticks of one core since the machine started."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *rest = line.split()
        if name == f"cpu{core}":
            ticks = [int(n) for n in rest[:8]]
            return sum(ticks) - ticks[3] - ticks[4], sum(ticks)  # without idle and iowait
    raise SystemExit(f"there is no core {core}; a row needs one for the server, one for the load")


@contextmanager
def on_core(core: int = GENERATOR_CORE) -> Generator[None]:
    """This thread, and what it starts, runs there: the server has its own core alone."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


class Busy:
    """How busy the core of the generator is from now on, other programs there included."""

    def __init__(self) -> None:
        self._begun = core_ticks(GENERATOR_CORE)

    def share(self) -> float:
        busy, ticks = core_ticks(GENERATOR_CORE)
        return (busy - self._begun[0]) / max(ticks - self._begun[1], 1)


@dataclass
class Server:
    """A controller in a process of its own; `also` are other processes that count as server."""

    state_dir: Path
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    core: int = SERVER_CORE
    also: list[int] = field(default_factory=list)  # process ids, e.g. of a database

    def __post_init__(self) -> None:
        self.device_port, self.rest_port = free_port(), free_port()
        self._process: subprocess.Popen[str] | None = None

    @property
    def log(self) -> Path:
        return self.state_dir.parent / f"{self.state_dir.name}.log"

    @property
    def root_certificate(self) -> Path:
        return self.state_dir / "root-certificate.pem"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"the controller of {self.state_dir} is not started")
        return self._process.pid

    def start(self) -> None:
        """Start, and wait for the line that says it is ready."""
        # it ends with the row, also with one that is killed: the next one wants its core alone
        command = ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(self.core)]
        command += [sys.executable, "-m", "eaves", "controller"]
        command += ["--state-dir", str(self.state_dir)]
        command += ["--device-listen", f"127.0.0.1:{self.device_port}"]
        command += ["--rest-listen", f"127.0.0.1:{self.rest_port}"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *self.options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        assert self._process.stdout is not None
        end = time.monotonic() + _START_S
        while time.monotonic() < end:
            line = self._process.stdout.readline()
            if "ready" in line:
                return
            if not line:
                break
        raise SystemExit(f"the controller did not start; see {self.log}:\n{self.log.read_text()}")

    def stop(self) -> int:
        """SIGTERM; tells the exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            status = process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        assert process.stdout is not None
        process.stdout.close()
        return status

    def cpu_s(self) -> float:
        """Processor seconds of all processes of the server so far."""
        return cpu_of((self.pid, *self.also))

    def rss_mb(self, which: str = "VmRSS") -> float:
        """Memory of the controller; `VmHWM` is the most that it ever had."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{which}:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"/proc/{self.pid}/status has no {which}")


@contextmanager
def running(server: Server) -> Generator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def counting_syncs(pids: Iterable[int]) -> Generator[dict[str, int]]:
    """Count the calls that make writes durable, of these processes, by the kernel's tracepoints.

    The dictionary is filled at the exit.  Counting costs next to nothing, so it is done while
    a row is measured.  Needs `perf` and root.
    """
    counts: dict[str, int] = {}
    events = ",".join(f"syscalls:sys_enter_{name}" for name in _SYNCS)
    command = ["perf", "stat", "-x,", "-e", events, "-p", ",".join(map(str, pids))]
    perf = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        yield counts
    finally:
        perf.send_signal(signal.SIGINT)
        _, told = perf.communicate(timeout=_STOP_S)
    for line in told.splitlines():
        number, _, name, *_ = [*line.split(","), "", ""]
        if name.startswith("syscalls:"):
            if not number.isdecimal():
                raise SystemExit(f"perf did not count {name}: {line}")
            counts[name.rpartition("sys_enter_")[2]] = int(number)
    if not counts:
        raise SystemExit(f"perf counted no system calls: {told.strip()}")
