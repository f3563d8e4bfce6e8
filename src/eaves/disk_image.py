"""Images of the node's system: where a partition stands in one, and what its installer is told.

Everything that differs from device to device stands in one small partition, CONFIG, a FAT file
system that is empty in an image as it was built.
"""

import struct
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from eaves.errors import Rejected

CONFIG: Final = "CONFIG"
SERVER: Final = "server"
ROOT_CERTIFICATE: Final = "root-certificate.pem"
ONBOARD_CERTIFICATE: Final = "onboard.cert.pem"
ONBOARD_KEY: Final = "onboard.key.pem"
SOFT_SERIAL: Final = "soft_serial"
INSTALL_CONF: Final = "install.conf"
BOOTSTRAP: Final = "bootstrap-config.pb"
_SECTOR: Final = 512
_HEAD: Final = struct.Struct("<8s64xQII")  # signature ... table, entries, size of one
_ENTRY: Final = struct.Struct("<16s16sQQQ72s")
_MOST_ENTRIES: Final = 256
_MOST_ENTRY_BYTES: Final = 4096


class Place(NamedTuple):
    start: int  # bytes
    size: int


class NoImage(Rejected):
    """What was named is not an image of ours."""


def install_conf(disk: str | None, after: str | None, *, wipe: bool) -> str:
    """Empty when nothing is said: the installer's own rules hold.

    A medium that may wipe bears a stamp: left in the machine, it wipes what it made no second time.
    """
    lines = [
        f"disk={disk}" if disk else "",
        f"wipe=yes\nstamp={uuid.uuid4()}" if wipe else "",
        f"after={after}" if after else "",
    ]
    return "".join(f"{line}\n" for line in lines if line)


def partition(path: Path, name: str) -> Place:
    """Where it stands in an image or on a stick.  Raises NoImage, OSError."""
    with path.open("rb") as file:
        first = file.read(4)
        if first == b"QFI\xfb":
            raise NoImage(
                f"{path} is a qcow2 image: configure the raw one and convert that"
                " (`qemu-img convert -O qcow2 disk.raw disk.qcow2`)"
            )
        file.seek(_SECTOR)
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or head[:8] != b"EFI PART":
            raise NoImage(f"{path} holds no partition table; name disk.raw or installer.raw")
        _, table, count, size = _HEAD.unpack(head)
        if size > _MOST_ENTRY_BYTES or table > 1 << 32:
            raise NoImage(f"{path} holds a partition table that cannot be; write the image anew")
        file.seek(table * _SECTOR)
        entries = file.read(min(count, _MOST_ENTRIES) * size)
    for place, label in _entries(entries, size):
        if label == name:
            return place
    raise NoImage(f"{path} holds no partition {name}: it is not an image of ours")


def _entries(table: bytes, size: int) -> Iterable[tuple[Place, str]]:
    for at in range(0, len(table) - _ENTRY.size + 1, max(size, _ENTRY.size)):
        kind, _, first, last, _, label = _ENTRY.unpack_from(table, at)
        if any(kind):
            text = label.decode("utf-16-le", errors="replace").rstrip("\0")
            yield Place(first * _SECTOR, (last - first + 1) * _SECTOR), text
