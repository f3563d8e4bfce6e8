"""Sends the health of the hardware: after a start, and by its interval."""

import asyncio
from collections.abc import Callable

import structlog

from eaves.evapi.flows.report import Delivered
from eaves.evapi.hardwarehealth import encode_z_hardware_health
from eaves.evapi.paths import Endpoint
from eaves.node.host.sensors import Sensors
from eaves.node.host.smart import Disks, disk_health
from eaves.node.runtime.health import hardware_health
from eaves.node.runtime.paces import health_pause_s
from eaves.node.runtime.parts import Parts, Shared, pace

log = structlog.get_logger(__name__)

AGAIN_S = 120.0  # after a failure


class HealthReporter:
    def __init__(self, parts: Parts, shared: Shared) -> None:
        self._parts = parts
        self._shared = shared

    async def run_forever(self) -> None:
        conversation = self._parts.conversation
        await conversation.ready.wait()
        while True:
            payload = await self._payload()
            fate = await conversation.link.report(Endpoint.HARDWAREHEALTH, payload)
            if isinstance(fate, Delivered):
                await pace(self._pause_s(conversation.link.jitter(1.0)))
            else:
                log.info("hardware_health_not_sent", why=fate.reason)
                await asyncio.sleep(AGAIN_S)

    async def _payload(self) -> bytes:
        """One disk after another: all that wake at once are what a power supply may not stand."""
        devices = await asyncio.to_thread(Disks().devices)
        message = hardware_health(
            self._parts.conversation.link.device_id or "",
            self._parts.now(),
            await asyncio.to_thread(Sensors().memory_controllers),
            [await disk_health(one) for one in devices],
        )
        return encode_z_hardware_health(message)

    def _pause_s(self, share: float) -> Callable[[], float]:
        return lambda: health_pause_s(self._shared.items, share)
