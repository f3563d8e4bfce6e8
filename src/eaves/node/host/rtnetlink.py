"""What the kernel tells over rtnetlink: its links, addresses, routes and rules.  Reads only.

A dump is one request, and the messages up to the one that says it is done.  Of a message we keep
its fixed head and its attributes as bytes; who asked knows what an attribute holds.  Source: the
kernel's `uapi/linux/rtnetlink.h`, `if_link.h`, `if_addr.h` and `fib_rules.h`.
"""

import asyncio
import os
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from eaves.errors import Transient

_HEAD = struct.Struct("=IHHII")  # of a message: length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")
_ERRNO = struct.Struct("=i")
_REQUEST, _DUMP, _INTERRUPTED = 0x1, 0x300, 0x10
_ERROR, _DONE = 2, 3
_TYPE_MASK = 0x3FFF  # the rest of an attribute's type are flags
_BUFFER = 1 << 16  # the kernel fills at most 32 KiB at once
_TRIES = 10
_ANSWER_S = 10.0


class Dump(IntEnum):
    """What can be asked for, by the number of its request."""

    LINKS = 18
    ADDRESSES = 22
    ROUTES = 26
    RULES = 34


HEADS: Mapping[Dump, struct.Struct] = {
    Dump.LINKS: struct.Struct("=BxHiII"),  # family, type, index, flags, change
    Dump.ADDRESSES: struct.Struct("=BBBBI"),  # family, prefix, flags, scope, index
    # family, destination's and source's prefix, TOS, table, protocol, scope, type, flags
    Dump.ROUTES: struct.Struct("=BBBBBBBBI"),
    # family, destination's and source's prefix, TOS, table, two reserved, action, flags
    Dump.RULES: struct.Struct("=BBBBBBBBI"),
}


class KernelSilent(Transient):
    """No whole answer: the state changes faster than it can be read, or the kernel refused."""

    def __init__(self, what: Dump, why: str) -> None:
        super().__init__(f"the kernel's {what.name.lower()} cannot be read: {why}; trying again")


class _Changed(Exception):
    """Something changed while the kernel told it: what came may be neither old nor new."""


@dataclass(frozen=True, slots=True)
class Message:
    """`head`: fields as `HEADS` lists them."""

    head: tuple[int, ...]
    attributes: Mapping[int, bytes]

    def number(self, kind: int) -> int:
        """0 where it is missing."""
        return int.from_bytes(self.attributes.get(kind, b""), sys.byteorder)

    def text(self, kind: int) -> str:
        """Empty where it is missing."""
        return self.attributes.get(kind, b"").rstrip(b"\0").decode(errors="replace")

    def address(self, kind: int) -> str:
        """Of IPv4 or IPv6, by its length; empty where it is missing."""
        return address_text(self.attributes.get(kind, b""))

    def mac(self, kind: int) -> str:
        return self.attributes.get(kind, b"").hex(":")

    def nested(self, kind: int) -> "Message":
        return Message((), attributes_of(self.attributes.get(kind, b"")))


_FAMILIES = {4: socket.AF_INET, 16: socket.AF_INET6}


def address_text(raw: bytes) -> str:
    family = _FAMILIES.get(len(raw))
    return socket.inet_ntop(family, raw) if family is not None else ""


def attributes_of(raw: bytes) -> dict[int, bytes]:
    """By type; what does not fit ends the list, as the kernel's own reader has it."""
    found: dict[int, bytes] = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(raw):
        length, kind = _ATTRIBUTE.unpack_from(raw, at)
        if length < _ATTRIBUTE.size or at + length > len(raw):
            break
        found[kind & _TYPE_MASK] = raw[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)
    return found


def _aligned(length: int) -> int:
    return (length + 3) & ~3


async def dump(what: Dump, family: int = socket.AF_UNSPEC) -> list[Message]:
    """All of them, of the network namespace that the caller is in, at one moment."""
    for _ in range(_TRIES):
        try:
            async with asyncio.timeout(_ANSWER_S):
                return await _dump_once(what, family)
        except _Changed:
            continue
        except TimeoutError:
            raise KernelSilent(what, f"no answer in {_ANSWER_S:g} s") from None
        except OSError as error:
            raise KernelSilent(what, str(error)) from error
    raise KernelSilent(what, f"it changed during each of {_TRIES} looks")


async def _dump_once(what: Dump, family: int) -> list[Message]:
    head = HEADS[what]
    body = struct.pack("=B", family).ljust(head.size, b"\0")
    length = _HEAD.size + len(body)
    loop = asyncio.get_running_loop()
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    with socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE) as door:
        door.setblocking(False)
        door.bind((0, 0))
        await loop.sock_sendall(door, _HEAD.pack(length, what, _REQUEST | _DUMP, 1, 0) + body)
        found: list[Message] = []
        while True:
            done = False
            for flags, answer, payload in messages(await loop.sock_recv(door, _BUFFER)):
                if flags & _INTERRUPTED:
                    raise _Changed
                done = done or answer == _DONE
                if answer == _ERROR:
                    number = -_ERRNO.unpack_from(payload)[0]
                    raise OSError(number, os.strerror(number))
                if answer > _DONE:
                    fields = head.unpack_from(payload)
                    found.append(Message(fields, attributes_of(payload[head.size :])))
            if done:
                return found


def messages(raw: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Flags, type and payload of each message of one datagram."""
    at = 0
    while at + _HEAD.size <= len(raw):
        length, kind, flags, _, _ = _HEAD.unpack_from(raw, at)
        if length < _HEAD.size:
            break
        yield flags, kind, raw[at + _HEAD.size : at + length]
        at += _aligned(length)
