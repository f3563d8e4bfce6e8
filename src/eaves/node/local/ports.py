"""Ports as somebody on the spot wants them, where the controller allows it.  Pure.

Only how a port reaches its network may be changed: addresses, servers, proxy, MTU, access point.
What a port costs, who may use it, its labels and what lies below it are the controller's alone.
Secrets of wireless networks come enclosed, and from the controller alone.  Source: node reference
8.6.
"""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import Final

from eaves.errors import EavesError
from eaves.evapi.config import EdgeDevConfig, NetworkConfig, SystemAdapter
from eaves.evapi.config.netconfig import (
    CellularAccessPoint,
    CellularConfig,
    WifiConfig,
    WirelessConfig,
)
from eaves.evapi.evecommon import DHCPType, Ipspec, NetworkType, WiFiKeyScheme, WirelessType
from eaves.evapi.profile_network import (
    LOCAL_NETWORK_CONFIG,
    IPVersion,
    LocalNetworkConfig,
    NetworkPortConfig,
)
from eaves.node.local.state import LocalState
from eaves.node.refs import ON_THE_SPOT

FAMILIES: Final = {
    IPVersion.IP_VERSION_UNSPECIFIED: NetworkType.V4,
    IPVersion.IP_VERSION_DUAL_STACK: NetworkType.DualV4V6,
    IPVersion.IP_VERSION_IPV4_ONLY: NetworkType.V4Only,
    IPVersion.IP_VERSION_IPV6_ONLY: NetworkType.V6Only,
}
KINDS: Final = {WirelessType.WiFi: "Wi-Fi", WirelessType.Cellular: "mobile"}


def take_ports(state: LocalState, told: LocalNetworkConfig) -> LocalState:
    """What is told replaces all that was told before; no port: nothing is changed any more."""
    kept = LOCAL_NETWORK_CONFIG.encode(replace(told, server_token="", rest=b""))
    return replace(state, ports=kept)


def local_ports(state: LocalState) -> tuple[NetworkPortConfig, ...]:
    try:
        return LOCAL_NETWORK_CONFIG.decode(state.ports).ports
    except EavesError:
        return ()  # of another version; the server tells it again


def with_local_ports(config: EdgeDevConfig, state: LocalState) -> EdgeDevConfig:
    """The same object where nothing of it is changed."""
    if not config.local_profile_server or not state.ports:
        return config
    changed = {
        port.logical_label: port for port in local_ports(state) if not why_refused(port, config)
    }
    if not changed:
        return config
    networks = tuple(_network(port) for port in changed.values())
    adapters = tuple(
        _adapter(a, changed[a.name]) if a.name in changed else a for a in config.system_adapter_list
    )
    return replace(config, networks=(*config.networks, *networks), system_adapter_list=adapters)


def why_refused(port: NetworkPortConfig, config: EdgeDevConfig) -> str:
    """Nothing: it counts."""
    label = port.logical_label
    adapter = next((a for a in config.system_adapter_list if a.name == label), None)
    if adapter is None:
        return f"port {label!r} is not in the configuration of this device"
    if not adapter.allow_local_modifications:
        return f"port {label}: the controller does not allow that it is changed on the spot"
    return _why_unusable(port) or _wrong_kind(port, adapter, config)


def _why_unusable(port: NetworkPortConfig) -> str:
    label = port.logical_label
    if not port.use_dhcp and not port.ip_addresses:
        return f"port {label}: without DHCP it needs an address; write one into ip_addresses"
    for text in port.ip_addresses:
        if not _is_interface(text):
            return f"port {label}: {text[:64]!r} is no address with the length of its subnet"
    for text in (*port.gateways, *port.dns_servers):
        if not _is_address(text):
            return f"port {label}: {text[:64]!r} is no address of a gateway or DNS server"
    if any(_has_secret(port)):
        return (
            f"port {label}: user names and passwords of wireless networks come enclosed from the"
            " controller; take them off"
        )
    return ""


def _has_secret(port: NetworkPortConfig) -> Iterable[bool]:
    if port.wifi_config is not None:
        yield bool(port.wifi_config.password or port.wifi_config.identity)
    if port.cellular_config is not None:
        for auth in (
            port.cellular_config.default_bearer_auth,
            port.cellular_config.attach_bearer_auth,
        ):
            yield auth is not None and bool(auth.username or auth.password)


def _wrong_kind(port: NetworkPortConfig, adapter: SystemAdapter, config: EdgeDevConfig) -> str:
    network = next((n for n in config.networks if n.id == adapter.network_uuid), None)
    has = _kind(network.wireless) if network is not None and network.wireless else None
    asked = _kind(_wireless(port))
    if asked is None or asked == has:
        return ""
    return f"port {port.logical_label} is not {KINDS[asked]}; only the controller says what it is"


def _kind(told: WirelessConfig | None) -> WirelessType | None:
    if told is None:
        return None
    return WirelessType.Cellular if told.cellular_cfg else WirelessType.WiFi


def _adapter(adapter: SystemAdapter, port: NetworkPortConfig) -> SystemAdapter:
    address = next(iter(port.ip_addresses), "")
    return replace(adapter, network_uuid=f"{ON_THE_SPOT}{port.logical_label}", addr=address)


def _network(port: NetworkPortConfig) -> NetworkConfig:
    return NetworkConfig(
        id=f"{ON_THE_SPOT}{port.logical_label}",
        type=FAMILIES.get(port.ip_version, NetworkType.V4),
        ip=Ipspec(
            dhcp=DHCPType.Client if port.use_dhcp else DHCPType.Static,
            gateway=next(iter(port.gateways), ""),
            domain=port.dns_domain,
            ntp=next(iter(port.ntp_servers), ""),
            more_ntp=port.ntp_servers[1:],
            dns=port.dns_servers,
            dhcp_options_ignore=port.dhcp_options_ignore,
        ),
        ent_proxy=port.proxy_config,
        wireless=_wireless(port),
        mtu=port.mtu,
    )


def _wireless(port: NetworkPortConfig) -> WirelessConfig | None:
    if (mobile := port.cellular_config) is not None:
        point = CellularAccessPoint(
            sim_slot=mobile.activate_sim_slot,
            apn=mobile.apn,
            attach_apn=mobile.attach_apn,
            forbid_roaming=mobile.forbid_roaming,
        )
        config = CellularConfig(
            access_points=(point,),
            activated_sim_slot=mobile.activate_sim_slot,
            location_tracking=mobile.location_tracking,
        )
        return WirelessConfig(type=WirelessType.Cellular, cellular_cfg=(config,))
    if (wifi := port.wifi_config) is not None:
        network = WifiConfig(wifi_ssid=wifi.ssid, key_scheme=WiFiKeyScheme.SchemeNOOP)
        return WirelessConfig(type=WirelessType.WiFi, wifi_cfg=(network,))
    return None


def _is_interface(text: str) -> bool:
    try:
        ip_interface(text)
    except ValueError:
        return False
    return "/" in text


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
