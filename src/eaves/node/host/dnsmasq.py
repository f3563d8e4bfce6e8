"""One dnsmasq in one folder: started detached, found again, reloaded, stopped.

The folder holds what is needed to adopt it after a restart of the node: configuration, process
identity and the index of the interface that it is bound to.
"""

import asyncio
import json
import pwd
import signal
from dataclasses import dataclass
from pathlib import Path

from eaves.errors import Rejected, Transient
from eaves.node.host.files import atomic_write, read_or_none
from eaves.node.host.process import (
    ProcessId,
    alive,
    identify,
    reap,
    run,
    send_signal,
    spawn_detached,
    wait_gone,
)
from eaves.node.host.workloads import kill_all_with

START_S = 10.0
STOP_S = 5.0
HANDED_OVER_S = 5.0  # until the dnsmasq of another bridge has let go of an address
AGAIN_S = 0.1
TAKEN = "Address already in use"


class DnsmasqFailed(Transient):
    def __init__(self, bridge: str, said: str) -> None:
        super().__init__(f"dnsmasq for {bridge} did not start: {said or 'no output'}")


class DnsmasqRefuses(Rejected):
    def __init__(self, bridge: str, said: str) -> None:
        super().__init__(
            f"dnsmasq for {bridge} refuses its new configuration: {said or 'no output'}; one that"
            " runs already goes on with what it was told before; correct the network instance"
        )


@dataclass(frozen=True, slots=True)
class Running:
    process: ProcessId
    ifindex: int
    conf: str


def hindering(folder: Path) -> Path | None:
    """The outermost folder that keeps other users from `folder`; None when none does."""
    for path in (*reversed(folder.parents), folder):
        if not path.stat().st_mode & 0o001:
            return path
    return None


def user_for(folder: Path) -> str:
    """An unprivileged user if it can reach the folder (it re-reads host files), else root."""
    if hindering(folder) is None:
        for name in ("dnsmasq", "nobody"):
            try:
                return pwd.getpwnam(name).pw_name
            except KeyError:
                continue
    return "root"


def running(folder: Path) -> Running | None:
    """The dnsmasq that was started for this folder, if it still lives."""
    raw, conf = read_or_none(folder / "process.json"), read_or_none(folder / "dnsmasq.conf")
    if raw is None or conf is None:
        return None
    try:
        saved = json.loads(raw)
        process = ProcessId(saved["pid"], saved["start_ticks"])
        ifindex = int(saved["ifindex"])
    except (ValueError, KeyError, TypeError):
        return None
    return Running(process, ifindex, conf.decode()) if alive(process) else None


def _prepare(folder: Path, conf: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pid").unlink(missing_ok=True)
    (folder / "output").write_bytes(b"")
    atomic_write(folder / "dnsmasq.conf", conf.encode(), mode=0o644)


async def _check(folder: Path, bridge: str, conf: str) -> None:
    candidate = folder / "candidate.conf"
    atomic_write(candidate, conf.encode(), mode=0o644)
    done = await run(["dnsmasq", "--test", f"--conf-file={candidate}"], check=False)
    candidate.unlink(missing_ok=True)
    if done.code:
        raise DnsmasqRefuses(bridge, (done.err or done.out).strip()[-400:])


async def start(folder: Path, bridge: str, ifindex: int, conf: str, unit: str) -> None:
    """Stop the one before, write the configuration, start, wait until it answers for the port.

    Where two bridges swap addresses, each waits a moment for the other to let go of its own.
    Raises DnsmasqRefuses, with the one before still running, for what dnsmasq cannot read.
    """
    await _check(folder, bridge, conf)
    await stop(folder)
    process = await _started_once_free(folder, bridge, conf, unit)
    saved = {"pid": process.pid, "start_ticks": process.start_ticks, "ifindex": ifindex}
    atomic_write(folder / "process.json", json.dumps(saved).encode())


async def _started_once_free(folder: Path, bridge: str, conf: str, unit: str) -> ProcessId:
    clock = asyncio.get_running_loop().time
    patience = clock() + HANDED_OVER_S
    while True:
        _prepare(folder, conf)
        try:
            return await _started(folder, bridge, unit)
        except DnsmasqFailed as error:
            if TAKEN not in str(error) or clock() > patience:
                raise
            await asyncio.sleep(AGAIN_S)


async def _started(folder: Path, bridge: str, unit: str) -> ProcessId:
    pid_file, output = folder / "pid", folder / "output"
    argv = ["dnsmasq", "--keep-in-foreground", _conf_argument(folder)]
    pid = await spawn_detached(argv, unit=unit, output=output)
    process = identify(pid)
    deadline = asyncio.get_running_loop().time() + START_S
    while process is not None and alive(process) and not read_or_none(pid_file):
        if asyncio.get_running_loop().time() > deadline:
            send_signal(process, signal.SIGKILL)
            await wait_gone(process, STOP_S)
            raise DnsmasqFailed(bridge, f"not ready after {START_S:g} s")
        await asyncio.sleep(0.02)
    if process is None or not alive(process):
        reap(pid)
        raise DnsmasqFailed(bridge, output.read_text(errors="replace").strip()[-400:])
    return process


def reload(folder: Path) -> None:
    """Forget cached answers and read the host files again."""
    found = running(folder)
    if found is not None:
        send_signal(found.process, signal.SIGHUP)


def _conf_argument(folder: Path) -> str:
    return f"--conf-file={folder / 'dnsmasq.conf'}"


async def stop(folder: Path) -> None:
    """Also one that nobody wrote down: who started it was cut off while it came up."""
    found = running(folder)
    if found is not None:
        send_signal(found.process, signal.SIGTERM)
        await wait_gone(found.process, STOP_S)
    await kill_all_with(_conf_argument(folder), STOP_S)
    (folder / "process.json").unlink(missing_ok=True)
