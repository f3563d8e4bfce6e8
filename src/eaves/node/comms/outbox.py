"""Info messages on their way: one place for each object, the newest wins, kept until accepted.

Source: EVE API v2, "Sending discipline"; node reference section 4.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

import structlog

log = structlog.get_logger(__name__)

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 15 * 60.0
DROPPING = frozenset(range(400, 500)) - {401, 403, 407, 408, 429}


class Outcome(Enum):
    ACCEPTED = "accepted"
    DROPPED = "dropped"  # the controller will never take this content
    REFUSED = "refused"  # this item waits, others go on
    UNREACHABLE = "unreachable"  # nothing gets through: the pass ends


def outcome_of(status: int | None) -> Outcome:
    """What an HTTP status says of an info message; None: no answer came."""
    if status is None:
        return Outcome.UNREACHABLE
    if 200 <= status < 300 or status == 304:
        return Outcome.ACCEPTED
    return Outcome.DROPPED if status in DROPPING else Outcome.REFUSED


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
        self._unreachable_s = FIRST_RETRY_S

    def put(self, key: str, payload: bytes, priority: int = 5) -> None:
        """Queue `payload`; one that waits under the same key is replaced and not sent."""
        self._items[key] = Item(payload, priority)
        self._wake.set()

    def kick(self) -> None:
        """Connectivity is back: try everything now."""
        for item in self._items.values():
            item.not_before = 0.0
        self._unreachable_s = FIRST_RETRY_S
        self._wake.set()

    def __len__(self) -> int:
        return len(self._items)

    async def send_forever(self, send: Callable[[bytes], Awaitable[int | None]]) -> None:
        while True:
            self._wake.clear()
            pause = await self._pass(send)
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _pass(self, send: Callable[[bytes], Awaitable[int | None]]) -> float | None:
        """Try each item that is due, in order; how long until the next is, None: nothing waits."""
        for key, item in sorted(self._items.items(), key=lambda kv: (kv[1].priority, kv[0])):
            if item.not_before > self._monotonic() or self._items.get(key) is not item:
                continue
            match outcome_of(await send(item.payload)):
                case Outcome.ACCEPTED:
                    self._unreachable_s = FIRST_RETRY_S
                    self._remove(key, item)
                case Outcome.DROPPED:
                    log.error("info_refused_for_ever", key=key)
                    self._remove(key, item)
                case Outcome.REFUSED:
                    item.attempts += 1
                    delay = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(item.attempts, 12))
                    item.not_before = self._monotonic() + delay
                case Outcome.UNREACHABLE:
                    pause = self._unreachable_s
                    self._unreachable_s = min(60.0, pause * 2)
                    return pause
        due = [i.not_before for i in self._items.values()]
        return max(0.05, min(due) - self._monotonic()) if due else None

    def _remove(self, key: str, item: Item) -> None:
        if self._items.get(key) is item:
            del self._items[key]
