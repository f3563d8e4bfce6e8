"""A request that is kept until there is news for it: thousands of them are, at a time.

Each has one future and one timer, and no task of its own.
"""

import asyncio


class Waiter:
    """Lives on one event loop; `close` it."""

    __slots__ = ("_loop", "_news", "_over", "_ready", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop, self._ready = loop, loop.create_future()
        self._timer = loop.call_later(seconds, self.end)
        self._news = self._over = False

    async def news(self) -> bool:
        """True when there is something to look at; False when the time is over, and there is not.

        To be asked again after news that were none.
        """
        if not (self._news or self._over):
            if self._ready.done():
                self._ready = self._loop.create_future()
            await self._ready
        told, self._news = self._news, False
        return told

    def tell(self) -> None:
        """There is news."""
        self._news = True
        self._wake()

    def end(self, _left: object = None) -> None:
        """Its time is over, or who asked has left."""
        self._over = True
        self._wake()

    def close(self) -> None:
        self._timer.cancel()

    def _wake(self) -> None:
        if not self._ready.done():
            self._ready.set_result(None)
