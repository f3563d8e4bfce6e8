"""What a simulated device does when.

Pauses are those of EVE-OS: an interval of the configuration, cut at random to between 0.3 and 1.0
of itself.
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from random import Random

LEAST_PART = 0.3  # of an interval


class Doing(StrEnum):
    CONFIG = "config"
    METRICS = "metrics"
    INFO = "info"
    LOGS = "logs"
    APPS = "apps"
    OBJECTS = "objects"  # what apps are made of is ready
    PENDING = "pending"
    CRASH = "crash"
    FLIP = "flip"  # offline or back


class Agenda:
    """Times by what is to be done; one time for each.

    `seconds` is a clock that never jumps; `hurry` divides intervals.
    """

    def __init__(self, seconds: Callable[[], float], random: Random, hurry: float) -> None:
        self._seconds, self._random, self._hurry = seconds, random, hurry
        self._due: dict[Doing, float] = {}
        self._pausing: asyncio.Future[None] | None = None

    def __contains__(self, doing: object) -> bool:
        return doing in self._due

    def clear(self) -> None:
        self._due.clear()

    def drop(self, doing: Doing) -> None:
        self._due.pop(doing, None)

    def after(self, doing: Doing, seconds: float) -> None:
        self._due[doing] = self._seconds() + seconds
        self._wake()

    def within(self, doing: Doing, interval_s: float) -> None:
        """After a part of the interval, which `hurry` divides."""
        self.within_period(doing, interval_s / self._hurry)

    def within_period(self, doing: Doing, period_s: float) -> None:
        """After a part of a time that no hurry changes."""
        self.after(doing, period_s * self._random.uniform(LEAST_PART, 1.0))

    def unless_planned(self, doing: Doing, seconds: float) -> None:
        """As `after`, unless something is planned already."""
        if doing not in self._due:
            self.after(doing, seconds)

    async def next(self) -> Doing:
        """What is due, once it is; taken off the agenda, which must not be empty."""
        while True:
            doing = min(self._due, key=self._due.__getitem__)
            wait_s = self._due[doing] - self._seconds()
            if wait_s <= 0:
                del self._due[doing]
                return doing
            await self._pause(wait_s)

    async def _pause(self, seconds: float) -> None:
        """Ends early when something gets another time: a long poll may bring a change."""
        loop = asyncio.get_running_loop()
        self._pausing = loop.create_future()
        timer = loop.call_later(seconds, self._wake)
        try:
            await self._pausing
        finally:
            timer.cancel()
            self._pausing = None

    def _wake(self) -> None:
        if self._pausing is not None and not self._pausing.done():
            self._pausing.set_result(None)
