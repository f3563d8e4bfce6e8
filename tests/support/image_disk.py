"""A device's disk looked at from outside, without a boot: is there always something to boot?

Reads the partition table, the FAT of the boot partition (with mtools, as it stands in the file) and
the last blocks of both slots.
"""

import hashlib
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eaves.node.baseos.bundle import TRAILER, Manifest, read_manifest, read_trailer
from eaves.node.baseos.entries import (
    ENTRIES,
    LETTERS,
    Entry,
    chosen,
    kernel_path,
    read_entry,
    states,
)
from eaves.node.baseos.slots import Slot

_GPT = struct.Struct("<8sIIIIQQQQ16sQIII")
_PART = struct.Struct("<16s16sQQQ72s")


@dataclass(frozen=True, slots=True)
class Place:
    start: int
    size: int


def partitions(disk: Path) -> Mapping[str, Place]:
    """By name, from the first table; empty when it is no GPT."""
    with disk.open("rb") as file:
        file.seek(512)
        head = _GPT.unpack(file.read(_GPT.size))
        if head[0] != b"EFI PART":
            return {}
        table, count, size = head[10], head[11], head[12]
        found: dict[str, Place] = {}
        for number in range(count):
            file.seek(512 * table + number * size)
            kind, _, first, last, _, name = _PART.unpack(file.read(_PART.size))
            if any(kind):
                label = name.decode("utf-16-le").rstrip("\0")
                found[label] = Place(512 * first, 512 * (last - first + 1))
        return found


@dataclass(frozen=True, slots=True)
class ImageDisk:
    path: Path

    def place(self, name: str) -> Place:
        return partitions(self.path)[name]

    def fat(
        self, *argv: str, partition: str = "EFI System"
    ) -> "subprocess.CompletedProcess[bytes]":
        command, *rest = argv
        where = f"{self.path}@@{self.place(partition).start}"
        return subprocess.run([command, "-i", where, *rest], capture_output=True, check=False)

    def free(self) -> int:
        """Bytes of the boot partition that nothing holds."""
        lines = self.fat("mdir", "::/").stdout.decode().splitlines()
        told = next(line for line in lines if "bytes free" in line)
        return int("".join(letter for letter in told if letter.isdigit()))

    def read_file(self, name: str, partition: str = "EFI System") -> bytes | None:
        done = self.fat("mtype", f"::{name}", partition=partition)
        return None if done.returncode else done.stdout

    def write_file(self, name: str, data: bytes) -> None:
        """Of the boot partition."""
        where = f"{self.path}@@{self.place('EFI System').start}"
        subprocess.run(["mcopy", "-o", "-i", where, "-", f"::{name}"], input=data, check=True)

    def entries(self) -> tuple[Entry, ...]:
        listed = self.fat("mdir", "-b", f"::{ENTRIES}/").stdout.decode(errors="replace")
        names = [line.rpartition("/")[2] for line in listed.split()]
        found = (
            read_entry(name, (self.read_file(f"{ENTRIES}/{name}") or b"").decode(errors="replace"))
            for name in names
        )
        return tuple(one for one in found if one is not None)

    def manifest(self, letter: str) -> Manifest | None:
        place = self.place(f"IMG{letter.upper()}")
        with self.path.open("rb") as file:
            file.seek(place.start + place.size - TRAILER)
            held = read_trailer(file.read(TRAILER))
        return None if held is None else read_manifest(held[0])

    def states(self) -> Mapping[str, Slot]:
        return states(self.entries())

    def running(self) -> str:
        """The letter of the slot that is good."""
        return next(letter for letter, one in self.states().items() if one is Slot.ACTIVE)

    def state(self, request: str) -> None:
        """A request of debugfs on STATE, whose journal is worked in first."""
        where = f"{self.path}?offset={self.place('STATE').start}"
        subprocess.run(["e2fsck", "-p", where], check=False)
        subprocess.run(["debugfs", "-w", "-R", request, where], check=True)


def digest_of(disk: Path, place: Place) -> str:
    digest, left = hashlib.sha256(), place.size
    with disk.open("rb") as file:
        file.seek(place.start)
        while left and (chunk := file.read(min(left, 1 << 20))):
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()


class Digests:
    """Of what a boot reads; who looks at many disks that differ little keeps them."""

    def part(self, disk: Path, place: Place) -> str:
        return digest_of(disk, place)

    def kernel(self, disk: Path, letter: str) -> str:
        found = ImageDisk(disk).read_file(kernel_path(letter)) or b""
        return hashlib.sha256(found).hexdigest()


def fault(disk: Path, digests: Digests | None = None) -> str:
    """Why the next boot would not succeed; empty: it would.  A cut may leave anything else."""
    if not {"EFI System", "IMGA", "IMGB", "STATE", "P3"} <= partitions(disk).keys():
        return "the partition table is damaged"
    image = ImageDisk(disk)
    if image.read_file("EFI/BOOT/BOOTX64.EFI") is None:
        return "the boot loader is gone"
    entries = image.entries()
    taken = chosen(entries)
    if taken is None:
        return "the loader has nothing to boot"
    kinds = image.states()
    if Slot.ACTIVE not in kinds.values():
        return f"no slot is good: {kinds}"
    # What is tried, and what it falls back to.
    back = [one.letter for one in entries if one.left is None]
    for letter in {taken.letter, *back} & {*LETTERS}:
        why = slot_fault(image, letter, digests or Digests())
        if why:
            return why
    return ""


def slot_fault(image: ImageDisk, letter: str, digests: Digests) -> str:
    manifest = image.manifest(letter)
    if manifest is None:
        return f"slot {letter} is to boot and holds nothing whole"
    if digests.kernel(image.path, letter) != manifest.uki.sha256:
        return f"the kernel image of slot {letter} is not the one of its system"
    place = image.place(f"IMG{letter.upper()}")
    if digests.part(image.path, Place(place.start, manifest.root.size)) != manifest.root.sha256:
        return f"the root of slot {letter} is not the one that its last block names"
    return ""
