"""Who manages an interface of this host, and the process that gives it back when we fail."""

import json
import os
import re
import shutil
from pathlib import Path

from eaves.errors import Rejected
from eaves.node.host.files import atomic_write, read_or_none
from eaves.node.host.process import identify, run, spawn_detached, wait_gone

GUARDIAN_ENDS_S = 30.0
INTERFACES = Path("/etc/network/interfaces")
_IFACE = re.compile(r"^\s*(?:auto|allow-\w+|iface)\s+(.+)$", re.MULTILINE)


class HandOverFailed(Rejected):
    def __init__(self, ifname: str, why: str) -> None:
        super().__init__(
            f"{ifname} is not taken over from this machine: {why}; it goes on as before"
        )


async def manager_of(ifname: str) -> str:
    """NetworkManager, systemd-networkd, ifupdown or nobody."""
    if shutil.which("nmcli") is not None:
        done = await run(["nmcli", "-t", "-f", "DEVICE,STATE", "device"], check=False)
        states = dict(line.split(":", 1) for line in done.out.splitlines() if ":" in line)
        if done.code == 0 and states.get(ifname, "unmanaged") not in {"unmanaged", "unavailable"}:
            return "NetworkManager"
    if shutil.which("networkctl") is not None:
        done = await run(["networkctl", "list", "--json=short"], check=False)
        if done.code == 0 and ifname in networkd_names(done.out):
            return "systemd-networkd"
    return "ifupdown" if ifname in ifupdown_names(INTERFACES) else "nobody"


def networkd_names(told: str) -> frozenset[str]:
    """Interfaces that networkd sets up; empty for what it did not write."""
    try:
        interfaces = json.loads(told)["Interfaces"]
        return frozenset(
            str(one["Name"])
            for one in interfaces
            if one.get("AdministrativeState") not in {"unmanaged", "pending", None}
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return frozenset()


def ifupdown_names(path: Path) -> frozenset[str]:
    folder = path.with_name("interfaces.d")
    files = [path, *(sorted(folder.iterdir()) if folder.is_dir() else [])]
    found: set[str] = set()
    for file in files:
        try:
            text = file.read_text(errors="replace")
        except OSError:
            continue
        for words in _IFACE.findall(text):
            found.update(words.split())
    return frozenset(found)


def host_clients(ifname: str) -> list[int]:
    """Processes of dhclient, dhcpcd or udhcpc that serve the interface, not started by us."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            same = (folder / "ns/net").readlink() == Path("/proc/self/ns/net").readlink()
        except OSError:
            continue
        program = words[0].rpartition(b"/")[2]
        known = program in {b"dhclient", b"dhcpcd", b"udhcpc"}
        if same and known and ifname.encode() in words and b"/tell" not in b" ".join(words):
            found.append(int(folder.name))
    return found


async def routes_of(ifname: str) -> tuple[str, ...]:
    """Of the main table, as text that `ip route add` takes; the kernel's own are left out."""
    done = await run(["ip", "-4", "route", "show", "table", "main", "dev", ifname])
    lines = [line.strip() for line in done.out.splitlines() if "proto kernel" not in line]
    return tuple(f"{line.replace(' linkdown', '')} dev {ifname}" for line in lines if line)


async def begin(folder: Path, script: str, unit: str, ifnames: tuple[str, ...]) -> int:
    """The guardian runs before anything is taken; its pid."""
    _prepare(folder, script, ifnames)
    argv = ["/bin/sh", str(folder / "guardian")]
    return await spawn_detached(argv, unit=unit, output=folder / "log")


async def ended(pid: int) -> None:
    """It ends soon after its word was taken, or after it has given all back."""
    process = identify(pid)
    if process is not None:
        await wait_gone(process, GUARDIAN_ENDS_S)


def _prepare(folder: Path, script: str, ifnames: tuple[str, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("confirmed", "reverted"):
        (folder / name).unlink(missing_ok=True)
    atomic_write(folder / "guardian", script.encode(), 0o700)
    atomic_write(folder / "trial", "\n".join(ifnames).encode())


def confirm(folder: Path) -> bool:
    """Take the trial's word back; False: the guardian was first, and has given all back."""
    try:
        os.rename(folder / "trial", folder / "confirmed")  # noqa: PTH104 - the same word, moved once
    except FileNotFoundError:
        return (folder / "confirmed").exists()
    return True


def on_trial(folder: Path) -> bool:
    return (folder / "trial").exists()


def confirmed(folder: Path, ifnames: tuple[str, ...]) -> bool:
    """Were just these interfaces taken over, since this machine was started?"""
    told = read_or_none(folder / "confirmed")
    return told is not None and told.decode(errors="replace").split("\n") == list(ifnames)
