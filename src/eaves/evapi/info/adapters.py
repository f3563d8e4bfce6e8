"""Ports and assignable adapters of a device.  info/info.proto."""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.codec import OpenEnum
from eaves.evapi.evecommon import (
    BearerType,
    CellularIPType,
    PhyIoMemberUsage,
    PhyIoType,
    PortConfigSource,
    RadioAccessTechnology,
)
from eaves.evapi.info.bond import BondStatus
from eaves.evapi.info.common import ErrorInfo
from eaves.evapi.info.pnac import PNACStatus


class SimType(OpenEnum):
    SIM_TYPE_UNSPECIFIED = 0
    SIM_TYPE_PHYSICAL = 1
    SIM_TYPE_ESIM = 2


class ZCellularOperatingState(OpenEnum):
    Z_CELLULAR_OPERATING_STATE_UNSPECIFIED = 0
    Z_CELLULAR_OPERATING_STATE_OFFLINE = 1
    Z_CELLULAR_OPERATING_STATE_RADIO_OFF = 2
    Z_CELLULAR_OPERATING_STATE_ONLINE = 3
    Z_CELLULAR_OPERATING_STATE_ONLINE_AND_CONNECTED = 4
    Z_CELLULAR_OPERATING_STATE_UNRECOGNIZED = 5


class ZCellularControlProtocol(OpenEnum):
    Z_CELLULAR_CONTROL_PROTOCOL_UNSPECIFIED = 0
    Z_CELLULAR_CONTROL_PROTOCOL_QMI = 1
    Z_CELLULAR_CONTROL_PROTOCOL_MBIM = 2


class WirelessType(OpenEnum):
    WIRELESS_TYPE_UNSPECIFIED = 0
    WIRELESS_TYPE_WIFI = 1
    WIRELESS_TYPE_CELLULAR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ZmetIPAssignmentEntry:
    mac_address: str = ""
    ip_address: tuple[str, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VfPublishedInfo:
    index: int = 0
    vlan_id: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IoAddresses:
    mac_address: str = ""
    vf_info: VfPublishedInfo | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZioBundle:
    type: PhyIoType = PhyIoType.PhyIoNoop
    name: str = ""
    members: tuple[str, ...] = ()
    used_by_app_uuid: str = ""
    used_by_base_os: bool = False
    io_address_list: tuple[IoAddresses, ...] = ()
    usage: PhyIoMemberUsage = PhyIoMemberUsage.PhyIoUsageNone
    err: ErrorInfo | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoDNS:
    dns_servers: tuple[str, ...] = ()
    dns_domain: str = ""
    dns_search: tuple[str, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoLoc:
    underlay_ip: str = ""
    hostname: str = ""
    city: str = ""
    region: str = ""
    country: str = ""
    loc: str = ""
    org: str = ""
    postal: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyEntry:
    type: int = 0
    server: str = ""
    port: int = 0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyStatus:
    proxies: tuple[ProxyEntry, ...] = ()
    exceptions: str = ""
    pacfile: str = ""
    network_proxy_enable: bool = False
    network_proxy_url: str = ""
    wpad_url: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZInfoNetwork:
    mac_addr: str = ""
    dev_name: str = ""  # interface inside the app
    alias: str = ""
    ip_addrs: tuple[str, ...] = ()
    default_routers: tuple[str, ...] = ()
    dns: ZInfoDNS | None = None
    ipv4_up: bool = False
    location: GeoLoc | None = None
    uplink: bool = False
    network_err: ErrorInfo | None = None
    local_name: str = ""  # interface on the host
    proxy: ProxyStatus | None = None
    ip_addr_mis_match: bool = False
    ntp_servers: tuple[str, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZSimcardInfo:
    name: str = ""
    cell_module_name: str = ""
    imsi: str = ""
    iccid: str = ""
    state: str = ""
    slot_number: int = 0
    slot_activated: bool = False
    type: SimType = SimType.SIM_TYPE_UNSPECIFIED
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZCellularModuleInfo:
    name: str = ""
    imei: str = ""
    firmware_version: str = ""
    model: str = ""
    operating_state: ZCellularOperatingState = (
        ZCellularOperatingState.Z_CELLULAR_OPERATING_STATE_UNSPECIFIED
    )
    control_protocol: ZCellularControlProtocol = (
        ZCellularControlProtocol.Z_CELLULAR_CONTROL_PROTOCOL_UNSPECIFIED
    )
    manufacturer: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZCellularProvider:
    plmn: str = ""
    description: str = ""
    current_serving: bool = False
    roaming: bool = False
    forbidden: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellularBearer:
    apn: str = ""
    bearer_type: BearerType = BearerType.BEARER_TYPE_UNSPECIFIED
    ip_type: CellularIPType = CellularIPType.CELLULAR_IP_TYPE_UNSPECIFIED
    connected: bool = False
    connection_error: str = ""
    connected_at: datetime | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellularProfile:
    profile_name: str = ""
    apn: str = ""
    bearer_type: BearerType = BearerType.BEARER_TYPE_UNSPECIFIED
    ip_type: CellularIPType = CellularIPType.CELLULAR_IP_TYPE_UNSPECIFIED
    forbid_roaming: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZCellularStatus:
    cellular_module: str = ""
    sim_cards: tuple[str, ...] = ()
    providers: tuple[ZCellularProvider, ...] = ()
    current_rats: tuple[RadioAccessTechnology, ...] = ()
    connected_at: datetime | None = None
    config_error: str = ""
    probe_error: str = ""
    bearers: tuple[CellularBearer, ...] = ()
    profiles: tuple[CellularProfile, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WirelessStatus:
    type: WirelessType = WirelessType.WIRELESS_TYPE_UNSPECIFIED
    cellular: ZCellularStatus | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePort:
    ifname: str = ""  # of the host
    name: str = ""  # logical label
    is_mgmt: bool = False
    free: bool = False
    dhcp_type: int = 0
    subnet: str = ""
    gateway: str = ""
    domainname: str = ""
    ntp_server: str = ""
    more_ntp_servers: tuple[str, ...] = ()
    dns_servers: tuple[str, ...] = ()
    dhcp_range_low: str = ""
    dhcp_range_high: str = ""
    proxy: ProxyStatus | None = None
    mac_addr: str = ""
    ip_addrs: tuple[str, ...] = ()
    default_routers: tuple[str, ...] = ()
    dns: ZInfoDNS | None = None
    up: bool = False
    location: GeoLoc | None = None
    err: ErrorInfo | None = None
    usage: PhyIoMemberUsage = PhyIoMemberUsage.PhyIoUsageNone
    network_uuid: str = ""
    cost: int = 0
    wireless_status: WirelessStatus | None = None
    mtu: int = 0
    config_source: PortConfigSource | None = None
    pnac_status: PNACStatus | None = None
    bond_status: BondStatus | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePortStatus:
    version: int = 0
    key: str = ""  # zedagent, bootstrap, lastresort, ...
    time_priority: datetime | None = None
    last_failed: datetime | None = None
    last_succeeded: datetime | None = None
    ports: tuple[DevicePort, ...] = ()
    last_error: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemAdapterInfo:
    current_index: int = 0  # into status
    status: tuple[DevicePortStatus, ...] = ()
    rest: bytes = field(default=b"", repr=False)
