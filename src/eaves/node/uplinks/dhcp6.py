"""A client of DHCPv6 (RFC 8415) for one address and DNS servers: what it sends, when.  Pure.

    SOLICIT --advertise--> REQUEST --reply--> BOUND --T1--> RENEW --T2--> REBIND
       ^                      | refused                       | reply: BOUND again
       +----------------------+------- the address is used up, or refused -------+

An answer to RENEW or REBIND that gives no address is passed over; a server that knows nothing of
the address is asked for it, which stays in use meanwhile, until it ends.
A question is repeated with longer and longer pauses; the answer has to bear its number.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from ipaddress import IPv6Address
from typing import Final

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 120.0
REQUESTS: Final = 10  # of one offer; then another server is looked for
MOST_SERVERS: Final = 4  # of DNS
LEAST_S: Final = 10  # that a lease is left alone, whatever a server says; a shorter one is none
_ENDLESS: Final = 0xFFFF_FFFF
_WELL: Final = b"\0\0"  # states
_NO_BINDING: Final = b"\0\3"


class Kind(IntEnum):
    """Of a message."""

    SOLICIT = 1
    ADVERTISE = 2
    REQUEST = 3
    RENEW = 5
    REBIND = 6
    REPLY = 7


class Phase(IntEnum):
    """The kind of what is asked; BOUND asks nothing."""

    BOUND = 0
    SOLICIT = Kind.SOLICIT
    REQUEST = Kind.REQUEST
    RENEW = Kind.RENEW
    REBIND = Kind.REBIND


_BEFORE_REBIND: Final = frozenset({Phase.BOUND, Phase.RENEW})


class _Option(IntEnum):
    CLIENT = 1
    SERVER = 2
    ADDRESSES = 3  # IA_NA
    ADDRESS = 5  # within
    ASKED = 6
    ELAPSED = 8
    STATUS = 13
    DNS = 23


@dataclass(frozen=True, slots=True)
class Identity:
    """The same after each start, so that the server gives the same address."""

    duid: bytes
    iaid: int


def identity(mac: str) -> Identity:
    """Of one interface.  Raises ValueError for what is no MAC address."""
    raw = bytes.fromhex(mac.replace(":", ""))
    return Identity(struct.pack(">HH", 3, 1) + raw, zlib.crc32(raw))


@dataclass(frozen=True, slots=True)
class Lease6:
    """Times are those of the clock that `now` is of."""

    address: str
    dns: tuple[str, ...]
    server: bytes
    renew: float
    rebind: float
    ends: float


@dataclass(frozen=True, slots=True)
class State:
    phase: Phase
    number: int  # of the question, 24 bits
    begun: float
    due: float  # when something is done next
    tries: int = 0
    offer: Lease6 | None = None  # of the server that is asked for it
    lease: Lease6 | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    kind: Kind
    number: int
    client: bytes
    server: bytes
    lease: Lease6 | None  # None: it gives no address
    ended: frozenset[str]  # addresses that are not to be used any more
    unbound: bool  # the server knows nothing of what it was asked to renew


@dataclass(frozen=True, slots=True)
class _Address:
    address: IPv6Address
    preferred: int
    valid: int

    @property
    def is_usable(self) -> bool:
        return self.valid >= max(LEAST_S, self.preferred) and _is_usable(self.address)


@dataclass(frozen=True, slots=True)
class _Given:
    """An IA_NA of ours."""

    renew: int
    rebind: int
    status: bytes
    addresses: tuple[_Address, ...]

    @property
    def ended(self) -> frozenset[str]:
        return frozenset(str(one.address) for one in self.addresses if not one.valid)


def begin(now: float, number: int) -> State:
    return State(Phase.SOLICIT, number, now, now)


def resumed(lease: Lease6, now: float, number: int) -> State | None:
    """Of a process before; None: the lease ended meanwhile."""
    if now >= lease.ends:
        return None
    return State(Phase.BOUND, number, now, lease.renew, lease=lease)


def tick(state: State, own: Identity, now: float, number: int) -> tuple[State, bytes | None]:
    """What to send now; `number`: for a question that begins."""
    lease = state.lease
    if lease is not None and now >= lease.ends:
        state = begin(now, number)
    elif lease is not None and now >= lease.rebind and state.phase in _BEFORE_REBIND:
        state = replace(state, phase=Phase.REBIND, number=number, begun=now, due=now, tries=0)
    elif lease is not None and now >= lease.renew and state.phase is Phase.BOUND:
        state = replace(state, phase=Phase.RENEW, number=number, begun=now, due=now, tries=0)
    if state.phase is Phase.REQUEST and state.tries >= REQUESTS:
        state = replace(begin(now, number), lease=state.lease)
    if state.phase is Phase.BOUND or now < state.due:
        return state, None
    pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(state.tries, 9))
    asked = replace(state, tries=state.tries + 1, due=now + pause)
    return asked, question(asked, own, now)


def hear(state: State, own: Identity, message: bytes, now: float, number: int) -> State:
    """Anything that came; what does not answer the question changes nothing."""
    answer = read_answer(message, own, now)
    if answer is None or (answer.client, answer.number) != (own.duid, state.number):
        return state
    match state.phase, answer.kind:
        case Phase.SOLICIT, Kind.ADVERTISE if answer.lease is not None:
            return State(Phase.REQUEST, number, now, now, offer=answer.lease, lease=state.lease)
        case ((Phase.REQUEST | Phase.RENEW | Phase.REBIND), Kind.REPLY):
            return _replied(state, answer, now, number)
        case _:
            return state


def _replied(state: State, answer: Answer, now: float, number: int) -> State:
    held = state.lease
    if answer.lease is not None:
        return State(Phase.BOUND, number, now, answer.lease.renew, lease=answer.lease)
    if held is not None and held.address in answer.ended:
        held = None
    elif held is not None and state.phase is not Phase.REQUEST:
        if not answer.unbound:
            return state
        offer = replace(held, server=answer.server)
        return State(Phase.REQUEST, number, now, now, offer=offer, lease=held)
    return replace(begin(now, number), due=now + FIRST_PAUSE_S, lease=held)


# Messages


def question(state: State, own: Identity, now: float) -> bytes:
    held = state.offer or state.lease
    elapsed = min(0xFFFF, int((now - state.begun) * 100))
    address = b""
    if held is not None:
        address = _option(
            _Option.ADDRESS, IPv6Address(held.address).packed + struct.pack(">II", 0, 0)
        )
    options = [
        _option(_Option.CLIENT, own.duid),
        _option(_Option.ELAPSED, struct.pack(">H", elapsed)),
        _option(_Option.ASKED, struct.pack(">H", _Option.DNS)),
        _option(_Option.ADDRESSES, struct.pack(">III", own.iaid, 0, 0) + address),
    ]
    if held is not None and state.phase in {Phase.REQUEST, Phase.RENEW}:
        options.append(_option(_Option.SERVER, held.server))
    return bytes([state.phase]) + state.number.to_bytes(3, "big") + b"".join(options)


def _option(kind: _Option, body: bytes) -> bytes:
    return struct.pack(">HH", kind, len(body)) + body


def read_answer(message: bytes, own: Identity, now: float) -> Answer | None:
    """None for what is no answer of a server; it comes from the network, unproven."""
    if len(message) < 4 or message[0] not in {Kind.ADVERTISE, Kind.REPLY}:
        return None
    options = dict(_options(message[4:]))
    if not options.get(_Option.SERVER):
        return None
    given = _given(options, own) if _status(options) == _WELL else None
    return Answer(
        Kind(message[0]),
        int.from_bytes(message[1:4], "big"),
        options.get(_Option.CLIENT, b""),
        options[_Option.SERVER],
        _lease(given, options, now) if given else None,
        given.ended if given else frozenset(),
        unbound=given is not None and given.status == _NO_BINDING,
    )


def _options(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """What does not fit ends the list; of an option that comes twice the last counts."""
    at = 0
    while at + 4 <= len(raw):
        kind, length = struct.unpack_from(">HH", raw, at)
        if at + 4 + length > len(raw):
            return
        yield kind, raw[at + 4 : at + 4 + length]
        at += 4 + length


def _status(options: Mapping[int, bytes]) -> bytes:
    return options.get(_Option.STATUS, _WELL)[:2]


def _given(options: Mapping[int, bytes], own: Identity) -> _Given | None:
    raw = options.get(_Option.ADDRESSES, b"")
    if len(raw) < 12:
        return None
    iaid, renew, rebind = struct.unpack_from(">III", raw)
    inner = tuple(_options(raw[12:]))
    addresses = tuple(
        _Address(IPv6Address(one[:16]), *struct.unpack_from(">II", one, 16))
        for kind, one in inner
        if kind == _Option.ADDRESS and len(one) >= 24
    )
    return _Given(renew, rebind, _status(dict(inner)), addresses) if iaid == own.iaid else None


def _lease(given: _Given, options: Mapping[int, bytes], now: float) -> Lease6 | None:
    """Of several addresses that can be used the last counts."""
    usable = [one for one in given.addresses if one.is_usable]
    if given.status != _WELL or not usable:
        return None
    preferred, valid = usable[-1].preferred, usable[-1].valid
    first, second = given.renew or preferred // 2, given.rebind or preferred * 4 // 5
    if max(first, second) > valid:  # makes no sense
        first, second = preferred // 2, preferred * 4 // 5
    first = max(first, LEAST_S)
    second = max(first, second)
    return Lease6(
        str(usable[-1].address),
        _servers(options.get(_Option.DNS, b"")),
        options[_Option.SERVER],
        *(now + _seconds(n) for n in (first, second, valid)),
    )


def _seconds(number: int) -> float:
    return float("inf") if number == _ENDLESS else float(number)


def _servers(raw: bytes) -> tuple[str, ...]:
    found = (IPv6Address(raw[n : n + 16]) for n in range(0, len(raw) - 15, 16))
    return tuple(str(one) for one in found if _is_usable(one))[:MOST_SERVERS]


def _is_usable(one: IPv6Address) -> bool:
    return not (one.is_link_local or one.is_multicast or one.is_unspecified or one.is_loopback)
