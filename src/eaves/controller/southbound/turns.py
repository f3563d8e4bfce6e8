"""Whose turn it is to attest, when a whole fleet has to.

A fleet whose tokens are all gone asks for nonces within a minute, beside all that it asks anyhow.
To serve all of them at once would hold up every poll, and whoever is turned away pays for another
connection and comes back before its turn.  So a nonce waits: in the order of coming, enterprises
one after the other, and well within what a device waits for an answer (120 s).

Nonces are given at a pace that leaves room for polls, to machines that share their core or their
uplink with others as well: whoever comes faster than it is served makes a queue in front of all.
A waiting node that was told to attest has had its turn: it was told at such a pace.
"""

import asyncio
import math
from collections import OrderedDict
from typing import Final

from eaves.controller.live import Live, NoWaiterPlace
from eaves.controller.telemetry.pipeline import Busy, Stopped
from eaves.ids import DeviceId

AT_ONCE: Final = 96  # devices between nonce and verdict: more of them only wait for each other
COUNTED_S: Final = 0.35  # while a device makes its quote: one with a slow TPM makes room for others
PER_S: Final = 110.0  # nonces: ten thousand devices in 91 s, where 120 s are promised
BURST_S: Final = 0.2  # of the pace, that may be given at once
TICK_S: Final = 0.001  # of the loop's clock: a timer that came before would look again and again
# Balancers are to let a device be silent for 60 s; some of that is the way there and back, and the
# loop of a busy process.  With 45 s the last of ten thousand EVE devices, at a core that gave 113
# nonces a second, were told to come again.
LINE_S: Final = 50.0

_Line = OrderedDict[DeviceId, asyncio.Future[None]]


class Turns:
    """Lives on one event loop.  Who waits holds one of the places for long polls."""

    def __init__(self, live: Live, loop: asyncio.AbstractEventLoop) -> None:
        self._live, self._loop = live, loop
        self._busy: set[DeviceId] = set()  # a step of theirs is under way here
        self._quoting: OrderedDict[DeviceId, float] = OrderedDict()  # until when each counts
        self._lines: OrderedDict[str, _Line] = OrderedDict()  # by enterprise, the next one first
        self._timer: asyncio.TimerHandle | None = None
        self._paid_until = 0.0  # nonces that were given, at their pace
        self._closed = False

    def __len__(self) -> int:
        """How many devices wait."""
        return sum(map(len, self._lines.values()))

    async def take(self, device_id: DeviceId, enterprise_id: str, *, may_wait: bool) -> None:
        """Return when it is the turn of this device; `given` or `end` must follow.

        Raises Busy when there is no place, when it took too long, and when the device asked again:
        then its later request has the place.  Raises Stopped.
        """
        if self._live.was_told(device_id) or (not self._lines and self._has_room()):
            self._begin_now(device_id)
            return
        if self._closed:
            raise Stopped("the controller is stopping; send again")
        if not may_wait:
            raise Busy("others wait to attest, and this request is too large to be kept")
        try:
            with self._live.place():
                await self._wait(device_id, enterprise_id)
        except NoWaiterPlace:
            raise Busy("every place of those who wait is taken; send again later") from None
        except TimeoutError:
            raise Busy(f"no turn to attest came within {LINE_S:.0f} s; send again") from None

    def given(self, device_id: DeviceId) -> None:
        """It has its nonce; what it does now is its own time."""
        self._busy.discard(device_id)
        self._quoting[device_id] = self._loop.time() + COUNTED_S
        self._quoting.move_to_end(device_id)
        self._look_later()

    def quoted(self, device_id: DeviceId) -> None:
        """Its quote is here, however late; `end` must follow."""
        self._begin(device_id)

    def end(self, device_id: DeviceId) -> None:
        """Its quote is judged, or its step failed."""
        self._busy.discard(device_id)
        self._quoting.pop(device_id, None)
        self._look()

    def close(self) -> None:
        """Nobody waits any more: the controller stops."""
        self._closed = True
        for line in self._lines.values():
            for turn in line.values():
                if not turn.done():
                    turn.set_exception(Stopped("the controller is stopping; send again"))
        self._lines.clear()
        if self._timer is not None:
            self._timer.cancel()

    async def _wait(self, device_id: DeviceId, enterprise_id: str) -> None:
        line = self._lines.setdefault(enterprise_id, OrderedDict())
        turn: asyncio.Future[None] = self._loop.create_future()
        before = line.get(device_id)
        if before is not None and not before.done():
            before.set_exception(Busy("the device asked for a nonce again; that one is answered"))
        line[device_id] = turn
        self._look_later()
        try:
            async with asyncio.timeout(LINE_S):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.end(device_id)  # the turn came in the moment in which it was given up
            raise
        finally:
            self._leave(device_id, enterprise_id, turn)

    def _leave(self, device_id: DeviceId, enterprise_id: str, turn: "asyncio.Future[None]") -> None:
        """Out of the line, if it still stands there."""
        line = self._lines.get(enterprise_id)
        if line is not None and line.get(device_id) is turn:
            del line[device_id]
            if not line:
                del self._lines[enterprise_id]

    def _has_room(self) -> bool:
        return self._room_at() <= self._loop.time()

    def _room_at(self) -> float:
        """When the next one may begin; infinite while only the end of another makes room."""
        now = self._loop.time()
        while self._quoting:
            device_id, until = next(iter(self._quoting.items()))
            if until > now:
                break
            del self._quoting[device_id]
        at = self._paid_until - BURST_S
        if len(self._busy) + len(self._quoting) < AT_ONCE:
            return at
        return max(at, next(iter(self._quoting.values()), math.inf))

    def _begin_now(self, device_id: DeviceId) -> None:
        """Those that were told come faster than the pace: they hold up the others, no longer."""
        self._begin(device_id)
        now = self._loop.time()
        self._paid_until = min(max(self._paid_until, now), now + BURST_S) + 1 / PER_S

    def _begin(self, device_id: DeviceId) -> None:
        self._quoting.pop(device_id, None)
        self._busy.add(device_id)

    def _serve(self) -> None:
        """Let those at the head of the lines begin, as many as there is room for."""
        while self._lines and self._has_room():
            enterprise_id, line = next(iter(self._lines.items()))
            device_id, turn = line.popitem(last=False)
            if line:
                self._lines.move_to_end(enterprise_id)
            else:
                del self._lines[enterprise_id]
            if not turn.done():
                self._begin_now(device_id)
                turn.set_result(None)

    def _look_later(self) -> None:
        """When time alone makes room, if there is somebody to make room for."""
        if self._timer is None and self._lines and (at := self._room_at()) < math.inf:
            self._timer = self._loop.call_at(at + TICK_S, self._time_came)

    def _time_came(self) -> None:
        self._timer = None
        self._look()

    def _look(self) -> None:
        self._serve()
        self._look_later()
