"""Words shared by several packages of the EVE API.  evecommon/*.proto."""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.codec import OpenEnum
from eaves.frozen import quick


class HashAlgorithm(OpenEnum):
    HASH_ALGORITHM_INVALID = 0
    HASH_ALGORITHM_SHA256_16BYTES = 1
    HASH_ALGORITHM_SHA256_32BYTES = 2


class BootOrder(OpenEnum):
    BOOT_ORDER_UNSPECIFIED = 0
    BOOT_ORDER_USB = 1
    BOOT_ORDER_NOUSB = 2


class KeyExchangeScheme(OpenEnum):
    KEA_NONE = 0
    KEA_ECDH = 1


class EncryptionScheme(OpenEnum):
    SA_NONE = 0
    SA_AES_256_CFB = 1


class EncryptionBlockUser(OpenEnum):
    ENCRYPTION_BLOCK_USER_UNSPECIFIED = 0
    ENCRYPTION_BLOCK_USER_BINARY_ARTIFACT_METADATA = 1


class PhyIoType(OpenEnum):
    PhyIoNoop = 0
    PhyIoNetEth = 1
    PhyIoUSB = 2
    PhyIoCOM = 3
    PhyIoAudio = 4
    PhyIoNetWLAN = 5
    PhyIoNetWWAN = 6
    PhyIoHDMI = 7
    PhyIoNVMEStorage = 9
    PhyIoSATAStorage = 10
    PhyIoNetEthPF = 11
    PhyIoNetEthVF = 12
    PhyIoUSBController = 13
    PhyIoUSBDevice = 14
    PhyIoCAN = 15
    PhyIoVCAN = 16
    PhyIoLCAN = 17
    PhyIoOther = 255


class PhyIoMemberUsage(OpenEnum):
    PhyIoUsageNone = 0
    PhyIoUsageMgmtAndApps = 1
    PhyIoUsageShared = 2
    PhyIoUsageDedicated = 3
    PhyIoUsageDisabled = 4
    PhyIoUsageMgmtOnly = 5


class ProxyProto(OpenEnum):
    PROXY_HTTP = 0
    PROXY_HTTPS = 1
    PROXY_SOCKS = 2
    PROXY_FTP = 3
    PROXY_OTHER = 255


class DHCPType(OpenEnum):
    DHCPNoop = 0
    Static = 1
    DHCPNone = 2
    Client = 4


class NetworkType(OpenEnum):
    NETWORKTYPENOOP = 0
    V4 = 4
    V6 = 6
    CryptoV4 = 24
    CryptoV6 = 26
    CryptoEID = 14
    V4Only = 7
    V6Only = 8
    DualV4V6 = 9


class WirelessType(OpenEnum):
    TypeNOOP = 0
    WiFi = 1
    Cellular = 2


class WiFiKeyScheme(OpenEnum):
    SchemeNOOP = 0
    WPAPSK = 1
    WPAEAP = 2


class ConnectivityProbeMethod(OpenEnum):
    CONNECTIVITY_PROBE_METHOD_UNSPECIFIED = 0
    CONNECTIVITY_PROBE_METHOD_ICMP = 1
    CONNECTIVITY_PROBE_METHOD_TCP = 2


class RadioAccessTechnology(OpenEnum):
    RADIO_ACCESS_TECHNOLOGY_UNSPECIFIED = 0
    RADIO_ACCESS_TECHNOLOGY_GSM = 1
    RADIO_ACCESS_TECHNOLOGY_UMTS = 2
    RADIO_ACCESS_TECHNOLOGY_LTE = 3
    RADIO_ACCESS_TECHNOLOGY_5GNR = 4


class CellularIPType(OpenEnum):
    CELLULAR_IP_TYPE_UNSPECIFIED = 0
    CELLULAR_IP_TYPE_IPV4 = 1
    CELLULAR_IP_TYPE_IPV4_AND_IPV6 = 2
    CELLULAR_IP_TYPE_IPV6 = 3


class BearerType(OpenEnum):
    BEARER_TYPE_UNSPECIFIED = 0
    BEARER_TYPE_ATTACH = 1
    BEARER_TYPE_DEFAULT = 2
    BEARER_TYPE_DEDICATED = 3


class CellularAuthProtocol(OpenEnum):
    CELLULAR_AUTH_PROTOCOL_NONE = 0
    CELLULAR_AUTH_PROTOCOL_PAP = 1
    CELLULAR_AUTH_PROTOCOL_CHAP = 2
    CELLULAR_AUTH_PROTOCOL_PAP_AND_CHAP = 3


class BondMode(OpenEnum):
    BOND_MODE_UNSPECIFIED = 0
    BOND_MODE_BALANCE_RR = 1
    BOND_MODE_ACTIVE_BACKUP = 2
    BOND_MODE_BALANCE_XOR = 3
    BOND_MODE_BROADCAST = 4
    BOND_MODE_802_3AD = 5
    BOND_MODE_BALANCE_TLB = 6
    BOND_MODE_BALANCE_ALB = 7


class LacpRate(OpenEnum):
    LACP_RATE_UNSPECIFIED = 0
    LACP_RATE_SLOW = 1
    LACP_RATE_FAST = 2


class NetworkConfigOrigin(OpenEnum):
    NETWORK_CONFIG_ORIGIN_UNSPECIFIED = 0
    NETWORK_CONFIG_ORIGIN_CONTROLLER = 1
    NETWORK_CONFIG_ORIGIN_BOOTSTRAP = 2
    NETWORK_CONFIG_ORIGIN_OVERRIDE = 3
    NETWORK_CONFIG_ORIGIN_LASTRESORT = 4
    NETWORK_CONFIG_ORIGIN_TUI = 5
    NETWORK_CONFIG_ORIGIN_LOC = 6
    NETWORK_CONFIG_ORIGIN_LPS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskDescription:
    name: str = ""
    logical_name: str = ""
    serial: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherContext:
    context_id: str = ""
    hash_scheme: HashAlgorithm = HashAlgorithm.HASH_ALGORITHM_INVALID
    key_exchange_scheme: KeyExchangeScheme = KeyExchangeScheme.KEA_NONE
    encryption_scheme: EncryptionScheme = EncryptionScheme.SA_NONE
    device_cert_hash: bytes = b""
    controller_cert_hash: bytes = b""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherBlock:
    cipher_context_id: str = ""
    initial_value: bytes = b""  # exactly 16 bytes
    cipher_data: bytes = b""
    clear_text_sha256: bytes = b""  # of the plaintext
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptionBlock:
    ds_api_key: str = field(default="", repr=False)
    ds_password: str = field(default="", repr=False)
    wifi_user_name: str = field(default="", repr=False)
    wifi_password: str = field(default="", repr=False)
    protected_user_data: str = field(default="", repr=False)  # base64
    cellular_net_username: str = field(default="", repr=False)
    cellular_net_password: str = field(default="", repr=False)
    cluster_token: str = field(default="", repr=False)
    user: EncryptionBlockUser = EncryptionBlockUser.ENCRYPTION_BLOCK_USER_UNSPECIFIED
    encrypted_data: str = field(default="", repr=False)
    cellular_net_attach_username: str = field(default="", repr=False)
    cellular_net_attach_password: str = field(default="", repr=False)
    gzip_registration_manifest_yaml: bytes = field(default=b"", repr=False)
    scep_challenge_password: str = field(default="", repr=False)
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IpRange:
    start: str = ""
    end: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyServer:
    proto: ProxyProto = ProxyProto.PROXY_HTTP
    server: str = ""
    port: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyConfig:
    network_proxy_enable: bool = False
    proxies: tuple[ProxyServer, ...] = ()
    exceptions: str = ""  # hosts, .domains, CIDRs, separated by commas
    pacfile: str = ""  # base64
    network_proxy_url: str = ""
    proxy_cert_pem: tuple[bytes, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZnetStaticDNSEntry:
    host_name: str = ""
    address: tuple[str, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpOptionsIgnore:
    ntp_server_exclusively: bool = False
    ip_addresses_exclusively: bool = False
    dns_config_exclusively: bool = False
    gateways_exclusively: bool = False
    rest: bytes = field(default=b"", repr=False)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Ipspec:
    dhcp: DHCPType = DHCPType.DHCPNoop
    subnet: str = ""  # CIDR
    gateway: str = ""
    domain: str = ""
    ntp: str = ""
    more_ntp: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dhcp_range: IpRange | None = None
    dhcp_options_ignore: DhcpOptionsIgnore | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeEndpoint:
    host: str = ""
    port: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectivityProbe:
    probe_method: ConnectivityProbeMethod = (
        ConnectivityProbeMethod.CONNECTIVITY_PROBE_METHOD_UNSPECIFIED
    )
    probe_endpoint: ProbeEndpoint | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortConfigSource:
    origin: NetworkConfigOrigin = NetworkConfigOrigin.NETWORK_CONFIG_ORIGIN_UNSPECIFIED
    submitted_at: datetime | None = None
    rest: bytes = field(default=b"", repr=False)
