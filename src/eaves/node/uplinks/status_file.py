"""What `eaves node diag` reads, written when something but the time of it is new."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from eaves.node.host.files import atomic_write
from eaves.node.uplinks.status import Shown

log = structlog.get_logger(__name__)

STATUS_FILE = "uplinks.json"


class StatusFile:
    def __init__(self, run_dir: Path, now: Callable[[], datetime]) -> None:
        self._path = run_dir / STATUS_FILE
        self._now = now
        self._shown = b""

    def write(self, told: Shown) -> None:
        """`told.at` does not count; the time of writing takes its place."""
        data = msgspec.json.encode(told)
        if data == self._shown:
            return
        dated = msgspec.json.encode(msgspec.structs.replace(told, at=self._now()))
        try:
            atomic_write(self._path, dated, 0o600)
            self._shown = data
        except OSError as error:
            log.warning("port_status_not_written", error=str(error))
