"""Who is let in now: pressure measured, senders counted.  Lives on the loop that serves devices."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from eaves.controller.domain.rates import Rates
from eaves.controller.live import LiveDevice
from eaves.controller.settings import Bounds
from eaves.controller.southbound.bodies import InFlight
from eaves.controller.southbound.pressure import (
    Level,
    Signals,
    Worth,
    level_of,
    worth_of,
)
from eaves.evapi.paths import Endpoint
from eaves.ids import DeviceId

log = structlog.get_logger()

LOOK_S: Final = 0.1  # between two looks
LASTING_LOOKS: Final = 3  # that come late one after the other, until the loop counts as late
Fill = Callable[[], float]
"""How full a queue is, from 0 to 1."""


class Gate:
    """Asked before and after the check of a signature."""

    def __init__(
        self,
        bounds: Bounds,
        bodies: InFlight,
        devices_of: Callable[[str], int],
        clock: Callable[[], float],
    ) -> None:
        """`devices_of` counts those of an enterprise; `clock` tells seconds, never running back."""
        self._bodies, self._devices_of, self._clock = bodies, devices_of, clock
        self._queues: list[tuple[Worth, Fill]] = []
        self._devices: Rates[DeviceId] = Rates(
            bounds.device_requests_per_s,
            bounds.device_requests_per_s * bounds.device_requests_burst_s,
        )
        self._enterprises: Rates[str] = Rates(1.0, bounds.enterprise_burst_s)
        self._per_device = bounds.enterprise_requests_per_s_per_device
        self._least = bounds.enterprise_requests_per_s
        self._strangers: Rates[str] = Rates(
            bounds.stranger_requests_per_s,
            bounds.stranger_requests_per_s * bounds.stranger_requests_burst_s,
        )
        self._noisy: set[str] = set()  # addresses that were refused in the last look
        self._lags: deque[float] = deque((0.0,) * LASTING_LOOKS, LASTING_LOOKS)
        self.level = Level.CALM
        self.refused: dict[str, int] = dict.fromkeys(
            ("pressure", "device", "enterprise", "address"), 0
        )

    def watch(self, worth: Worth, fill: Fill) -> None:
        """Count a queue in; `worth` is that of its content."""
        self._queues.append((worth, fill))

    # --- before anything is read --------------------------------------------------------------

    def refuses(self, worth: Worth) -> bool:
        """Is what is worth so much refused now, whoever sends it?"""
        if not self.level.refuses(worth):
            return False
        self._take_level()  # what was full a moment ago may be empty
        if not self.level.refuses(worth):
            return False
        self.refused["pressure"] += 1
        return True

    def refuses_endpoint(self, endpoint: Endpoint) -> bool:
        return self.level is not Level.CALM and self.refuses(worth_of(endpoint))

    def refuses_address(self, address: Callable[[], str]) -> bool:
        """Did this address fail too often just now?  It is asked for only when some did."""
        if not self._noisy:
            return False
        if not self._strangers.over(address(), self._clock()):
            return False
        self.refused["address"] += 1
        return True

    # --- of strangers -------------------------------------------------------------------------

    def admits_stranger(self, address: str) -> bool:
        """Count a request of nobody in particular: one that is open to all, or that failed."""
        if self._strangers.charge(address, self._clock()):
            return True
        if address not in self._noisy:
            log.warning("address_over_its_rate", address=address)
            self._noisy.add(address)
        self.refused["address"] += 1
        return False

    # --- of devices ---------------------------------------------------------------------------

    def over(self, device: LiveDevice) -> bool:
        """Has the device asked for too much?  Before its signature is checked, at no cost."""
        if not self._devices.over(device.device_id, self._clock()):
            return False
        self.refused["device"] += 1
        return True

    def admits(self, device: LiveDevice) -> bool:
        """Count a request that the device signed."""
        now = self._clock()
        if not self._devices.charge(device.device_id, now):
            self.refused["device"] += 1
            return False
        return self.level is Level.CALM or self._admits_enterprise(device.enterprise_id, now)

    def _admits_enterprise(self, enterprise_id: str, now: float) -> bool:
        """Counted from the moment in which the process falls behind."""
        allowed = self._least + self._per_device * self._devices_of(enterprise_id)
        if self._enterprises.charge(enterprise_id, now, 1 / allowed):
            return True
        self.refused["enterprise"] += 1
        return False

    # --- how far behind -----------------------------------------------------------------------

    def look(self, lag_s: float) -> None:
        """Take the level anew; `lag_s`: how late this look comes."""
        self._lags.append(lag_s)
        self._take_level()
        now = self._clock()
        self._noisy = {address for address in self._noisy if self._strangers.over(address, now)}

    def _take_level(self) -> None:
        lag_s = min(self._lags)  # a single late look is a pause, not an overload
        queues: dict[Worth, float] = {}
        for worth, fill in self._queues:
            queues[worth] = max(queues.get(worth, 0.0), fill())
        level = level_of(self.level, Signals(self._bodies.share_held, lag_s, queues))
        if level is not self.level:
            tell = log.warning if level > self.level else log.info
            tell("pressure", level=level.name.lower(), before=self.level.name.lower(), lag_s=lag_s)
            self.level = level

    async def watch_forever(self) -> None:
        """Look again and again; how late a look comes tells how late the loop runs."""
        while True:
            due = self._clock() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self.look(round(max(self._clock() - due, 0.0), 3))
