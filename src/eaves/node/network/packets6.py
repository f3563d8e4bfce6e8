"""What tells of addresses in IPv6, from bytes that anybody may have sent.  Pure.

Neighbour discovery (RFC 4861), duplicate address detection (RFC 4862), DHCPv6 (RFC 8415).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address

SOLICIT, ADVERTISE = 135, 136  # neighbours
ON_THE_LINK = 255  # the hop limit of what passed no router
REPLY = 7
OF_IA, OF_ADDRESS, STATUS = {3: 12, 4: 4}, 5, 13  # IA_NA and IA_TA with what comes before options
ADDRESS_BYTES = 24  # with how long it is preferred and valid
MOST_GRANTED = 8


@dataclass(frozen=True, slots=True)
class Neighbour:
    address: str
    asked: bool  # it is looked for, before it is taken


def read_neighbour(data: bytes, body: int, source: str) -> Neighbour | None:
    """The sender's own address, from a whole packet whose ICMPv6 begins at `body`.

    None for what says nothing of it, or of one of the link only, which every interface has.
    """
    message = data[body : body + 24]
    if len(message) < 24 or data[7] != ON_THE_LINK or message[1]:
        return None
    target, sender = IPv6Address(message[8:]), IPv6Address(source)
    if message[0] == SOLICIT:
        asked = sender.is_unspecified
        own = target if asked else sender
    elif message[0] == ADVERTISE:
        asked, own = False, target
    else:
        return None
    return Neighbour(str(own), asked) if _is_told(own) else None


def _is_told(address: IPv6Address) -> bool:
    return not (
        address.is_unspecified
        or address.is_multicast
        or address.is_link_local
        or address.is_loopback
    )


def read_granted(message: bytes) -> tuple[tuple[str, int], ...]:
    """Addresses that a server grants, with seconds that they are valid; 0: not any more."""
    if len(message) < 4 or message[0] != REPLY:
        return ()
    found: dict[str, int] = {}
    for kind, of_ia in _options(message[4:]):
        if kind not in OF_IA:
            continue
        for inner, one in _options(of_ia[OF_IA[kind] :]):
            if inner != OF_ADDRESS or len(one) < ADDRESS_BYTES or _failed(one[ADDRESS_BYTES:]):
                continue
            address = IPv6Address(one[:16])
            if _is_told(address) and len(found) < MOST_GRANTED:
                found[str(address)] = int.from_bytes(one[20:24], "big")
    return tuple(found.items())


def _failed(options: bytes) -> bool:
    return any(kind == STATUS and any(body[:2]) for kind, body in _options(options))


def _options(data: bytes) -> Iterator[tuple[int, bytes]]:
    """One that is cut off ends them."""
    at = 0
    while at + 4 <= len(data):
        kind, length = struct.unpack_from(">HH", data, at)
        body = data[at + 4 : at + 4 + length]
        if len(body) < length:
            return
        yield kind, body
        at += 4 + length
