"""An app that runs under an OCI runtime: plain values.

    volume, vif <- container

The first volume holds the root; the others are mounted where the config says.
"""

from dataclasses import dataclass, field
from typing import Self

from eaves.ids import AppInstanceId, VolumeId
from eaves.node import refs
from eaves.reconcile.item import ItemRef

CONTAINER = "container"
NOT_RUNNING = -1  # incarnation of something half made or ended: any wish replaces it


@dataclass(frozen=True, slots=True)
class Mount:
    volume: VolumeId
    generation: int
    mount_dir: str  # absolute within the container; of the root: "/"

    @property
    def ref(self) -> ItemRef:
        return refs.volume(self.volume, self.generation)


@dataclass(frozen=True, slots=True)
class Container:
    app: AppInstanceId
    number: int
    incarnation: int
    memory_kib: int  # 0: no limit
    vcpus: int  # 0: no limit
    root: Mount
    mounts: tuple[Mount, ...]
    vifs: int  # how many interfaces; 0: an empty network namespace of its own
    service: bool = False  # it gets of the machine what its image says
    # Read at the next start only; see domains.items.
    name_servers: tuple[str, ...] = field(default=(), compare=False)
    name: str = field(default="", compare=False)
    user_data: str = field(default="", repr=False, compare=False)

    @property
    def ref(self) -> ItemRef:
        return refs.container(self.app)

    def needs(self) -> frozenset[ItemRef]:
        volumes = {self.root.ref} | {mount.ref for mount in self.mounts}
        return frozenset(volumes | {refs.vif(self.app, n) for n in range(self.vifs)})

    def replaces(self, running: Self, /) -> bool:
        """Only the limits can be moved under a running container."""
        return (
            self.number,
            self.incarnation,
            self.root,
            self.mounts,
            self.vifs,
            self.service,
        ) != (
            running.number,
            running.incarnation,
            running.root,
            running.mounts,
            running.vifs,
            running.service,
        )
