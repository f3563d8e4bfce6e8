"""How much of the bodies of strangers this process holds: per body, in all, and for how long.

A body is read before its sender is known, so each endpoint takes no more than its messages need.
What bodies in flight hold together is charged as it arrives: a length that is only claimed, and
connections that send nothing, take nothing from the others.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
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


class InFlight:
    """The bytes of all bodies that are read or worked on.  Lives on one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held = limit, 0

    @property
    def held(self) -> int:
        return self._held

    @contextmanager
    def one(self) -> Generator["Share", None, None]:
        """The share of one body, given back at the exit."""
        share = Share(self)
        try:
            yield share
        finally:
            self._held -= share.size

    def take(self, size: int) -> None:
        if self._held + size > self._limit:
            raise NoRoom
        self._held += size


class Share:
    def __init__(self, all_bodies: InFlight) -> None:
        self._all, self.size = all_bodies, 0

    def add(self, size: int) -> None:
        """Raises NoRoom."""
        self._all.take(size)
        self.size += size
