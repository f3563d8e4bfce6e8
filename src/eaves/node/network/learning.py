"""Addresses of apps on switches, learned from what passes.  Pure.

Nobody tells the node which addresses an app has on a segment of somebody else's.

    a lease   what a server of DHCP or DHCPv6 grants: as long as it holds
    ARP       what an app says of itself: for ten minutes, and only while it has no lease of IPv4
    IPv6      what an app asks for before it takes it (duplicate address detection, as after SLAAC),
              and what it says of itself later: for two days, as a silent app says it once.  What
              somebody else has, who says so at once, it does not take
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address

from eaves.node.network.packets import UDP, read_packet
from eaves.node.network.packets6 import read_granted, read_neighbour

ARP_S = 600.0
NEIGHBOUR_S = 2 * 86400.0  # a temporary address of RFC 8981 lives as long
REFUSAL_S = 10.0  # who has it answers within one second; the node may read it later
MOST_LEASE_S = 30 * 86400.0
MOST_MACS, MOST_OF_ONE = 1024, 8  # of one MAC: addresses of each version
Leases = Mapping[str, tuple[str, ...]]
"""By MAC."""

ETHERNET_IPV4 = b"\x00\x01\x08\x00\x06\x04"
COOKIE = b"\x63\x82\x53\x63"
OPTIONS = 240  # where they begin in a DHCP message
LEASE_TIME, MESSAGE_TYPE, ACK, END, PAD = 51, 53, 5, 255, 0
DHCP_SERVER, DHCP6_SERVER, ICMPV6 = 67, 547, 58


@dataclass(frozen=True, slots=True)
class Heard:
    mac: str
    address: str
    holds_s: float
    leased: bool = False
    asked: bool = False  # it is about to be taken, if nobody has it


def hear(data: bytes, frame: bytes = b"") -> tuple[Heard, ...]:
    """`data` begins behind the header, `frame`.  Empty for what tells of no address; never raises.

    What is said of IPv6 names no MAC of its own: it is that of the frame.
    """
    if data[:6] == ETHERNET_IPV4:
        return _hear_arp(data)
    packet = read_packet(data)
    if packet is None:
        return ()
    ends = packet.ends
    if ends.protocol == UDP and ends.source_port == DHCP_SERVER:
        return _hear_dhcp(data[packet.body + 8 :])
    if len(frame) < 12 or data[0] >> 4 != 6:
        return ()
    if ends.protocol == UDP and ends.source_port == DHCP6_SERVER:
        granted = read_granted(data[packet.body + 8 :])
        return tuple(
            Heard(_mac(frame[:6]), address, min(float(lives_s), MOST_LEASE_S), leased=True)
            for address, lives_s in granted
        )
    if ends.protocol != ICMPV6:
        return ()
    told = read_neighbour(data, packet.body, ends.source)
    if told is None:
        return ()
    return (Heard(_mac(frame[6:12]), told.address, NEIGHBOUR_S, asked=told.asked),)


def _hear_arp(data: bytes) -> tuple[Heard, ...]:
    """The sender's own address; a probe for one that it may not take has none."""
    if len(data) < 28:
        return ()
    address = IPv4Address(data[14:18])
    if address.is_unspecified or address.is_multicast:
        return ()
    return (Heard(_mac(data[8:14]), str(address), ARP_S),)


def _hear_dhcp(data: bytes) -> tuple[Heard, ...]:
    if len(data) < OPTIONS or data[0] != 2 or data[2] != 6 or data[236:240] != COOKIE:
        return ()
    options = _options(data[OPTIONS:])
    address = IPv4Address(data[16:20])
    # An answer to INFORM grants nothing, and has no address.
    if options.get(MESSAGE_TYPE) != bytes([ACK]) or address.is_unspecified:
        return ()
    raw = options.get(LEASE_TIME, b"")
    holds_s = float(struct.unpack(">I", raw)[0]) if len(raw) == 4 else ARP_S
    return (Heard(_mac(data[28:34]), str(address), min(holds_s, MOST_LEASE_S), leased=True),)


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


@dataclass(frozen=True, slots=True)
class _Known:
    until: float
    leased: bool
    asked_at: float | None  # None: it was not asked for, but said to be there


class Learned:
    """Of the MACs that are asked for; who else speaks on the segment is nobody's business here."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, _Known]] = {}  # MAC -> address

    def hear(
        self, data: bytes, now_s: float, *, frame: bytes = b"", arp: bool = True, sent: bool = True
    ) -> None:
        """`arp`: network.switch.enable.arpsnoop.  `sent`: an app has, else it is to get it: what
        others say of themselves only takes away.
        """
        for heard in hear(data, frame):
            if not (heard.leased or heard.asked):
                self._others_lose(heard, now_s)
            if heard.leased or (sent and (arp or ":" in heard.address)):
                self._keep(heard, now_s)

    def _others_lose(self, heard: Heard, now_s: float) -> None:
        for mac, addresses in self._of.items():
            known = addresses.get(heard.address)
            asked_at = known.asked_at if known is not None and mac != heard.mac else None
            if asked_at is not None and now_s - asked_at <= REFUSAL_S:
                del addresses[heard.address]

    def _keep(self, heard: Heard, now_s: float) -> None:
        if heard.mac not in self._of and len(self._of) >= MOST_MACS:
            return
        addresses = self._of.setdefault(heard.mac, {})
        known = addresses.get(heard.address)
        if known is not None and known.leased and not heard.leased:
            return  # the lease says how long
        alike = [a for a in addresses if (":" in a) == (":" in heard.address)]
        if known is None and len(alike) >= MOST_OF_ONE:
            del addresses[min(alike, key=lambda a: (addresses[a].leased, addresses[a].until))]
        asked_at = now_s if heard.asked else None
        addresses[heard.address] = _Known(now_s + heard.holds_s, heard.leased, asked_at)

    def addresses(self, now_s: float) -> Leases:
        """Those of IPv4 first; the order changes only when they do."""
        found: dict[str, tuple[str, ...]] = {}
        for mac, addresses in list(self._of.items()):
            for address in [a for a, known in addresses.items() if known.until <= now_s]:
                del addresses[address]
            if addresses:
                found[mac] = _those_that_count(addresses)
            else:
                del self._of[mac]
        return found


def _those_that_count(addresses: Mapping[str, _Known]) -> tuple[str, ...]:
    """Of IPv4 the lease that was given last, or all that were said; of IPv6 all."""
    fours = [a for a in addresses if ":" not in a]
    leased = [a for a in fours if addresses[a].leased]
    if leased:
        fours = [max(leased, key=lambda a: addresses[a].until)]
    sixes = [a for a in addresses if ":" in a]
    return (*sorted(fours, key=ip_address), *sorted(sixes, key=ip_address))


def together(learned: Leases, taken: Mapping[str, str]) -> Leases:
    """What a client of ours took, always of IPv4, counts before what was heard of IPv4."""
    own = {mac: (address,) for mac, address in taken.items()}
    return {
        mac: (*own[mac], *(a for a in learned.get(mac, ()) if ":" in a)) if mac in own else heard
        for mac, heard in {**own, **learned}.items()
    }
