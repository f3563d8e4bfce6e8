"""Networks (port connectivity) and network instances (for apps)."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from eaves.controller.domain.admission.refusal import (
    Refusal,
    admit_names,
    conflict,
    invalid,
    unknown,
)
from eaves.controller.domain.contract.catalogue import AdapterUsage, SysModel
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.netinsts import (
    DhcpServerConfig,
    NetInstConfig,
    NetworkInstanceKind,
)
from eaves.controller.domain.contract.networks import (
    IpSpec,
    NetConfig,
    NetworkDHCPType,
    StaticDNSList,
)
from eaves.controller.domain.contract.projects import Tag
from eaves.hostnames import NAME_RULE, domain_of, is_address, is_domain_name

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
BUILT_IN_LABELS = frozenset({"all", "uplink", "freeuplink"})
MIN_MTU, MAX_MTU = 1280, 65535


@lru_cache(maxsize=4096)
def subnet_of(subnet: str, mask: str) -> IpNetwork | None:
    """The network that `subnet` (with its own prefix, or with `mask`) names; None if nothing does.

    Raises ValueError for text that is no network.
    """
    if not subnet:
        return None
    text = subnet if "/" in subnet or not mask else f"{subnet}/{mask}"
    return ipaddress.ip_network(text, strict=False)


def port_labels(device: DeviceConfig) -> frozenset[str]:
    """What a network instance on this device may name as its port."""
    labels = {port.intfname for port in device.interfaces}
    labels |= {vlan.logical_label for vlan in device.vlan_adapters}
    labels |= {bond.logical_label for bond in device.bond_adapter}
    return frozenset(labels) | shared_labels(device)


def shared_labels(device: DeviceConfig) -> frozenset[str]:
    own = {label for port in device.interfaces for label in port.shared_labels}
    return BUILT_IN_LABELS | own


def admit_network(
    wanted: NetConfig, current: NetConfig | None, *, project: Tag | None
) -> tuple[Refusal, ...]:
    refusals = list(admit_names("network", wanted, current))
    if project is None:
        refusals.append(unknown("project", wanted.project_id, "projectId"))
    if wanted.mtu and not MIN_MTU <= wanted.mtu <= MAX_MTU:
        refusals.append(invalid("mtu", f"MTU {wanted.mtu} is not {MIN_MTU} to {MAX_MTU}"))
    if wanted.ip is not None:
        refusals += _admit_addresses(
            wanted.ip.subnet, wanted.ip.mask, (("ip.gateway", wanted.ip.gateway),)
        )
        refusals += _admit_servers(wanted.ip)
        if wanted.ip.dhcp is NetworkDHCPType.STATIC and not wanted.ip.subnet:
            refusals.append(
                invalid("ip.subnet", f"network {wanted.name!r} is static but has no subnet; add it")
            )
    refusals += _admit_entries(wanted.dns_list)
    return tuple(refusals)


def admit_netinst(
    wanted: NetInstConfig,
    current: NetInstConfig | None,
    *,
    device: DeviceConfig | None,
    model: SysModel | None,
    siblings: Iterable[NetInstConfig],
) -> tuple[Refusal, ...]:
    """`siblings` are the other network instances on the same device."""
    refusals = list(admit_names("network instance", wanted, current))
    if wanted.edge_node_cluster is not None and not wanted.device_id:
        refusals.append(
            invalid("edgeNodeCluster", "clusters are not served by this release; give deviceId")
        )
    elif device is None:
        refusals.append(unknown("device", wanted.device_id, "deviceId"))
    if current is not None and wanted.device_id != current.device_id:
        refusals.append(
            invalid("deviceId", f"{wanted.name!r} cannot move to another device; create a new one")
        )
    if wanted.kind not in (NetworkInstanceKind.LOCAL, NetworkInstanceKind.SWITCH):
        refusals.append(
            invalid(
                "kind",
                f"kind {wanted.kind} is not served by this release; use "
                f"{NetworkInstanceKind.LOCAL} or {NetworkInstanceKind.SWITCH}",
            )
        )
    if wanted.mtu and not MIN_MTU <= wanted.mtu <= MAX_MTU:
        refusals.append(invalid("mtu", f"MTU {wanted.mtu} is not {MIN_MTU} to {MAX_MTU}"))
    if device is not None:
        refusals += _admit_usage(wanted, device, model)
    refusals += _admit_subnet(wanted, siblings)
    if wanted.ip is not None:
        refusals += _admit_servers(wanted.ip)
    refusals += _admit_entries(wanted.dns_list)
    return tuple(refusals)


def absent_port(netinst: NetInstConfig, device: DeviceConfig) -> str:
    """What to say where the device has neither the port nor the label; empty: it has.

    No reason to refuse what a person makes: clients of the published contract make network
    instances before the port or its label is there.
    """
    if not netinst.port or netinst.port in port_labels(device):
        return ""
    return (
        f"device {device.name!r} has no port or label {netinst.port!r}; it has "
        f"{', '.join(sorted(port_labels(device)))}"
    )


def _admit_usage(
    wanted: NetInstConfig, device: DeviceConfig, model: SysModel | None
) -> list[Refusal]:
    usage = {member.logicallabel: member.usage for member in model.io_member_list} if model else {}
    usage |= {
        port.intfname: port.intf_usage
        for port in device.interfaces
        if port.intf_usage is not AdapterUsage.UNSPECIFIED
    }
    if usage.get(wanted.port) in (AdapterUsage.APP_DIRECT, AdapterUsage.DISABLED):
        return [
            conflict(
                "port",
                f"port {wanted.port!r} of device {device.name!r} is {usage[wanted.port]}; "
                "choose another port or change its usage",
            )
        ]
    return []


def _admit_subnet(wanted: NetInstConfig, siblings: Iterable[NetInstConfig]) -> list[Refusal]:
    if wanted.ip is None:
        return []
    refusals = _admit_addresses(
        wanted.ip.subnet,
        wanted.ip.mask,
        (
            ("ip.gateway", wanted.ip.gateway),
            ("ip.dhcpRange.start", wanted.ip.dhcp_range.start if wanted.ip.dhcp_range else ""),
            ("ip.dhcpRange.end", wanted.ip.dhcp_range.end if wanted.ip.dhcp_range else ""),
        ),
    )
    if refusals:
        return refusals
    mine = subnet_of(wanted.ip.subnet, wanted.ip.mask)
    if mine is None:
        return []
    for other in siblings:
        theirs = _subnet_or_none(other)
        if theirs is not None and theirs.version == mine.version and mine.overlaps(theirs):
            refusals.append(
                conflict(
                    "ip.subnet",
                    f"subnet {mine} overlaps {theirs} of network instance {other.name!r} on the "
                    "same device; choose another",
                )
            )
    return refusals


def _admit_servers(ip: IpSpec | DhcpServerConfig) -> list[Refusal]:
    """The domain, DNS and NTP servers, which devices write into files of other programs."""
    refusals: list[Refusal] = []
    if ip.domain and not is_domain_name(domain_of(ip.domain).removesuffix(".")):
        refusals.append(invalid("ip.domain", f"{ip.domain!r} is no domain name: {NAME_RULE}"))
    refusals += [
        invalid(f"ip.dns[{n}]", f"{text!r} is no IP address")
        for n, text in enumerate(ip.dns)
        if text and not is_address(text)
    ]
    ntp = [("ip.ntp", ip.ntp)]
    ntp += [(f"ip.ntpServers[{n}].server", one.server) for n, one in enumerate(ip.ntp_servers)]
    refusals += [
        invalid(member, f"{text!r} is neither an IP address nor a host name: {NAME_RULE}")
        for member, text in ntp
        if text and not is_address(text) and not is_domain_name(text.removesuffix("."))
    ]
    return refusals


def _admit_entries(entries: Iterable[StaticDNSList]) -> list[Refusal]:
    refusals: list[Refusal] = []
    for n, entry in enumerate(entries):
        if not is_domain_name(entry.hostname.removesuffix(".")):
            refusals.append(
                invalid(
                    f"dnsList[{n}].hostname", f"{entry.hostname!r} is no host name: {NAME_RULE}"
                )
            )
        refusals += [
            invalid(f"dnsList[{n}].addrs[{m}]", f"{text!r} is no IP address")
            for m, text in enumerate(entry.addrs)
            if not is_address(text)
        ]
    return refusals


def _subnet_or_none(netinst: NetInstConfig) -> IpNetwork | None:
    if netinst.ip is None:
        return None
    try:
        return subnet_of(netinst.ip.subnet, netinst.ip.mask)
    except ValueError:
        return None


def _admit_addresses(subnet: str, mask: str, inside: Iterable[tuple[str, str]]) -> list[Refusal]:
    """Check that `subnet` is a network and that each (member, address) lies in it."""
    try:
        network = subnet_of(subnet, mask)
    except ValueError as error:
        return [invalid("ip.subnet", f"subnet {subnet!r} is no network: {error}")]
    refusals: list[Refusal] = []
    for member, text in inside:
        if not text:
            continue
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            refusals.append(invalid(member, f"{text!r} is no IP address"))
            continue
        if network is not None and address not in network:
            refusals.append(invalid(member, f"{address} is not inside subnet {network}"))
    return refusals
