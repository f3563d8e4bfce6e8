"""A PCI device that the host has let go of, so that a guest can have it.

pci-device <- domain
"""

from dataclasses import dataclass
from typing import Self

from eaves.ids import AppInstanceId
from eaves.node import refs
from eaves.reconcile.item import ItemRef

PCI_DEVICE = "pci-device"


@dataclass(frozen=True, slots=True)
class PciDevice:
    address: str  # "0000:03:00.0"
    app: AppInstanceId  # blank: half way between host and app

    @property
    def ref(self) -> ItemRef:
        return refs.pci_device(self.address)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset()

    def replaces(self, running: Self, /) -> bool:
        """Always: between two apps it goes back to the host, which resets it."""
        return True
