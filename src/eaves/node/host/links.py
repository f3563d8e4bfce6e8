"""Links, addresses, routes, network namespaces and kernel settings.

Reads go over netlink; changes are lines for `ip -batch`, so that the debug log holds what a person
would type.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyroute2 import AsyncIPRoute

from eaves.errors import Rejected
from eaves.node.host.process import run

NETNS = Path("/run/netns")
MAIN_TABLE = 254


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
    links: dict[str, Link] = {}
    addresses: dict[int, tuple[str, ...]] = {}
    gateways: dict[int, tuple[str, ...]] = {}
    netlink: Any = AsyncIPRoute()
    message: Any
    async with netlink as route:
        async for message in await route.get_links():
            link = _link(message)
            links[link.name] = link
        async for message in await route.get_addr():
            address = message.get("IFA_LOCAL") or message.get("IFA_ADDRESS")
            index: int = message["index"]
            addresses[index] = (*addresses.get(index, ()), f"{address}/{message['prefixlen']}")
        async for message in await route.get_routes(table=MAIN_TABLE):
            gateway, out = message.get("RTA_GATEWAY"), message.get("RTA_OIF")
            if message["dst_len"] == 0 and gateway and out:
                gateways[out] = (*gateways.get(out, ()), gateway)
    return Interfaces(links, addresses, gateways)


def _link(message: Any) -> Link:
    get = message.get
    info = get("IFLA_LINKINFO")
    stats: Any = get("IFLA_STATS64") or {}
    fields = Traffic.__dataclass_fields__
    return Link(
        index=get("index"),
        name=get("IFLA_IFNAME"),
        kind=(info.get("IFLA_INFO_KIND") if info else None) or "",
        master=get("IFLA_MASTER") or 0,
        mac=get("IFLA_ADDRESS") or "",
        mtu=get("IFLA_MTU") or 0,
        up=bool(get("flags") & 1),
        carrier=bool(get("IFLA_CARRIER")),
        traffic=Traffic(**{name: int(stats.get(name, 0)) for name in fields}),
    )


async def ip_batch(lines: Sequence[str], netns: str = "") -> None:
    """Run `ip` commands in order; the first that fails ends it."""
    if lines:
        where = ["-n", netns] if netns else []
        await run(["ip", *where, "-batch", "-"], stdin=("\n".join(lines) + "\n").encode())


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
    for side in ("--orig-src", "--orig-dst", "--reply-src"):
        await run(["conntrack", "-D", side, address], check=False)


async def has_link(netns: str, name: str) -> bool:
    done = await run(["ip", "-n", netns, "-br", "link", "show", "dev", name], check=False)
    return done.code == 0
