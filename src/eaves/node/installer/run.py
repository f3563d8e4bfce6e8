"""The installation: from the medium that was booted to a disk that boots by itself.

Nothing on the disk boots before the last step, which writes the loader's entry; cut anywhere, the
medium starts over.  What is copied was verified by dm-verity when the medium was booted, and its
digest is compared once more where it was written.
"""

import os
import threading
import time
import uuid
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Protocol

import structlog

from eaves.errors import Rejected, Transient
from eaves.node.baseos.device import SlotDevice
from eaves.node.baseos.loader import Loader
from eaves.node.host.files import atomic_write
from eaves.node.host.process import CommandFailed, run
from eaves.node.installer.ask import Look
from eaves.node.installer.found import BEGUN, disks
from eaves.node.installer.layout import partition_layout, sfdisk_script
from eaves.node.installer.record import RECORD, Record, is_of_medium, record_now, stamp_in
from eaves.node.installer.rules import Disk, Wishes, choose, never, read_wishes

CONF, SOFT_SERIAL, SERVER = "install.conf", "soft_serial", "server"
LOADER_FILES = ("EFI/BOOT/BOOTX64.EFI", "EFI/BOOT/BOOTAA64.EFI", "loader/loader.conf")
SYSRQ = Path("/proc/sysrq-trigger")
MOUNT_S = 120.0
_CHUNK = 1 << 20

log = structlog.get_logger(__name__)


class Talk(Protocol):
    """With whoever stands before the machine."""

    @property
    def said(self) -> Sequence[str]: ...

    def say(self, text: str) -> None: ...

    async def ask_disk(self, look: Look) -> Disk:
        """A person says on which disk; waits for ever."""
        ...


@dataclass(frozen=True, slots=True)
class Medium:
    """What was booted."""

    slot: Path  # device of its system
    esp: Path  # its boot partition, mounted
    config: Path  # a copy of its CONFIG
    disk: str  # /dev/sdb
    config_device: Path | None = None


@dataclass(frozen=True, slots=True)
class Installed:
    disk: Disk
    version: str
    after: str  # reboot or poweroff


class NotInstalled(Transient):
    """A step failed; nothing on the disk boots."""


class InstalledAlready(Rejected):
    """By this medium, which was told to wipe and was left in the machine."""


async def install(medium: Medium, identity: uuid.UUID, talk: Talk) -> Installed:
    """`identity`: random; names the disk and, where the medium holds none, the device.

    Raises InstalledAlready, NotInstalled, CommandFailed, SlotNotWritten, BootPartitionFailed.
    """
    say = talk.say
    if not (medium.config / SERVER).exists():
        say("this medium names no controller: `eaves image configure` puts one into it")
    found = await disks(medium.disk)
    disk, wishes = await chosen(medium, found, talk)
    if disk not in await disks(medium.disk):
        raise NotInstalled(f"{disk.text()} is not what it was any more; start the medium again")
    say(f"installing on {disk.text()}")
    paths = await divide(disk, identity)
    await make_file_systems(paths)
    say("copying the system")
    version = copy_slot(SlotDevice(medium.slot), SlotDevice(paths["IMGA"]))
    say("copying the configuration")
    async with mounted(paths["CONFIG"]) as config:
        copy_config(medium.config, config, identity)
        record = record_now(wishes.stamp, version, disk.path, talk.said, found)
        atomic_write(config / RECORD, record.encoded())
    say("making it boot")
    async with mounted(paths["EFI System"]) as esp:
        make_bootable(medium.esp, esp, SlotDevice(paths["IMGA"]), version)
    write_durably(paths["P3"], 0, bytes(len(BEGUN)))
    await tell_medium(medium, replace(record, said=tuple(talk.said)))
    return Installed(disk, version, wishes.after)


async def tell_medium(medium: Medium, record: Record) -> None:
    """Nothing is told to one that cannot be written."""
    if medium.config_device is None:
        return
    try:
        async with mounted(medium.config_device) as folder:
            atomic_write(folder / record.name_on_medium(), record.encoded())
    except (CommandFailed, OSError) as error:
        log.info("medium_not_written", error=str(error))


async def chosen(medium: Medium, found: Sequence[Disk], talk: Talk) -> tuple[Disk, Wishes]:
    """By the rules of the medium, else by a person.  Raises InstalledAlready."""
    wishes = Wishes()
    try:
        conf = medium.config / CONF
        wishes = read_wishes(conf.read_text()) if conf.exists() else wishes
        disk = choose(found, wishes)
    except Rejected as error:
        talk.say(f"NOT installed: {error}")
        await tell_medium(medium, record_now("", "", "", talk.said, found))
        return await talk.ask_disk(lambda: disks(medium.disk)), wishes
    for one in found:
        # Whichever name it has by now: the next one by the rules may hold somebody's data.
        if wishes.stamp and one.holds and not never(one) and await stamp_of(one) == wishes.stamp:
            raise InstalledAlready(
                f"this medium made what is installed on {one.text()}; take it out, and the machine"
                " starts from that disk; to install it anew, run `eaves image configure` once more"
            )
    return disk, wishes


def restart_without(medium: Medium) -> None:
    """As soon as it was taken out, by the kernel alone: its programs went with it.  Blocking."""
    with SYSRQ.open("w") as trigger:
        while is_in(Path(medium.disk)):
            time.sleep(1)
        trigger.write("b")


def is_in(disk: Path, sysfs: Path = Path("/sys")) -> bool:
    """A stick goes with its device, a drive keeps it and lacks its medium."""
    behind = sysfs / "block" / disk.name / "loop/backing_file"
    drive = Path(behind.read_text().strip()) if behind.exists() else disk
    try:
        with drive.open("rb"):
            return True
    except OSError:
        return False


async def stamp_of(disk: Disk) -> str:
    """Of the medium that installed what is on it; empty: it is nothing of ours."""
    config = next(one for one in partition_layout(disk.size) if one.name == "CONFIG")
    try:
        async with mounted(partition_path(disk.path, config.number), "ro", "vfat") as folder:
            return stamp_in((folder / RECORD).read_bytes())
    except (CommandFailed, OSError):
        return ""


def write_durably(device: Path, at: int, data: bytes) -> None:
    with device.open("r+b") as file:
        file.seek(at)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


async def divide(disk: Disk, identity: uuid.UUID) -> dict[str, Path]:
    """A new partition table; answers the devices of its partitions by name.

    From before there is one until all is done, P3 says that an installation was begun.
    """
    layout = partition_layout(disk.size)
    write_durably(Path(disk.path), layout[-1].start, BEGUN)
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
async def mounted(device: Path, how: str = "rw", kind: str = "auto") -> AsyncGenerator[Path]:
    """Nothing of what is mounted is removed with its place, however it ends."""
    folder = mkdtemp(prefix="eaves-install-")
    options = f"{how},nosuid,nodev,noexec,umask=0077"
    try:
        argv = ["mount", "-t", kind, "-o", options, str(device), folder]
        await run(argv, timeout_s=MOUNT_S)
        try:
            yield Path(folder)
        finally:
            await run(["umount", folder], timeout_s=MOUNT_S)
    finally:
        with suppress(OSError):  # what hangs there is as it was
            os.rmdir(folder)  # noqa: PTH106 - an empty folder of a tmpfs


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
        if path.is_file() and str(name) != CONF and not is_of_medium(path.name):
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
