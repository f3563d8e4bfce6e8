"""Network instances: virtual networks on the device for its apps."""

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache

from eaves.controller.domain.admission.networks import absent_port
from eaves.controller.domain.contract.catalogue import SysModel
from eaves.controller.domain.contract.netinsts import (
    DhcpServerConfig,
    NetInstConfig,
    NetworkInstanceDhcpType,
    NetworkInstanceKind,
)
from eaves.controller.domain.contract.projects import NetworkInstanceFlowLogTransmission
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.render.adapters import IO_TYPES, cidr
from eaves.controller.domain.render.probes import (
    prefers_lower_cost,
    prefers_stronger_signal,
    route_probe,
)
from eaves.evapi.config import (
    Adapter,
    AddressType,
    IPRoute,
    NetworkInstanceConfig,
    UUIDandVersion,
    ZNetworkInstType,
)
from eaves.evapi.evecommon import DHCPType, IpRange, Ipspec, PhyIoType, ZnetStaticDNSEntry
from eaves.hostnames import default_leases, domain_of

KINDS = {
    NetworkInstanceKind.TRANSPARENT: ZNetworkInstType.ZnetInstTransparent,
    NetworkInstanceKind.SWITCH: ZNetworkInstType.ZnetInstSwitch,
    NetworkInstanceKind.LOCAL: ZNetworkInstType.ZnetInstLocal,
    NetworkInstanceKind.CLOUD: ZNetworkInstType.ZnetInstCloud,
    NetworkInstanceKind.MESH: ZNetworkInstType.ZnetInstMesh,
    NetworkInstanceKind.HONEYPOT: ZNetworkInstType.ZnetInstHoneyPot,
}
ADDRESS_TYPES = {
    NetworkInstanceDhcpType.V4: AddressType.IPV4,
    NetworkInstanceDhcpType.V6: AddressType.IPV6,
    NetworkInstanceDhcpType.CRYPTOV4: AddressType.CryptoIPV4,
    NetworkInstanceDhcpType.CRYPTOV6: AddressType.CryptoIPV6,
}


def network_instances(inputs: DeviceInputs) -> tuple[NetworkInstanceConfig, ...]:
    """Sorted by id."""
    in_order = _in_order(inputs.netinsts)
    subnets = _automatic_subnets(in_order)
    settings = inputs.project.tag_level_settings if inputs.project is not None else None
    flow_logs = (
        settings is not None
        and settings.flow_log_transmission is NetworkInstanceFlowLogTransmission.ENABLED
    )
    return tuple(
        _network_instance(netinst, inputs, subnets.get(netinst.id, ""), flow_logs=flow_logs)
        for netinst in in_order
    )


def absent_ports(inputs: DeviceInputs) -> tuple[str, ...]:
    """Of network instances whose port or label the device does not have."""
    lacks = ((one.name, absent_port(one, inputs.device)) for one in _in_order(inputs.netinsts))
    return tuple(
        f"network instance {name!r}: {why}; add the port or its label, or change the instance"
        for name, why in lacks
        if why
    )


def with_subnets(netinsts: Iterable[NetInstConfig]) -> tuple[NetInstConfig, ...]:
    """All network instances of one device, each with the subnet that it has in force."""
    in_order = _in_order(netinsts)
    automatic = _automatic_subnets(in_order)
    filled: list[NetInstConfig] = []
    for netinst in in_order:
        ip = netinst.ip or DhcpServerConfig()
        subnet = cidr(ip.subnet, ip.mask) or automatic.get(netinst.id, "")
        own = ip.model_copy(update={"subnet": subnet, "mask": ""}) if subnet else netinst.ip
        filled.append(netinst.model_copy(update={"ip": own}))
    return tuple(filled)


def _in_order(netinsts: Iterable[NetInstConfig]) -> list[NetInstConfig]:
    return sorted(netinsts, key=lambda netinst: netinst.id)


def _network_instance(
    netinst: NetInstConfig, inputs: DeviceInputs, automatic: str, *, flow_logs: bool
) -> NetworkInstanceConfig:
    local = netinst.kind is not NetworkInstanceKind.SWITCH
    return NetworkInstanceConfig(
        uuidandversion=UUIDandVersion(uuid=netinst.id, version="1"),
        displayname=netinst.name,
        inst_type=KINDS.get(netinst.kind, ZNetworkInstType.ZNetInstFirst),
        activate=True,
        port=_port(netinst, inputs),
        ip_type=(ADDRESS_TYPES.get(netinst.type, AddressType.IPV4) if local else AddressType.First),
        ip=_addresses_of(netinst, inputs, automatic) if local else None,
        dns=tuple(
            ZnetStaticDNSEntry(host_name=entry.hostname, address=entry.addrs)
            for entry in netinst.dns_list
        ),
        propagate_connected_routes=netinst.propagate_connected_routes,
        static_routes=tuple(
            IPRoute(
                destination_network=route.prefix,
                gateway=route.gateway,
                port=route.output_port,
                probe=route_probe(route.probe_config),
                prefer_lower_cost=prefers_lower_cost(route.probe_config),
                prefer_stronger_wwan_signal=prefers_stronger_signal(route.probe_config),
            )
            for route in netinst.static_routes
        ),
        mtu=netinst.mtu,
        disable_flowlog=not flow_logs,
        forward_lldp=netinst.forward_lldp,
    )


def _port(netinst: NetInstConfig, inputs: DeviceInputs) -> Adapter | None:
    """None: no port, an air-gapped network."""
    if not netinst.port:
        return None
    known = inputs.once("ports", (inputs.model,), dict[str, Adapter])
    port = known.get(netinst.port)
    if port is None:
        of = (inputs.model,)
        types = inputs.once("types of ports", of, lambda: _types_of_ports(inputs.model))
        kind = types.get(netinst.port, PhyIoType.PhyIoNoop)
        port = known[netinst.port] = inputs.shared.keep(Adapter(type=kind, name=netinst.port))
    return port


def _types_of_ports(model: SysModel | None) -> Mapping[str, PhyIoType]:
    members = model.io_member_list if model is not None else ()
    return {one.logicallabel: IO_TYPES.get(one.ztype, PhyIoType.PhyIoNoop) for one in members}


def _automatic_subnets(in_order: Sequence[NetInstConfig]) -> dict[str, str]:
    """A /24 of 10.0.0.0/8 for each local instance without one, made from its id."""
    given = [one.ip for one in in_order if one.ip is not None and one.ip.subnet]
    without = [
        one
        for one in in_order
        if one.kind is not NetworkInstanceKind.SWITCH and (one.ip is None or not one.ip.subnet)
    ]
    taken = [ipaddress.ip_network(cidr(ip.subnet, ip.mask)) for ip in given] if without else []
    chosen: dict[str, str] = {}
    for netinst in without:
        first = int.from_bytes(hashlib.sha256(netinst.id.encode()).digest()[:2], "big")
        for step in range(1 << 16):
            number = (first + step) % (1 << 16)
            subnet = f"10.{number >> 8}.{number & 255}.0/24"
            if subnet not in chosen.values() and not _overlaps(subnet, taken):
                chosen[netinst.id] = subnet
                break
    return chosen


def _overlaps(subnet: str, taken: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    if not taken:
        return False  # the rule in a large fleet, where every network object costs
    network = ipaddress.IPv4Network(subnet)
    return any(other.version == 4 and network.overlaps(other) for other in taken)


def _addresses_of(netinst: NetInstConfig, inputs: DeviceInputs, automatic: str) -> Ipspec:
    ip = netinst.ip
    if ip is None or not ip.subnet:
        return _addresses(ip, automatic)
    return inputs.once_encoded("addresses", (ip,), lambda: _addresses(ip, ""))


def _addresses(ip: DhcpServerConfig | None, automatic: str) -> Ipspec:
    """Gateway: the first address.  Leases: as the object says, else most of the subnet.

    EVE devices want a range; a fixed address of an app has to lie outside of it.
    """
    wanted = ip or _no_addresses()
    subnet = cidr(wanted.subnet, wanted.mask) or automatic
    gateway, leases = _gateway_and_leases(subnet, wanted.gateway)
    lease = wanted.dhcp_range
    given = lease is not None and lease.start and lease.end
    if lease is not None and given:
        leases = IpRange(start=lease.start, end=lease.end)
    ntp = tuple(server.server for server in wanted.ntp_servers if server.server)
    first = wanted.ntp or (ntp[0] if ntp else "")
    return Ipspec(
        dhcp=DHCPType.Static,
        subnet=subnet,
        gateway=gateway,
        domain=domain_of(wanted.domain),
        ntp=first,
        more_ntp=tuple(server for server in ntp if server != first),
        dns=wanted.dns,
        dhcp_range=leases,
    )


@cache
def _no_addresses() -> DhcpServerConfig:
    return DhcpServerConfig()


def _gateway_and_leases(subnet: str, given: str) -> tuple[str, IpRange | None]:
    start = subnet.removesuffix(".0/24")
    if given or start == subnet:
        return _computed(subnet, given)
    # three octets in common: what follows them is the same in every such network
    gateway, leases = _computed("10.0.0.0/24", "")
    shared = len("10.0.0")
    moved = (
        IpRange(start=start + leases.start[shared:], end=start + leases.end[shared:])
        if leases is not None
        else None
    )
    return start + gateway[shared:], moved


@lru_cache(maxsize=4096)
def _computed(subnet: str, given: str) -> tuple[str, IpRange | None]:
    network = ipaddress.ip_network(subnet)
    first_host = network.network_address + (1 if network.num_addresses > 1 else 0)
    gateway = given or str(first_host)
    return gateway, _leases(network, gateway)


def _leases(network: ipaddress.IPv4Network | ipaddress.IPv6Network, gateway: str) -> IpRange | None:
    """None where there is nothing to lease; admission refuses such a network for apps."""
    if not isinstance(network, ipaddress.IPv4Network) or network.num_addresses < 4:
        return None
    first, last = default_leases(network, ipaddress.IPv4Address(gateway))
    return IpRange(start=str(first), end=str(last))
