"""What happened to the ports, in order, for the one loop that decides about them."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from eaves.node.uplinks.model import Entry, Source
from eaves.node.uplinks.verify import Changed, Event, Tick

LONGEST_SLEEP_S = 60.0
MOST_WAITING = 64


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Somebody took back what he wrote."""

    source: Source


News = Event | Entry | Withdrawn


class Inbox:
    def __init__(self) -> None:
        self._news: asyncio.Queue[News] = asyncio.Queue(maxsize=MOST_WAITING)

    @property
    def empty(self) -> bool:
        return self._news.empty()

    def post(self, news: News) -> None:
        """A full queue forgets a change: others in it tell that already."""
        if self._news.full():
            if isinstance(news, Changed):
                return
            self._news.get_nowait()  # a test that is lost so has failed when its time is over
        self._news.put_nowait(news)

    async def take(self, wake: datetime | None, now: datetime) -> News:
        """The next one, or a Tick at `wake`."""
        seconds = LONGEST_SLEEP_S
        if wake is not None:
            seconds = min(seconds, max(0.05, (wake - now).total_seconds()))
        try:
            async with asyncio.timeout(seconds):
                return await self._news.get()
        except TimeoutError:
            return Tick()
