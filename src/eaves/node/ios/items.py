"""A PCI device that the host has let go of, so that a guest can have it; the parts of a card; a CAN
interface that is set and up.

pci-device, can-interface <- domain
virtual-functions: what the model says of a card; nothing waits for it, devices appear
"""

from dataclasses import dataclass, field
from typing import Self

from eaves.ids import AppInstanceId
from eaves.node import refs
from eaves.node.host.sriov import Function
from eaves.reconcile.item import ItemRef

PCI_DEVICE = "pci-device"
VIRTUAL_FUNCTIONS = "virtual-functions"
CAN_INTERFACE = "can-interface"


@dataclass(frozen=True, slots=True)
class PciDevice:
    address: str  # "0000:03:00.0"
    app: AppInstanceId  # blank: half way between host and app
    function: Function | None = None  # it is one of a network card

    @property
    def ref(self) -> ItemRef:
        return refs.pci_device(self.address)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset()

    def replaces(self, running: Self, /) -> bool:
        """Between two apps it goes back to the host, which resets it."""
        return self.app != running.app


@dataclass(frozen=True, slots=True)
class VirtualFunctions:
    card: str  # PCI address
    count: int

    @property
    def ref(self) -> ItemRef:
        return refs.virtual_functions(self.card)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset()

    def replaces(self, running: Self, /) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class CanInterface:
    ifname: str
    virtual: bool = field(default=False, compare=False)  # made by the node; it stays what it is
    words: tuple[str, ...] = ()  # how it is set; none: as it is
    app: AppInstanceId = field(default=AppInstanceId(""), compare=False)

    @property
    def ref(self) -> ItemRef:
        return refs.can_interface(self.ifname)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset()

    def replaces(self, running: Self, /) -> bool:
        return False
