"""Who is behind a proxy: told by X-Forwarded-For, if the proxy is a trusted one.  Pure.

Each proxy adds the address that it was called from at the end, so the last one that is no trusted
proxy is who came to the first of ours; what stands before it anybody may have written.
"""

from collections.abc import Sequence
from typing import Final

from eaves.controller.domain.trusted import Network, address_of, is_trusted

HEADER: Final = b"x-forwarded-for"
MAX_HOPS: Final = 16


def client_behind(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """The address that a request counts for; `peer`: the one that the connection comes from."""
    address = address_of(peer)
    if address is None or not is_trusted(address, trusted):
        return peer
    for hop in reversed(forwarded.split(",")[-MAX_HOPS:]):
        found = address_of(hop.strip())
        if found is None:
            break
        address = found
        if not is_trusted(found, trusted):
            break
    return str(address)
