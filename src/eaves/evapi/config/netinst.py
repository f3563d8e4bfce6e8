"""Network instances: the virtual networks that apps connect to.  config/netinst.proto."""

from dataclasses import dataclass, field

from eaves.evapi.codec import OpenEnum
from eaves.evapi.config.devcommon import Adapter, UUIDandVersion
from eaves.evapi.evecommon import ConnectivityProbe, Ipspec, ZnetStaticDNSEntry
from eaves.frozen import quick


class ZNetworkInstType(OpenEnum):
    ZNetInstFirst = 0
    ZnetInstSwitch = 1
    ZnetInstLocal = 2
    ZnetInstCloud = 3
    ZnetInstMesh = 4
    ZnetInstHoneyPot = 5
    ZnetInstTransparent = 6
    ZNetInstLast = 255


class AddressType(OpenEnum):
    First = 0
    IPV4 = 1
    IPV6 = 2
    CryptoIPV4 = 3
    CryptoIPV6 = 4
    Last = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class PortProbe:
    enable_gw_ping: bool = False
    gw_ping_max_cost: int = 0
    custom_probe: ConnectivityProbe | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IPRoute:
    destination_network: str = ""
    gateway: str = ""
    port: str = ""
    probe: PortProbe | None = None
    prefer_lower_cost: bool = False
    prefer_stronger_wwan_signal: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanningTreeProtocol:
    ports_with_bpdu_guard: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VlanAccessPort:
    vlan_id: int = 0
    access_port: str = ""
    rest: bytes = field(default=b"", repr=False)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInstanceConfig:
    uuidandversion: UUIDandVersion | None = None
    displayname: str = ""
    inst_type: ZNetworkInstType = ZNetworkInstType.ZNetInstFirst
    activate: bool = False
    port: Adapter | None = None  # its name: a label of ports, or a logical label
    stp: SpanningTreeProtocol | None = None
    ip_type: AddressType = AddressType.First
    ip: Ipspec | None = None
    dns: tuple[ZnetStaticDNSEntry, ...] = ()
    propagate_connected_routes: bool = False
    static_routes: tuple[IPRoute, ...] = ()
    mtu: int = 0  # 0: the lowest of its ports, 1500 without any
    disable_flowlog: bool = False
    vlan_access_ports: tuple[VlanAccessPort, ...] = ()
    forward_lldp: bool = False
    cluster_wide: bool = False
    rest: bytes = field(default=b"", repr=False)
