"""What the network of a node is made of, from the outside in.

    nft-base <- sysctl (forwarding only once the deny is in force)
    nft-base <- nat <- bridge <- routes (by which port its traffic leaves)
    nft-base <- nat <- bridge <- dnsmasq <- dhcp-host \
                nat <- firewall                        <- vif <- domain or container
                                       netns (containers) /
    nft-base <- switch-rules <- switch, switch-firewall <- vif

An app's vif needs its firewall, its lease and its name, so nothing is connected before the default
deny is in force.  All values are plain, so that an item can be recorded and read back.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from eaves.ids import AppInstanceId, NetworkInstanceId
from eaves.node import refs
from eaves.reconcile.item import ItemRef

FORWARDING = "net.ipv4.ip_forward"
FLOW_SETTINGS = (  # what a record of a flow is made from
    "net.netfilter.nf_conntrack_acct",
    "net.netfilter.nf_conntrack_timestamp",
)


def nft_base_ref(table: str) -> ItemRef:
    return ItemRef("nft-base", table)


def nat_ref(network_instance: NetworkInstanceId) -> ItemRef:
    return ItemRef("nat", network_instance)


def switch_rules_ref(network_instance: NetworkInstanceId) -> ItemRef:
    return ItemRef("switch-rules", network_instance)


def dnsmasq_ref(network_instance: NetworkInstanceId) -> ItemRef:
    return ItemRef("dnsmasq", network_instance)


def dhcp_host_ref(app: AppInstanceId, index: int) -> ItemRef:
    return ItemRef("dhcp-host", f"{app}/{index}")


def firewall_ref(app: AppInstanceId, index: int) -> ItemRef:
    return ItemRef("firewall", f"{app}/{index}")


def netns_ref(app: AppInstanceId) -> ItemRef:
    return ItemRef("netns", app)


class Tracking(StrEnum):
    """What follows connections within a bridge."""

    BRIDGE = "bridge"  # nf_conntrack_bridge: rules stand in the bridge family
    INET = "inet"  # br_netfilter: frames pass the rules of routed packets as well
    NONE = ""  # neither: a switch cannot filter, so none is made


@dataclass(frozen=True, slots=True)
class NftBase:
    """The tables, their hooks and the empty maps that the other rules hang on."""

    table: str
    ports: tuple[str, ...]  # interface names; nothing is forwarded from one to another
    clamp_mss: bool = True  # TCP that is forwarded offers segments that fit the path
    tracking: Tracking = Tracking.NONE  # within bridges; only where there is a switch
    each_packet: bool = True  # a limit or a way back concerns established connections, too

    @property
    def ref(self) -> ItemRef:
        return nft_base_ref(self.table)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset()

    def replaces(self, running: Self, /) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Sysctl:
    name: str
    value: str
    table: str

    @property
    def ref(self) -> ItemRef:
        return ItemRef("sysctl", self.name)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset({nft_base_ref(self.table)})

    def replaces(self, running: Self, /) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Way:
    """Back by the port that a connection from outside came in on."""

    ifname: str
    gateway: str
    addresses: tuple[str, ...]  # of the port
    mark: int
    table_id: int


@dataclass(frozen=True, slots=True)
class Nat:
    """What one network instance may exchange with its ports, and the sets its ACLs look into."""

    network_instance: NetworkInstanceId
    table: str
    bridge: str
    subnet: str
    gateway: str
    ports: tuple[str, ...]  # interface names; empty: air-gapped
    hosts: tuple[str, ...]  # domain names that ACLs of this network instance match
    static_eids: tuple[str, ...]  # addresses of statically named endpoints
    flow_log: bool = False
    ways: tuple[Way, ...] = ()

    @property
    def ref(self) -> ItemRef:
        return nat_ref(self.network_instance)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset({nft_base_ref(self.table)})

    def replaces(self, running: Self, /) -> bool:
        return self.bridge != running.bridge or self.table != running.table


@dataclass(frozen=True, slots=True)
class Bridge:
    network_instance: NetworkInstanceId
    number: int
    name: str
    address: str  # CIDR text
    mac: str
    mtu: int

    @property
    def ref(self) -> ItemRef:
        return refs.bridge(self.network_instance)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset({nat_ref(self.network_instance), ItemRef("sysctl", FORWARDING)})

    def replaces(self, running: Self, /) -> bool:
        return self.name != running.name


class Action(StrEnum):
    ALLOW = "allow"
    DROP = "drop"
    LIMIT = "limit"
    PORTMAP = "portmap"


@dataclass(frozen=True, slots=True)
class Ace:
    """One entry of an app's list, resolved.  Empty strings and zeros match everything."""

    number: int
    action: Action = Action.ALLOW
    prefix: str = ""  # the remote side: address or prefix
    host: str = ""  # the remote side: a domain and its sub-domains
    eidset: bool = False  # the remote side: another app of this network instance
    protocol: str = ""  # "tcp", "udp", "icmp", or a number
    lport: int = 0  # the app's port; of a port map the outside port
    fport: int = 0  # the remote port
    rate: int = 0  # packets per `unit`
    unit: str = "second"
    burst: int = 0
    app_port: int = 0  # port maps only
    ports: tuple[str, ...] = ()  # port maps: interface names they are reached on
    addresses: tuple[str, ...] = ()  # port maps: the outside addresses


@dataclass(frozen=True, slots=True)
class SwitchRules:
    """What a switch needs of the firewall before anything is plugged into it."""

    network_instance: NetworkInstanceId
    table: str
    bridge: str
    number: int  # also the zone that its connections are tracked in
    tracking: Tracking
    members: tuple[str, ...]  # interface names of its ports

    @property
    def ref(self) -> ItemRef:
        return switch_rules_ref(self.network_instance)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset({nft_base_ref(self.table)})

    def replaces(self, running: Self, /) -> bool:
        return (self.bridge, self.table, self.tracking) != (
            running.bridge,
            running.table,
            running.tracking,
        )


@dataclass(frozen=True, slots=True)
class SwitchPort:
    ifname: str
    vlan: int = 0  # its access VLAN; 0: a trunk, or no VLANs at all
    bpdu_guard: bool = False


@dataclass(frozen=True, slots=True)
class Switch:
    """A bridge without an address: ports of the device and apps in one segment."""

    network_instance: NetworkInstanceId
    number: int
    name: str
    mac: str
    mtu: int
    ports: tuple[SwitchPort, ...]
    vlans: tuple[int, ...]  # all that have an access port; empty: frames pass as they are
    stp: bool
    lldp: bool
    tracking: Tracking

    @property
    def ref(self) -> ItemRef:
        return refs.switch(self.network_instance)

    @property
    def whole(self) -> bool:
        """One that was only begun has no MTU."""
        return self.mtu != 0

    def needs(self) -> frozenset[ItemRef]:
        return frozenset({switch_rules_ref(self.network_instance)})

    def replaces(self, running: Self, /) -> bool:
        return self.name != running.name


@dataclass(frozen=True, slots=True)
class SwitchFirewall:
    """The rules of one vif of a switch."""

    app: AppInstanceId
    index: int
    network_instance: NetworkInstanceId
    table: str
    bridge: str
    vif: str  # interface name
    vif_id: int  # stands in the mark of its frames where connections are tracked by `INET`
    aces: tuple[Ace, ...]
    tracking: Tracking
    zone: int
    app_number: int
    flow_log: bool = False

    @property
    def ref(self) -> ItemRef:
        return ItemRef("switch-firewall", f"{self.app}/{self.index}")

    def needs(self) -> frozenset[ItemRef]:
        return frozenset({switch_rules_ref(self.network_instance)})

    def replaces(self, running: Self, /) -> bool:
        return (self.table, self.vif, self.tracking) != (
            running.table,
            running.vif,
            running.tracking,
        )


@dataclass(frozen=True, slots=True)
class Route:
    """Without a gateway the network is on the wire; without an interface the host's table says."""

    destination: str  # CIDR text
    gateway: str
    ifname: str


@dataclass(frozen=True, slots=True)
class Routes:
    """The table of one network instance: what its bridge receives is looked up there."""

    network_instance: NetworkInstanceId
    bridge: str
    table_id: int  # also the place of the rule that leads there
    routes: tuple[Route, ...]
    ways: tuple[Way, ...]

    @property
    def ref(self) -> ItemRef:
        return ItemRef("routes", self.network_instance)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset({refs.bridge(self.network_instance)})

    def replaces(self, running: Self, /) -> bool:
        return (self.bridge, self.table_id) != (running.bridge, running.table_id)


@dataclass(frozen=True, slots=True)
class DhcpDns:
    """One dnsmasq.  Hosts come and go by files, so only these attributes restart it."""

    network_instance: NetworkInstanceId
    table: str
    bridge: str
    gateway: str
    netmask: str
    range_start: str
    range_end: str
    domain: str
    upstreams: tuple[str, ...]  # "address" or "address@interface"
    entries: tuple[tuple[str, str], ...]  # static (name, address)
    ntp: tuple[str, ...]
    mtu: int
    routed: bool  # apps get a default route
    hosts: tuple[str, ...]  # names whose answers feed the sets of the ACLs
    routes: tuple[tuple[str, str], ...] = ()  # (destination, gateway) that apps are told
    gateway_apps: tuple[str, ...] = ()  # addresses of apps that are the gateway of a route

    @property
    def ref(self) -> ItemRef:
        return dnsmasq_ref(self.network_instance)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset({refs.bridge(self.network_instance), nat_ref(self.network_instance)})

    def replaces(self, running: Self, /) -> bool:
        return self.bridge != running.bridge


@dataclass(frozen=True, slots=True)
class DhcpHost:
    """The lease and the name of one vif."""

    app: AppInstanceId
    index: int
    network_instance: NetworkInstanceId
    bridge: str
    mac: str
    address: str
    host_name: str  # one or several with blanks between, each a name of DNS

    @property
    def ref(self) -> ItemRef:
        return dhcp_host_ref(self.app, self.index)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset({dnsmasq_ref(self.network_instance)})

    def replaces(self, running: Self, /) -> bool:
        return self.bridge != running.bridge


@dataclass(frozen=True, slots=True)
class AppFirewall:
    """The rules of one vif: what it may send, what may reach it, and who it may claim to be."""

    app: AppInstanceId
    index: int
    network_instance: NetworkInstanceId
    table: str
    bridge: str
    vif: str  # interface name
    mac: str
    address: str
    aces: tuple[Ace, ...]
    portmaps_from: tuple[str, ...]  # bridges whose apps may use the outside address as well
    app_number: int = 0  # stands in the mark of each connection that its list lets through
    flow_log: bool = False  # what its list drops is shown to the listener
    elsewhere: tuple[int, ...] = ()  # entries, as a mark has them, that its app has twice

    @property
    def ref(self) -> ItemRef:
        return firewall_ref(self.app, self.index)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset({nat_ref(self.network_instance)})

    def replaces(self, running: Self, /) -> bool:
        return (self.table, self.vif) != (running.table, running.vif)


@dataclass(frozen=True, slots=True)
class AppNetns:
    """The network namespace of a container app, with its loopback up."""

    app: AppInstanceId
    name: str

    @property
    def ref(self) -> ItemRef:
        return netns_ref(self.app)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset()

    def replaces(self, running: Self, /) -> bool:
        return self.name != running.name


class VifKind(StrEnum):
    TAP = "tap"  # opened by the emulator; the guest asks for its lease
    VETH = "veth"  # the other end is in the app's namespace, addressed by the node


@dataclass(frozen=True, slots=True)
class Vif:
    app: AppInstanceId
    index: int
    network_instance: NetworkInstanceId
    name: str
    kind: VifKind
    bridge: str
    mac: str
    address: str  # CIDR text
    gateway: str  # empty: no default route
    mtu: int
    netns: str  # empty for a tap
    routes: tuple[tuple[str, str], ...] = ()  # (destination, gateway), of a veth
    switched: bool = False  # it is plugged into a switch; without an address it finds one itself
    vlan: int = 0  # access VLAN on a switch; 0: a trunk
    vlans: tuple[int, ...] = ()  # of the trunk

    @property
    def ref(self) -> ItemRef:
        return refs.vif(self.app, self.index)

    @property
    def inside(self) -> str:
        """Interface name within the app's namespace."""
        return f"eth{self.index}"

    @property
    def whole(self) -> bool:
        """One that was only begun has no MTU."""
        return self.mtu != 0

    @property
    def asks(self) -> bool:
        """A container has no DHCP client of its own: on a switch the node asks for it."""
        return self.switched and self.kind is VifKind.VETH and not self.address

    def needs(self) -> frozenset[ItemRef]:
        inside = {netns_ref(self.app)} if self.netns else set[ItemRef]()
        if self.switched:
            rules = ItemRef("switch-firewall", f"{self.app}/{self.index}")
            return frozenset(inside | {refs.switch(self.network_instance), rules})
        needs = {
            refs.bridge(self.network_instance),
            dhcp_host_ref(self.app, self.index),
            firewall_ref(self.app, self.index),
        }
        return frozenset(needs | inside)

    def replaces(self, running: Self, /) -> bool:
        return (self.name, self.kind, self.netns, self.switched) != (
            running.name,
            running.kind,
            running.netns,
            running.switched,
        )


NetworkItem = (
    NftBase
    | Sysctl
    | Nat
    | Bridge
    | Routes
    | DhcpDns
    | DhcpHost
    | AppFirewall
    | SwitchRules
    | Switch
    | SwitchFirewall
    | AppNetns
    | Vif
)

TYPES: dict[str, type[NetworkItem]] = {
    "nft-base": NftBase,
    "sysctl": Sysctl,
    "nat": Nat,
    "bridge": Bridge,
    "routes": Routes,
    "dnsmasq": DhcpDns,
    "dhcp-host": DhcpHost,
    "firewall": AppFirewall,
    "switch-rules": SwitchRules,
    "switch": Switch,
    "switch-firewall": SwitchFirewall,
    "netns": AppNetns,
    "vif": Vif,
}
KINDS = frozenset(TYPES)
