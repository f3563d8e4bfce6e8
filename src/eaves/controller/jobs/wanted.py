"""Which devices are to be rendered again outside of a request."""

import asyncio
import threading
from collections.abc import Iterable

from eaves.ids import DeviceId

FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 600.0


def retry_after_s(attempts: int) -> float:
    """How long a device rests that failed so many times in a row."""
    return min(FIRST_RETRY_S * float(1 << min(attempts - 1, 20)), LONGEST_RETRY_S)


class RenderWanted:
    """Devices whose configuration is to be rendered again; filled from any thread.

    One that failed comes again by itself, after longer and longer rests; whoever asks for it in
    the meantime need not wait.  `take`, `failed` and `done` belong to the loop of the jobs.
    """

    def __init__(self) -> None:
        self._ids: set[DeviceId] = set()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._filled = asyncio.Event()
        self._attempts: dict[DeviceId, int] = {}  # of those that failed and are not yet done
        self._publishing = ""

    def add(self, device_ids: Iterable[DeviceId]) -> None:
        with self._lock:
            self._ids.update(device_ids)
            loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._filled.set)

    def sweep(self, device_ids: Iterable[DeviceId]) -> None:
        """As `add`, for wishes found again: one that rests after a failure goes on resting."""
        with self._lock:
            fresh = [one for one in device_ids if one not in self._attempts]
        self.add(fresh)

    @property
    def publishing(self) -> str:
        """The hash that devices are being told of; empty when none."""
        with self._lock:
            return self._publishing

    def publish(self, device_ids: Iterable[DeviceId], certificates: str) -> None:
        """As `add`, for every device there is: they hear of the certificate list of this hash."""
        wanted = tuple(device_ids)
        with self._lock:
            self._publishing = certificates
        self.add(wanted)

    def __len__(self) -> int:
        """How many wait or rest after a failure."""
        with self._lock:
            return len(self._ids) + len(self._attempts)

    @property
    def published(self) -> str:
        """The hash that every device has by now, until it is noted; else empty."""
        return self._publishing if self.empty else ""

    def note_published(self, certificates: str) -> None:
        with self._lock:
            if self._publishing == certificates:
                self._publishing = ""

    @property
    def empty(self) -> bool:
        """Nothing waits, and nothing rests after a failure."""
        with self._lock:
            return not self._ids and not self._attempts

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

    def failed(self, device_id: DeviceId) -> float:
        """Let a device come again later; tells in how many seconds."""
        with self._lock:
            attempts = self._attempts[device_id] = self._attempts.get(device_id, 0) + 1
        rest = retry_after_s(attempts)
        asyncio.get_running_loop().call_later(rest, self._again, device_id, attempts)
        return rest

    def done(self, device_ids: Iterable[DeviceId]) -> None:
        """These need not come again."""
        with self._lock:
            for device_id in device_ids:
                self._attempts.pop(device_id, None)

    def _again(self, device_id: DeviceId, attempts: int) -> None:
        with self._lock:
            waits = self._attempts.get(device_id) == attempts  # else done or failed since
        if waits:
            self.add((device_id,))
