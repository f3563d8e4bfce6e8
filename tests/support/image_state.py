"""What a device keeps beside its slots, looked at from outside: checkpoint, keys, header of LUKS.

Not a byte of the disk is changed: what has to be mended first is a copy.
"""

import hashlib
import os
import struct
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from support.image_disk import Place, partitions

from eaves.errors import EavesError
from eaves.node.checkpoint import Checkpoint
from eaves.node.runtime.conversation import CERTS, CONFIG
from eaves.node.runtime.saved import open_saved_config, open_saved_trust
from eaves.node.vault.keysfile import KEYS_FILE, KeysFile

HEADERS = 16 << 20  # bytes before the data of LUKS2
NOT_MENDED = 4  # least exit status of e2fsck that leaves errors
_LUKS = struct.Struct(">6sHQQ48s32s64s40s48sQ184s64s")
_FIRST, _SECOND = b"LUKS\xba\xbe", b"SKUL\xba\xbe"
_CSUM = slice(448, 512)


def kept_fault(disk: Path, roots_pem: bytes) -> str:
    """Of a device that had apps and a vault: why it lost them; empty: it did not.

    `roots_pem`: whom it believes that a configuration is its controller's.
    """
    places = partitions(disk)
    return vault_fault(disk, places["P3"]) or state_fault(disk, places["STATE"], roots_pem)


def vault_fault(disk: Path, place: Place) -> str:
    """One of its two headers is whole: cryptsetup mends the other one."""
    with disk.open("rb") as file:
        file.seek(place.start)
        data = file.read(HEADERS)
    size = _LUKS.unpack_from(data)[2]
    if _is_whole(data, _FIRST) or any(
        _is_whole(data[at:], _SECOND) for at in ({size, 1 << 14} if size < HEADERS else {1 << 14})
    ):
        return ""
    return "no header of the vault is whole"


def _is_whole(data: bytes, magic: bytes) -> bool:
    if data[: len(magic)] != magic:
        return False
    fields = _LUKS.unpack_from(data)
    head = bytearray(data[: fields[2]])
    head[_CSUM] = bytes(64)
    digest = hashlib.new(fields[5].rstrip(b"\0").decode(), head).digest()
    return bool(fields[11].startswith(digest))


def state_fault(disk: Path, place: Place, roots_pem: bytes) -> str:
    with tempfile.TemporaryDirectory() as name:
        image = Path(name) / "state.img"
        _copy(disk, place, image)
        done = subprocess.run(["e2fsck", "-p", image], check=False, capture_output=True)
        if done.returncode >= NOT_MENDED:
            return f"STATE is not mended by rule: {done.stdout.decode(errors='replace')[-300:]}"
        subprocess.run(["debugfs", "-R", f"rdump /node {name}", image], check=True)
        return _folder_fault(Path(name) / "node", roots_pem)


def _folder_fault(folder: Path, roots_pem: bytes) -> str:
    try:
        checkpoint = Checkpoint(folder)
        try:
            if not checkpoint.apps():
                return "the checkpoint knows no app"
            trust = open_saved_trust(
                checkpoint.documents(CERTS), roots_pem, datetime.now(UTC), None
            )
            kept = open_saved_config(checkpoint.documents(CONFIG), trust.for_saved)
            if kept.config is None:
                return f"no kept configuration is believed: {kept.problems}"
        finally:
            checkpoint.close()
        KeysFile(folder / KEYS_FILE).known()
    except EavesError as error:
        return str(error)
    return ""


def _copy(disk: Path, place: Place, target: Path) -> None:
    """Holes stay holes."""
    with disk.open("rb") as source, target.open("wb") as file:
        file.truncate(place.size)
        for start, end in _data(source.fileno(), place):
            file.seek(start - place.start)
            os.sendfile(file.fileno(), source.fileno(), start, end - start)


def _data(source: int, place: Place) -> list[tuple[int, int]]:
    """Where the file has bytes, within `place`."""
    found, at, last = list[tuple[int, int]](), place.start, place.start + place.size
    while at < last:
        try:
            start = os.lseek(source, at, os.SEEK_DATA)
        except OSError:  # none behind it
            break
        if start >= last:
            break
        at = min(os.lseek(source, start, os.SEEK_HOLE), last)
        found.append((start, at))
    return found
