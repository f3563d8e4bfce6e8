"""Addresses, MACs and names that follow from identities and numbers.  Pure.

They must never change between releases: a guest keeps its MAC, an outside firewall its rules.
"""

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from eaves.evapi.evecommon import Ipspec
from eaves.hostnames import default_leases
from eaves.ids import AppInstanceId, NetworkInstanceId

LAST_OCTET = 255
AUTOMATIC_BASES = ("10.{n}.0.0/24", "172.27.{n}.0/24", "192.168.{n}.0/24", "100.64.{n}.0/24")


class BadSubnet(ValueError):
    """The text says what is wrong; `intent` turns it into a refusal."""


@dataclass(frozen=True, slots=True)
class Addressing:
    subnet: IPv4Network
    gateway: IPv4Address
    first: IPv4Address  # of the DHCP range
    last: IPv4Address


def bridge_name(number: int) -> str:
    return f"bn{number}"


def vif_mac(app: AppInstanceId, network_instance: NetworkInstanceId, index: int) -> str:
    """A locally administered unicast address, the same for the life of the app."""
    return _local_mac(f"{app}/{network_instance}/{index}")


def legacy_vif_mac(app_number: int, index: int) -> str:
    """As EVE-OS made them before: by numbers, alike on each device; empty beyond one byte."""
    if not (0 <= app_number <= LAST_OCTET and 0 <= index <= LAST_OCTET):
        return ""
    return ":".join(f"{octet:02x}" for octet in (0x00, 0x16, 0x3E, 0x00, index, app_number))


def switch_vif_mac(app: AppInstanceId, network_instance: NetworkInstanceId, index: int) -> str:
    """As `vif_mac`, under the prefix that DHCP servers outside know apps on switches by."""
    digest = hashlib.sha256(f"{app}/{network_instance}/{index}".encode()).digest()
    return ":".join(f"{octet:02x}" for octet in (0x02, 0x16, 0x3E, *digest[:3]))


def bridge_mac(node: str, network_instance: NetworkInstanceId) -> str:
    """Fixed, so that a re-made bridge answers for the gateway that guests have cached."""
    return _local_mac(f"{node}/{network_instance}")


def _local_mac(seed: str) -> str:
    digest = hashlib.sha256(seed.encode()).digest()
    return ":".join(f"{octet:02x}" for octet in (0x02, *digest[:5]))


def is_unicast_mac(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}", text.lower()) is not None


def dns_name(display_name: str) -> str:
    """The label under which DNS knows an app; empty when nothing of the name can stand in one."""
    return re.sub(r"[^a-z0-9]+", "-", display_name.lower()).strip("-")[:63].strip("-")


def automatic_subnet(number: int, taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first candidate for this bridge number that collides with nothing."""
    others = tuple(taken)
    for base in AUTOMATIC_BASES:
        subnet = IPv4Network(base.format(n=number))
        if not any(subnet.overlaps(other) for other in others):
            return subnet
    raise BadSubnet("no automatic subnet is free of overlaps; give one in the network instance")


def addressing(ip: Ipspec | None, automatic: IPv4Network | None) -> Addressing:
    """Fill what the configuration leaves open: gateway = first host, range = most of the rest."""
    subnet = _subnet(ip.subnet) if ip and ip.subnet else automatic
    if subnet is None:
        raise BadSubnet("no subnet")
    if subnet.num_addresses < 4:
        raise BadSubnet(f"subnet {subnet} has no room for a gateway and an app; use /30 or wider")
    gateway = _inside(subnet, ip.gateway if ip else "", subnet.network_address + 1, "gateway")
    dhcp_range = ip.dhcp_range if ip else None
    lowest, highest = default_leases(subnet, gateway)
    first = _inside(subnet, dhcp_range.start if dhcp_range else "", lowest, "range start")
    last = _inside(subnet, dhcp_range.end if dhcp_range else "", highest, "range end")
    if last < first:
        raise BadSubnet(f"DHCP range ends at {last} before it starts at {first}")
    if first <= gateway <= last:
        if dhcp_range and dhcp_range.start:
            raise BadSubnet(f"gateway {gateway} lies inside the DHCP range {first} to {last}")
        last = min(last, gateway - 1)
    return Addressing(subnet, gateway, first, last)


def _subnet(text: str) -> IPv4Network:
    try:
        return IPv4Network(text, strict=False)
    except ValueError as error:
        raise BadSubnet(f"subnet {text!r} is no IPv4 subnet: {error}") from error


def _inside(subnet: IPv4Network, text: str, default: IPv4Address, what: str) -> IPv4Address:
    if not text or text in {"0.0.0.0", "::"}:
        return default
    try:
        address = IPv4Address(text)
    except ValueError as error:
        raise BadSubnet(f"{what} {text!r} is no IPv4 address") from error
    if address not in subnet or address in {subnet.network_address, subnet.broadcast_address}:
        raise BadSubnet(f"{what} {address} is no host address of subnet {subnet}")
    return address


def app_address(net: Addressing, static: str, vif_number: int | None) -> IPv4Address:
    """The given address, else range start + number.  Raises BadSubnet with the reason."""
    if static:
        address = _inside(net.subnet, static, net.gateway, "address")
        if address == net.gateway:
            raise BadSubnet(f"address {address} is the gateway's")
        if net.first <= address <= net.last:
            raise BadSubnet(
                f"static address {address} lies inside the DHCP range {net.first} to {net.last};"
                " choose one outside it"
            )
        return address
    if vif_number is None:
        raise BadSubnet("no address number was allocated yet")
    offset = int(net.first) + vif_number
    if offset > int(net.last):
        raise BadSubnet(
            f"DHCP range {net.first} to {net.last} is used up; widen it or remove an app"
        )
    return IPv4Address(offset)


def dns_servers_for_app(gateway: str) -> tuple[str, ...]:
    """What stands in an app's resolv.conf.

    Always the bridge: so app names resolve, answers feed the ACL sets, and an app without any ACE
    can still resolve.  Servers configured for the network instance are asked by the bridge.
    """
    return (gateway,)


def ipv4_networks(cidrs: Sequence[str]) -> tuple[IPv4Network, ...]:
    """The IPv4 subnets among addresses in CIDR text."""
    found = (ipaddress.ip_interface(text) for text in cidrs)
    return tuple(i.network for i in found if isinstance(i, ipaddress.IPv4Interface))


def ipv4_addresses(cidrs: Sequence[str]) -> tuple[str, ...]:
    found = (ipaddress.ip_interface(text) for text in cidrs)
    return tuple(str(i.ip) for i in found if isinstance(i, ipaddress.IPv4Interface))
