"""Storage as the runtime sees it: what it keeps, how it is made, what is there."""

from collections.abc import Mapping
from pathlib import Path

from eaves.ids import VolumeId
from eaves.node.storage.ondisk import RootFs, VolumeOnDisk
from eaves.reconcile.apply import Configurator
from eaves.reconcile.item import Observation


class StorageSubsystem:
    """Built by the runtime as `StorageSubsystem(STATE/"vault", clock, credentials=..., retry=...)`."""

    kinds = frozenset({"content-tree", "volume"})

    def configurators(self) -> Mapping[str, Configurator]:
        raise NotImplementedError

    async def observe(self) -> Observation:
        raise NotImplementedError

    def volume_paths(self, volume: VolumeId, generation: int) -> VolumeOnDisk:
        """A finished volume; Transient while it is not."""
        raise NotImplementedError

    def container_rootfs(self, volume: VolumeId, generation: int) -> RootFs:
        """The parts of a container volume; Rejected for a disk."""
        raise NotImplementedError

    async def mount_rootfs(self, rootfs: RootFs, target: Path) -> None:
        """Overlay the parts at `target` (made if missing); mounted already: nothing to do."""
        raise NotImplementedError

    async def unmount_rootfs(self, target: Path) -> None:
        """Take it off again; not mounted: nothing to do."""
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError
