"""Space that is kept back, so that a node on a full disk can still write down what it must."""

import os
import shutil
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

SIZE = 8 * 1024 * 1024
LEAST_FREE = 16 * SIZE  # made only where it takes little of what is free


class Reserve:
    def __init__(self, path: Path, size: int = SIZE, least_free: int = LEAST_FREE) -> None:
        self._path = path
        self._size = size
        self._least_free = least_free

    def keep(self) -> None:
        """Make it if it is not there and there is room; otherwise some other time."""
        if self._path.exists() or shutil.disk_usage(self._path.parent).free < self._least_free:
            return
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(fd, 0, self._size)
            finally:
                os.close(fd)
        except OSError as error:
            log.warning("disk_reserve_not_made", path=str(self._path), error=str(error))
            self.give_up()

    def give_up(self) -> bool:
        """Free it; True when there was something to free."""
        try:
            self._path.unlink()
        except OSError:  # it is not there, or nothing can be removed
            return False
        log.warning("disk_reserve_used", path=str(self._path), bytes=self._size)
        return True
