"""The boot partition: read-only but for the moments in which it changes.

A FAT file system that is mounted writable when power goes is marked dirty, and may be worse.
"""

import ctypes
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from eaves.errors import Transient

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
_USUAL = MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOEXEC


class NotRemounted(Transient):
    def __init__(self, path: Path, how: str, number: int) -> None:
        super().__init__(
            f"{path} cannot be mounted {how}: {os.strerror(number)}; what booted before still boots"
        )


@contextmanager
def writable(path: Path) -> Generator[None]:
    """Blocking.  Raises NotRemounted before anything was changed."""
    _remount(path, _USUAL, "writable")
    try:
        yield
    finally:
        _remount(path, _USUAL | MS_RDONLY, "read-only")


def _remount(path: Path, flags: int, how: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    target = os.fsencode(path)
    if libc.mount(None, ctypes.c_char_p(target), None, ctypes.c_ulong(flags), None):
        raise NotRemounted(path, how, ctypes.get_errno())
