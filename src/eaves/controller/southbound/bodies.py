"""How much of the bodies of strangers this process holds: per body, in all, and for how long.

A body is read before its sender is known, so each endpoint takes no more than its messages need.
What bodies in flight hold together is charged as it arrives: a length that is only claimed, and
connections that send nothing, take nothing from the others.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from eaves.evapi.paths import Endpoint

KIB: Final = 1024
_SMALL: Final = 64 * KIB
_SEVERAL_MIB: Final = 4 * KIB * KIB

LIMITS: Final[Mapping[Endpoint, int]] = {
    Endpoint.ATTEST: 256 * KIB,  # a quote is at most 63,488 bytes; event logs come with it
    Endpoint.NEWLOGS: 128 * KIB,  # a file is at most 65,536 bytes
    Endpoint.APP_NEWLOGS: 128 * KIB,
    Endpoint.INFO: _SEVERAL_MIB,
    Endpoint.METRICS: _SEVERAL_MIB,
    Endpoint.FLOWLOG: _SEVERAL_MIB,
    Endpoint.HARDWAREHEALTH: _SEVERAL_MIB,
}


def limit_of(endpoint: Endpoint, most: int) -> int:
    """Bytes of the largest body that the endpoint takes, never above `most`."""
    return min(LIMITS.get(endpoint, _SMALL), most)


class NoRoom(Exception):  # an answer (503), not a failure
    """The bodies in flight hold all that they may."""


class TooSlow(Exception):  # an answer (408), not a failure
    """The body did not come in its time."""


class InFlight:
    """The bytes of all bodies that are read or worked on.  Lives on one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held = limit, 0

    @property
    def held(self) -> int:
        return self._held

    @property
    def share_held(self) -> float:
        """How full it is, from 0 to 1."""
        return self._held / self._limit

    def one(self) -> "Share":
        """The share of one body; its holder gives it back."""
        return Share(self)

    def take(self, size: int) -> None:
        if self._held + size > self._limit:
            raise NoRoom
        self._held += size

    def give_back(self, size: int) -> None:
        self._held -= size


class Share:
    __slots__ = ("_all", "size")

    def __init__(self, all_bodies: InFlight) -> None:
        self._all, self.size = all_bodies, 0

    def add(self, size: int) -> None:
        """Raises NoRoom."""
        self._all.take(size)
        self.size += size

    def give_back(self) -> None:
        self._all.give_back(self.size)
        self.size = 0


class Readers:
    """Ends the reading of bodies that do not come.  Lives on one event loop.

    Who reads is looked at a few times within the allowed time: nearly all bodies are there at
    once, and a timer for each would cost more than the reading.
    """

    def __init__(self, limit_s: float, loop: asyncio.AbstractEventLoop) -> None:
        self._limit_s, self._loop, self._clock = limit_s, loop, loop.time
        self._begun: dict[asyncio.Task[object], float] = {}  # the oldest first
        self._late: set[asyncio.Task[object]] = set()

    def begin(self) -> "asyncio.Task[object]":
        """Count the time of the current task from now on; `end` must follow."""
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("a body is read in a task")
        self._begun[task] = self._clock()
        return task

    def end(self, task: "asyncio.Task[object]") -> bool:
        """Was this task told to stop?  If so, its cancellation is taken back."""
        self._begun.pop(task, None)
        if task not in self._late:
            return False
        self._late.discard(task)
        task.uncancel()
        return True

    def stop_late(self) -> None:
        """Cancel the tasks whose time is over."""
        over = self._clock() - self._limit_s
        for task, begun in tuple(self._begun.items()):
            if begun > over:
                break
            del self._begun[task]
            self._late.add(task)
            task.cancel()

    async def watch_forever(self) -> None:
        while True:
            await asyncio.sleep(self._limit_s / 4)
            self.stop_late()
