"""One DHCP client for one interface: busybox's udhcpc, which only tells what a server said.

On an interface of the machine it changes nothing.  A script of ours writes what it is told into a
file, and whoever asked for the lease sets the address.  Nothing else fits a configuration that is
on trial: a client that sets addresses and routes by itself goes on doing so when the trial is over.
In the namespace of an app there are no trials: there the script sets address and routes, also while
the node is away.

The client lives on when the node dies, renews by itself, and is found again by its folder.
"""

import asyncio
import json
import shutil
import signal
from dataclasses import dataclass
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
from eaves.node.host.workloads import kill_all_with

VENDOR_CLASS = "LFEDGE-EVE"
STOP_S = 3.0
OPTIONS = ("routes", "staticroutes", "msstaticroutes", "ntpsrv", "wpad", "mtu", "search")

# What the client tells is in the environment.  Nothing of it is given to a shell as code.
SCRIPT = """#!/bin/sh
# Written by the Eaves node: keeps what the DHCP server said beside this file.
[ "$1" = "" ] && exit 0
umask 077  # what the node was started with is in the environment too
there="${0%/*}"
# It begins with this word, when nothing was told yet.
[ "$1" != deconfig ] || [ -e "$there/told" ] || [ -e "$there/held" ] || exit 0
EAVES_EVENT="$1"; export EAVES_EVENT
cat /proc/self/environ > "$there/told.new" && mv "$there/told.new" "$there/told"
"""
# Classless routes, where a server sends them, stand for the routers (RFC 3442).
SET_SCRIPT = """let_go() {  # of what it had; what else is there is not ours
    [ -r "$there/held" ] || return 0
    ip -4 address delete "$(cat "$there/held")" dev "$interface"
    rm -f "$there/held"
}
case "$1" in
deconfig) let_go ;;
bound|renew)
    address="$ip/${mask:-32}"
    [ "$(cat "$there/held" 2>/dev/null)" = "$address" ] || let_go
    ip -4 address replace "$address" dev "$interface" && echo "$address" > "$there/held"
    routes="$staticroutes"
    for one in $router; do [ -n "$routes" ] || routes="0.0.0.0/0 $one"; done
    set -- $routes
    while [ "$#" -ge 2 ]; do
        [ "$1$DEFAULT_ROUTE" = 0.0.0.0/0no ] ||
            ip -4 route replace "$1" via "$2" dev "$interface"
        shift 2
    done ;;
esac
"""


class NoDhcpClient(Rejected):
    def __init__(self) -> None:
        super().__init__(
            "no DHCP client that leaves addresses alone is installed; install the Debian package"
            " udhcpc (or busybox)"
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What the client said last; `event` is bound, renew, deconfig, leasefail or nak."""

    event: str
    values: dict[str, str]


def client() -> list[str]:
    """How to start one.  Raises NoDhcpClient."""
    if shutil.which("udhcpc"):
        return ["udhcpc"]
    if shutil.which("busybox"):
        return ["busybox", "udhcpc"]
    raise NoDhcpClient


@dataclass(frozen=True, slots=True)
class Inside:
    """The namespace of an app, where the client sets what it is told."""

    netns: str
    default_route: bool

    def script(self) -> str:
        word = "yes" if self.default_route else "no"
        return f"{SCRIPT}DEFAULT_ROUTE={word}\n{SET_SCRIPT}"


def arguments(ifname: str, folder: Path, vendor_class: str) -> list[str]:
    """In the foreground, for ever: one that gives up would need somebody to start it again."""
    asked = [word for option in OPTIONS for word in ("-O", option)]
    named = ["-V", vendor_class] if vendor_class else []
    return [
        *client(),
        "-f",
        "-i",
        ifname,
        "-s",
        str(folder / "tell"),
        "-t",
        "5",
        "-T",
        "2",
        "-A",
        "5",
        *named,
        *asked,
    ]


async def ensure(
    folder: Path,
    ifname: str,
    ifindex: int,
    vendor_class: str,
    unit: str,
    inside: Inside | None = None,
) -> None:
    """One client runs on that interface; one of another time is adopted."""
    wanted = {"ifname": ifname, "ifindex": ifindex, "vendor_class": vendor_class}
    if inside is not None:
        wanted |= {"netns": inside.netns, "default_route": inside.default_route}
    found = _running(folder)
    if found is not None and found[1] == wanted:
        return
    if folder in _folders(folder.parent):
        await stop(folder)
    _prepare(folder, inside.script() if inside else SCRIPT)
    argv = arguments(ifname, folder, vendor_class)
    if inside is not None:
        argv = ["nsenter", f"--net=/run/netns/{inside.netns}", "--", *argv]
    pid = await spawn_detached(argv, unit=unit, output=folder / "output")
    process = identify(pid)
    if process is not None:
        state = {"pid": process.pid, "start_ticks": process.start_ticks, "of": wanted}
        atomic_write(folder / "process.json", json.dumps(state).encode())
        atomic_write(folder / "pid", str(process.pid).encode())  # for a shell


def _prepare(folder: Path, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "told").unlink(missing_ok=True)
    atomic_write(folder / "tell", script.encode(), 0o755)


def serves(folder: Path, ifindex: int) -> bool:
    """Does the client of that folder live, and ask on that interface?

    An interface that was made again has another index.
    """
    found = _running(folder)
    return found is not None and found[1].get("ifindex") == ifindex


def _running(folder: Path) -> tuple[ProcessId, dict[str, object]] | None:
    raw = read_or_none(folder / "process.json")
    if raw is None:
        return None
    try:
        saved = json.loads(raw)
        process = ProcessId(int(saved["pid"]), int(saved["start_ticks"]))
        wanted: dict[str, object] = dict(saved["of"])
    except (ValueError, KeyError, TypeError):
        return None
    return (process, wanted) if alive(process) else None


async def stop(folder: Path) -> None:
    """Without giving the lease back: the same machine asks for the same address again.

    Also one that nobody wrote down: who started it was cut off at that moment.
    """
    found = _running(folder)
    if found is not None:
        send_signal(found[0], signal.SIGTERM)
        await wait_gone(found[0], STOP_S)
    await kill_all_with(str(folder / "tell"), STOP_S)
    for name in ("process.json", "told", "pid"):
        (folder / name).unlink(missing_ok=True)


def renew(folder: Path) -> None:
    """Ask the server anew: the cable was moved, or the port was let into another network."""
    found = _running(folder)
    if found is not None:
        send_signal(found[0], signal.SIGUSR1)


def told(folder: Path) -> Told | None:
    raw = read_or_none(folder / "told")
    if not raw:
        return None
    pairs = (part.decode(errors="replace").partition("=") for part in raw.split(b"\0") if part)
    values = {key: value for key, equals, value in pairs if equals}
    return Told(values.pop("EAVES_EVENT", ""), values)


async def stop_others(root: Path, wanted: frozenset[str]) -> None:
    """End the clients of interfaces that need none any more; each has a folder of its name."""
    async with asyncio.TaskGroup() as tasks:
        for folder in _folders(root):
            if folder.name not in wanted:
                tasks.create_task(stop(folder), name=f"stop DHCP on {folder.name}")


def _folders(root: Path) -> list[Path]:
    return [p for p in root.iterdir() if p.is_dir()] if root.is_dir() else []
