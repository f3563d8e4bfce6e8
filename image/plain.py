"""A Debian package without compression.

For packages that are unpacked under an emulator, which would take ten times as long for it.
"""

import gzip
import lzma
from collections.abc import Iterator
from pathlib import Path

MAGIC = b"!<arch>\n"
HEAD = 60  # name, time, owner, group, mode and size in decimal, and two bytes that end it
UNPACK = {".xz": lzma.decompress, ".gz": gzip.decompress}


def write_plain(package: Path, target: Path) -> None:
    with target.open("wb") as out:
        out.write(MAGIC)
        for head, data in members(package.read_bytes()):
            name = head[:16].decode().rstrip().rstrip("/")
            suffix = Path(name).suffix
            if suffix in UNPACK:
                name, plain = name.removesuffix(suffix), UNPACK[suffix](data)
            else:
                plain = data
            out.write(f"{name:16}".encode() + head[16:48] + f"{len(plain):<10}".encode() + b"`\n")
            out.write(plain + b"\n" * (len(plain) % 2))


def members(archive: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Head and content of each."""
    at = len(MAGIC)
    while at < len(archive):
        head = archive[at : at + HEAD]
        size = int(head[48:58])
        at += HEAD
        yield head, archive[at : at + size]
        at += size + size % 2
