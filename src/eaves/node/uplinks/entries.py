"""From what a controller says of networks, adapters and devices to one entry.  Pure.

A port whose part cannot be used stays in the entry with its sentence, so that it is reported; the
others are used.  An empty list of adapters gives an entry without ports, which is never tested.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_address, ip_interface, ip_network

from eaves.errors import Rejected
from eaves.evapi.config import (
    EdgeDevConfig,
    NetworkConfig,
    PhysicalIO,
    SystemAdapter,
    decode_edge_dev_config,
    encode_edge_dev_config,
)
from eaves.evapi.config.devmodel import BondAdapter, VlanAdapter
from eaves.evapi.config.netconfig import PNAC, CellularConfig, WifiConfig, WirelessConfig
from eaves.evapi.evecommon import (
    DhcpOptionsIgnore,
    DHCPType,
    Ipspec,
    LacpRate,
    NetworkType,
    PhyIoMemberUsage,
    PhyIoType,
    ProxyConfig,
    ProxyProto,
    WirelessType,
    ZnetStaticDNSEntry,
)
from eaves.node.refs import StaticNames
from eaves.node.uplinks.model import (
    LEAST_MTU,
    LONGEST_IFNAME,
    MOST_COST,
    MOST_MTU,
    Adapter,
    Bond,
    Device,
    Entry,
    IpPlan,
    Medium,
    Named,
    Option,
    PortPlan,
    ProxyPlan,
    ProxyServer,
    Source,
    Vlan,
)
from eaves.node.uplinks.wireless import WirelessUnusable, probe_of

MEDIA = {
    PhyIoType.PhyIoNetEth: Medium.ETHERNET,
    PhyIoType.PhyIoNetEthPF: Medium.ETHERNET,
    PhyIoType.PhyIoNetEthVF: Medium.ETHERNET,
    PhyIoType.PhyIoNetWLAN: Medium.WIFI,
    PhyIoType.PhyIoNetWWAN: Medium.CELLULAR,
}
SCHEMES = {
    ProxyProto.PROXY_HTTP: "http",
    ProxyProto.PROXY_HTTPS: "https",
    ProxyProto.PROXY_SOCKS: "socks",
    ProxyProto.PROXY_FTP: "ftp",
    ProxyProto.PROXY_OTHER: "other",
}
FAMILIES = frozenset(
    {NetworkType.V4, NetworkType.V6, NetworkType.V4Only, NetworkType.V6Only, NetworkType.DualV4V6}
)
UNUSABLE_BY_HOST = frozenset(
    {PhyIoMemberUsage.PhyIoUsageDedicated, PhyIoMemberUsage.PhyIoUsageDisabled}
)
MOST_VLAN = 4094


class WrongPort(Rejected):
    """Part of a port's configuration cannot be used; the text says which and what to write."""


def controller_entry(config: EdgeDevConfig, at: datetime) -> Entry:
    return entry_of(slim(config), Source.CONTROLLER, at)


def slim(config: EdgeDevConfig) -> bytes:
    """What of a configuration makes ports, encoded: kept, and read again after a restart.

    Secrets stay enclosed as they came, beside the contexts that open them.
    """
    used = {adapter.network_uuid for adapter in config.system_adapter_list}
    return encode_edge_dev_config(
        EdgeDevConfig(
            networks=tuple(n for n in config.networks if n.id in used),
            system_adapter_list=config.system_adapter_list,
            device_io_list=tuple(io for io in config.device_io_list if io.ptype in MEDIA),
            vlans=config.vlans,
            bonds=config.bonds,
            cipher_contexts=config.cipher_contexts if used else (),
            pnacs=config.pnacs,
            scep_profiles=config.scep_profiles,
        )
    )


def entry_of(encoded: bytes, source: Source, at: datetime) -> Entry:
    """Raises EavesError when `encoded` is no configuration."""
    config = decode_edge_dev_config(encoded)
    devices = _devices(config)
    networks = {network.id: network for network in config.networks}
    usages = {_label(io): io.usage for io in config.device_io_list}
    old_format = not any(a.uplink or a.free_uplink for a in config.system_adapter_list)
    free = {_label(io) for io in config.device_io_list if _is_free(io)}
    ports: list[PortPlan] = []
    for adapter in config.system_adapter_list:
        label = adapter.lower_layer_name or adapter.name
        by_model = old_format and (label in free or not free)
        ports.append(_port(adapter, devices, networks, usages.get(label), by_model=by_model))
    asked = {pnac.logicallabel: pnac for pnac in config.pnacs}
    told = tuple(replace(p, access=_access(p, devices, asked)) for p in _checked(ports))
    return Entry(source, at, tuple(devices.values()), told, encoded)


def _access(
    port: PortPlan, devices: Mapping[str, Device], asked: Mapping[str, PNAC]
) -> PNAC | None:
    """Of the port, of its device, or of what is below that."""
    names: tuple[str, ...] = (port.label, port.device)
    match devices.get(port.device):
        case Vlan(parent=parent):
            names = (*names, parent)
        case Bond(members=members):
            names = (*names, *members)
        case _:
            pass
    return next((asked[name] for name in names if name in asked), None)


def last_resort(ifnames: Iterable[str], dedicated: Iterable[str], at: datetime) -> Entry:
    """Every wired interface that no app has, asking for an address."""
    free = sorted(set(ifnames) - set(dedicated))
    dhcp = IpPlan(DHCPType.Client)
    return Entry(
        Source.LAST_RESORT,
        at,
        tuple(Adapter(name, Named(ifname=name)) for name in free),
        tuple(PortPlan(name, name, management=True, ip=dhcp) for name in free),
    )


def dedicated(config: EdgeDevConfig) -> tuple[Named, ...]:
    """Adapters that apps have, or nobody."""
    return tuple(
        _named(io)
        for io in config.device_io_list
        if io.ptype in MEDIA and io.usage in UNUSABLE_BY_HOST
    )


def _checked(ports: list[PortPlan]) -> tuple[PortPlan, ...]:
    """Two ports on one device would take each other's address: the first has it."""
    holder: dict[str, str] = {}
    done: list[PortPlan] = []
    for port in ports:
        other = holder.setdefault(port.device, port.label)
        if other != port.label or any(p.label == port.label for p in done):
            done.append(
                _wrong(port, f"{port.device} is already port {other}; name another adapter")
            )
        else:
            done.append(port)
    return tuple(done)


def _wrong(port: PortPlan, why: str) -> PortPlan:
    text = f"port {port.label}: {why}"
    return PortPlan(
        port.label,
        port.device,
        port.management,
        port.cost,
        port.shared_labels,
        port.network_id,
        wrong=text,
        usage=port.usage,
    )


def _is_free(io: PhysicalIO) -> bool:
    return io.usage_policy is not None and io.usage_policy.free_uplink


def _label(io: PhysicalIO) -> str:
    return io.logicallabel or io.phylabel


# Devices


def _devices(config: EdgeDevConfig) -> dict[str, Device]:
    found: dict[str, Device] = {
        _label(io): Adapter(_label(io), _named(io), MEDIA[io.ptype])
        for io in config.device_io_list
        if io.ptype in MEDIA and io.usage not in UNUSABLE_BY_HOST
    }
    for bond in config.bonds:
        found[bond.logicallabel] = _bond(bond)
    for vlan in config.vlans:
        found[vlan.logicallabel] = _vlan(vlan)
    return found


def _named(io: PhysicalIO) -> Named:
    """The keys of `phyaddrs` match in any case."""
    told = {key.lower(): value.strip() for key, value in io.phyaddrs.items()}
    named = Named(
        told.get("ifname", ""),
        told.get("pcilong", "").lower(),
        told.get("usbaddr", ""),
        told.get("mac", told.get("macaddr", "")).lower(),
    )
    return named if named != Named() else Named(ifname=_label(io))


def _bond(bond: BondAdapter) -> Bond:
    mii, arp = bond.mii, bond.arp
    return Bond(
        bond.logicallabel,
        bond.interface_name or bond.logicallabel,
        bond.lower_layer_names,
        bond.bond_mode,
        bond.lacp_rate == LacpRate.LACP_RATE_FAST,
        mii.interval if mii else 0,
        mii.updelay if mii else 0,
        mii.downdelay if mii else 0,
        arp.interval if arp else 0,
        arp.ip_targets if arp else (),
    )


def _vlan(vlan: VlanAdapter) -> Vlan:
    ifname = vlan.interface_name or f"{vlan.lower_layer_name}.{vlan.vlan_id}"
    return Vlan(vlan.logicallabel, ifname, vlan.lower_layer_name, vlan.vlan_id)


def _check_device(label: str, devices: Mapping[str, Device]) -> None:
    """The whole chain below a port has to be there."""
    device = devices.get(label)
    match device:
        case None:
            raise WrongPort(
                f"missing lower-layer adapter {label!r}; add it to the device's model, or name one"
                " that is there and that the host may use"
            )
        case Adapter():
            return
        case Vlan(ifname=ifname, parent=parent, number=number):
            _check_ifname(ifname)
            if not 1 <= number <= MOST_VLAN:
                raise WrongPort(f"VLAN {number} is outside 1 to {MOST_VLAN}")
            if isinstance(devices.get(parent), Vlan):
                raise WrongPort(f"VLAN {label} sits on VLAN {parent}; name an adapter or a bond")
            _check_device(parent, devices)
        case Bond(ifname=ifname, members=members):
            _check_ifname(ifname)
            if not members:
                raise WrongPort(f"bond {label} has no members")
            for member in members:
                if not isinstance(devices.get(member), Adapter):
                    raise WrongPort(f"bond {label}: member {member!r} is no adapter of the device")


def _check_ifname(name: str) -> None:
    if not 1 <= len(name) <= LONGEST_IFNAME or set(name) & set("/: \t\n") or name in {".", ".."}:
        raise WrongPort(f"{name!r} cannot name an interface ({LONGEST_IFNAME} characters at most)")


# Ports


def _shared_labels(adapter: SystemAdapter, cost: int, *, management: bool) -> Iterable[str]:
    """Those that it is given, and those that it has by what it is."""
    yield from adapter.shared_labels
    yield "all"
    if management:
        yield "uplink"
        if cost == 0:
            yield "freeuplink"


def _port(
    adapter: SystemAdapter,
    devices: Mapping[str, Device],
    networks: Mapping[str, NetworkConfig],
    usage: PhyIoMemberUsage | None,
    *,
    by_model: bool,
) -> PortPlan:
    """`by_model`: no adapter says that it is an uplink.  Those are, and free, whose device is by
    the model; where it calls none so, all are.
    """
    management = adapter.uplink or adapter.free_uplink or by_model
    cost = 0 if by_model else adapter.cost
    plain = PortPlan(
        adapter.name,
        adapter.lower_layer_name or adapter.name,
        management,
        cost,
        frozenset(_shared_labels(adapter, cost, management=management)),
        adapter.network_uuid,
        usage=_usage(usage, management=management),
    )
    try:
        _check_device(plain.device, devices)
        return _complete(plain, adapter, networks)
    except WrongPort as error:
        return _wrong(plain, str(error))


def _complete(
    plain: PortPlan, adapter: SystemAdapter, networks: Mapping[str, NetworkConfig]
) -> PortPlan:
    if not 0 <= plain.cost <= MOST_COST:
        raise WrongPort(f"cost {plain.cost} is outside 0 to {MOST_COST}")
    plain = replace(plain, alias=adapter.alias)
    if not adapter.network_uuid:
        return plain
    network = networks.get(adapter.network_uuid)
    if network is None:
        raise WrongPort(
            f"network {adapter.network_uuid} is not part of the configuration; choose another"
        )
    return _with_network(plain, adapter, network)


def _usage(told: PhyIoMemberUsage | None, *, management: bool) -> PhyIoMemberUsage:
    if told is None or told == PhyIoMemberUsage.PhyIoUsageNone:
        both = PhyIoMemberUsage.PhyIoUsageMgmtAndApps
        return both if management else PhyIoMemberUsage.PhyIoUsageShared
    return told


def _with_network(plain: PortPlan, adapter: SystemAdapter, network: NetworkConfig) -> PortPlan:
    if network.type not in FAMILIES:
        raise WrongPort(f"network {network.id} is of type {network.type.name}; make it an IP one")
    if network.mtu and not LEAST_MTU <= network.mtu <= MOST_MTU:
        raise WrongPort(f"MTU {network.mtu} is outside {LEAST_MTU} to {MOST_MTU}")
    wifi, cellular = _wireless(network.wireless or WirelessConfig())
    names, wrong_names = _names(network.dns)
    return PortPlan(
        plain.label,
        plain.device,
        plain.management,
        plain.cost,
        plain.shared_labels,
        plain.network_id,
        replace(
            _ip(network.ip or Ipspec(dhcp=DHCPType.Client), network.type, adapter.addr),
            names=names,
        ),
        _proxy(network.ent_proxy) if network.ent_proxy else ProxyPlan(),
        network.mtu,
        plain.usage,
        wifi,
        cellular,
        alias=plain.alias,
        left_out="; ".join((*wrong_names, *_left_out(cellular))),
    )


def _left_out(cellular: CellularConfig | None) -> Iterable[str]:
    if cellular is None:
        return
    try:
        probe_of(cellular)
    except WirelessUnusable as error:
        yield str(error)


def _wireless(told: WirelessConfig) -> tuple[tuple[WifiConfig, ...], CellularConfig | None]:
    """Of the type that it says; without one, what is there."""
    wifi = () if told.type == WirelessType.Cellular else told.wifi_cfg
    cellular = () if told.type == WirelessType.WiFi else told.cellular_cfg
    return wifi, next(iter(cellular), None)


def _ip(spec: Ipspec, family: NetworkType, own: str) -> IpPlan:
    dhcp = DHCPType.Client if spec.dhcp == DHCPType.DHCPNoop else spec.dhcp
    address = _static_address(spec.subnet, own) if own else ""
    if spec.gateway:
        _check_address(spec.gateway, "gateway")
    if dhcp == DHCPType.Static:
        if not address:
            raise WrongPort("a static port needs an address; write it on the adapter")
        if spec.gateway:
            _check_gateway(spec.gateway, address)
    elif dhcp not in {DHCPType.Client, DHCPType.DHCPNone}:
        raise WrongPort(f"DHCP mode {int(dhcp)} is not known; use static (1) or client (4)")
    for server in spec.dns:
        _check_address(server, "DNS server")
    return IpPlan(
        dhcp,
        family,
        address,
        str(ip_address(spec.gateway)) if spec.gateway else "",  # as the kernel tells it
        spec.domain,
        spec.dns,
        tuple(n for n in (spec.ntp, *spec.more_ntp) if n),
        _only(spec.dhcp_options_ignore),
    )


def _names(told: Iterable[ZnetStaticDNSEntry]) -> tuple[StaticNames, tuple[str, ...]]:
    """Those that can be used, and a sentence for each other one: a typo here costs no port."""
    found: list[tuple[str, tuple[str, ...]]] = []
    wrong: list[str] = []
    for name, addresses in ((e.host_name, e.address) for e in told if e.host_name):
        try:
            for address in addresses:
                _check_address(address, f"static name {name}:")
        except WrongPort as error:
            wrong.append(f"{error}; the name is left out until it is mended")
        else:
            found.append((name, addresses))
    return tuple(found), tuple(wrong)


def _only(ignored: DhcpOptionsIgnore | None) -> frozenset[Option]:
    if ignored is None:
        return frozenset()
    told = {
        Option.ADDRESS: ignored.ip_addresses_exclusively,
        Option.DNS: ignored.dns_config_exclusively,
        Option.NTP: ignored.ntp_server_exclusively,
        Option.GATEWAY: ignored.gateways_exclusively,
    }
    return frozenset(option for option, only in told.items() if only)


def _static_address(subnet: str, own: str) -> str:
    """CIDR text; the length of the prefix is that of the network unless the address has one."""
    try:
        if "/" in own:
            return str(ip_interface(own))
        length = ip_network(subnet, strict=False).prefixlen if subnet else None
        address = ip_interface(own)
        if length is None:
            return str(address)
        if address.ip not in ip_network(subnet, strict=False):
            raise WrongPort(f"address {own} is outside subnet {subnet}")
        return f"{address.ip}/{length}"
    except ValueError as error:
        where = f" in subnet {subnet!r}" if subnet else ""
        raise WrongPort(f"address {own!r}{where}: {error}") from error


def _check_gateway(gateway: str, address: str) -> None:
    try:
        found, own = ip_address(gateway), ip_interface(address)
        inside = found in own.network or (found.version == own.version == 6 and found.is_link_local)
    except ValueError as error:
        raise WrongPort(f"gateway {gateway!r}: {error}") from error
    if not inside:
        raise WrongPort(f"gateway {gateway} is not in the subnet of {address}")


def _check_address(text: str, what: str) -> None:
    if "%" in text:
        raise WrongPort(f"{what} {text!r} names an interface; leave that out, it is the port's")
    try:
        ip_address(text)
    except ValueError as error:
        raise WrongPort(f"{what} {text!r} is no address") from error


def _proxy(told: ProxyConfig) -> ProxyPlan:
    script = ""
    if told.pacfile:
        try:
            script = base64.b64decode(told.pacfile, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError) as error:
            raise WrongPort("the PAC file is not base64 of UTF-8 text; upload it again") from error
    return ProxyPlan(
        tuple(_proxy_server(s.proto, s.server, s.port) for s in told.proxies),
        tuple(e for e in (part.strip() for part in told.exceptions.split(",")) if e),
        script,
        told.network_proxy_enable,
        told.network_proxy_url.strip(),
        tuple(pem.decode("ascii", errors="ignore") for pem in told.proxy_cert_pem if pem),
    )


def _proxy_server(proto: ProxyProto, server: str, port: int) -> ProxyServer:
    """A server may be written as a URL; its scheme then says how the proxy itself is reached."""
    if not server.strip():
        raise WrongPort("a proxy has no server; write its address")
    if not 0 <= port <= 65535:
        raise WrongPort(f"proxy {server}: port {port} is outside 0 to 65535")
    return ProxyServer(SCHEMES.get(proto, "other"), server.strip().rstrip("/"), port)
