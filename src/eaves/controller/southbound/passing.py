"""How many requests are passed on to servers of tenants: one of a device at a time, few in all,
and a share of them for each enterprise.

Such a server may take as long as it likes; what waits for it holds a connection to the outside.
"""

from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from eaves.controller.telemetry.pipeline import Busy
from eaves.ids import DeviceId

AT_ONCE: Final = 64
OF_ENTERPRISE: Final = 16  # of these
THREADS: Final = 4


class Passing:
    """Lives on one event loop; `close` ends its threads.

    `threads` look up names of servers: those of the loop are for what devices are answered.
    """

    def __init__(self, most: int = AT_ONCE, of_enterprise: int = OF_ENTERPRISE) -> None:
        self._most, self._of_enterprise = most, of_enterprise
        self._under_way: set[DeviceId] = set()
        self._taken: Counter[str] = Counter()  # by enterprise
        self.threads = ThreadPoolExecutor(THREADS, "scep")

    def close(self) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def turn(self, device_id: DeviceId, enterprise_id: str) -> Generator[None]:
        """Raises Busy."""
        if device_id in self._under_way:
            raise Busy(f"a request of device {device_id} is being passed on; send later")
        if len(self._under_way) >= self._most:
            raise Busy(f"{self._most} requests are being passed on; send later")
        if self._taken[enterprise_id] >= self._of_enterprise:
            raise Busy(f"{self._of_enterprise} requests of its enterprise are; send later")
        self._under_way.add(device_id)
        self._taken[enterprise_id] += 1
        try:
            yield
        finally:
            self._under_way.discard(device_id)
            self._taken[enterprise_id] -= 1
            if not self._taken[enterprise_id]:
                del self._taken[enterprise_id]
