"""The header of the PROXY protocol, version 2: whom a balancer forwards.  Pure.

A balancer that passes TLS through writes it before the first byte of a connection.  Version 1,
which is text, is not read.  Source: HAProxy, "The PROXY protocol", section 2.2.
"""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from eaves.controller.domain.trusted import plain
from eaves.errors import Rejected

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
HEAD_BYTES: Final = 16  # signature, version and command, family, length of the rest
MOST_BYTES: Final = 4096
"""Of the rest: addresses take 36 bytes; what else a balancer may tell is read and not used."""

_HEAD: Final = struct.Struct("!12sBBH")
_VERSION: Final = 2
_LOCAL, _PROXY = 0, 1
_TCP4, _TCP6 = 0x11, 0x21
_ADDRESSES: Final = {_TCP4: struct.Struct("!4s4sHH"), _TCP6: struct.Struct("!16s16sHH")}


class NotProxied(Rejected):
    """A connection that does not begin with this header."""


@dataclass(frozen=True, slots=True)
class Head:
    """`rest`: bytes that follow; `family` is 0 where the balancer speaks for itself."""

    family: int
    rest: int


def read_head(data: bytes) -> Head:
    """Read the first 16 bytes.  Raises NotProxied."""
    signature, version_command, family, rest = _HEAD.unpack(data)
    if signature != SIGNATURE:
        raise NotProxied("it does not begin with the signature of the PROXY protocol, version 2")
    version, command = version_command >> 4, version_command & 0x0F
    if version != _VERSION or command not in (_LOCAL, _PROXY):
        raise NotProxied(f"version {version} with command {command} is not known")
    if rest > MOST_BYTES:
        raise NotProxied(f"its header has {rest} more bytes; {MOST_BYTES} are taken")
    return Head(0 if command == _LOCAL else family, rest)


def read_source(head: Head, rest: bytes) -> str | None:
    """Who comes, as address:port; None: the balancer itself, or nobody that has an address.

    Raises NotProxied.
    """
    form = _ADDRESSES.get(head.family)
    if form is None:
        return None
    if len(rest) < form.size:
        raise NotProxied(f"{len(rest)} bytes hold no addresses of family {head.family:#x}")
    source, _, port, _ = form.unpack_from(rest)
    address = plain(IPv4Address(source) if head.family == _TCP4 else IPv6Address(source))
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
