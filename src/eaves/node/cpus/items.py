"""Which CPUs a workload may run on.

    domain or container <- cpus

There is none for a workload that may use all.  It changes under what runs.
"""

from dataclasses import dataclass
from typing import Self

from eaves.ids import AppInstanceId
from eaves.node import refs
from eaves.reconcile.item import ItemRef

CPUS = "cpus"


@dataclass(frozen=True, slots=True)
class CpuSet:
    app: AppInstanceId
    container: bool
    cpus: tuple[int, ...]  # ascending

    @property
    def ref(self) -> ItemRef:
        return ItemRef(CPUS, self.app)

    def needs(self) -> frozenset[ItemRef]:
        return frozenset({refs.container(self.app) if self.container else refs.domain(self.app)})

    def replaces(self, running: Self, /) -> bool:
        return self.container != running.container
