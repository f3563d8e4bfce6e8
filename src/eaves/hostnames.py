"""Names and addresses as they may stand in a configuration file.  Pure.

Strict on purpose: what passes here holds no separator, no control character and no option of any
program that is told it.
"""

import ipaddress
import re

LONGEST_NAME = 253
NAME_RULE = (
    "a name has up to 253 characters in labels of 1 to 63 ASCII letters, digits, '-' or '_', not"
    " beginning or ending with '-'; write an international name in its xn-- form"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def is_domain_name(text: str) -> bool:
    """A host or domain name without a final dot; an address is none."""
    if len(text) > LONGEST_NAME or is_address(text):
        return False
    return all(_LABEL.fullmatch(label) for label in text.split("."))


def domain_of(text: str) -> str:
    """The domain in a text that may be written like a URL: `http://example.com` is `example.com`.

    Clients of the published contract write it so.
    """
    return _SCHEME.sub("", text, count=1) if _SCHEME.match(text) else text


def is_address(text: str) -> bool:
    """IPv4 or IPv6, without a zone: the zone of an IPv6 address may hold any text."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return isinstance(address, ipaddress.IPv4Address) or address.scope_id is None


def is_ipv4(text: str) -> bool:
    return is_address(text) and ":" not in text


def default_leases(
    subnet: ipaddress.IPv4Network, gateway: ipaddress.IPv4Address
) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address]:
    """First and last address to lease where nobody said: the last quarter stays for fixed ones.

    `subnet` has at least four addresses.  Below 16 addresses nothing is set aside.
    """
    lowest = subnet.network_address + 1
    first = gateway + 1 if gateway == lowest else lowest
    aside = subnet.num_addresses // 4 if subnet.num_addresses >= 16 else 0
    last = subnet.broadcast_address - 1 - aside
    return first, gateway - 1 if first <= gateway <= last else last
