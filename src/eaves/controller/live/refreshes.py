"""Devices are read again before an answer tells of them: many at once, where many wait."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from eaves.controller.live.state import REFRESH_BATCH
from eaves.ids import DeviceId


class Refreshes:
    """Lives on one event loop."""

    def __init__(self, read_again: Callable[[Sequence[DeviceId]], Awaitable[None]]) -> None:
        self._read_again = read_again
        self._wanted: set[DeviceId] = set()
        self._turn = asyncio.Lock()

    async def refresh(self, device_id: DeviceId) -> None:
        """Return when what was committed before this call is in memory."""
        self._wanted.add(device_id)
        async with self._turn:
            if device_id not in self._wanted:
                return  # whoever had the turn before read it, after this call began
            await asyncio.sleep(0)  # those whose commit was the same come with this one
            batch = (device_id, *(self._wanted - {device_id}))[:REFRESH_BATCH]
            self._wanted.difference_update(batch)
            try:
                await self._read_again(batch)
            except BaseException:
                # the others try for themselves; one of them may have asked for this device too
                self._wanted.update(batch)
                raise
