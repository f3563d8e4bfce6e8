"""A generic image of the node's system as small as it can be: a partition table and a CONFIG."""

import struct
import uuid
from pathlib import Path

from eaves.disk_image import CONFIG

_HEAD = struct.Struct("<8sIIIIQQQQ16sQIII")
_ENTRY = struct.Struct("<16s16sQQQ72s")
START, SIZE, AFTER = 1 << 16, 1 << 20, 5000


def generic_image(path: Path, name: str = CONFIG) -> bytes:
    """Writes it; everything outside of CONFIG has bytes of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = bytearray(b"before" * (START // 6 + 1))[:START] + bytes(SIZE) + b"after" * AFTER
    head = _HEAD.pack(b"EFI PART", 0x10000, 92, 0, 0, 1, 0, 0, 0, bytes(16), 2, 1, 128, 0)
    image[512 : 512 + len(head)] = head
    label = name.encode("utf-16-le").ljust(72, b"\0")
    first, last = START // 512, (START + SIZE) // 512 - 1
    kind, own = uuid.uuid4().bytes, uuid.uuid4().bytes
    image[1024 : 1024 + _ENTRY.size] = _ENTRY.pack(kind, own, first, last, 0, label)
    path.write_bytes(image)
    return bytes(image)
