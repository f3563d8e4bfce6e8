"""Which devices are to be rendered again outside of a request."""

import asyncio
import threading
from collections.abc import Iterable

from eaves.ids import DeviceId


class RenderWanted:
    """Devices whose configuration is to be rendered again; filled from any thread."""

    def __init__(self) -> None:
        self._ids: set[DeviceId] = set()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._filled = asyncio.Event()

    def add(self, device_ids: Iterable[DeviceId]) -> None:
        with self._lock:
            self._ids.update(device_ids)
            loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._filled.set)

    @property
    def empty(self) -> bool:
        with self._lock:
            return not self._ids

    async def take(self, limit: int) -> tuple[DeviceId, ...]:
        """Wait for devices; at most `limit` of them."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
        while True:
            with self._lock:
                batch = tuple(self._ids)[:limit]
                self._ids.difference_update(batch)
            if batch:
                return batch
            self._filled.clear()
            with self._lock:
                empty = not self._ids
            if empty:
                await self._filled.wait()
