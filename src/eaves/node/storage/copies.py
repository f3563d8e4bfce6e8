"""Copies of what a volume holds, sparse and shared with the original where the file system can."""

import asyncio
import os
import shutil
from pathlib import Path

from eaves.node.host.files import sync_folder
from eaves.node.host.process import run

COPY_S = 6 * 3600.0


async def copy(source: Path, target: Path) -> None:
    """A disk image or a folder, with owners, modes and extended attributes; `target` is new."""
    words = ("cp", "--archive", "--reflink=auto", "--sparse=always", "--no-target-directory")
    await run([*words, "--", str(source), str(target)], timeout_s=COPY_S)
    await asyncio.to_thread(_sync, target)


def occupied(path: Path) -> int:
    """Bytes that a file, or all files of a folder, really take."""
    used = path.lstat().st_blocks * 512
    if not path.is_dir() or path.is_symlink():
        return used
    for at, _, files in os.walk(path):
        for name in files:
            try:
                used += Path(at, name).lstat().st_blocks * 512
            except FileNotFoundError:
                continue
    return used


def remove(path: Path) -> None:
    """A file, a folder, or nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """To disk, with everything below it."""
    fd = os.open(path, os.O_RDONLY)
    try:
        if path.is_dir():
            os.sync()  # a tree of many files: one call for all of them
        else:
            os.fsync(fd)
    finally:
        os.close(fd)
    sync_folder(path.parent)
