"""Disks of virtual machines that boot by BIOS, made of packages: no mount, nothing installed.

syslinux on FAT starts Debian's cloud kernel with a root file system in memory: busybox, an `init`,
the kernel modules that the recipe asks for with what they depend on, and files of its own.
"""

import gzip
import shutil
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eaves.cli.layouts import cached, command, sha256
from eaves.errors import Rejected, Transient

BUSYBOX: Final = Path("/bin/busybox")
SYSLINUX_MBR: Final = Path("/usr/lib/syslinux/mbr/mbr.bin")
SECTOR: Final = 512
MIB: Final = 1024 * 1024
PARTITION_START: Final = 2048  # sectors
KERNEL_PACKAGE: Final = "linux-image-cloud-amd64"
MODULES: Final = (  # what a machine of ours has: virtio disks and ports, a CD, a power button
    "virtio_ring",
    "virtio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_blk",
    "failover",
    "net_failover",
    "virtio_net",
    "scsi_common",
    "scsi_mod",
    "virtio_scsi",
    "cdrom",
    "sr_mod",
    "isofs",
    "evdev",
    "button",
)
_FOLDER: Final = 0o040755
_FILE: Final = 0o100000
_LINK: Final = 0o120777


@dataclass(frozen=True, slots=True)
class DiskSample:
    path: Path  # qcow2
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Bootable:
    """`tree`: a folder whose content stands in the root file system beside busybox and `init`."""

    init: str
    modules: tuple[str, ...]
    size_mib: int
    tree: Path | None = None


def kernel_package(meta: str = KERNEL_PACKAGE) -> str:
    """The real package behind one of Debian's meta packages.  Raises Transient."""
    for line in command("apt-cache", "depends", meta).splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind == "Depends" and name.startswith("linux-image-"):
            return name
    raise Transient(f"{meta} is not known to apt; run apt-get update and try again")


def busybox() -> bytes:
    if not BUSYBOX.exists():
        raise Rejected(f"{BUSYBOX} is missing; install the package busybox-static")
    return BUSYBOX.read_bytes()


def read_disk(folder: Path) -> DiskSample:
    """What `build_disk` left there."""
    path = folder / "disk.qcow2"
    return DiskSample(path, (folder / "sha256").read_text().strip(), path.stat().st_size)


def build_disk(folder: Path, cache: Path, package: str, wanted: Bootable) -> None:
    """Fill `folder`; the unpacked kernel `package` is kept below `cache`."""
    unpacked = fetch_kernel(cache, package)
    kernel = next((unpacked / "boot").glob("vmlinuz-*"))
    raw, fat = folder / "disk.raw", folder / "esp.fat"
    sectors = wanted.size_mib * MIB // SECTOR - PARTITION_START
    initrd = folder / "initrd"
    initrd.write_bytes(gzip.compress(initramfs(unpacked, wanted), compresslevel=6, mtime=0))
    with fat.open("wb") as file:
        file.truncate(sectors * SECTOR)
    command("mkfs.fat", "-F", "16", "-h", str(PARTITION_START), "-i", "ea7e5001", fat)
    (folder / "syslinux.cfg").write_text(
        "DEFAULT linux\nPROMPT 0\nTIMEOUT 0\nSERIAL 0 115200\nLABEL linux\n"
        "  LINUX /vmlinuz\n  INITRD /initrd\n"
        "  APPEND console=ttyS0,115200 quiet panic=1 net.ifnames=0\n"
    )
    for name, source in (
        ("vmlinuz", kernel),
        ("initrd", initrd),
        ("syslinux.cfg", folder / "syslinux.cfg"),
    ):
        command("mcopy", "-i", fat, source, f"::{name}")
    command("syslinux", "--install", fat)
    with raw.open("wb") as disk:
        disk.truncate(wanted.size_mib * MIB)
        disk.write(SYSLINUX_MBR.read_bytes()[:440])
        disk.seek(446)
        disk.write(
            struct.pack(
                "<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x0E, b"\xfe\xff\xff", PARTITION_START, sectors
            )
        )
        disk.seek(510)
        disk.write(b"\x55\xaa")
        disk.seek(PARTITION_START * SECTOR)
        with fat.open("rb") as source_file:
            shutil.copyfileobj(source_file, disk, MIB)
    qcow2 = folder / "disk.qcow2"
    command("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", raw, qcow2)
    (folder / "sha256").write_text(sha256(qcow2.read_bytes()))
    for path in (raw, fat, initrd, folder / "syslinux.cfg"):
        path.unlink()


def fetch_kernel(cache: Path, package: str) -> Path:
    """The unpacked package: boot/vmlinuz-* and lib/modules/*.  Nothing is installed."""
    with cached(cache / f"kernel-{package}") as (folder, fresh):
        if fresh:
            # apt complains, harmlessly, where its own user may not write.
            command("apt-get", "download", package, cwd=folder)
            archive = next(folder.glob("*.deb"))
            command("dpkg", "-x", archive, folder)
            archive.unlink()
    return cache / f"kernel-{package}"


def initramfs(unpacked: Path, wanted: Bootable) -> bytes:
    """Not compressed; `modules/order` in it names its modules, each after what it needs."""
    found = {path.stem.replace("-", "_"): path for path in unpacked.rglob("*.ko")}
    entries: list[tuple[str, int, bytes]] = [
        *((name, _FOLDER, b"") for name in ("bin", "sbin", "modules", "proc", "sys", "dev")),
        ("bin/busybox", _FILE | 0o755, busybox()),
        ("bin/sh", _LINK, b"busybox"),
        ("init", _FILE | 0o755, wanted.init.encode()),
    ]
    order = in_order(wanted.modules, found)
    entries += [(f"modules/{name}.ko", _FILE | 0o644, found[name].read_bytes()) for name in order]
    entries.append(("modules/order", _FILE | 0o644, " ".join(order).encode()))
    if wanted.tree is not None:
        entries += _of_tree(wanted.tree, {name for name, _, _ in entries})
    return _cpio(entries)


def in_order(wanted: Iterable[str], found: Mapping[str, Path]) -> list[str]:
    """Modules, each after those that it depends on; one that is no file is built in."""
    order: dict[str, None] = {}

    def take(name: str) -> None:
        if name in order or name not in found:
            return
        for needed in _depends(found[name].read_bytes()):
            take(needed)
        order[name] = None

    for name in wanted:
        take(name)
    return list(order)


def _depends(module: bytes) -> list[str]:
    """What stands in the module itself, as `depmod` reads it."""
    _, found, rest = module.partition(b"depends=")
    if not found:
        return []
    names = rest.partition(b"\0")[0].decode("ascii").split(",")
    return [name.replace("-", "_") for name in names if name]


def _of_tree(tree: Path, there: set[str]) -> list[tuple[str, int, bytes]]:
    """Sorted, so that a folder comes before what is in it."""
    entries: list[tuple[str, int, bytes]] = []
    for path in sorted(tree.rglob("*")):
        name = str(path.relative_to(tree))
        if path.is_symlink():
            entries.append((name, _LINK, str(path.readlink()).encode()))
        elif path.is_dir():
            entries += [] if name in there else [(name, _FOLDER, b"")]
        else:
            entries.append((name, _FILE | (path.stat().st_mode & 0o755), path.read_bytes()))
    return entries


def _cpio(entries: list[tuple[str, int, bytes]]) -> bytes:
    """The "newc" format that the kernel unpacks."""
    out = bytearray()
    for number, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], start=1):
        encoded = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        out += bytes(-len(out) % 4)
        out += data
        out += bytes(-len(out) % 4)
    return bytes(out)
