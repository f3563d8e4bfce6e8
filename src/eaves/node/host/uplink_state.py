"""Links, addresses, routes and rules as the kernel has them, and a word when any of them changes.

The marks of what is ours are the alias of a link and the protocol number of a route or a rule.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from eaves.node.host import router_options
from eaves.node.host.rtnetlink import Dump, Message, dump

# attributes of rtnetlink, as the kernel names them
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_MASTER = 1, 3, 4, 5, 10
_IFLA_LINKINFO, _IFLA_IFALIAS, _IFLA_AF_SPEC, _IFLA_CARRIER = 18, 20, 26, 33
_IFLA_PERM_ADDRESS = 54
_IFLA_INET6_FLAGS, _IF_RA_MANAGED = 1, 0x40
_INFO_KIND, _INFO_DATA, _VLAN_ID = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_TABLE = 1, 4, 5, 6, 15
# of an IPv6 address: it may still prove to be somebody else's; it did
_IFA_F_TENTATIVE, _IFA_F_DADFAILED = 0x40, 0x08
_FRA_SRC, _FRA_PRIORITY, _FRA_TABLE, _FRA_PROTOCOL = 2, 6, 15, 21
# groups of rtnetlink: links, IPv4 and IPv6 addresses and routes
_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400 | router_options.GROUP


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
    untried: frozenset[str] = frozenset()  # of these; the kernel still asks whose they are
    taken: frozenset[str] = frozenset()  # of these; somebody else has them
    own_mac: str = ""  # of the hardware: in a bond it bears another
    dhcp6: bool = False  # a router says that addresses are to be asked for by DHCPv6

    @property
    def free(self) -> frozenset[str]:
        """Addresses that may be used."""
        return frozenset(self.addresses) - self.untried


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
    links = await dump(Dump.LINKS)
    addresses = await dump(Dump.ADDRESSES)
    routes = await dump(Dump.ROUTES)
    rules = await dump(Dump.RULES)
    names = {message.head[2]: message.text(_IFLA_IFNAME) for message in links}
    found: dict[int, dict[str, int]] = {}
    for message in addresses:
        _, prefix, flags, _, index = message.head
        address = message.address(_IFA_LOCAL) or message.address(_IFA_ADDRESS)
        found.setdefault(index, {})[f"{address}/{prefix}"] = flags
    return Routing(
        tuple(_link(one, names, found.get(one.head[2], {})) for one in links),
        tuple(_route(one, names) for one in routes if _leads_out(one)),
        tuple(_rule(one) for one in rules),
    )


def _link(message: Message, names: Mapping[int, str], addresses: Mapping[str, int]) -> SeenLink:
    _, _, index, flags, _ = message.head
    info = message.nested(_IFLA_LINKINFO)
    kind = info.text(_INFO_KIND)
    inet6 = message.nested(_IFLA_AF_SPEC).nested(socket.AF_INET6)
    return SeenLink(
        message.text(_IFLA_IFNAME),
        index,
        kind,
        names.get(message.number(_IFLA_MASTER), ""),
        names.get(message.number(_IFLA_LINK), ""),
        info.nested(_INFO_DATA).number(_VLAN_ID) if kind == "vlan" else 0,
        message.number(_IFLA_MTU),
        bool(flags & 1),
        bool(message.number(_IFLA_CARRIER)),
        message.mac(_IFLA_ADDRESS),
        message.text(_IFLA_IFALIAS),
        tuple(addresses),
        frozenset(a for a, marks in addresses.items() if marks & _IFA_F_TENTATIVE),
        frozenset(a for a, marks in addresses.items() if marks & _IFA_F_DADFAILED),
        message.mac(_IFLA_PERM_ADDRESS),
        bool(inet6.number(_IFLA_INET6_FLAGS) & _IF_RA_MANAGED),
    )


def _leads_out(message: Message) -> bool:
    """A route of IPv4 or IPv6 by an interface; the kernel lists those of multicast trees too."""
    return message.head[0] in {socket.AF_INET, socket.AF_INET6} and bool(message.number(_RTA_OIF))


def _route(message: Message, names: Mapping[int, str]) -> SeenRoute:
    _, length, _, _, table, protocol, *_ = message.head
    destination = message.address(_RTA_DST)
    return SeenRoute(
        message.number(_RTA_TABLE) or table,
        f"{destination}/{length}" if destination else "default",
        message.address(_RTA_GATEWAY),
        names.get(message.number(_RTA_OIF), ""),
        message.number(_RTA_PRIORITY),
        protocol,
    )


def _rule(message: Message) -> SeenRule:
    return SeenRule(
        message.address(_FRA_SRC),
        message.number(_FRA_TABLE) or message.head[4],
        message.number(_FRA_PRIORITY),
        message.number(_FRA_PROTOCOL),
    )


@contextmanager
def _subscribed() -> Generator[socket.socket]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as listener:
        listener.setblocking(False)
        listener.bind((0, _GROUPS))
        yield listener


@asynccontextmanager
async def telling(
    changed: Callable[[], None], heard: Callable[[bytes], None]
) -> AsyncGenerator[None]:
    """Calls `changed` from the loop whenever a link, an address or a route is not what it was.

    `heard` is given each datagram of the kernel before.
    """
    loop = asyncio.get_running_loop()

    def drain() -> None:
        try:
            while datagram := listener.recv(65536):
                heard(datagram)
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


def set_interface(ifname: str, setting: str, value: str, family: str = "ipv4") -> None:
    """A setting of net.FAMILY.conf of one interface; its name may hold dots.  Raises OSError."""
    path = Path("/proc/sys/net") / family / "conf" / ifname / setting
    if path.read_text().strip() != value:
        path.write_text(value)


def device_place(ifname: str, sysfs: Path = Path("/sys")) -> str:
    """Where the hardware of an interface is, below /sys/devices; empty for one without any."""
    device = sysfs / "class/net" / ifname / "device"
    return str(device.resolve()) if device.exists() else ""
