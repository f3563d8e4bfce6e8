"""The writing of a version into the other slot, which may be stopped at any time."""

import asyncio
import threading
from pathlib import Path

from eaves.node.baseos.device import Stopped
from eaves.node.baseos.ports import SlotsOnDisk


class Writing:
    def __init__(self, disk: SlotsOnDisk) -> None:
        self._disk = disk
        self._stop = threading.Event()
        self.progress = ("", 0)
        """"write" or "verify", percent."""

    def stop(self) -> None:
        self._stop.set()

    async def run(self, path: Path, version: str) -> bool:
        """False: it was stopped.  Raises what the disk raises."""
        self._stop = stop = threading.Event()
        try:
            await asyncio.to_thread(self._disk.write, path, version, stop, self._progressed)
        except Stopped:
            return False
        finally:
            stop.set()  # a cancelled task leaves no writer behind
        return True

    def _progressed(self, what: str, done: int, total: int) -> None:
        self.progress = what, 100 * done // total if total else 100
