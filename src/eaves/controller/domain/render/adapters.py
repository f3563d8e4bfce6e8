"""I/O members, system adapters, VLANs, bonds, and the networks that ports use."""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from eaves.controller.domain.contract.catalogue import AdapterUsage, IoMember, IoType
from eaves.controller.domain.contract.devices import BondAdapter, DeviceConfig, SysInterface
from eaves.controller.domain.contract.networks import (
    IpSpec,
    NetConfig,
    NetProxyConfig,
    NetworkDHCPType,
    NetworkKind,
    NetworkProxyProto,
    NetworkWiFiKeyScheme,
    NetworkWirelessType,
)
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.render.cellular import cellular_config
from eaves.controller.domain.render.encoded import pem_of, script_of
from eaves.controller.domain.render.ids import adapter_network_id
from eaves.controller.domain.render.secrets import NO_ECDH, Secrets
from eaves.evapi import config as eve
from eaves.evapi.evecommon import (
    BondMode,
    DhcpOptionsIgnore,
    DHCPType,
    EncryptionBlock,
    IpRange,
    Ipspec,
    LacpRate,
    NetworkType,
    PhyIoMemberUsage,
    PhyIoType,
    ProxyConfig,
    ProxyProto,
    ProxyServer,
    WiFiKeyScheme,
    WirelessType,
    ZnetStaticDNSEntry,
)
from eaves.hostnames import domain_of

IO_TYPES = {
    IoType.ETH: PhyIoType.PhyIoNetEth,
    IoType.USB: PhyIoType.PhyIoUSB,
    IoType.COM: PhyIoType.PhyIoCOM,
    IoType.AUDIO: PhyIoType.PhyIoAudio,
    IoType.WLAN: PhyIoType.PhyIoNetWLAN,
    IoType.WWAN: PhyIoType.PhyIoNetWWAN,
    IoType.LTE: PhyIoType.PhyIoNetWWAN,
    IoType.HDMI: PhyIoType.PhyIoHDMI,
    IoType.STORAGE_NVME_DEVICE: PhyIoType.PhyIoNVMEStorage,
    IoType.STORAGE_SATA_DEVICE: PhyIoType.PhyIoSATAStorage,
    IoType.ETH_PF: PhyIoType.PhyIoNetEthPF,
    IoType.ETH_VF: PhyIoType.PhyIoNetEthVF,
    IoType.USB_CONTROLLER: PhyIoType.PhyIoUSBController,
    IoType.USB_DEVICE: PhyIoType.PhyIoUSBDevice,
    IoType.CAN: PhyIoType.PhyIoCAN,
    IoType.VCAN: PhyIoType.PhyIoVCAN,
    IoType.LCAN: PhyIoType.PhyIoLCAN,
    IoType.OTHER: PhyIoType.PhyIoOther,
}
USAGES = {
    AdapterUsage.MANAGEMENT: PhyIoMemberUsage.PhyIoUsageMgmtAndApps,
    AdapterUsage.APP_DIRECT: PhyIoMemberUsage.PhyIoUsageDedicated,
    AdapterUsage.APP_SHARED: PhyIoMemberUsage.PhyIoUsageShared,
    AdapterUsage.DISABLED: PhyIoMemberUsage.PhyIoUsageDisabled,
    AdapterUsage.VLANS_ONLY: PhyIoMemberUsage.PhyIoUsageShared,
    AdapterUsage.BOND_MEMBER: PhyIoMemberUsage.PhyIoUsageShared,
}
WITH_ADDRESSES = frozenset(
    {AdapterUsage.UNSPECIFIED, AdapterUsage.MANAGEMENT, AdapterUsage.APP_SHARED}
)
NETWORK_TYPES = {
    NetworkKind.V4: NetworkType.V4,
    NetworkKind.V6: NetworkType.V6,
    NetworkKind.V4_ONLY: NetworkType.V4Only,
    NetworkKind.V6_ONLY: NetworkType.V6Only,
    NetworkKind.DUAL_V4_V6: NetworkType.DualV4V6,
}
PROXY_PROTOCOLS = {
    NetworkProxyProto.HTTP: ProxyProto.PROXY_HTTP,
    NetworkProxyProto.HTTPS: ProxyProto.PROXY_HTTPS,
    NetworkProxyProto.SOCKS: ProxyProto.PROXY_SOCKS,
    NetworkProxyProto.FTP: ProxyProto.PROXY_FTP,
    NetworkProxyProto.OTHER: ProxyProto.PROXY_OTHER,
}
WIFI_KEYS = {
    NetworkWiFiKeyScheme.WPAPSK: WiFiKeyScheme.WPAPSK,
    NetworkWiFiKeyScheme.WPAEAP: WiFiKeyScheme.WPAEAP,
}


def physical_ios(inputs: DeviceInputs) -> tuple[eve.PhysicalIO, ...]:
    """In the order of the model; the usage on the device wins over that of the model."""
    if inputs.model is None:
        return ()
    model, ports = inputs.model, inputs.device.interfaces

    def make() -> tuple[eve.PhysicalIO, ...]:
        own = {port.intfname: port.intf_usage for port in ports}
        # ports with addresses of their own are others on each device, and used alike
        key = ("physical I/O by usage", id(model), *own.items())
        known = inputs.memo.get(key)
        if known is None:
            known = tuple(_physical_io(member, own) for member in model.io_member_list)
            inputs.memo[key] = known
        return cast("tuple[eve.PhysicalIO, ...]", known)

    return inputs.once_encoded("physical I/O", (model, ports), make)


def _physical_io(member: IoMember, own: dict[str, AdapterUsage]) -> eve.PhysicalIO:
    usage = own.get(member.logicallabel, AdapterUsage.UNSPECIFIED)
    if usage is AdapterUsage.UNSPECIFIED:
        usage = member.usage
    free = any(on for name, on in member.usage_policy.items() if name.lower() == "freeuplink")
    return eve.PhysicalIO(
        ptype=IO_TYPES.get(member.ztype, PhyIoType.PhyIoNoop),
        phylabel=member.phylabel,
        phyaddrs=dict(sorted(member.phyaddrs.items())),
        logicallabel=member.logicallabel,
        assigngrp=member.assigngrp,
        usage=USAGES.get(usage, PhyIoMemberUsage.PhyIoUsageNone),
        usage_policy=eve.PhyIOUsagePolicy(free_uplink=True) if free else None,
        cbattr=dict(sorted(member.cbattr.items())),
        vflist=(
            eve.VfList(vf_count=member.vfs.count)
            if member.vfs is not None and member.vfs.count
            else None
        ),
        parentassigngrp=member.parentassigngrp,
    )


def ports_of(device: DeviceConfig) -> tuple[tuple[str, SysInterface], ...]:
    """(logical label, settings) of each port with addresses: plain ports, then VLANs, then bonds.

    A port with a usage that carries no addresses (direct, disabled, member of a bond) is left out.
    """
    ports = [(port.intfname, port) for port in device.interfaces]
    ports += [(v.logical_label, v.interface) for v in device.vlan_adapters if v.interface]
    ports += [(b.logical_label, b.interface) for b in device.bond_adapter if b.interface]
    return tuple((label, port) for label, port in ports if port.intf_usage in WITH_ADDRESSES)


def usage_of(label: str, port: SysInterface, inputs: DeviceInputs) -> AdapterUsage:
    if port.intf_usage is not AdapterUsage.UNSPECIFIED or inputs.model is None:
        return port.intf_usage
    members = (m for m in inputs.model.io_member_list if m.logicallabel == label)
    return next((member.usage for member in members), AdapterUsage.UNSPECIFIED)


@dataclass(frozen=True, slots=True)
class Connections:
    """How ports reach the world: their adapters, the networks that they use, sorted by id, and
    what of these could not be delivered.
    """

    adapters: tuple[eve.SystemAdapter, ...]
    networks: tuple[eve.NetworkConfig, ...]
    missing: tuple[str, ...] = ()


def connections(inputs: DeviceInputs, secrets: Secrets) -> Connections:
    device = inputs.device
    common: Connections | None = None
    if not device.vlan_adapters and not device.bond_adapter:
        of = (device.interfaces, inputs.model, inputs.networks)
        common = inputs.once("connections", of, lambda: _common_connections(inputs, secrets))
    if common is not None:
        return common
    networks, missing = _networks(inputs, secrets)
    return Connections(_system_adapters(inputs), networks, (*missing, *_strange_ports(inputs)))


def _common_connections(inputs: DeviceInputs, secrets: Secrets) -> Connections | None:
    """Of ports whose networks all devices have alike; None: something follows from this device."""
    found = (_network_of(label, port, inputs) for label, port in ports_of(inputs.device))
    used = [network for network in found if network is not None]
    if not all(one.wireless is None and one.id in inputs.networks for one in used):
        return None
    if _strangers(inputs):
        return None
    keep = inputs.shared.keep
    return Connections(keep(_system_adapters(inputs)), keep(_networks(inputs, secrets)[0]))


def _system_adapters(inputs: DeviceInputs) -> tuple[eve.SystemAdapter, ...]:
    adapters: list[eve.SystemAdapter] = []
    left_out = _left_out(inputs)
    for label, port in ports_of(inputs.device):
        usage = usage_of(label, port, inputs)
        if usage not in WITH_ADDRESSES or label in left_out:
            continue
        network = _network_of(label, port, inputs)
        adapters.append(
            eve.SystemAdapter(
                name=label,
                free_uplink=usage is AdapterUsage.MANAGEMENT and port.cost == 0,
                uplink=usage is AdapterUsage.MANAGEMENT,
                network_uuid=network.id if network is not None else "",
                addr=port.ipaddr,
                lower_layer_name=label,
                cost=port.cost,
                shared_labels=tuple(sorted(set(port.shared_labels))),
                allow_local_modifications=port.allow_local_modifications,
            )
        )
    return tuple(adapters)


def _strangers(inputs: DeviceInputs) -> frozenset[str]:
    """Interfaces of the device that its model does not have: there is nothing to configure.

    Clients of the published contract name ports that only another model of the box has.
    """
    device, model = inputs.device, inputs.model
    if model is None:
        return frozenset()
    known = {member.logicallabel for member in model.io_member_list}
    known |= {vlan.logical_label for vlan in device.vlan_adapters}
    known |= {bond.logical_label for bond in device.bond_adapter}
    return frozenset(port.intfname for port in device.interfaces) - known


def _left_out(inputs: DeviceInputs) -> frozenset[str]:
    """Strangers, unless all ports for management are: where no adapter is an uplink, devices take
    every adapter for one, as the oldest configurations meant it.
    """
    strangers = _strangers(inputs)
    if not strangers:
        return strangers
    managing = frozenset(
        label
        for label, port in ports_of(inputs.device)
        if usage_of(label, port, inputs) is AdapterUsage.MANAGEMENT
    )
    return frozenset() if managing <= strangers else strangers


def _strange_ports(inputs: DeviceInputs) -> tuple[str, ...]:
    if inputs.model is None:
        return ()
    members = ", ".join(sorted(one.logicallabel for one in inputs.model.io_member_list)) or "none"
    return tuple(
        f"interface {label!r}: model {inputs.model.name!r} has no such I/O member; it has "
        f"{members}: correct the interface or the model"
        for label in sorted(_strangers(inputs))
    )


def _network_of(label: str, port: SysInterface, inputs: DeviceInputs) -> NetConfig | None:
    """The network of a port: its own, a named one, the default, else plain DHCP."""
    if port.adapter_specific_net is not None:
        own_id = adapter_network_id(inputs.device.id, label)
        return port.adapter_specific_net.model_copy(update={"id": own_id})
    for network in inputs.networks.values():
        if network.id == port.netid or (port.netname and network.name == port.netname):
            return network
    if usage_of(label, port, inputs) is not AdapterUsage.MANAGEMENT:
        return None
    for network in inputs.networks.values():
        if network.enterprise_default:
            return network
    return NetConfig(
        id=adapter_network_id(inputs.device.id, label),
        name=f"DHCP on {label}",
        kind=NetworkKind.V4,
        ip=IpSpec(dhcp=NetworkDHCPType.CLIENT),
    )


def _networks(
    inputs: DeviceInputs, secrets: Secrets
) -> tuple[tuple[eve.NetworkConfig, ...], tuple[str, ...]]:
    used: dict[str, NetConfig] = {}
    left_out = _left_out(inputs)
    for label, port in ports_of(inputs.device):
        network = None if label in left_out else _network_of(label, port, inputs)
        if network is not None:
            used[network.id] = network
    missing: list[str] = []
    rendered = [
        _network(used[key], secrets, missing)
        if used[key].wireless is not None or key not in inputs.networks
        else _shared_network(used[key], inputs, secrets)
        for key in sorted(used)
    ]
    return tuple(rendered), tuple(missing)


def _shared_network(
    network: NetConfig, inputs: DeviceInputs, secrets: Secrets
) -> eve.NetworkConfig:
    """One that is the same for every device: no secret is in it."""
    return inputs.once("network", (network,), lambda: _network(network, secrets, []))


def _network(network: NetConfig, secrets: Secrets, missing: list[str]) -> eve.NetworkConfig:
    return eve.NetworkConfig(
        id=network.id,
        type=NETWORK_TYPES.get(network.kind, NetworkType.V4),
        ip=_ip(network.ip or IpSpec(dhcp=NetworkDHCPType.CLIENT)),
        dns=tuple(
            ZnetStaticDNSEntry(host_name=entry.hostname, address=entry.addrs)
            for entry in network.dns_list
        ),
        ent_proxy=_proxy(network.proxy),
        wireless=_wireless(network, secrets, missing),
        mtu=network.mtu,
    )


def _ip(ip: IpSpec) -> Ipspec:
    static = ip.dhcp in (NetworkDHCPType.STATIC, NetworkDHCPType.STATIC_ADAPTER_SPECIFIC)
    none = ip.dhcp is NetworkDHCPType.PASSTHROUGH
    ntp = tuple(server.server for server in ip.ntp_servers if server.server)
    first = ip.ntp or (ntp[0] if ntp else "")
    return Ipspec(
        dhcp=DHCPType.Static if static else DHCPType.DHCPNone if none else DHCPType.Client,
        subnet=cidr(ip.subnet, ip.mask),
        gateway=ip.gateway,
        domain=domain_of(ip.domain),
        ntp=first,
        more_ntp=tuple(server for server in ntp if server != first),
        dns=ip.dns,
        dhcp_range=(
            IpRange(start=ip.dhcp_range.start, end=ip.dhcp_range.end) if ip.dhcp_range else None
        ),
        dhcp_options_ignore=(
            DhcpOptionsIgnore(ntp_server_exclusively=True) if ip.ntp_server_exclusively else None
        ),
    )


@lru_cache(maxsize=4096)
def cidr(subnet: str, mask: str) -> str:
    """`10.0.0.0/24` from either spelling; empty for none."""
    if not subnet:
        return ""
    text = subnet if "/" in subnet or not mask else f"{subnet}/{mask}"
    return str(ipaddress.ip_network(text, strict=False))


def _proxy(proxy: NetProxyConfig | None) -> ProxyConfig | None:
    if proxy is None:
        return None
    wanted = ProxyConfig(
        network_proxy_enable=proxy.network_proxy,
        proxies=tuple(
            ProxyServer(
                proto=PROXY_PROTOCOLS.get(server.proto, ProxyProto.PROXY_OTHER),
                server=server.server,
                port=server.port,
            )
            for server in proxy.proxies
        ),
        exceptions=proxy.exceptions,
        pacfile=script_of(proxy.pacfile),
        network_proxy_url=proxy.network_proxy_url,
        proxy_cert_pem=tuple(pem_of(text) for text in proxy.network_proxy_certs),
    )
    return None if wanted == ProxyConfig() else wanted


def _wireless(
    network: NetConfig, secrets: Secrets, missing: list[str]
) -> eve.WirelessConfig | None:
    wireless = network.wireless
    if wireless is None or wireless.type is NetworkWirelessType.UNSPECIFIED:
        return None
    if wireless.type is NetworkWirelessType.CELLULAR:
        cellular = wireless.cellular_cfg
        return eve.WirelessConfig(
            type=WirelessType.Cellular,
            cellular_cfg=(cellular_config(cellular, network, secrets, missing),)
            if cellular
            else (),
        )
    wifi = wireless.wifi_cfg
    if wifi is None:
        return None
    password = secrets.clear(network.id, "WiFiPasswd")
    cipher = None
    if password and secrets.sealer is None:
        missing.append(f"network {network.name!r} goes without its Wi-Fi password: {NO_ECDH}")
    elif password and secrets.sealer is not None:
        cipher = secrets.sealer.seal(
            f"wifi/{network.id}",
            EncryptionBlock(wifi_user_name=wifi.identity, wifi_password=password),
        )
    return eve.WirelessConfig(
        type=WirelessType.WiFi,
        wifi_cfg=(
            eve.WifiConfig(
                wifi_ssid=wifi.wifi_ssid,
                key_scheme=WIFI_KEYS.get(wifi.key_scheme, WiFiKeyScheme.SchemeNOOP),
                priority=wifi.priority,
                cipher_data=cipher,
            ),
        ),
    )


def vlans(device: DeviceConfig) -> tuple[eve.VlanAdapter, ...]:
    return tuple(
        eve.VlanAdapter(
            logicallabel=vlan.logical_label,
            interface_name=vlan.interface_name,
            lower_layer_name=vlan.lower_layer_name,
            vlan_id=vlan.vlan_id,
        )
        for vlan in device.vlan_adapters
    )


def bonds(device: DeviceConfig) -> tuple[eve.BondAdapter, ...]:
    return tuple(_bond(bond) for bond in device.bond_adapter)


def _bond(bond: BondAdapter) -> eve.BondAdapter:
    modes = list(type(bond.bond_mode))
    rates = list(type(bond.lacp_rate))
    return eve.BondAdapter(
        logicallabel=bond.logical_label,
        interface_name=bond.interface_name,
        lower_layer_names=bond.lower_layer_names,
        bond_mode=BondMode(modes.index(bond.bond_mode) if bond.bond_mode in modes else 0),
        mii=(
            eve.MIIMonitor(
                interval=bond.mii.interval, updelay=bond.mii.updelay, downdelay=bond.mii.downdelay
            )
            if bond.mii is not None
            else None
        ),
        arp=(
            eve.ArpMonitor(interval=bond.arp.interval, ip_targets=bond.arp.ip_targets)
            if bond.arp is not None
            else None
        ),
        lacp_rate=LacpRate(rates.index(bond.lacp_rate) if bond.lacp_rate in rates else 0),
    )
