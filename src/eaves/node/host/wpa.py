"""One wpa_supplicant for one interface: started, asked, found again, stopped."""

import asyncio
import json
import shutil
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from eaves.errors import Rejected, Transient
from eaves.node.host.files import atomic_write, read_or_none
from eaves.node.host.process import (
    ProcessId,
    alive,
    identify,
    send_signal,
    spawn_detached,
    wait_gone,
)

STOP_S = 3.0
ANSWER_S = 2.0
LONGEST_ANSWER = 4096
LONGEST_TAIL = 4096
LONGEST_OUTPUT = 1 << 20

WIRELESS, WIRED = "nl80211,wext", "wired"


class NoSupplicant(Rejected):
    def __init__(self) -> None:
        super().__init__(
            "Wi-Fi and 802.1X need wpa_supplicant; install the Debian package wpasupplicant"
        )


class NoAnswer(Transient):
    def __init__(self, ifname: str, why: object) -> None:
        super().__init__(f"wpa_supplicant on {ifname} does not answer: {why}; it is asked again")


async def ensure(
    folder: Path,
    ifname: str,
    text: str,
    unit: str,
    driver: str = WIRELESS,
    files: Mapping[str, bytes] | None = None,
) -> None:
    """Running with this configuration; `text` holds secrets and is readable by root only.

    `files`: what it names beside it, by name; another content of them needs another text.
    """
    if shutil.which("wpa_supplicant") is None:
        raise NoSupplicant
    conf = folder / "wpa_supplicant.conf"
    if read_or_none(conf) == text.encode() and _running(folder) is not None:
        return
    await stop(folder)
    for name, content in (files or {}).items():
        atomic_write(folder / name, content, 0o600)
    atomic_write(conf, text.encode(), 0o600)
    argv = ["wpa_supplicant", "-i", ifname, "-c", str(conf), "-D", driver]
    process = identify(await spawn_detached(argv, unit=unit, output=folder / "output"))
    if process is not None:
        state = {"pid": process.pid, "start_ticks": process.start_ticks}
        atomic_write(folder / "process.json", json.dumps(state).encode())


def _running(folder: Path) -> ProcessId | None:
    raw = read_or_none(folder / "process.json")
    if raw is None:
        return None
    try:
        saved = json.loads(raw)
        process = ProcessId(int(saved["pid"]), int(saved["start_ticks"]))
    except (ValueError, KeyError, TypeError):
        return None
    return process if alive(process) else None


def controls(folder: Path) -> Path:
    """Where one that may be asked listens."""
    return folder / "ctl"


async def status(folder: Path, ifname: str) -> str:
    """Lines of `key=value`.  Raises NoAnswer."""
    return await asyncio.to_thread(_ask, folder, ifname)


def _ask(folder: Path, ifname: str) -> str:
    own = folder / "answers"  # so that it can answer
    own.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
        asking.settimeout(ANSWER_S)
        try:
            asking.bind(str(own))
            asking.connect(str(controls(folder) / ifname))
            asking.send(b"STATUS")
            return asking.recv(LONGEST_ANSWER).decode(errors="replace")
        except OSError as error:
            raise NoAnswer(ifname, error.strerror or error) from error


def last_output(folder: Path) -> str:
    """What it printed last; what is too much is emptied."""
    try:
        with (folder / "output").open("r+b") as output:
            size = output.seek(0, 2)
            output.seek(max(0, size - LONGEST_TAIL))
            tail = output.read()
            if size > LONGEST_OUTPUT:
                output.truncate(0)
    except FileNotFoundError:
        return ""
    return tail.decode(errors="replace")


async def stop_others(root: Path, wanted: frozenset[str]) -> None:
    """End the supplicants of interfaces that join no network any more."""
    for folder in _folders(root):
        if folder.name not in wanted:
            await stop(folder)


def _folders(root: Path) -> list[Path]:
    return [p for p in root.iterdir() if p.is_dir()] if root.is_dir() else []


async def stop(folder: Path) -> None:
    """And forget the configuration, which holds secrets."""
    process = _running(folder)
    if process is not None:
        send_signal(process, signal.SIGTERM)
        if not await wait_gone(process, STOP_S):
            send_signal(process, signal.SIGKILL)
    for name in ("process.json", "wpa_supplicant.conf"):
        (folder / name).unlink(missing_ok=True)
