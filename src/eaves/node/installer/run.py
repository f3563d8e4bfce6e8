"""The unattended installation: from the medium that was booted to a disk that boots by itself.

Nothing on the disk boots before the last step, which writes the loader's entry; cut anywhere, the
medium starts over.  What is copied was verified by dm-verity when the medium was booted, and its
digest is compared once more where it was written.
"""

import threading
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from eaves.errors import Transient
from eaves.node.baseos.device import SlotDevice
from eaves.node.baseos.loader import Loader
from eaves.node.host.files import atomic_write
from eaves.node.host.process import run
from eaves.node.installer.found import disks
from eaves.node.installer.layout import partition_layout, sfdisk_script
from eaves.node.installer.rules import Disk, Wishes, choose, read_wishes

CONF, SOFT_SERIAL, INVENTORY = "install.conf", "soft_serial", "installed"
LOADER_FILES = ("EFI/BOOT/BOOTX64.EFI", "EFI/BOOT/BOOTAA64.EFI", "loader/loader.conf")
_CHUNK = 1 << 20

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Medium:
    """What was booted."""

    slot: Path  # device of its system
    esp: Path  # its boot partition, mounted
    config: Path  # a copy of its CONFIG
    disk: str  # /dev/sdb


@dataclass(frozen=True, slots=True)
class Installed:
    disk: Disk
    version: str
    after: str  # reboot or poweroff


class NotInstalled(Transient):
    """A step failed; nothing on the disk boots."""


async def install(medium: Medium, identity: uuid.UUID, say: Say) -> Installed:
    """`identity`: random; names the disk and, where the medium holds none, the device.

    Raises NoDisk, Rejected, NotInstalled, CommandFailed, SlotNotWritten, BootPartitionFailed.
    """
    conf = medium.config / CONF
    wishes = read_wishes(conf.read_text()) if conf.exists() else Wishes()
    disk = choose(await disks(medium.disk), wishes)
    say(f"installing on {disk.text()}")
    paths = await divide(disk, identity)
    await make_file_systems(paths)
    say("copying the system")
    version = copy_slot(SlotDevice(medium.slot), SlotDevice(paths["IMGA"]))
    say("copying the configuration")
    async with mounted(paths["CONFIG"]) as config:
        copy_config(medium.config, config, identity)
    say("making it boot")
    async with mounted(paths["EFI System"]) as esp:
        make_bootable(medium.esp, esp, SlotDevice(paths["IMGA"]), version)
    return Installed(disk, version, wishes.after)


async def divide(disk: Disk, identity: uuid.UUID) -> dict[str, Path]:
    """A new partition table; answers the devices of its partitions by name."""
    layout = partition_layout(disk.size)
    await run(["wipefs", "--all", "--force", disk.path])
    script = sfdisk_script(layout, identity).encode()
    await run(
        ["sfdisk", "--wipe", "always", "--wipe-partitions", "always", disk.path], stdin=script
    )
    await run(["udevadm", "settle", "--timeout=30"], timeout_s=40)
    paths = {one.name: partition_path(disk.path, one.number) for one in layout}
    missing = [str(path) for path in paths.values() if not path.exists()]
    if missing:
        raise NotInstalled(f"the kernel does not show {', '.join(missing)}; start the medium again")
    return paths


def partition_path(disk: str, number: int) -> Path:
    """/dev/vda1, but /dev/nvme0n1p1."""
    between = "p" if disk[-1].isdigit() else ""
    return Path(f"{disk}{between}{number}")


async def make_file_systems(paths: dict[str, Path]) -> None:
    """P3 stays as it is: the node makes its vault there, with a key that its TPM seals."""
    await run(["mkfs.vfat", "-F", "32", "-n", "EFI", str(paths["EFI System"])], timeout_s=120)
    await run(["mkfs.vfat", "-n", "CONFIG", str(paths["CONFIG"])], timeout_s=120)
    await run(
        ["mkfs.ext4", "-q", "-F", "-O", "encrypt", "-L", "STATE", str(paths["STATE"])],
        timeout_s=120,
    )


@asynccontextmanager
async def mounted(device: Path) -> AsyncGenerator[Path]:
    with TemporaryDirectory(prefix="eaves-install-") as folder:
        await run(["mount", "-o", "nosuid,nodev,noexec,umask=0077", str(device), folder])
        try:
            yield Path(folder)
        finally:
            await run(["umount", folder], timeout_s=120)


def copy_slot(source: SlotDevice, target: SlotDevice) -> str:
    """Answers the version.  Blocking.  Raises NotInstalled, SlotNotWritten."""
    held, manifest = source.held(), source.manifest()
    if held is None or manifest is None:
        raise NotInstalled(f"{source.path} holds no system; write the medium again")
    never = threading.Event()
    target.clear()
    target.write(_first(source.path, manifest.root.size), never, lambda _: None)
    got = target.hash(manifest.root.size, never, lambda _: None)
    if got != manifest.root.sha256:
        raise NotInstalled(
            f"{target.path} reads back with sha256 {got}, not {manifest.root.sha256}; check the"
            " medium, then the disk"
        )
    target.finish(*held)
    return manifest.version


def _first(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while size and (chunk := file.read(min(size, _CHUNK))):
            size -= len(chunk)
            yield chunk


def copy_config(medium: Path, config: Path, identity: uuid.UUID) -> None:
    """Everything of the medium but what is about the installation; a serial where there is none."""
    for path in sorted(medium.rglob("*")):
        name = path.relative_to(medium)
        if path.is_file() and str(name) != CONF:
            atomic_write(config / name, path.read_bytes())
    if not (config / SOFT_SERIAL).exists():
        atomic_write(config / SOFT_SERIAL, f"{identity}\n".encode())


def make_bootable(medium: Path, esp: Path, slot: SlotDevice, version: str) -> None:
    """Raises NotInstalled, BootPartitionFailed."""
    manifest = slot.manifest()
    if manifest is None:
        raise NotInstalled(f"{slot.path} lost what was written to it; check the disk")
    for name in LOADER_FILES:
        if (medium / name).exists():
            atomic_write(esp / name, (medium / name).read_bytes())
    loader = Loader(esp)
    kernel = (medium / "EFI/eaves/a.efi").read_bytes()
    loader.put_kernel("a", (kernel,), manifest.uki.sha256)
    loader.mark("a", version)
    loader.commit("a", version, "b")
