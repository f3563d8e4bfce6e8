"""Links, addresses, routes, network namespaces and kernel settings.

Reads go over netlink; changes are lines for `ip -batch`, so that the debug log holds what a person
would type.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eaves.errors import Rejected
from eaves.node.host.process import run
from eaves.node.host.rtnetlink import Dump, Message, dump

NETNS = Path("/run/netns")
MAIN_TABLE = 254
KERNEL_TABLES = frozenset({253, MAIN_TABLE, 255})  # default, main and local

# attributes of rtnetlink, as the kernel names them
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER = 1, 3, 4, 10
_IFLA_LINKINFO, _IFLA_STATS64, _IFLA_CARRIER = 18, 23, 33
_INFO_KIND = 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_TABLE = 1, 4, 5, 6, 15
_FRA_IIFNAME, _FRA_PRIORITY, _FRA_FWMARK, _FRA_TABLE = 3, 6, 10, 15
# packets and bytes, received and sent; then errors and drops, received and sent
_STATS = struct.Struct("=8Q")


class SettingRefused(Rejected):
    def __init__(self, name: str, error: OSError) -> None:
        super().__init__(f"kernel setting {name}: {error}; run as root with /proc/sys writable")


@dataclass(frozen=True, slots=True)
class Traffic:
    rx_bytes: int = 0
    tx_bytes: int = 0
    rx_packets: int = 0
    tx_packets: int = 0
    rx_errors: int = 0
    tx_errors: int = 0
    rx_dropped: int = 0
    tx_dropped: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    index: int
    name: str
    kind: str  # "bridge", "veth", "tun" or "" for hardware
    master: int  # index of the bridge, 0 for none
    mac: str
    mtu: int
    up: bool
    carrier: bool
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Interfaces:
    """Everything of one network namespace, from one look."""

    links: Mapping[str, Link]
    addresses: Mapping[int, tuple[str, ...]]  # link index -> CIDR texts
    gateways: Mapping[int, tuple[str, ...]]  # link index -> of its default routes


async def interfaces() -> Interfaces:
    links = {link.name: link for link in map(_link, await dump(Dump.LINKS))}
    addresses: dict[int, tuple[str, ...]] = {}
    gateways: dict[int, tuple[str, ...]] = {}
    for message in await dump(Dump.ADDRESSES):
        _, prefix, _, _, index = message.head
        address = message.address(_IFA_LOCAL) or message.address(_IFA_ADDRESS)
        addresses[index] = (*addresses.get(index, ()), f"{address}/{prefix}")
    for message in await dump(Dump.ROUTES):
        route = _seen_route(message, {})
        out = message.number(_RTA_OIF)
        if route.table == MAIN_TABLE and not message.head[1] and route.gateway and out:
            gateways[out] = (*gateways.get(out, ()), route.gateway)
    return Interfaces(links, addresses, gateways)


def _link(message: Message) -> Link:
    _, _, index, flags, _ = message.head
    return Link(
        index=index,
        name=message.text(_IFLA_IFNAME),
        kind=message.nested(_IFLA_LINKINFO).text(_INFO_KIND),
        master=message.number(_IFLA_MASTER),
        mac=message.mac(_IFLA_ADDRESS),
        mtu=message.number(_IFLA_MTU),
        up=bool(flags & 1),
        carrier=bool(message.number(_IFLA_CARRIER)),
        traffic=_traffic(message.attributes.get(_IFLA_STATS64, b"")),
    )


def _traffic(stats: bytes) -> Traffic:
    if len(stats) < _STATS.size:
        return Traffic()
    rx_packets, tx_packets, rx_bytes, tx_bytes, *rest = _STATS.unpack_from(stats)
    return Traffic(rx_bytes, tx_bytes, rx_packets, tx_packets, *rest)


async def ip_batch(
    lines: Sequence[str], netns: str = "", *, ipv6: bool = False, force: bool = False
) -> None:
    """Run `ip` commands in order; the first that fails ends it.  `force`: all are run first."""
    if lines:
        where = [*(["-6"] if ipv6 else []), *(["-n", netns] if netns else [])]
        where += ["-force"] if force else []
        await run(["ip", *where, "-batch", "-"], stdin=("\n".join(lines) + "\n").encode())


async def bridge_batch(lines: Sequence[str]) -> None:
    """As `ip_batch`, for `bridge`: VLANs of bridge ports."""
    if lines:
        await run(["bridge", "-batch", "-"], stdin=("\n".join(lines) + "\n").encode())


def set_sysctl(name: str, value: str) -> None:
    """`name` with dots, as sysctl(8); interface names with dots are not supported."""
    try:
        Path("/proc/sys", *name.split(".")).write_text(value)
    except OSError as error:
        raise SettingRefused(name, error) from error


def get_sysctl(name: str) -> str:
    try:
        return Path("/proc/sys", *name.split(".")).read_text().strip()
    except OSError:
        return ""


# Named network namespaces.  A process in a mount namespace of its own (a hardened service,
# `ip netns exec`) takes its bind mounts with it when it dies.  So they are made in the mount
# namespace of process 1 where that can be reached, and shown here; a name that was lost all the
# same is bound again through a process that still lives in the namespace.


def netns_exists(name: str) -> bool:
    """Is the name bound to a namespace, where containers will look for it?"""
    try:
        return (NETNS / name).stat().st_dev == Path("/proc/self/ns/net").stat().st_dev
    except OSError:
        return False


def _outer(name: str) -> Path:
    return Path("/proc/1/root") / NETNS.relative_to("/") / name


def _apart() -> bool:
    try:
        return Path("/proc/self/ns/mnt").readlink() != Path("/proc/1/ns/mnt").readlink()
    except OSError:
        return False


def _outer_exists(name: str) -> bool:
    try:
        return _outer(name).stat().st_dev == Path("/proc/self/ns/net").stat().st_dev
    except OSError:
        return False


async def make_netns(name: str) -> None:
    """Make it if it is missing, and bring its loopback up."""
    if not await adopt_netns(name):
        outer = ["nsenter", "--mount=/proc/1/ns/mnt", "--"] if _apart() else []
        await run([*outer, "ip", "netns", "delete", name], check=False)  # a name without namespace
        await run([*outer, "ip", "netns", "add", name])
        await adopt_netns(name)
    await ip_batch(["link set lo up"], netns=name)


async def adopt_netns(name: str, inode: int = 0) -> bool:
    """True when it exists; one whose name was lost is bound to it again.

    `inode` is what `netns_inode` gave when it was made; 0 when that is not known.
    """
    if netns_exists(name):
        return True
    source = _outer(name) if _apart() and _outer_exists(name) else _inhabited(inode)
    if source is None:
        return False
    _place_for(name)
    await run(["mount", "--bind", os.fspath(source), os.fspath(NETNS / name)])
    return netns_exists(name)


def netns_inode(name: str) -> int:
    """What tells this namespace from every other that lives."""
    try:
        return (NETNS / name).stat().st_ino
    except OSError:
        return 0


def _inhabited(inode: int) -> Path | None:
    """The namespace by way of a process that is in it."""
    for path in Path("/proc").glob("[0-9]*/ns/net") if inode else ():
        try:
            if path.stat().st_ino == inode:
                return path
        except OSError:
            continue  # it just ended
    return None


def _place_for(name: str) -> None:
    NETNS.mkdir(parents=True, exist_ok=True)
    (NETNS / name).touch()


async def remove_netns(name: str) -> None:
    if netns_exists(name):
        await run(["ip", "netns", "delete", name], check=False)
    if _apart() and _outer_exists(name):
        await run(["nsenter", "--mount=/proc/1/ns/mnt", "--", "ip", "netns", "delete", name])
    (NETNS / name).unlink(missing_ok=True)


async def forget_flows(address: str) -> None:
    """Drop tracked connections of an address: what a changed list forbids must not live on."""
    sides = ("--orig-src", "--orig-dst", "--reply-src")
    await asyncio.gather(*(run(["conntrack", "-D", s, address], check=False) for s in sides))


async def forget_marked(mark: int, mask: int) -> None:
    """Drop tracked connections by their mark, where addresses do not tell whose they are."""
    await run(["conntrack", "-D", "--mark", f"{mark:#x}/{mask:#x}"], check=False)


async def forget_between(source: str, destination: str) -> None:
    """Drop tracked connections from one network to another (CIDR text; empty: any)."""
    to = ["--orig-dst", destination] if destination else []
    await run(["conntrack", "-D", "--orig-src", source, *to], check=False)


async def has_link(netns: str, name: str) -> bool:
    done = await run(["ip", "-n", netns, "-br", "link", "show", "dev", name], check=False)
    return done.code == 0


# Routing tables besides that of the host


@dataclass(frozen=True, slots=True)
class SeenRule:
    """What arrives at an interface (and has the mark, if not 0) is looked up in a table."""

    place: int
    iif: str
    mark: int
    table: int


@dataclass(frozen=True, slots=True)
class SeenRoute:
    table: int
    destination: str  # CIDR text
    gateway: str
    ifname: str
    kind: str  # "unicast", "throw", "unreachable", or a number
    metric: int


@dataclass(frozen=True, slots=True)
class Routing:
    rules: frozenset[SeenRule]
    routes: frozenset[SeenRoute]  # of IPv4, of all tables but those of the kernel and the host


ROUTE_KINDS = {1: "unicast", 7: "unreachable", 9: "throw"}


async def routing() -> Routing:
    links = await dump(Dump.LINKS)
    names = {message.head[2]: message.text(_IFLA_IFNAME) for message in links}
    rules = frozenset(_seen_rule(one) for one in await dump(Dump.RULES, socket.AF_INET))
    routes = (_seen_route(one, names) for one in await dump(Dump.ROUTES, socket.AF_INET))
    return Routing(rules, frozenset(one for one in routes if one.table not in KERNEL_TABLES))


def _seen_rule(message: Message) -> SeenRule:
    return SeenRule(
        message.number(_FRA_PRIORITY),
        message.text(_FRA_IIFNAME),
        message.number(_FRA_FWMARK),
        message.number(_FRA_TABLE) or message.head[4],
    )


def _seen_route(message: Message, names: Mapping[int, str]) -> SeenRoute:
    _, length, _, _, table, _, _, kind, _ = message.head
    bare = kind in {7, 9}  # the kernel names an interface for these too, and means none
    return SeenRoute(
        message.number(_RTA_TABLE) or table,
        f"{message.address(_RTA_DST) or '0.0.0.0'}/{length}",
        message.address(_RTA_GATEWAY),
        "" if bare else names.get(message.number(_RTA_OIF), ""),
        ROUTE_KINDS.get(kind, str(kind)),
        message.number(_RTA_PRIORITY),
    )
