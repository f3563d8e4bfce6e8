"""What other subsystems get to see of a volume: paths and the image's own wishes, by value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from eaves.ids import VolumeId


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an OCI image asks to be run as."""

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ()  # KEY=VALUE
    workdir: str = ""
    user: str = ""  # "uid[:gid]" or names of the image's own passwd; blank: 0
    stop_signal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class VolumeOnDisk:
    """A finished volume.  `path` is a disk image, or the folder of a container volume."""

    id: VolumeId
    generation: int
    kind: Literal["disk", "container"]
    path: Path
    format: str  # "qcow2", "raw", "container"
    size_bytes: int  # what a guest sees; the declared maximum of a container
    read_only: bool
    cdrom: bool = False  # made from an ISO: `path` is shared content and must not be written
    digest: str = ""  # of the content it was made from; blank: blank volume


@dataclass(frozen=True, slots=True)
class RootFs:
    """The parts of a container's root: pass it to `StorageSubsystem.mount_rootfs`."""

    lower: tuple[Path, ...]  # topmost layer first, as overlayfs wants them
    upper: Path  # what the container wrote; lives as long as the volume
    work: Path
    image: ImageConfig
