"""Large messages are decoded beside the loop: one device does not hold the polls of the others."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

from eaves.controller.telemetry.pipeline import Busy
from eaves.ids import DeviceId

T = TypeVar("T")

AT_ONCE: Final = 4  # threads; they share the interpreter, more would not be faster
LARGE: Final = 32 * 1024  # bytes; what is smaller takes about as long as asking a thread
MAX_WAITING: Final = 8  # messages of one device


@dataclass(slots=True)
class _Lane:
    one: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Decoding:
    """One large message per device at a time, and few in all.  Lives on one event loop."""

    def __init__(self) -> None:
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._lanes: dict[DeviceId, _Lane] = {}

    async def run(self, device_id: DeviceId, decode: Callable[[bytes], T], data: bytes) -> T:
        """Decode, beside the loop when large.  Raises Busy, and what `decode` raises."""
        if len(data) <= LARGE:
            return decode(data)
        return await self.beside(device_id, lambda: decode(data))

    async def beside(self, device_id: DeviceId, work: Callable[[], T]) -> T:
        """Run in a thread when it is the turn of the device.  Raises Busy, and what `work` does."""
        async with self._turn(device_id):
            return await asyncio.to_thread(work)

    @asynccontextmanager
    async def _turn(self, device_id: DeviceId) -> AsyncGenerator[None]:
        lane = self._lanes.setdefault(device_id, _Lane())
        if lane.users >= MAX_WAITING:
            raise Busy(f"{lane.users} messages of device {device_id} wait to be read; send later")
        lane.users += 1
        try:
            async with lane.one, self._gate:
                yield
        finally:
            lane.users -= 1
            if not lane.users:
                del self._lanes[device_id]
