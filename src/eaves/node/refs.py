"""How the node's subsystems name each other's items, and the facts they share by value.

Subsystems do not import each other: a VM names its vif by a reference from here, and the graph
joins them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from eaves.evapi.config import AppInstanceConfig
from eaves.ids import AppInstanceId, ContentTreeId, NetworkInstanceId, VolumeId
from eaves.reconcile.item import ItemRef

MOST_NUMBERS = 255  # of apps and of network instances: they are part of interface names
# Between the ranges of users and of containers (systemd's table of UIDs): nobody's.
EMULATOR_UIDS = range(1_900_000_000, 1_900_000_000 + MOST_NUMBERS + 1)


def content_tree(tree: ContentTreeId, generation: int) -> ItemRef:
    """Downloaded, verified, ready to make volumes from."""
    return ItemRef("content-tree", f"{tree}#{generation}")


def volume(volume_id: VolumeId, generation: int) -> ItemRef:
    return ItemRef("volume", f"{volume_id}#{generation}")


def snapshot(snapshot_id: str) -> ItemRef:
    """What an app's volumes held at one moment."""
    return ItemRef("snapshot", snapshot_id)


def bridge(network_instance: NetworkInstanceId) -> ItemRef:
    return ItemRef("bridge", network_instance)


def switch(network_instance: NetworkInstanceId) -> ItemRef:
    """A bridge that is a segment of its own, without address, DHCP or DNS."""
    return ItemRef("switch", network_instance)


def vif(app: AppInstanceId, index: int) -> ItemRef:
    """A tap (VM) or a veth inside the app's network namespace, firewalled and addressed."""
    return ItemRef("vif", f"{app}/{index}")


def domain(app: AppInstanceId) -> ItemRef:
    """A running virtual machine."""
    return ItemRef("domain", app)


def pci_device(address: str) -> ItemRef:
    """Taken from its driver, ready for a guest."""
    return ItemRef("pci-device", address)


def virtual_functions(card: str) -> ItemRef:
    """Of a network card, by its PCI address."""
    return ItemRef("virtual-functions", card)


def can_interface(ifname: str) -> ItemRef:
    """Set and up, for a guest."""
    return ItemRef("can-interface", ifname)


def container(app: AppInstanceId) -> ItemRef:
    """A running OCI container."""
    return ItemRef("container", app)


@dataclass(frozen=True, slots=True)
class PortCredentials:
    """What a port authenticates itself with (802.1X); certificates as PEM."""

    chain: bytes  # its own first
    trusted: bytes  # authorities of whoever lets it in
    key: Path


# Interface and namespace names that two subsystems must agree on (at most 15 characters).


def vif_name(app_number: int, index: int) -> str:
    """Host side of an app's interface: the tap of a VM, the veth of a container."""
    return f"nbu{index}x{app_number}"


def node_prefix(node: str) -> str:
    """Begins the names of what a node makes machine-wide: tables, namespaces, cgroups."""
    return f"eaves-{node}"


def emulator_uid(app_number: int) -> int:
    """The user, and the group, that the emulator of a guest runs as: nobody else of the machine."""
    return EMULATOR_UIDS[app_number]


def netns_name(prefix: str, app_number: int) -> str:
    """Network namespace of a container app, below /run/netns; two nodes of one machine differ."""
    return f"{prefix}-app{app_number}"


@dataclass(frozen=True, slots=True)
class UsbRule:
    """A USB device by its place, or else by its kind (hexadecimal digits)."""

    bus: int
    port: str
    vendor: str = ""
    product: str = ""

    def means(self, bus: int, port: str, vendor: int, product: int) -> bool:
        if self.bus:
            return (self.bus, self.port) == (bus, port)
        return (self.vendor, self.product) == (f"{vendor:04x}", f"{product:04x}")


@dataclass(frozen=True, slots=True)
class Passed:
    """What of this machine's I/O a guest has for itself."""

    pci: tuple[str, ...] = ()  # addresses
    usb: tuple[UsbRule, ...] = ()
    serial: tuple[str, ...] = ()  # paths of the host's ttys
    can: tuple[str, ...] = ()  # interfaces of the host
    order: tuple[int, ...] = field(default=(), compare=False)  # of each of `pci`, as asked


@dataclass(frozen=True, slots=True)
class Port:
    """One adapter of the host, as observed.  `addresses` in CIDR text."""

    logical_label: str
    ifname: str
    up: bool
    mac: str
    mtu: int
    addresses: tuple[str, ...]
    gateways: tuple[str, ...]
    dns_servers: tuple[str, ...]
    management: bool  # usage says the controller may be reached through it
    cost: int = 0
    labels: frozenset[str] = frozenset()  # shared labels incl. "all", "uplink", "freeuplink"
    managed: bool = False  # the host handed it over: it may become part of a switch
    wireless: bool = False
    signal_dbm: int = 0  # of a cellular port; 0: not known
    alias: str = ""


ON_THE_SPOT = "on-the-spot:"
"""Begins the identifier of a network that a local profile server described, and no controller."""

StaticNames = tuple[tuple[str, tuple[str, ...]], ...]
"""Host names and their addresses, as a configuration has them."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way out: port and address to send from (blank: the kernel chooses), and its proxy."""

    label: str = ""  # logical label of the port
    interface: str = ""
    source: str = ""  # address
    proxy: str = ""  # URL
    roots: tuple[str, ...] = ()  # PEM, trusted on this way only
    dns: tuple[str, ...] = ()  # servers of the port; none: the machine looks names up
    cost: int = 0
    names: StaticNames = ()  # of the port's network, before any server


@dataclass(frozen=True, slots=True)
class AppInForce:
    """An app as it should run now: counters and deferred changes are already worked in.

    `incarnation` moves with every restart or purge; a domain of another incarnation is replaced.
    """

    config: AppInstanceConfig
    app: AppInstanceId
    number: int  # 1..MOST_NUMBERS, stable over restarts
    activate: bool
    incarnation: int


@dataclass(frozen=True, slots=True)
class Allocations:
    """Numbers that outlive restarts and redeployments of others (persisted by the checkpoint)."""

    bridge_numbers: Mapping[NetworkInstanceId, int] = field(
        default_factory=dict[NetworkInstanceId, int]
    )
    vif_numbers: Mapping[tuple[NetworkInstanceId, AppInstanceId, int], int] = field(
        default_factory=dict[tuple[NetworkInstanceId, AppInstanceId, int], int]
    )  # offset from the start of the DHCP range, lowest free first


@dataclass(frozen=True, slots=True)
class Position:
    """Where a port stands, in degrees and metres."""

    latitude: float
    longitude: float
    altitude: float
    label: str  # of the port that told it
    at: datetime
