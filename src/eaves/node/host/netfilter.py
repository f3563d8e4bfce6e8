"""What the kernel tells of connections and of packets that rules show: netlink, read by hand.

Three readings of one protocol (NETLINK_NETFILTER): connections that ended, as events; those that
live, as a dump; and packets that a rule logs to a group.  Reading is bounded: a caller says how
many messages it wants decoded, the rest is passed over and counted.  The parsers take bytes and
give values, so that they are tested without a kernel.
"""

import errno
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

NETLINK_NETFILTER = 12
SO_RCVBUFFORCE = 33
CONNTRACK, LOG = 1, 4  # subsystems
CT_NEW, CT_GET, CT_DELETE = 0, 1, 2
LOG_PACKET, LOG_CONFIG = 0, 1
DONE, ERROR = 3, 2
REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
DESTROYED = 1 << 2  # group 3
RECEIVE_BYTES = 4 << 20  # what may wait between two readings
DATAGRAM = 1 << 16
HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
ATTRIBUTE = struct.Struct("=HH")
NESTED = 0x3FFF
TIMEOUT_S = 10.0

CTA_ORIG, CTA_REPLY, CTA_MARK, CTA_SENT, CTA_BACK, CTA_ID = 1, 2, 8, 9, 10, 12
CTA_ZONE, CTA_TIMESTAMP, CTA_MARK_MASK = 18, 20, 21
LOG_TIME, LOG_IN, LOG_OUT, LOG_PHYS_IN, LOG_PHYS_OUT = 3, 4, 5, 6, 7
LOG_PAYLOAD, LOG_PREFIX, LOG_SEQ, LOG_FRAME = 9, 10, 12, 16
CFG_CMD, CFG_MODE, CFG_TIMEOUT, CFG_QUEUE, CFG_FLAGS = 1, 2, 4, 5, 6
BIND, COPY_PACKET, WITH_SEQ = 1, 2, 1


@dataclass(frozen=True, slots=True)
class Ends:
    """One direction of a connection; ports are 0 where the protocol has none."""

    source: str
    source_port: int
    dest: str
    dest_port: int
    protocol: int  # of IANA


@dataclass(frozen=True, slots=True)
class Amount:
    packets: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Connection:
    id: int
    original: Ends  # as it began
    reply: Ends  # as it is answered: after translation
    mark: int
    zone: int
    sent: Amount  # in the direction of `original`
    back: Amount
    started_ns: int = 0  # wall clock; 0: not told
    ended_ns: int = 0


@dataclass(frozen=True, slots=True)
class Logged:
    prefix: str
    payload: bytes  # from the IP header on, as much as the rule asked for
    sequence: int
    in_index: int  # of the interface it came from: a bridge port if there is one
    out_index: int
    frame: bytes = b""  # the header before the payload: of Ethernet to, from and kind


@dataclass(slots=True)
class Reading:
    """One pass over what waits."""

    connections: list[Connection] = field(default_factory=list[Connection])
    logged: list[Logged] = field(default_factory=list[Logged])
    skipped: int = 0  # messages that were not decoded, being over the bound
    overruns: int = 0  # times that the kernel could not keep what it had to tell


class NetlinkRefused(OSError):
    def __init__(self, what: str, number: int) -> None:
        super().__init__(
            number,
            f"{what}: {errno.errorcode.get(number, number)}; run as root, and check that"
            " the kernel has nf_conntrack_netlink and nfnetlink_log",
        )


# Parsers


def messages(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(type, start of the payload, its end) of each message of a datagram."""
    at = 0
    while at + HEADER.size <= len(data):
        length, kind, _, _, _ = HEADER.unpack_from(data, at)
        if length < HEADER.size or at + length > len(data):
            return
        yield kind, at + HEADER.size, at + length
        at += (length + 3) & ~3


def attributes(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(type, start, end) of each attribute."""
    at = start
    while at + ATTRIBUTE.size <= end:
        length, kind = ATTRIBUTE.unpack_from(data, at)
        if length < ATTRIBUTE.size or at + length > end:
            return
        yield kind & NESTED, at + ATTRIBUTE.size, at + length
        at += (length + 3) & ~3


def parse_connection(data: bytes, start: int, end: int) -> Connection | None:
    """`start` is behind the netlink header.  None for what has no two directions."""
    found: dict[int, tuple[int, int]] = {
        kind: (first, last) for kind, first, last in attributes(data, start + 4, end)
    }
    original, reply = found.get(CTA_ORIG), found.get(CTA_REPLY)
    if original is None or reply is None:
        return None
    began, ended = _times(data, found.get(CTA_TIMESTAMP))
    there, back = _ends(data, *original), _ends(data, *reply)
    if there is None or back is None:
        return None
    return Connection(
        id=_number(data, found.get(CTA_ID)),
        original=there,
        reply=back,
        mark=_number(data, found.get(CTA_MARK)),
        zone=_number(data, found.get(CTA_ZONE)),
        sent=_amount(data, found.get(CTA_SENT)),
        back=_amount(data, found.get(CTA_BACK)),
        started_ns=began,
        ended_ns=ended,
    )


def _ends(data: bytes, start: int, end: int) -> Ends | None:
    source = dest = ""
    numbers = {1: 0, 2: 0, 3: 0}
    for kind, first, last in attributes(data, start, end):
        if kind == 1:  # CTA_TUPLE_IP
            for which, a, b in attributes(data, first, last):
                text = _address(data[a:b])
                if which in {1, 3}:
                    source = text
                elif which in {2, 4}:
                    dest = text
        elif kind == 2:  # CTA_TUPLE_PROTO
            for which, a, b in attributes(data, first, last):
                if which in numbers:
                    numbers[which] = int.from_bytes(data[a:b], "big")
    if not source or not dest:
        return None
    return Ends(source, numbers[2], dest, numbers[3], numbers[1])


def _address(raw: bytes) -> str:
    if len(raw) == 4:
        return socket.inet_ntop(socket.AF_INET, raw)
    return socket.inet_ntop(socket.AF_INET6, raw) if len(raw) == 16 else ""


def _number(data: bytes, place: tuple[int, int] | None) -> int:
    return int.from_bytes(data[place[0] : place[1]], "big") if place else 0


def _amount(data: bytes, place: tuple[int, int] | None) -> Amount:
    if place is None:
        return Amount()
    found = {kind: int.from_bytes(data[a:b], "big") for kind, a, b in attributes(data, *place)}
    return Amount(found.get(1, 0), found.get(2, 0))


def _times(data: bytes, place: tuple[int, int] | None) -> tuple[int, int]:
    if place is None:
        return 0, 0
    found = {kind: int.from_bytes(data[a:b], "big") for kind, a, b in attributes(data, *place)}
    return found.get(1, 0), found.get(2, 0)


def parse_logged(data: bytes, start: int, end: int) -> Logged:
    found: dict[int, tuple[int, int]] = {
        kind: (first, last) for kind, first, last in attributes(data, start + 4, end)
    }
    prefix, payload = found.get(LOG_PREFIX), found.get(LOG_PAYLOAD)
    came = found.get(LOG_PHYS_IN) or found.get(LOG_IN)
    left = found.get(LOG_PHYS_OUT) or found.get(LOG_OUT)
    frame = found.get(LOG_FRAME)
    return Logged(
        data[prefix[0] : prefix[1]].rstrip(b"\0").decode(errors="replace") if prefix else "",
        data[payload[0] : payload[1]] if payload else b"",
        _number(data, found.get(LOG_SEQ)),
        _number(data, came),
        _number(data, left),
        data[frame[0] : frame[1]] if frame else b"",
    )


# Requests


def attribute(kind: int, value: bytes) -> bytes:
    padding = -len(value) % 4
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(value), kind) + value + b"\0" * padding


def request(subsystem: int, kind: int, flags: int, body: bytes, *, family: int = 0) -> bytes:
    """`body` without the header of netfilter, whose resource is 0."""
    return _message(subsystem << 8 | kind, flags, struct.pack("=BBH", family, 0, 0) + body)


def log_request(group: int, body: bytes) -> bytes:
    head = struct.pack("=BB", 0, 0) + struct.pack(">H", group)
    return _message(LOG << 8 | LOG_CONFIG, REQUEST | ACK, head + body)


def _message(kind: int, flags: int, body: bytes) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, flags, 1, 0) + body


def dump_request(mark: int) -> bytes:
    """Connections whose mark has these bits: others are not even copied."""
    bits = struct.pack(">I", mark)
    body = attribute(CTA_MARK, bits) + attribute(CTA_MARK_MASK, bits)
    return request(CONNTRACK, CT_GET, REQUEST | DUMP, body)


# Sockets


class FlowTap:
    """Opened in the network namespace of the caller's thread; reading never waits but in `dump`."""

    def __init__(self, group: int) -> None:
        self._events = _open(DESTROYED)
        try:
            self._log = _open(0)
        except OSError:
            self._events.close()
            raise
        try:
            self._listen(group)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        self._events.close()
        self._log.close()

    def _listen(self, group: int) -> None:
        """Sequence numbers tell what was lost; packets come within a tenth of a second."""
        steps = (
            attribute(CFG_CMD, struct.pack("=B", BIND)),
            attribute(CFG_MODE, struct.pack(">IBB", 0xFFFF, COPY_PACKET, 0))
            + attribute(CFG_TIMEOUT, struct.pack(">I", 10))
            + attribute(CFG_QUEUE, struct.pack(">I", 64))
            + attribute(CFG_FLAGS, struct.pack(">H", WITH_SEQ)),
        )
        self._log.settimeout(TIMEOUT_S)
        for body in steps:
            self._log.send(log_request(group, body))
            refused = self._answer()
            if refused:
                raise NetlinkRefused(f"log group {group}", refused)
        self._log.setblocking(False)

    def _answer(self) -> int:
        """The error number of the acknowledgement, 0 for none; packets may come before it."""
        while True:
            data = self._log.recv(DATAGRAM)
            for kind, start, _ in messages(data):
                if kind == ERROR:
                    return -int.from_bytes(data[start : start + 4], sys.byteorder, signed=True)

    def ended(self, most: int, bits: int) -> Reading:
        """Connections that ended since the last call; `bits` of the mark tell which are wanted."""
        reading = Reading()
        for data in _waiting(self._events, reading):
            for kind, start, end in messages(data):
                if kind != CONNTRACK << 8 | CT_DELETE:
                    continue
                if len(reading.connections) >= most:
                    reading.skipped += 1
                    continue
                one = parse_connection(data, start, end)
                if one is not None and one.mark & bits:
                    reading.connections.append(one)
        return reading

    def logged(self, most: int) -> Reading:
        reading = Reading()
        for data in _waiting(self._log, reading):
            for kind, start, end in messages(data):
                if kind != LOG << 8 | LOG_PACKET:
                    continue
                if len(reading.logged) >= most:
                    reading.skipped += 1
                else:
                    reading.logged.append(parse_logged(data, start, end))
        return reading


def dump(most: int, bits: int) -> Reading:
    """Connections that live and whose mark has these bits.

    Raises NetlinkRefused, or TimeoutError when the kernel does not answer in time.
    """
    reading = Reading()
    with _open(0) as asking:
        asking.settimeout(TIMEOUT_S)
        asking.send(dump_request(bits))
        while True:
            try:
                data = asking.recv(DATAGRAM)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                reading.overruns += 1
                continue
            for kind, start, end in messages(data):
                if kind == DONE:
                    return reading
                if kind == ERROR:
                    number = -int.from_bytes(data[start : start + 4], sys.byteorder, signed=True)
                    raise NetlinkRefused("table of connections", number)
                if len(reading.connections) >= most:
                    reading.skipped += 1
                    continue
                one = parse_connection(data, start, end)
                if one is not None:
                    reading.connections.append(one)


def _open(groups: int) -> socket.socket:
    one = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    try:
        with suppress(OSError):  # without the right to more, the usual size has to do
            one.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES)
        one.bind((0, groups))
        one.setblocking(False)
    except OSError:
        one.close()
        raise
    return one


def _waiting(one: socket.socket, reading: Reading) -> Iterator[bytes]:
    while True:
        try:
            yield one.recv(DATAGRAM)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            reading.overruns += 1
