"""Links, addresses, routes and rules as the kernel has them, and a word when any of them changes.

The marks of what is ours are the alias of a link and the protocol number of a route or a rule.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyroute2 import AsyncIPRoute

# groups of rtnetlink: links, IPv4 and IPv6 addresses and routes
_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400


@dataclass(frozen=True, slots=True)
class SeenLink:
    name: str
    index: int
    kind: str
    master: str
    parent: str
    vlan: int
    mtu: int
    up: bool
    carrier: bool
    mac: str
    alias: str
    addresses: tuple[str, ...]  # CIDR texts


@dataclass(frozen=True, slots=True)
class SeenRoute:
    table: int
    destination: str  # CIDR text or "default"
    gateway: str
    ifname: str
    metric: int
    protocol: int


@dataclass(frozen=True, slots=True)
class SeenRule:
    source: str
    table: int
    preference: int
    protocol: int


@dataclass(frozen=True, slots=True)
class Routing:
    """Everything of the network namespace that the caller is in."""

    links: tuple[SeenLink, ...]
    routes: tuple[SeenRoute, ...]
    rules: tuple[SeenRule, ...]


async def routing() -> Routing:
    netlink: Any = AsyncIPRoute()
    async with netlink as route:
        links = [m async for m in await route.get_links()]
        addresses = [m async for m in await route.get_addr()]
        routes = [m async for m in await route.get_routes()]
        rules = [m async for m in await route.get_rules()]
    names: dict[int, str] = {m["index"]: m.get("IFLA_IFNAME") for m in links}
    found: dict[int, list[str]] = {}
    for m in addresses:
        text = f"{m.get('IFA_LOCAL') or m.get('IFA_ADDRESS')}/{m['prefixlen']}"
        found.setdefault(m["index"], []).append(text)
    return Routing(
        tuple(_link(m, names, tuple(found.get(m["index"], ()))) for m in links),
        tuple(_route(m, names) for m in routes if m.get("RTA_OIF")),
        tuple(_rule(m) for m in rules),
    )


def _link(message: Any, names: dict[int, str], addresses: tuple[str, ...]) -> SeenLink:
    info = message.get("IFLA_LINKINFO")
    data = info.get("IFLA_INFO_DATA") if info else None
    kind = (info.get("IFLA_INFO_KIND") if info else None) or ""
    return SeenLink(
        message.get("IFLA_IFNAME"),
        message["index"],
        kind,
        names.get(message.get("IFLA_MASTER") or 0, ""),
        names.get(message.get("IFLA_LINK") or 0, ""),
        int((data.get("IFLA_VLAN_ID") if data is not None and kind == "vlan" else 0) or 0),
        message.get("IFLA_MTU") or 0,
        bool(message["flags"] & 1),
        bool(message.get("IFLA_CARRIER")),
        message.get("IFLA_ADDRESS") or "",
        message.get("IFLA_IFALIAS") or "",
        addresses,
    )


def _route(message: Any, names: dict[int, str]) -> SeenRoute:
    destination = message.get("RTA_DST")
    return SeenRoute(
        message.get("RTA_TABLE") or message["table"],
        f"{destination}/{message['dst_len']}" if destination else "default",
        message.get("RTA_GATEWAY") or "",
        names.get(message.get("RTA_OIF"), ""),
        message.get("RTA_PRIORITY") or 0,
        message["proto"],
    )


def _rule(message: Any) -> SeenRule:
    return SeenRule(
        message.get("FRA_SRC") or "",
        message.get("FRA_TABLE") or message["table"],
        message.get("FRA_PRIORITY") or 0,
        message.get("FRA_PROTOCOL") or 0,
    )


@contextmanager
def _subscribed() -> Generator[socket.socket]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as listener:
        listener.setblocking(False)
        listener.bind((0, _GROUPS))
        yield listener


@asynccontextmanager
async def telling(changed: Callable[[], None]) -> AsyncGenerator[None]:
    """Calls `changed` from the loop whenever a link, an address or a route is not what it was."""
    loop = asyncio.get_running_loop()

    def drain() -> None:
        try:
            while listener.recv(65536):
                pass
        except BlockingIOError:
            pass
        except OSError:
            pass  # ENOBUFS: more happened than fits, which is a change all the same
        changed()

    with _subscribed() as listener:
        loop.add_reader(listener, drain)
        try:
            yield
        finally:
            loop.remove_reader(listener)


def set_interface(ifname: str, setting: str, value: str) -> None:
    """A setting of net.ipv4.conf of one interface; its name may hold dots.  Raises OSError."""
    path = Path("/proc/sys/net/ipv4/conf") / ifname / setting
    if path.read_text().strip() != value:
        path.write_text(value)


def device_place(ifname: str, sysfs: Path = Path("/sys")) -> str:
    """Where the hardware of an interface is, below /sys/devices; empty for one without any."""
    device = sysfs / "class/net" / ifname / "device"
    return str(device.resolve()) if device.exists() else ""
