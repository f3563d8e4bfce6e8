"""Which addresses a tenant may let the controller send to: public ones, and what is allowed here.

A name that a tenant chose is resolved once, each address is looked at, and the one that is taken is
connected to, so that no second answer of the name leads elsewhere.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


def read_networks(text: str) -> tuple[Network, ...]:
    """`10.0.0.0/8, fd00::/8`, or `all`.  Raises ValueError."""
    if text.strip().lower() == "all":
        return (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
    parts = (part.strip() for part in text.split(","))
    return tuple(ipaddress.ip_network(part) for part in parts if part)


def read_address(text: str) -> Address | None:
    """Of what resolving a name gave: a zone of IPv6 is no part of the address."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def may_reach(address: Address, allowed: Iterable[Network]) -> bool:
    """Whether it is public, or in a network that who runs the controller allows.

    An address of IPv6 that stands for one of IPv4 is public only if that one is too.
    """
    networks = tuple(allowed)
    return all(
        _public(one) or any(one.version == net.version and one in net for net in networks)
        for one in _meanings(address)
    )


def first_allowed(addresses: Iterable[str], allowed: Iterable[Network]) -> str | None:
    networks = tuple(allowed)
    for text in addresses:
        address = read_address(text)
        if address is not None and "%" not in text and may_reach(address, networks):
            return text
    return None


def _public(address: Address) -> bool:
    if not address.is_global or address.is_multicast:
        return False
    return not address.is_reserved or address in _NAT64


def _meanings(address: Address) -> Iterator[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    mapped = address.ipv4_mapped
    if mapped is not None:
        yield mapped  # the system connects to that one
        return
    yield address
    if address.sixtofour is not None:
        yield address.sixtofour
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
