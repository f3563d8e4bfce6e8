"""Port connectivity: networks."""

from pydantic import Field

from eaves.controller.domain.contract.base import Contract, JsonObject, OpenEnum, wire
from eaves.controller.domain.contract.envelope import Cursor, ObjectRevision, Summary


class StaticDNSList(Contract):
    addrs: tuple[str, ...] = ()
    hostname: str = ""


class NetworkDHCPType(OpenEnum):
    UNSPECIFIED = "NETWORK_DHCP_TYPE_UNSPECIFIED"
    STATIC = "NETWORK_DHCP_TYPE_STATIC"
    PASSTHROUGH = "NETWORK_DHCP_TYPE_PASSTHROUGH"
    DEPRECATED = "NETWORK_DHCP_TYPE_DEPRECATED"
    CLIENT = "NETWORK_DHCP_TYPE_CLIENT"
    STATIC_ADAPTER_SPECIFIC = "NETWORK_DHCP_TYPE_STATIC_ADAPTER_SPECIFIC"


class DhcpIpRange(Contract):
    end: str = ""
    start: str = ""


class NtpServer(Contract):
    server: str = ""


class IpSpec(Contract):
    deprecated_dhcp: bool = False
    dhcp: NetworkDHCPType = NetworkDHCPType.UNSPECIFIED
    dhcp_range: DhcpIpRange | None = None
    dns: tuple[str, ...] = ()
    domain: str = ""
    gateway: str = ""
    mask: str = ""
    ntp: str = ""
    ntp_server_exclusively: bool = False
    ntp_servers: tuple[NtpServer, ...] = ()
    subnet: str = ""


class NetworkKind(OpenEnum):
    UNSPECIFIED = "NETWORK_KIND_UNSPECIFIED"
    V4 = "NETWORK_KIND_V4"
    V6 = "NETWORK_KIND_V6"
    V4_ONLY = "NETWORK_KIND_V4_ONLY"
    V6_ONLY = "NETWORK_KIND_V6_ONLY"
    DUAL_V4_V6 = "NETWORK_KIND_DUAL_V4_V6"


class NetProjectInfo(Contract):
    project_id: str = ""
    project_name: str = ""


class NetworkProxyProto(OpenEnum):
    HTTP = "NETWORK_PROXY_PROTO_HTTP"
    HTTPS = "NETWORK_PROXY_PROTO_HTTPS"
    SOCKS = "NETWORK_PROXY_PROTO_SOCKS"
    FTP = "NETWORK_PROXY_PROTO_FTP"
    OTHER = "NETWORK_PROXY_PROTO_OTHER"


class NetProxyServer(Contract):
    port: int = 0
    proto: NetworkProxyProto = NetworkProxyProto.HTTP
    server: str = ""


class NetProxyConfig(Contract):
    exceptions: str = ""
    network_proxy: bool = False
    network_proxy_certs: tuple[str, ...] = ()
    network_proxy_url: str = wire("networkProxyURL", "")
    pacfile: str = ""
    proxies: tuple[NetProxyServer, ...] = ()


class CellularSecrets(Contract):
    password: str = ""
    username: str = ""


class NetCellularAccessPoint(Contract):
    apn: str = ""
    attach_apn: str = ""
    attach_auth_protocol: str = ""  # words of the device API, as those below
    attach_encrypted_secrets: dict[str, str] = Field(default_factory=dict)
    attach_ip_type: str = ""
    attach_secrets: CellularSecrets | None = None
    auth_protocol: str = ""
    cipher_data: JsonObject | None = None
    crypto_key: str = ""
    encrypted_secrets: dict[str, str] = Field(default_factory=dict)
    forbid_roaming: bool = False
    ip_type: str = ""
    preferred_plmns: tuple[str, ...] = ()
    preferred_rats: tuple[str, ...] = ()
    secrets: CellularSecrets | None = None
    sim_slot: int = 0


class NetCellularConfig(Contract):
    apn: str = wire("APN", "")
    access_points: tuple[NetCellularAccessPoint, ...] = ()
    activated_sim_slot: int = 0
    location_tracking: bool = False
    probe: JsonObject | None = None


class NetworkWirelessType(OpenEnum):
    UNSPECIFIED = "NETWORK_WIRELESS_TYPE_UNSPECIFIED"
    WIFI = "NETWORK_WIRELESS_TYPE_WIFI"
    CELLULAR = "NETWORK_WIRELESS_TYPE_CELLULAR"


class WifiCryptoBlock(Contract):
    identity: str = ""
    password: str = ""


class NetworkWiFiKeyScheme(OpenEnum):
    UNSPECIFIED = "NETWORK_WIFIKEY_SCHEME_UNSPECIFIED"
    WPAPSK = "NETWORK_WIFIKEY_SCHEME_WPAPSK"
    WPAEAP = "NETWORK_WIFIKEY_SCHEME_WPAEAP"


class WifiSecrets(Contract):
    wi_fi_passwd: str = wire("WiFiPasswd", "")


class NetWifiConfig(Contract):
    crypto: WifiCryptoBlock | None = None
    crypto_key: str = ""
    encrypted_secrets: dict[str, str] = Field(default_factory=dict)
    identity: str = ""
    key_scheme: NetworkWiFiKeyScheme = NetworkWiFiKeyScheme.UNSPECIFIED
    priority: int = 0
    secret: WifiSecrets | None = None
    wifi_ssid: str = wire("wifiSSID", "")


class NetWirelessConfig(Contract):
    cellular_cfg: NetCellularConfig | None = None
    type: NetworkWirelessType = NetworkWirelessType.UNSPECIFIED
    wifi_cfg: NetWifiConfig | None = None


class NetConfig(Contract):
    description: str = ""
    dns_list: tuple[StaticDNSList, ...] = ()
    enterprise_default: bool = False
    id: str = ""
    ip: IpSpec | None = None
    kind: NetworkKind = NetworkKind.UNSPECIFIED
    mtu: int = 0
    name: str = ""
    project: NetProjectInfo | None = None
    project_id: str = ""
    proxy: NetProxyConfig | None = None
    revision: ObjectRevision | None = None
    title: str = ""
    wireless: NetWirelessConfig | None = None


class NetConfigList(Contract):
    list: tuple[NetConfig, ...] = ()
    next: Cursor | None = None
    summary: Summary | None = None
    summary_by_dist: Summary | None = None
    summary_by_kind: Summary | None = None
    summary_by_proxy: Summary | None = None


class NetworkRelatedDevice(Contract):
    adapter_name: str = ""
    dev_id: str = ""
    dev_name: str = ""


class NetworkDeviceList(Contract):
    list: tuple[NetworkRelatedDevice, ...] = ()
