"""Another machine that claims the serial of a device."""

import asyncio

from eaves.fleet.asking import Asking
from eaves.fleet.device import SoftDevice
from eaves.fleet.faults import Fault
from eaves.fleet.run import drive_by
from eaves.fleet.world import World


class Claimant:
    """Refused for ever, and never gives up."""

    def __init__(self, device: SoftDevice, world: World) -> None:
        self._device, self._world = device, world
        self._perform = Asking(world, world.line).expecting(Fault.DUPLICATE_SERIAL)

    async def live_forever(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await drive_by(self._device.onboarded(), self._perform)
        # the fleet has no fault worse than this one, so it is told as an error
        self._world.figures.causes["two devices onboarded with one serial"] += 1
