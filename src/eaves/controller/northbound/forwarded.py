"""Who is behind a proxy: told by X-Forwarded-For, if the proxy is a trusted one.  Pure.

Each proxy adds the address that it was called from at the end, so the last one that is no trusted
proxy is who came to the first of ours; what stands before it anybody may have written.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Network = IPv4Network | IPv6Network
HEADER: Final = b"x-forwarded-for"
MAX_HOPS: Final = 16


def client_behind(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """The address that a request counts for; `peer`: the one that the connection comes from."""
    address = _address(peer)
    if address is None or not _is_trusted(address, trusted):
        return peer
    for hop in reversed(forwarded.split(",")[-MAX_HOPS:]):
        found = _address(hop.strip())
        if found is None:
            break
        address = found
        if not _is_trusted(found, trusted):
            break
    return str(address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    host = text.removeprefix("[").partition("]")[0] if text.startswith("[") else text
    if host.count(":") == 1:  # IPv4 with a port
        host = host.partition(":")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_trusted(address: IPv4Address | IPv6Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)
