"""Log files that wait for the controller: durable before the source's offset moves.

A crash between the two writes the same lines again under the same message numbers, and the
controller keeps one of each; so no line is lost and none is doubled.  Source: node reference 14.5.
"""

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from eaves.evapi.flows.report import Delivered, Fate, Kept
from eaves.evapi.logs import AppLogOrigin, DeviceLogOrigin, LogEntry, LogOrigin, split_log_files
from eaves.ids import AppInstanceId
from eaves.node.host.files import atomic_write

log = structlog.get_logger(__name__)

DEFAULT_QUOTA_BYTES = 2048 * 1024 * 1024  # newlog.gzipfiles.ondisk.maxmegabytes
LARGEST_SHARE = 10  # of the file system: one part in ten at most
TRIES = 10  # refusals of one file before it is set aside
MOST_ASIDE = 1000


@dataclass(frozen=True, slots=True)
class Waiting:
    path: Path
    app: AppInstanceId | None


class LogStore:
    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        self._folder = folder / "upload"
        self._aside = folder / "failed"
        for one in (self._folder, self._aside):
            one.mkdir(parents=True, exist_ok=True)
        self._now = now
        self._sequence = 0
        self._adding = threading.Lock()  # several threads take lines over
        self._refusals: dict[Path, int] = {}
        self.quota_bytes = DEFAULT_QUOTA_BYTES
        self.dropped_files = 0

    def add(
        self, origin: LogOrigin, app: AppInstanceId | None, entries: Sequence[LogEntry]
    ) -> None:
        """Write entries into files of at most 50 kB each; on disk when this returns."""
        created = self._now()
        with self._adding:
            for part in split_log_files(origin, created, entries):
                self._sequence += 1
                stamp = f"{int(created.timestamp() * 1000):014d}.{self._sequence:06d}"
                name = f"{stamp}.app.{app}.gz" if app else f"{stamp}.dev.gz"
                atomic_write(self._folder / name, part.data)
            self._keep_quota()

    def oldest(self) -> Waiting | None:
        first = min(self._folder.glob("*.gz"), default=None)
        if first is None:
            return None
        parts = first.name.split(".")
        return Waiting(first, AppInstanceId(parts[3]) if parts[2] == "app" else None)

    def waiting(self) -> int:
        return sum(1 for _ in self._folder.glob("*.gz"))

    def settle(self, file: Waiting, fate: Fate) -> None:
        """Take note of what became of an upload."""
        match fate:
            case Delivered():
                self._refusals.pop(file.path, None)
                file.path.unlink(missing_ok=True)
            case Kept(refused=True, slow_down=False):
                count = self._refusals.get(file.path, 0) + 1
                self._refusals[file.path] = count
                if count >= TRIES:
                    self._set_aside(file, fate.reason)
            case _:
                return

    def _set_aside(self, file: Waiting, reason: str) -> None:
        self._refusals.pop(file.path, None)
        log.error("log_file_set_aside", file=file.path.name, reason=reason)
        with suppress(FileNotFoundError):  # past the quota it was the oldest
            file.path.replace(self._aside / file.path.name)
        for old in sorted(self._aside.iterdir())[:-MOST_ASIDE]:
            old.unlink(missing_ok=True)

    def _keep_quota(self) -> None:
        """Past the quota the oldest go first, and are counted."""
        files = sorted(
            (*self._aside.glob("*.gz"), *self._folder.glob("*.gz")), key=lambda p: p.name
        )
        at = os.statvfs(self._folder)
        quota = min(self.quota_bytes, at.f_blocks * at.f_frsize // LARGEST_SHARE)
        sizes = {p: _size(p) for p in files}
        total = sum(sizes.values())
        for path in files:
            if total <= quota:
                return
            total -= sizes[path]
            path.unlink(missing_ok=True)
            self.dropped_files += 1


def _size(path: Path) -> int:
    """An upload may end, and remove its file, while others are weighed in a thread."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def device_origin(device_id: str, version: str) -> DeviceLogOrigin:
    return DeviceLogOrigin(device_id, "IMGA", version)


def app_origin(display_name: str) -> AppLogOrigin:
    return AppLogOrigin(display_name)


def upload_pause_s(waiting: int, *, fast: bool) -> float:
    """How long until the next file goes, by the backlog.  EVE API v2, section 9."""
    if fast:
        return 1.0 if waiting else 3.0
    for least, pause in ((1000, 3.0), (200, 8.0), (50, 15.0), (25, 30.0), (5, 45.0)):
        if waiting >= least:
            return pause
    return 90.0
