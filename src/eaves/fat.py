"""A small FAT file system with some files in its root folder, as bytes.  Pure.

What a partition of an image holds that is filled where no process may be started.  FAT12 or FAT16,
by the number of clusters as the format demands; the same files give the same bytes.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from eaves.errors import Rejected

SECTOR: Final = 512
_ENTRY: Final = 32  # bytes of a folder's entry
_ROOT_ENTRIES: Final = 512
_ROOT_SECTORS: Final = _ROOT_ENTRIES * _ENTRY // SECTOR
_PER_CLUSTER: Final = (4, 8, 16, 32, 64)  # sectors, the first that does
_FAT16_FROM: Final = 4085  # clusters; fewer are FAT12
_MOST_CLUSTERS: Final = 65524
_MEDIUM: Final = 0xF8  # a fixed disk
_FIRST_DAY: Final = 0x0021  # 1980-01-01: files are of no time
_FILE, _LABEL, _LONG = 0x20, 0x08, 0x0F  # attributes
_LAST_LONG: Final = 0x40
_LONG_SIGNS: Final = 13  # of a name in one entry
_BOOT: Final = struct.Struct("<3s8sHBHBHHBHHHIIBBBI11s8s")
_SHORT: Final = struct.Struct("<11sB8xHHHHI")
_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}(?<!\.)")
_SHORT_NAME: Final = re.compile(r"([A-Z0-9_-]{1,8})(?:\.([A-Z0-9_-]{1,3}))?")


class DoesNotFit(Rejected):
    """The files, or the name of one, cannot be put into a file system of that size."""


@dataclass(frozen=True, slots=True)
class _Shape:
    sectors: int
    per_cluster: int
    table: int  # sectors of one of both tables
    clusters: int

    @property
    def wide(self) -> bool:
        return self.clusters >= _FAT16_FROM

    @property
    def root(self) -> int:
        """Where the root folder begins, in bytes."""
        return (1 + 2 * self.table) * SECTOR

    @property
    def data(self) -> int:
        """Where cluster 2, the first, begins."""
        return self.root + _ROOT_SECTORS * SECTOR

    @property
    def cluster(self) -> int:
        return self.per_cluster * SECTOR


def fat_image(size: int, files: Mapping[str, bytes], label: str) -> bytes:
    """A file system of `size` bytes with these files and nothing else.

    Names have ASCII letters, digits, '.', '_' and '-', and keep their case.  Raises DoesNotFit.
    """
    shape = _shape(size)
    image = bytearray(size)
    links = [0xFF00 | _MEDIUM, 0xFFFF]  # of clusters; the first two stand for none
    folder = bytearray(_SHORT.pack(_padded(label.upper(), 11), _LABEL, 0, _FIRST_DAY, 0, 0, 0))
    taken: set[bytes] = set()
    for name, data in sorted(files.items()):
        short = _short_name(name, taken)
        taken.add(short)
        count = -(-len(data) // shape.cluster)
        first = len(links) if count else 0
        if len(links) + count > shape.clusters + 2:
            raise DoesNotFit(f"{name} has {len(data)} bytes; {size} bytes in all are too few")
        links += [*range(first + 1, first + count), 0xFFFF] if count else []
        at = shape.data + (first - 2) * shape.cluster
        image[at : at + len(data)] = data
        folder += b"".join(_long_entries(name, short))
        folder += _SHORT.pack(short, _FILE, 0, _FIRST_DAY, 0, first, len(data))
    if len(folder) > _ROOT_ENTRIES * _ENTRY:
        raise DoesNotFit(f"{len(files)} files are too many for one folder")
    table = _table(links, wide=shape.wide)
    _put(image, 0, _boot_sector(shape, label))
    _put(image, SECTOR, table)
    _put(image, SECTOR * (1 + shape.table), table)
    _put(image, shape.root, folder)
    return bytes(image)


def _put(image: bytearray, at: int, data: bytes | bytearray) -> None:
    image[at : at + len(data)] = data


def _shape(size: int) -> _Shape:
    sectors = size // SECTOR
    if size % SECTOR:
        raise DoesNotFit(f"{size} bytes are no whole number of sectors")
    for per_cluster in _PER_CLUSTER:
        table, needed, clusters = 0, 1, 0
        while needed > table:
            table = needed
            clusters = (sectors - 1 - 2 * table - _ROOT_SECTORS) // per_cluster
            bits = 16 if clusters >= _FAT16_FROM else 12
            needed = -(-(clusters + 2) * bits // (8 * SECTOR))
        if 0 < clusters <= _MOST_CLUSTERS:
            return _Shape(sectors, per_cluster, table, clusters)
    raise DoesNotFit(f"{size} bytes are no size of a FAT12 or FAT16 file system")


def _boot_sector(shape: _Shape, label: str) -> bytes:
    small = shape.sectors < 1 << 16
    said = _BOOT.pack(
        b"\xeb\x3c\x90",
        b"EAVES   ",
        SECTOR,
        shape.per_cluster,
        1,  # reserved sectors: this one
        2,  # tables
        _ROOT_ENTRIES,
        shape.sectors if small else 0,
        _MEDIUM,
        shape.table,
        32,  # sectors of a track, heads: of no disk of today
        64,
        0,  # sectors before the partition, which a loader in it would ask for
        0 if small else shape.sectors,
        0x80,  # drive
        0,
        0x29,  # what follows is there
        0,  # serial number
        _padded(label.upper(), 11),
        b"FAT16   " if shape.wide else b"FAT12   ",
    )
    return said.ljust(SECTOR - 2, b"\0") + b"\x55\xaa"


def _table(links: list[int], *, wide: bool) -> bytes:
    if wide:
        return struct.pack(f"<{len(links)}H", *links)
    even = [link & 0xFFF for link in links] + [0] * (len(links) % 2)
    pairs = zip(even[::2], even[1::2], strict=True)
    return b"".join((low | high << 12).to_bytes(3, "little") for low, high in pairs)


def _padded(text: str, length: int) -> bytes:
    return text.encode("ascii").ljust(length)[:length]


def _short_name(name: str, taken: set[bytes]) -> bytes:
    """As it stands in the folder: eight signs and three, padded.  Raises DoesNotFit."""
    if not _NAME.fullmatch(name):
        raise DoesNotFit(f"{name!r} is no name: ASCII letters, digits, '.', '_' and '-'")
    fits = _SHORT_NAME.fullmatch(name.upper())
    if fits:
        short = _padded(fits[1], 8) + _padded(fits[2] or "", 3)
        if short not in taken:
            return short
    stem, _, ending = name.upper().rpartition(".")
    stem, ending = (stem, ending) if stem else (ending, "")
    for number in range(1, len(taken) + 2):
        tail = f"~{number}"
        short = _padded(stem.replace(".", "")[: 8 - len(tail)] + tail, 8) + _padded(ending, 3)
        if short not in taken:
            return short
    raise DoesNotFit(f"there are too many files named like {name}")


def _long_entries(name: str, short: bytes) -> Iterator[bytes]:
    """What keeps the name as it is; the last part stands first."""
    total = 0
    for sign in short:
        total = ((total & 1) << 7) + (total >> 1) + sign & 0xFF
    count = -(-len(name) // _LONG_SIGNS)
    signs = name.encode("utf-16-le")
    if len(name) % _LONG_SIGNS:
        signs = (signs + b"\0\0").ljust(count * _LONG_SIGNS * 2, b"\xff")
    for number in range(count, 0, -1):
        part = signs[(number - 1) * _LONG_SIGNS * 2 : number * _LONG_SIGNS * 2]
        order = number | (_LAST_LONG if number == count else 0)
        head = bytes((order,)) + part[:10] + bytes((_LONG, 0, total))
        yield head + part[10:22] + b"\0\0" + part[22:]
