"""A port configuration as a value: devices (what there is), ports (how they reach the world).

A device is an adapter, a VLAN or a bond; a port gives one of them an address, a cost and a proxy.
An entry is a whole set of both: it is tested, trusted and left as one.  Source: node reference,
section 5; EVE API v2, section 12.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from eaves.evapi.config.netconfig import PNAC, CellularConfig, WifiConfig
from eaves.evapi.evecommon import BondMode, DHCPType, NetworkType, PhyIoMemberUsage
from eaves.node.refs import ON_THE_SPOT, StaticNames

LEAST_MTU, MOST_MTU = 1280, 65535
MOST_COST = 255
LONGEST_IFNAME = 15
WITH_IPV6 = frozenset({NetworkType.V6, NetworkType.V6Only, NetworkType.DualV4V6})


class Source(StrEnum):
    """Who wrote an entry; the word is that of `DevicePortStatus.key`."""

    CONTROLLER = "zedagent"
    BOOTSTRAP = "bootstrap"
    OVERRIDE = "override"  # files: their names
    USB = "usb"
    MANUAL = "manual"
    LAST_RESORT = "lastresort"


class Medium(StrEnum):
    ETHERNET = "ethernet"
    WIFI = "wifi"
    CELLULAR = "cellular"


@dataclass(frozen=True, slots=True)
class Named:
    """How a configuration tells an adapter from others; what is blank says nothing."""

    ifname: str = ""
    pci: str = ""  # as 0000:02:00.0
    usb: str = ""  # as 1:2.3, bus and chain of ports
    mac: str = ""  # lower case


@dataclass(frozen=True, slots=True)
class Adapter:
    label: str
    named: Named
    medium: Medium = Medium.ETHERNET


@dataclass(frozen=True, slots=True)
class Vlan:
    label: str
    ifname: str
    parent: str  # label of an adapter or a bond
    number: int


@dataclass(frozen=True, slots=True)
class Bond:
    """Monitoring is by MII or by ARP; an interval of 0 switches it off.  Times in ms."""

    label: str
    ifname: str
    members: tuple[str, ...]  # labels of adapters; the first is the primary
    mode: BondMode
    lacp_fast: bool = False
    mii_interval: int = 0
    up_delay: int = 0
    down_delay: int = 0
    arp_interval: int = 0
    arp_targets: tuple[str, ...] = ()


Device = Adapter | Vlan | Bond


class Option(StrEnum):
    """What is taken from the configuration only, whatever a DHCP server says."""

    ADDRESS = "addresses"
    DNS = "dns"
    NTP = "ntp"
    GATEWAY = "gateways"


@dataclass(frozen=True, slots=True)
class IpPlan:
    dhcp: DHCPType
    family: NetworkType = NetworkType.V4
    address: str = ""  # CIDR; of a static port, or beside what DHCP gives
    gateway: str = ""
    domain: str = ""
    dns: tuple[str, ...] = ()
    ntp: tuple[str, ...] = ()
    only: frozenset[Option] = frozenset()
    names: StaticNames = ()


@dataclass(frozen=True, slots=True)
class ProxyServer:
    scheme: str  # of the requests that it serves: http, https, socks, ftp or other
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ProxyPlan:
    servers: tuple[ProxyServer, ...] = ()
    exceptions: tuple[str, ...] = ()
    pac: str = ""  # the script itself
    automatic: bool = False  # look the script up: at `pac_url`, else by the domain of the port
    pac_url: str = ""
    roots: tuple[str, ...] = ()  # PEM; of a proxy that opens TLS

    @property
    def in_use(self) -> bool:
        return bool(self.servers or self.pac or self.automatic)


@dataclass(frozen=True, slots=True)
class PortPlan:
    label: str
    device: str  # label
    management: bool
    cost: int = 0
    shared_labels: frozenset[str] = frozenset()
    network_id: str = ""
    ip: IpPlan | None = None  # None: only for network instances that switch
    proxy: ProxyPlan = ProxyPlan()
    mtu: int = 0  # 0: that of the link
    usage: PhyIoMemberUsage = PhyIoMemberUsage.PhyIoUsageMgmtAndApps
    wifi: tuple[WifiConfig, ...] = ()
    cellular: CellularConfig | None = None
    wrong: str = ""  # the configuration of this port cannot be used, and why
    alias: str = ""
    left_out: str = ""  # what of its network is not done, and why; the port is used all the same
    access: PNAC | None = None  # it is to authenticate itself by 802.1X

    @property
    def asks_for_lease(self) -> bool:
        """By DHCP of IPv4."""
        if self.ip is None or self.ip.dhcp != DHCPType.Client:
            return False
        return self.ip.family is not NetworkType.V6Only

    @property
    def hears_routers(self) -> bool:
        """Those of IPv6; an address is asked for by DHCPv6 where one says so."""
        if self.ip is None or self.ip.dhcp != DHCPType.Client:
            return False
        return self.ip.family in WITH_IPV6

    @property
    def reaches_controller(self) -> bool:
        return self.management and self.ip is not None and not self.wrong

    @property
    def on_the_spot(self) -> bool:
        """Does a local profile server say how it reaches its network?"""
        return self.network_id.startswith(ON_THE_SPOT)


@dataclass(frozen=True, slots=True)
class Entry:
    """One set of ports.

    `config`: the encoded part of a configuration that it was made from.  `wrong`: why nothing
    could be made of what was given; such an entry is only reported.
    """

    source: Source
    at: datetime  # its place in time: config_timestamp, or when it was entered
    devices: tuple[Device, ...]
    ports: tuple[PortPlan, ...]
    config: bytes = field(default=b"", repr=False)
    wrong: str = ""

    def device(self, label: str) -> Device | None:
        return next((d for d in self.devices if d.label == label), None)

    def medium(self, port: PortPlan) -> Medium:
        """That of its adapter; VLANs and bonds are on cables."""
        device = self.device(port.device)
        return device.medium if isinstance(device, Adapter) else Medium.ETHERNET

    @property
    def usable(self) -> bool:
        return any(port.reaches_controller for port in self.ports)

    @property
    def on_the_spot(self) -> bool:
        """Does a local profile server say how all ports for management reach their networks?"""
        management = [port for port in self.ports if port.management]
        return self.usable and all(port.on_the_spot for port in management)

    def same_ports(self, other: "Entry") -> bool:
        """Would both set the machine up alike?  When they were written does not count."""
        return (self.source, self.devices, self.ports, self.wrong) == (
            other.source,
            other.devices,
            other.ports,
            other.wrong,
        )


class Standing(IntEnum):
    """Where the test of an entry is, or how it ended."""

    NONE = 0
    FAIL = 1
    FAIL_WITH_ADDRESS = 2  # addresses and a DNS server were there, the controller was not
    SUCCESS = 3
    WAIT_ADDRESS = 4
    WAIT_DEVICE = 5  # still handed to an app
    WAIT_INTERFACE = 6
    REMOTE_TROUBLE = 7  # the network is well, the controller is not
    WAIT_WORK = 8
    WAIT_MODEM = 9


@dataclass(frozen=True, slots=True)
class PortResult:
    """What the last test said of one port."""

    error: str = ""
    warning: str = ""
    succeeded: datetime | None = None
    failed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """What is known of an entry from its tests; kept over restarts."""

    standing: Standing = Standing.NONE
    failed: datetime | None = None
    succeeded: datetime | None = None
    error: str = ""
    warning: str = ""
    ports: tuple[tuple[str, PortResult], ...] = ()  # by label

    @property
    def ever_worked(self) -> bool:
        return self.succeeded is not None

    @property
    def works(self) -> bool:
        """Did its last test end well?"""
        if self.succeeded is None:
            return False
        return self.failed is None or self.failed < self.succeeded

    def port(self, label: str) -> PortResult:
        return next((result for name, result in self.ports if name == label), PortResult())


@dataclass(frozen=True, slots=True)
class Kept:
    entry: Entry
    marks: Marks = Marks()
