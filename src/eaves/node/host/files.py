"""Files that are whole or not there: write to a temporary name, sync, rename, sync the folder."""

import errno
import os
from pathlib import Path

from eaves.errors import Rejected

CHUNK = 1 << 16
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def atomic_write(path: Path, data: bytes, mode: int = 0o600) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.fchmod(fd, mode)  # whatever the umask
        _write_all(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)
    temporary.replace(path)
    sync_folder(path.parent)


def below(folder: Path, name: str) -> Path:
    """`folder` with exactly one step down.  Names come from a config; none may lead elsewhere."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise Rejected(
            f"{name!r} cannot be a name below {folder}: it is a path; correct the id in the"
            " controller"
        )
    return folder / name


def sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_or_none(path: Path | str) -> bytes | None:
    """Without a file object, which costs as much again: small files are read all the time."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        found: list[bytes] = []
        while data := os.read(fd, CHUNK):
            found.append(data)
    finally:
        os.close(fd)
    return b"".join(found)


def named(folder: Path, ending: str) -> list[str]:
    """What a folder holds with this ending, in order; nothing where there is no such folder."""
    try:
        with os.scandir(folder) as found:
            return sorted(one.name for one in found if one.name.endswith(ending))
    except (FileNotFoundError, NotADirectoryError):
        return []


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in a folder, in order; nothing where there is no such folder."""
    try:
        with os.scandir(folder) as found:
            return sorted(one.name for one in found if one.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
