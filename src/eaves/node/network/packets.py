"""Headers of IP packets and answers from DNS, from bytes that anybody may have sent.  Pure."""

import ipaddress
import struct
from dataclasses import dataclass

from eaves.node.host.netfilter import Ends

TCP, UDP = 6, 17
WITH_PORTS = frozenset({TCP, UDP, 132, 136})
EXTENSIONS = frozenset({0, 43, 60})  # of IPv6, each with its length
FRAGMENT = 44
MOST_JUMPS, MOST_ANSWERS, LONGEST_NAME = 32, 64, 253
A, CNAME, AAAA = 1, 5, 28


@dataclass(frozen=True, slots=True)
class Packet:
    ends: Ends
    length: int  # of the whole packet, also if only its beginning is here
    body: int  # where the transport header begins


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody was told of a name."""

    name: str
    addresses: tuple[str, ...]


def read_packet(data: bytes) -> Packet | None:
    """None for what is no IP packet, or too short for its addresses."""
    if len(data) >= 20 and data[0] >> 4 == 4:
        return _read_ipv4(data)
    if len(data) >= 40 and data[0] >> 4 == 6:
        return _read_ipv6(data)
    return None


def _read_ipv4(data: bytes) -> Packet:
    body = (data[0] & 15) * 4
    length, later = struct.unpack_from(">H", data, 2)[0], data[6] & 31 or data[7]
    protocol = data[9]
    ports = (0, 0) if later else _ports(data, body, protocol)
    source, dest = ipaddress.IPv4Address(data[12:16]), ipaddress.IPv4Address(data[16:20])
    return Packet(Ends(str(source), ports[0], str(dest), ports[1], protocol), length, body)


def _read_ipv6(data: bytes) -> Packet:
    length, protocol, body = struct.unpack_from(">H", data, 4)[0] + 40, data[6], 40
    later = False
    while protocol in EXTENSIONS | {FRAGMENT} and body + 8 <= len(data):
        if protocol == FRAGMENT:
            later = bool(struct.unpack_from(">H", data, body + 2)[0] & 0xFFF8)
            protocol, body = data[body], body + 8
        else:
            protocol, body = data[body], body + 8 + data[body + 1] * 8
    ports = (0, 0) if later else _ports(data, body, protocol)
    source, dest = ipaddress.IPv6Address(data[8:24]), ipaddress.IPv6Address(data[24:40])
    return Packet(Ends(str(source), ports[0], str(dest), ports[1], protocol), length, body)


def _ports(data: bytes, body: int, protocol: int) -> tuple[int, int]:
    if protocol not in WITH_PORTS or body + 4 > len(data):
        return 0, 0
    source, dest = struct.unpack_from(">HH", data, body)
    return source, dest


def read_answer(data: bytes, start: int) -> Answer | None:
    """`start` is that of the UDP header.  None for what answers no question for addresses.

    Never raises: what is cut off or contradicts itself ends where it does.
    """
    message = data[start + 8 :]
    if len(message) < 12:
        return None
    _, flags, questions, answers, _, _ = struct.unpack_from(">6H", message)
    if not flags & 0x8000 or questions != 1:
        return None
    name, at = _name(message, 12)
    if name is None or at + 4 > len(message):
        return None
    at += 4
    found: list[str] = []
    for _ in range(min(answers, MOST_ANSWERS)):
        owner, at = _name(message, at)
        if owner is None or at + 10 > len(message):
            break
        kind, _, _, length = struct.unpack_from(">HHIH", message, at)
        at += 10
        raw = message[at : at + length]
        if len(raw) < length:
            break
        if kind == A and length == 4:
            found.append(str(ipaddress.IPv4Address(raw)))
        elif kind == AAAA and length == 16:
            found.append(str(ipaddress.IPv6Address(raw)))
        at += length
    return Answer(name, tuple(found))


def _name(message: bytes, at: int) -> tuple[str | None, int]:
    """The name and where it ends; None for one that leads in a circle or out of the message."""
    labels: list[str] = []
    end, length = -1, 0
    for _ in range(MOST_JUMPS + LONGEST_NAME):
        if at >= len(message):
            return None, at
        size = message[at]
        if size & 0xC0 == 0xC0:
            if at + 1 >= len(message):
                return None, at
            if end < 0:
                end = at + 2
            target = (size & 0x3F) << 8 | message[at + 1]
            if target >= at:
                return None, at
            at = target
            continue
        at += 1
        if size == 0:
            return ".".join(labels).lower(), at if end < 0 else end
        if size & 0xC0 or at + size > len(message):
            return None, at
        length += size + 1
        if length > LONGEST_NAME + 1:
            return None, at
        labels.append(_label(message[at : at + size]))
        at += size
    return None, at


def _label(raw: bytes) -> str:
    """As DNS writes it down: what is no printable character stands as its number."""
    return "".join(chr(b) if 33 <= b < 127 and b not in b'."\\' else f"\\{b:03d}" for b in raw)
