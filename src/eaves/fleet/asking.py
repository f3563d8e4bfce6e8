"""Requests of simulated devices, each noted in the figures of the run."""

from collections.abc import Collection

from eaves.evapi.flows.steps import Reply, Send
from eaves.fleet.faults import Fault
from eaves.fleet.run import Perform, request
from eaves.fleet.wire import Line
from eaves.fleet.world import World


class Asking:
    """Of one device.  `showing`: the faults that show themselves in each of its requests."""

    def __init__(self, world: World, line: Line, showing: Collection[Fault] = ()) -> None:
        self._world, self._line, self._showing = world, line, showing

    async def perform(self, send: Send) -> Reply:
        """On a connection of its own."""
        return await self.noted(send, self._request)

    def expecting(self, fault: Fault) -> Perform:
        """As `perform`, of requests whose refusal this fault explains."""

        async def perform(send: Send) -> Reply:
            return await self.noted(send, self._request, fault.value)

        return perform

    async def noted(self, send: Send, perform: Perform, expected: str = "") -> Reply:
        """`expected`: the fault for which a refusal is right."""
        seconds, figures = self._world.seconds, self._world.figures
        begun = seconds()
        if expected:
            figures.faults[expected] += 1
        for fault in self._showing:
            figures.faults[fault] += 1
        reply = await perform(send)
        now = seconds()
        figures.note(send.endpoint, reply, now - begun, now, expected)
        return reply

    async def _request(self, send: Send) -> Reply:
        return await request(send, self._line)
