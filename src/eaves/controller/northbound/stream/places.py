"""How many streams one process holds, and for one user; and that all of them end when it stops."""

import asyncio
from collections import Counter
from typing import Final

from eaves.controller.northbound.problems import Problem

LATER_S: Final = 30  # an asker polls until then


class Places:
    """On one loop: that of the REST side."""

    def __init__(self, most: int, of_one_user: int) -> None:
        self._most, self._of_one_user = most, of_one_user
        self._taken: Counter[str] = Counter()
        self._closed = False
        self._ended = asyncio.Event()  # of those that are open now

    def take(self, user_id: str, user_name: str) -> asyncio.Event:
        """Count a stream in, which ends when the event is set; `leave` counts it out.

        Raises Problem(429) and Problem(503).
        """
        if self._closed:
            raise Problem(
                503, "this controller stops; come back in a moment", retry_after_s=LATER_S
            )
        if self._taken.total() >= self._most:
            raise Problem(
                503,
                f"this controller holds {self._most} streams already (EAVES_STREAMS); ask without "
                "Accept: text/event-stream, now and then, or come back later",
                retry_after_s=LATER_S,
            )
        if self._taken[user_id] >= self._of_one_user:
            raise Problem(
                429,
                f"user {user_name!r} has {self._of_one_user} streams open already "
                "(EAVES_STREAMS_PER_USER); close a tab, or ask without Accept: text/event-stream",
                retry_after_s=LATER_S,
            )
        self._taken[user_id] += 1
        return self._ended

    def leave(self, user_id: str) -> None:
        self._taken[user_id] -= 1
        if self._taken[user_id] <= 0:
            del self._taken[user_id]

    @property
    def taken(self) -> int:
        return self._taken.total()

    def end_all(self) -> None:
        """Let every stream that is open connect again, for example to a new certificate.

        A worker of the listener ends when its last request does, and a stream ends by nothing else.
        """
        self._ended.set()
        self._ended = asyncio.Event()

    def close(self) -> None:
        """The process stops: all streams end, and there are no more."""
        self._closed = True
        self.end_all()


async def pause(ended: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until a stream is to end."""
    try:
        async with asyncio.timeout(seconds):
            await ended.wait()
    except TimeoutError:
        return
