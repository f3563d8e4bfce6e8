"""How often the light of a device blinks, for who stands before it without a screen.

Source: node reference, section 14.6.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import structlog

from eaves.node.host.leds import Led, Leds

log = structlog.get_logger(__name__)

BLINK_S: Final = 0.2  # on, and as long off
PAUSE_S: Final = 1.2
AGAIN_S: Final = 60.0  # a light that cannot be switched is looked for again


class Blinks(IntEnum):
    """The value is how often it blinks before a pause."""

    WAITING_FOR_ADDRESS = 1
    TRYING_CONTROLLER = 2
    CONNECTED = 3  # and not onboarded yet
    ONBOARDED = 4
    RADIO_SILENCE = 5
    ONBOARDING_FAILS = 10


@dataclass(frozen=True, slots=True)
class Standing:
    """How the device stands, as the parts of the node know it."""

    addressed: bool  # a port has an address
    answered: bool  # the controller ever did, since the node started
    onboarded: bool
    problem: str = ""  # why the controller does not serve it
    radio_silence: bool = False


def blinks(seen: Standing) -> Blinks:
    if seen.radio_silence:
        return Blinks.RADIO_SILENCE
    if not seen.addressed:
        return Blinks.WAITING_FOR_ADDRESS
    if seen.onboarded:
        return Blinks.TRYING_CONTROLLER if seen.problem else Blinks.ONBOARDED
    if not seen.answered:
        return Blinks.TRYING_CONTROLLER
    return Blinks.ONBOARDING_FAILS if seen.problem else Blinks.CONNECTED


class Light:
    def __init__(
        self,
        leds: Leds,
        standing: Callable[[], Standing],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._leds = leds
        self._standing = standing
        self._sleep = sleep

    async def run_forever(self) -> None:
        """Until there is no light; one that fails is looked for again."""
        while (led := self._leds.status()) is not None:
            try:
                led.take()
                while True:
                    await self._tell(led)
            except OSError as error:
                log.warning("light_not_switched", led=led.folder.name, why=str(error))
            await self._sleep(AGAIN_S)
        await asyncio.Event().wait()  # a machine without a light has none later either

    async def _tell(self, led: Led) -> None:
        for _ in range(blinks(self._standing())):
            led.shine(on=True)
            await self._sleep(BLINK_S)
            led.shine(on=False)
            await self._sleep(BLINK_S)
        await self._sleep(PAUSE_S)
