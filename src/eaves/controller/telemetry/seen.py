"""When devices were last heard of: gathered in memory, written in batches.

This is the one thing on the device side that may be lost in a crash: it says nothing that the
next request does not say again.
"""

import asyncio
from datetime import datetime

from eaves.ids import DeviceId


class Seen:
    """Last contact of each device since the last flush; lives on one loop."""

    def __init__(self) -> None:
        self._fresh: dict[DeviceId, datetime] = {}
        self._latest: dict[DeviceId, datetime] = {}
        self.hurry = asyncio.Event()  # what was noted is worth a flush at once

    def note(self, device_id: DeviceId, now: datetime) -> None:
        self._fresh[device_id] = now
        self._latest[device_id] = now

    def take(self) -> dict[DeviceId, datetime]:
        """What was noted since the last take."""
        fresh, self._fresh = self._fresh, {}
        return fresh

    def give_back(self, taken: dict[DeviceId, datetime]) -> None:
        """Keep what could not be written; newer notes win."""
        self._fresh = {**taken, **self._fresh}

    def latest(self, device_id: DeviceId) -> datetime | None:
        """Last contact in the life of this process."""
        return self._latest.get(device_id)
