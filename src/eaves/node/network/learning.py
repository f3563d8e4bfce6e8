"""Addresses of apps on switches, learned from what passes: DHCP leases and ARP.  Pure.

Nobody tells the node which address an app has on a segment of somebody else's.  What a DHCP server
grants holds as long as the lease; what an app itself says in ARP for ten minutes, and counts only
while it has no lease.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from eaves.node.network.packets import UDP, read_packet

ARP_S = 600.0
MOST_LEASE_S = 30 * 86400.0
MOST_MACS, MOST_OF_ONE = 1024, 8
ETHERNET_IPV4 = b"\x00\x01\x08\x00\x06\x04"
COOKIE = b"\x63\x82\x53\x63"
OPTIONS = 240  # where they begin in a DHCP message
LEASE_TIME, MESSAGE_TYPE, ACK, END, PAD = 51, 53, 5, 255, 0


@dataclass(frozen=True, slots=True)
class Heard:
    mac: str
    address: str
    holds_s: float
    leased: bool


def hear(data: bytes) -> Heard | None:
    """`data` begins behind the frame's header.  None for what tells of no address; never raises."""
    if data[:6] == ETHERNET_IPV4:
        return _hear_arp(data)
    packet = read_packet(data)
    if packet is None or packet.ends.protocol != UDP or packet.ends.source_port != 67:
        return None
    return _hear_dhcp(data[packet.body + 8 :])


def _hear_arp(data: bytes) -> Heard | None:
    """The sender's own address; a probe for one that it may not take has none."""
    if len(data) < 28:
        return None
    address = IPv4Address(data[14:18])
    if address.is_unspecified or address.is_multicast:
        return None
    return Heard(_mac(data[8:14]), str(address), ARP_S, leased=False)


def _hear_dhcp(data: bytes) -> Heard | None:
    if len(data) < OPTIONS or data[0] != 2 or data[2] != 6 or data[236:240] != COOKIE:
        return None
    options = _options(data[OPTIONS:])
    address = IPv4Address(data[16:20])
    # An answer to INFORM grants nothing, and has no address.
    if options.get(MESSAGE_TYPE) != bytes([ACK]) or address.is_unspecified:
        return None
    raw = options.get(LEASE_TIME, b"")
    holds_s = float(struct.unpack(">I", raw)[0]) if len(raw) == 4 else ARP_S
    return Heard(_mac(data[28:34]), str(address), min(holds_s, MOST_LEASE_S), leased=True)


def _options(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data) and data[at] != END:
        if data[at] == PAD:
            at += 1
            continue
        if at + 1 >= len(data):
            break
        length = data[at + 1]
        found.setdefault(data[at], data[at + 2 : at + 2 + length])
        at += 2 + length
    return found


def _mac(raw: bytes) -> str:
    return ":".join(f"{octet:02x}" for octet in raw)


class Learned:
    """Of the MACs that are asked for; who else speaks on the segment is nobody's business here."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, tuple[float, bool]]] = {}  # MAC -> address -> (until, leased)

    def hear(self, data: bytes, now_s: float, *, arp: bool = True) -> None:
        """`arp`: network.switch.enable.arpsnoop."""
        heard = hear(data)
        if heard is None or not (heard.leased or arp):
            return
        if heard.mac not in self._of and len(self._of) >= MOST_MACS:
            return
        addresses = self._of.setdefault(heard.mac, {})
        known = addresses.get(heard.address)
        if known is not None and known[1] and not heard.leased:
            return  # the lease says how long
        if len(addresses) >= MOST_OF_ONE and known is None:
            del addresses[min(addresses, key=lambda a: addresses[a][0])]
        addresses[heard.address] = (now_s + heard.holds_s, heard.leased)

    def addresses(self, now_s: float) -> Mapping[str, str]:
        """MAC -> the address that counts: a lease before ARP, then the one heard last."""
        found: dict[str, str] = {}
        for mac, addresses in list(self._of.items()):
            for address in [a for a, (until, _) in addresses.items() if until <= now_s]:
                del addresses[address]
            if not addresses:
                del self._of[mac]
                continue
            found[mac] = max(addresses, key=lambda a: (addresses[a][1], addresses[a][0]))
        return found
