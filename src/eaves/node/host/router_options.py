"""DNS servers that routers of IPv6 announce (RFC 8106).

From an announcement the kernel takes addresses and routes by itself.  Other options it only hands
on over rtnetlink, as they come; so who begins to listen asks the routers once.  Source: the
kernel's `uapi/linux/rtnetlink.h`, `nduseroptmsg`.
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final

from eaves.node.host.rtnetlink import messages

GROUP: Final = 1 << 19  # of rtnetlink: options of announcements
_NEW_OPTION: Final = 68
# family, length of the options, index of the interface, type of the ICMP message
_HEAD: Final = struct.Struct("=BxHiB7x")
_DNS_SERVERS: Final = 25
_LIFETIME: Final = struct.Struct(">4xI")
_UNIT: Final = 8  # bytes; options tell their length in these
_SOLICITATION: Final = bytes([133, 0, 0, 0, 0, 0, 0, 0])  # the kernel fills in the checksum
_ALL_ROUTERS: Final = "ff02::2"


@dataclass(frozen=True, slots=True)
class Announced:
    """`lifetime_s` 0: these servers are not to be used any more."""

    ifindex: int
    servers: tuple[str, ...]
    lifetime_s: int


def announced(datagram: bytes) -> Iterator[Announced]:
    """What a datagram of rtnetlink says of DNS servers; it comes from the network, unproven.

    Servers with a link-local address are left out: nobody beyond the interface could name them.
    """
    for _, kind, payload in messages(datagram):
        if kind != _NEW_OPTION or len(payload) < _HEAD.size:
            continue
        family, length, ifindex, _ = _HEAD.unpack_from(payload)
        option = payload[_HEAD.size : _HEAD.size + length]
        if family == socket.AF_INET6 and len(option) >= _LIFETIME.size:
            yield from _dns_servers(ifindex, option)


def _dns_servers(ifindex: int, option: bytes) -> Iterator[Announced]:
    if option[0] != _DNS_SERVERS or option[1] * _UNIT != len(option):
        return
    raw = option[_LIFETIME.size :]
    found = (IPv6Address(raw[n : n + 16]) for n in range(0, len(raw) - 15, 16))
    servers = tuple(
        str(one)
        for one in found
        if not (one.is_link_local or one.is_multicast or one.is_unspecified or one.is_loopback)
    )
    yield Announced(ifindex, servers, _LIFETIME.unpack_from(option)[0])


def solicit(ifname: str) -> None:
    """Have the routers behind an interface announce themselves.  Raises OSError."""
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, ifname.encode())
        door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        door.sendto(_SOLICITATION, (_ALL_ROUTERS, 0, 0, socket.if_nametoindex(ifname)))
