"""Networks that ports connect to, and the interfaces of apps.  config/netconfig.proto."""

from dataclasses import dataclass, field

from eaves.evapi.codec import OpenEnum
from eaves.evapi.config.fw import ACE
from eaves.evapi.evecommon import (
    CellularAuthProtocol,
    CellularIPType,
    CipherBlock,
    ConnectivityProbe,
    Ipspec,
    NetworkType,
    ProxyConfig,
    RadioAccessTechnology,
    WiFiKeyScheme,
    WirelessType,
    ZnetStaticDNSEntry,
)
from eaves.frozen import quick


class EAPMethod(OpenEnum):
    EAP_METHOD_UNSPECIFIED = 0
    EAP_METHOD_TLS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CellularConnectivityProbe:
    disable: bool = False
    probe_address: str = ""  # deprecated
    custom_probe: ConnectivityProbe | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellularAccessPoint:
    sim_slot: int = 0
    apn: str = ""
    auth_protocol: CellularAuthProtocol = CellularAuthProtocol.CELLULAR_AUTH_PROTOCOL_NONE
    cipher_data: CipherBlock | None = None
    preferred_plmns: tuple[str, ...] = ()
    forbid_roaming: bool = False
    preferred_rats: tuple[RadioAccessTechnology, ...] = ()
    ip_type: CellularIPType = CellularIPType.CELLULAR_IP_TYPE_UNSPECIFIED
    attach_apn: str = ""
    attach_ip_type: CellularIPType = CellularIPType.CELLULAR_IP_TYPE_UNSPECIFIED
    attach_auth_protocol: CellularAuthProtocol = CellularAuthProtocol.CELLULAR_AUTH_PROTOCOL_NONE
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellularConfig:
    apn: str = ""
    probe: CellularConnectivityProbe | None = None
    location_tracking: bool = False
    access_points: tuple[CellularAccessPoint, ...] = ()
    activated_sim_slot: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WifiConfigCryptoblock:
    identity: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WifiConfig:
    wifi_ssid: str = ""
    key_scheme: WiFiKeyScheme = WiFiKeyScheme.SchemeNOOP
    identity: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    crypto: WifiConfigCryptoblock | None = None
    priority: int = 0
    cipher_data: CipherBlock | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WirelessConfig:
    type: WirelessType = WirelessType.TypeNOOP
    cellular_cfg: tuple[CellularConfig, ...] = ()
    wifi_cfg: tuple[WifiConfig, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    id: str = ""
    type: NetworkType = NetworkType.NETWORKTYPENOOP
    ip: Ipspec | None = None
    dns: tuple[ZnetStaticDNSEntry, ...] = ()
    ent_proxy: ProxyConfig | None = None
    wireless: WirelessConfig | None = None
    mtu: int = 0
    rest: bytes = field(default=b"", repr=False)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkAdapter:
    name: str = ""
    network_id: str = ""  # a NetworkInstanceConfig
    addr: str = ""  # static address; empty: from DHCP
    hostname: str = ""
    crypto_eid: str = ""
    lispsignature: str = ""
    pemcert: bytes = b""
    pemprivatekey: bytes = field(default=b"", repr=False)
    mac_address: str = ""  # empty: derived
    acls: tuple[ACE, ...] = ()  # without any, all traffic is blocked
    access_vlan_id: int = 0  # of a switch instance; 0: trunk
    allow_to_discover: bool = False
    interface_order: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PNAC:
    logicallabel: str = ""
    eap_identity: str = ""
    eap_method: EAPMethod = EAPMethod.EAP_METHOD_UNSPECIFIED
    cert_enrollment_profile_name: str = ""
    rest: bytes = field(default=b"", repr=False)
