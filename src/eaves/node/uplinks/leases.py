"""From what a DHCP client was told to a lease.  Pure; every field comes from outside."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Interface, ip_address

from eaves.node.uplinks.model import LEAST_MTU, MOST_MTU
from eaves.node.uplinks.seen import Lease

HELD = frozenset({"bound", "renew"})
MOST_DOMAIN = 253


def lease_of(event: str, values: Mapping[str, str]) -> Lease | None:
    """None: there is no lease now.  Values that cannot be used are left out."""
    if event not in HELD:
        return None
    address = _address(values.get("ip", ""), values.get("mask", ""), values.get("subnet", ""))
    if not address:
        return None
    mtu = values.get("mtu", "")
    bytes_ = int(mtu) if mtu.isascii() and mtu.isdigit() and len(mtu) < 6 else 0
    return Lease(
        address,
        _default_routers(values),
        _addresses(values.get("dns", "")),
        _domain(values.get("domain", "")),
        _addresses(values.get("ntpsrv", "")),
        _url(values.get("wpad", "")),
        bytes_ if LEAST_MTU <= bytes_ <= MOST_MTU else 0,
    )


def _address(ip: str, prefix: str, mask: str) -> str:
    try:
        return str(IPv4Interface(f"{ip}/{prefix or mask or 32}"))
    except ValueError:
        return ""


def _default_routers(values: Mapping[str, str]) -> tuple[str, ...]:
    """Classless routes, where a server sends them, stand for the routers (RFC 3442)."""
    routes = values.get("staticroutes") or values.get("msstaticroutes") or ""
    words = routes.split()
    pairs = list(zip(words[::2], words[1::2], strict=False))
    default = [via for to, via in pairs if to == "0.0.0.0/0"]
    return _addresses(" ".join(default)) if pairs else _addresses(values.get("router", ""))


def _addresses(text: str) -> tuple[str, ...]:
    found: list[str] = []
    for word in text.split():
        try:
            address = ip_address(word)
        except ValueError:
            continue
        if isinstance(address, IPv4Address) and not address.is_unspecified:
            found.append(str(address))
    return tuple(dict.fromkeys(found))


def _domain(text: str) -> str:
    """One name; a server may send several, or what is no name at all."""
    word = next(iter(text.split()), "").strip(".").lower()
    plain = word.replace("-", "").replace(".", "").replace("_", "")
    return word if plain.isascii() and plain.isalnum() and len(word) <= MOST_DOMAIN else ""


def _url(text: str) -> str:
    word = next(iter(text.split()), "").rstrip("\0")
    return word if word.startswith(("http://", "https://")) and word.isprintable() else ""
