"""The part of the dialogue with a local profile server that is of ports.  profile/network.proto."""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.codec import Codec, OpenEnum
from eaves.evapi.evecommon import (
    DhcpOptionsIgnore,
    PortConfigSource,
    ProxyConfig,
    WiFiKeyScheme,
)
from eaves.evapi.pb.profile import network_pb2


class IPVersion(OpenEnum):
    IP_VERSION_UNSPECIFIED = 0
    IP_VERSION_DUAL_STACK = 1
    IP_VERSION_IPV4_ONLY = 2
    IP_VERSION_IPV6_ONLY = 3


class LocalWirelessType(OpenEnum):
    WIRELESS_TYPE_UNSPECIFIED = 0
    WIRELESS_TYPE_CELLULAR = 1
    WIRELESS_TYPE_WIFI = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalNetworkAuth:
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCellular:
    apn: str = ""
    attach_apn: str = ""
    activate_sim_slot: int = 0
    forbid_roaming: bool = False
    default_bearer_auth: LocalNetworkAuth | None = None
    attach_bearer_auth: LocalNetworkAuth | None = None
    location_tracking: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalWifi:
    ssid: str = ""
    key_scheme: WiFiKeyScheme = WiFiKeyScheme.SchemeNOOP
    identity: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPortConfig:
    logical_label: str = ""
    config_applied: bool = False
    ip_version: IPVersion = IPVersion.IP_VERSION_UNSPECIFIED
    use_dhcp: bool = False
    dhcp_options_ignore: DhcpOptionsIgnore | None = None
    ip_addresses: tuple[str, ...] = ()  # CIDR
    gateways: tuple[str, ...] = ()
    without_default_route: bool = False
    dns_servers: tuple[str, ...] = ()
    dns_domain: str = ""
    ntp_servers: tuple[str, ...] = ()
    mtu: int = 0
    proxy_config: ProxyConfig | None = None
    wireless_device_type: LocalWirelessType = LocalWirelessType.WIRELESS_TYPE_UNSPECIFIED
    cellular_config: LocalCellular | None = None
    wifi_config: LocalWifi | None = None
    config_source: PortConfigSource | None = None
    error_message: str = ""
    local_modifications_allowed: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfigTestingStatus:
    controller_reachable: bool = False
    connectivity_error: str = ""
    last_test_time: datetime | None = None
    testing_in_progress: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPortStatus:
    logical_label: str = ""
    interface_name: str = ""
    link_up: bool = False
    mac_address: str = ""
    ip_addresses: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    dns_servers: tuple[str, ...] = ()
    dns_domain: str = ""
    ntp_servers: tuple[str, ...] = ()
    mtu: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalNetworkConfigInfo:
    ports: tuple[NetworkPortConfig, ...] = ()
    error_message: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInfo:
    latest_config: tuple[NetworkPortConfig, ...] = ()
    config_testing: NetworkConfigTestingStatus | None = None
    is_using_fallback_config: bool = False
    fallback_config: tuple[NetworkPortConfig, ...] = ()
    local_config: LocalNetworkConfigInfo | None = None
    port_status: tuple[NetworkPortStatus, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalNetworkConfig:
    server_token: str = field(default="", repr=False)
    ports: tuple[NetworkPortConfig, ...] = ()
    rest: bytes = field(default=b"", repr=False)


NETWORK_INFO = Codec(NetworkInfo, network_pb2.NetworkInfo)
LOCAL_NETWORK_CONFIG = Codec(LocalNetworkConfig, network_pb2.LocalNetworkConfig)
