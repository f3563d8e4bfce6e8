"""Waiting for many sockets: one call to the kernel for each connection, and no timer for each wait.

A socket is registered once, edge-triggered, and leaves by being closed.  So whoever waits has to
have tried before: only what happens after a call that would have blocked is sure to be told.
"""

import asyncio
import select

_TURN_S = 1.0  # how often waits are looked at that took too long
_READING = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
_AT_ONCE = 512
_OPENING = 250  # connections at once: a process that is late ends handshakes before it begins more


class Waiting:
    """Of one loop.  One wait at a time for each socket.

    `opening` is to be held while a connection is made.  A server gives up handshakes that take
    long, and a process that is late with thousands of them would end none.
    """

    __slots__ = ("_epoll", "_loop", "_turning", "_waits", "opening")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._waits: dict[int, tuple[asyncio.Future[None], float]] = {}
        self._turning: asyncio.TimerHandle | None = None
        self.opening = asyncio.Semaphore(_OPENING)
        self._loop.add_reader(self._epoll.fileno(), self._look)

    def add(self, number: int) -> None:
        """A socket's file number; closing it takes it away."""
        self._epoll.register(number, _READING)

    async def readable(self, number: int, until_s: float) -> None:
        """Or ended.  Raises TimeoutError up to a second after `until_s` of the loop's clock."""
        ready = self._loop.create_future()
        self._waits[number] = ready, until_s
        if self._turning is None:
            self._turning = self._loop.call_later(_TURN_S, self._turn)
        try:
            await ready
        finally:
            self._waits.pop(number, None)

    async def writable(self, number: int, until_s: float) -> None:
        """As `readable`; the rare one, which costs two more calls."""
        self._epoll.modify(number, _READING | select.EPOLLOUT)
        try:
            await self.readable(number, until_s)
        finally:
            self._epoll.modify(number, _READING)

    def _look(self) -> None:
        for number, _ in self._epoll.poll(0, _AT_ONCE):
            wait = self._waits.pop(number, None)
            if wait is not None and not wait[0].done():
                wait[0].set_result(None)

    def _turn(self) -> None:
        now = self._loop.time()
        for ready, until_s in self._waits.values():
            if until_s <= now and not ready.done():
                ready.set_exception(TimeoutError())
        self._turning = self._loop.call_later(_TURN_S, self._turn) if self._waits else None

    def close(self) -> None:
        if self._turning is not None:
            self._turning.cancel()
            self._turning = None
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
