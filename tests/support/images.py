"""Sample images for tests, and a root file system provider over plain overlay mounts."""

import asyncio
import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from eaves.cli.disks import DiskSample
from eaves.cli.layouts import ContainerSample
from eaves.cli.samples import container_image, vm_disk
from eaves.errors import Transient
from eaves.ids import VolumeId

CACHE = Path("/var/tmp/eaves-samples")  # noqa: S108 - shared by runs on purpose, made of packages


@pytest.fixture(scope="session")
def web_image() -> ContainerSample:
    return container_image(CACHE)


@pytest.fixture(scope="session")
def bios_disk() -> DiskSample:
    return vm_disk(CACHE)


@dataclass(frozen=True)
class Image:
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    workdir: str = ""
    user: str = ""
    stop_signal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Parts:
    lower: Path
    upper: Path
    image: Image


@dataclass(frozen=True)
class Disk:
    path: Path
    kind: str = "disk"
    format: str = "qcow2"
    read_only: bool = False
    cdrom: bool = False
    size_bytes: int = 0


class LocalVolumes:
    """Volumes of one test below `folder`: containers by overlay, disks by path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts: dict[tuple[str, int], Parts] = {}
        self._disks: dict[tuple[str, int], Disk] = {}

    def add_container(self, volume: str, sample: ContainerSample, generation: int = 0) -> None:
        folder = self._folder / f"{volume}-{generation}"
        lower, upper = folder / "lower", folder / "upper"
        lower.mkdir(parents=True)
        upper.mkdir()
        (folder / "work").mkdir()
        with tarfile.open(sample.layer) as tar:
            tar.extractall(lower, filter="fully_trusted")  # noqa: S202 - made by our own builder
        asked = json.loads(sample.config.read_text())["config"]
        image = Image(
            entrypoint=tuple(asked["Entrypoint"]),
            env=tuple(asked["Env"]),
            workdir=asked["WorkingDir"],
        )
        self._parts[volume, generation] = Parts(lower, upper, image)

    def add_tree(self, volume: str, lower: Path) -> None:
        """A folder of this machine; what is written over it stays with the test."""
        upper = self._folder / f"{volume}-0" / "upper"
        upper.mkdir(parents=True)
        (upper.parent / "work").mkdir()
        self._parts[volume, 0] = Parts(lower, upper, Image())

    def add_disk(self, volume: str, backing: Path, generation: int = 0) -> Path:
        path = self._folder / f"{volume}-{generation}.qcow2"
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-b", backing, "-F", "qcow2", path],
            check=True,
        )
        self._disks[volume, generation] = Disk(path)
        return path

    def add_blank(self, volume: str, size_bytes: int) -> Path:
        path = self._folder / f"{volume}.raw"
        with path.open("wb") as file:
            file.truncate(size_bytes)
        self._disks[volume, 0] = Disk(path, format="raw", size_bytes=size_bytes)
        return path

    def volume_paths(self, volume: VolumeId, generation: int, /) -> Disk:
        parts = self._parts.get((volume, generation))
        if parts is not None:
            return Disk(parts.upper, kind="container", format="container")
        disk = self._disks.get((volume, generation))
        if disk is None:
            raise Transient(f"volume {volume} is not there yet")
        return disk

    def container_rootfs(self, volume: VolumeId, generation: int, /) -> Parts:
        return self._parts[volume, generation]

    async def mount_rootfs(self, rootfs: Parts, target: Path, /) -> None:
        target.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - a test's own small folder
        work = rootfs.upper.parent / "work"
        options = f"lowerdir={rootfs.lower},upperdir={rootfs.upper},workdir={work}"
        await _call("mount", "-t", "overlay", "overlay", "-o", options, str(target))

    async def unmount_rootfs(self, target: Path, /) -> None:
        if target.is_mount():  # noqa: ASYNC240 - as above
            await _call("umount", str(target))

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


async def _call(*argv: str) -> None:
    process = await asyncio.create_subprocess_exec(*argv)
    assert await process.wait() == 0, argv
