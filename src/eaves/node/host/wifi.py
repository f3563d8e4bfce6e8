"""One wpa_supplicant for one interface: started, found again, stopped."""

import json
import shutil
import signal
from pathlib import Path

from eaves.errors import Rejected
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


class NoSupplicant(Rejected):
    def __init__(self) -> None:
        super().__init__("Wi-Fi needs wpa_supplicant; install the Debian package wpasupplicant")


async def ensure(folder: Path, ifname: str, text: str, unit: str) -> None:
    """Running with this configuration; `text` holds secrets and is readable by root only."""
    if shutil.which("wpa_supplicant") is None:
        raise NoSupplicant
    conf = folder / "wpa_supplicant.conf"
    if read_or_none(conf) == text.encode() and _running(folder) is not None:
        return
    await stop(folder)
    atomic_write(conf, text.encode(), 0o600)
    argv = ["wpa_supplicant", "-i", ifname, "-c", str(conf), "-D", "nl80211,wext"]
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
