"""Records on disk, decoded once for each state of their file.

They are replaced whole, so a file of another content is another file: inode, size and time of
change tell.  One that changed within the last two seconds is read each time: clocks of file systems
are coarse, and an inode may be given again.
"""

import time
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from eaves.node.host.files import read_or_none

SETTLED_NS: Final = 2_000_000_000
MOST: Final = 4096  # records of all kinds

T = TypeVar("T")
State = tuple[int, int, int]


class Kept:
    """Its values are shared: they must be frozen."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, Any], tuple[State, Any]] = {}

    def read(self, path: Path, of: type[T]) -> T | None:
        """None when there is no such file; raises MsgspecError for garbage."""
        key = (str(path), of)
        try:
            seen = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            self._values.pop(key, None)
            return None
        state = (seen.st_ino, seen.st_size, seen.st_mtime_ns)
        there = self._values.get(key)
        if there is not None and there[0] == state:
            kept: T = there[1]
            return kept
        data = read_or_none(path)
        if data is None:
            return None
        value = msgspec.json.decode(data, type=of)
        if time.time_ns() - seen.st_mtime_ns > SETTLED_NS:
            if len(self._values) >= MOST:
                self._values.clear()
            self._values[key] = (state, value)
        return value


KEPT: Final = Kept()
