"""The partitions of a device that boots our image.  Pure.

    EFI System   FAT, boot loader, its entries and both kernel images
    IMGA, IMGB   one system each: erofs, dm-verity tree, and a last block that says what it is
    CONFIG       FAT, `server`, certificates, onboarding key, bootstrap configuration
    STATE        ext4, what the node must know before the vault opens
    P3           LUKS2, everything of the apps

Found by their names on the disk that the loader booted from, never by number.
"""

import uuid
from dataclasses import dataclass
from typing import Final

from eaves.errors import Rejected
from eaves.node.baseos.bundle import TRAILER

MIB: Final = 1 << 20
LEAST_DISK: Final = 8 * 1024 * MIB
ESP_TYPE: Final = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
LINUX_TYPE: Final = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
FIXED_MIB: Final = (
    ("EFI System", 256, ESP_TYPE),
    ("IMGA", 512, LINUX_TYPE),
    ("IMGB", 512, LINUX_TYPE),
    ("CONFIG", 16, LINUX_TYPE),
    ("STATE", 1024, LINUX_TYPE),
)
MEDIUM_ESP_MIB: Final = 64  # the least that is FAT32


class DiskTooSmall(Rejected):
    def __init__(self, disk_bytes: int) -> None:
        super().__init__(
            f"the disk has {disk_bytes // MIB} MiB, at least {LEAST_DISK // MIB} MiB are needed"
        )


@dataclass(frozen=True, slots=True)
class Partition:
    number: int
    name: str
    start: int  # bytes
    size: int  # bytes
    type: str


def partition_layout(disk_bytes: int) -> tuple[Partition, ...]:
    """Of a blank disk; starts and sizes are multiples of 1 MiB.  Raises DiskTooSmall."""
    if disk_bytes < LEAST_DISK:
        raise DiskTooSmall(disk_bytes)
    fixed = _in_a_row(FIXED_MIB)
    start = fixed[-1].start + fixed[-1].size
    # The second table of GPT stands in the last 33 sectors.
    size = (disk_bytes - MIB - start) // MIB * MIB
    return (*fixed, Partition(len(fixed) + 1, "P3", start, size, LINUX_TYPE))


def medium_layout(root_bytes: int) -> tuple[Partition, ...]:
    """Of an installation medium: what is copied, and what stamps it for a controller.

    No larger than it must be: sticks are slow, and a network boot keeps all of it in memory.  The
    last block of IMGA says what the root before it is.
    """
    return _in_a_row(
        (
            ("EFI System", MEDIUM_ESP_MIB, ESP_TYPE),
            ("IMGA", (root_bytes + TRAILER - 1) // MIB + 1, LINUX_TYPE),
            ("CONFIG", 16, LINUX_TYPE),
        )
    )


def size_of(partitions: tuple[Partition, ...]) -> int:
    """Bytes of the smallest disk that holds them, both tables included."""
    return partitions[-1].start + partitions[-1].size + MIB


def sfdisk_script(partitions: tuple[Partition, ...], seed: uuid.UUID) -> str:
    """For `sfdisk`; the same seed gives the same identifiers."""
    # In MiB, whatever a sector of the disk has; the first may be used from where any table ends.
    lines = ["label: gpt", f"label-id: {_named(seed, 'disk')}", "first-lba: 34", ""]
    lines += [
        f"start={one.start // MIB}MiB, size={one.size // MIB}MiB, type={one.type},"
        f' name="{one.name}", uuid={_named(seed, one.name)}'
        for one in partitions
    ]
    return "\n".join(lines) + "\n"


def _named(seed: uuid.UUID, name: str) -> str:
    return str(uuid.uuid5(seed, name)).upper()


def _in_a_row(sizes: tuple[tuple[str, int, str], ...]) -> tuple[Partition, ...]:
    found: list[Partition] = []
    start = MIB
    for number, (name, mib, kind) in enumerate(sizes, 1):
        found.append(Partition(number, name, start, mib * MIB, kind))
        start += mib * MIB
    return tuple(found)
