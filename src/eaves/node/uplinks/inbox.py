"""What happened to the ports, in order, for the one loop that decides about them."""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from eaves.node.uplinks.model import Entry, Source
from eaves.node.uplinks.verify import Changed, Checked, Event, Tick

LONGEST_SLEEP_S = 60.0
MOST_WAITING = 64


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Somebody took back what he wrote."""

    source: Source


News = Event | Entry | Withdrawn


class Inbox:
    def __init__(self) -> None:
        self._news: deque[News] = deque()
        self._come = asyncio.Event()

    @property
    def empty(self) -> bool:
        return not self._news

    def post(self, news: News) -> None:
        """A change, or a tick, that waits already stands for the next one too.

        Of too many, those go first that time brings again; what somebody wished is told once only.
        """
        if isinstance(news, Changed | Tick) and news in self._news:
            return
        if len(self._news) >= MOST_WAITING:
            # A test that is lost so has failed when its time is over.
            again = (n for n in self._news if isinstance(n, Changed | Tick | Checked))
            self._news.remove(next(again, self._news[0]))
        self._news.append(news)
        self._come.set()

    async def take(self, wake: datetime | None, now: datetime) -> News:
        """The next one, or a Tick at `wake`."""
        seconds = LONGEST_SLEEP_S
        if wake is not None:
            seconds = min(seconds, max(0.05, (wake - now).total_seconds()))
        try:
            async with asyncio.timeout(seconds):
                while not self._news:
                    self._come.clear()
                    await self._come.wait()
        except TimeoutError:
            return Tick()
        return self._news.popleft()
