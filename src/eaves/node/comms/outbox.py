"""Info messages on their way: one place for each object, the newest wins, kept until accepted.

Source: EVE API v2, "Sending discipline"; node reference section 4.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from eaves.evapi.flows.report import Delivered, Dropped, Fate, Kept

log = structlog.get_logger(__name__)

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 15 * 60.0
LONGEST_PAUSE_S = 60.0  # while nothing gets through; a returning connection kicks


@dataclass(slots=True)
class Item:
    payload: bytes
    priority: int  # lower goes first
    not_before: float = 0.0
    attempts: int = 0


class Outbox:
    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._items: dict[str, Item] = {}
        self._monotonic = monotonic
        self._wake = asyncio.Event()
        self._pause_s = FIRST_RETRY_S

    def put(self, key: str, payload: bytes, priority: int = 5) -> None:
        """Queue `payload`; one that waits under the same key is replaced and not sent."""
        self._items[key] = Item(payload, priority)
        self._wake.set()

    def kick(self) -> None:
        """Connectivity is back: try everything now."""
        for item in self._items.values():
            item.not_before = 0.0
        self._pause_s = FIRST_RETRY_S
        self._wake.set()

    def __len__(self) -> int:
        return len(self._items)

    async def send_forever(self, send: Callable[[bytes], Awaitable[Fate]]) -> None:
        while True:
            self._wake.clear()
            pause = await self._pass(send)
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _pass(self, send: Callable[[bytes], Awaitable[Fate]]) -> float | None:
        """Try each item that is due, in order; how long until the next is, None: nothing waits."""
        for key, item in sorted(self._items.items(), key=lambda kv: (kv[1].priority, kv[0])):
            if item.not_before > self._monotonic() or self._items.get(key) is not item:
                continue
            match await send(item.payload):
                case Delivered():
                    self._pause_s = FIRST_RETRY_S
                    self._remove(key, item)
                case Dropped(reason):
                    log.error("info_refused_for_ever", key=key, reason=reason)
                    self._remove(key, item)
                case Kept(refused=True):
                    item.attempts += 1
                    delay = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(item.attempts, 12))
                    item.not_before = self._monotonic() + delay
                case Kept():
                    pause, self._pause_s = self._pause_s, min(LONGEST_PAUSE_S, self._pause_s * 2)
                    return pause
        due = [i.not_before for i in self._items.values()]
        return max(0.05, min(due) - self._monotonic()) if due else None

    def _remove(self, key: str, item: Item) -> None:
        if self._items.get(key) is item:
            del self._items[key]
