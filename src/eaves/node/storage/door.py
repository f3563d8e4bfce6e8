"""The door of the vault, as storage meets it: open, or a sentence that says why not."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from eaves.errors import Transient
from eaves.reconcile.apply import Configurator, ProgressSink

Door = Callable[[], str]
"""Why nothing behind it can be used now; empty: it is open."""

LOOK_AGAIN = timedelta(seconds=30)  # who opens the door tells; this is for the case that nobody did


def open_door() -> str:
    return ""


class DoorClosed(Transient):
    """The text is the whole reason: it ends the chain of causes of every app behind it."""


class Guarded:
    """A configurator that does nothing while the door is closed."""

    def __init__(self, inner: Configurator, door: Door) -> None:
        self._inner = inner
        self._door = door

    async def create(self, item: Any, progress: ProgressSink, /) -> None:
        self._check()
        await self._inner.create(item, progress)

    async def modify(self, running: Any, item: Any, progress: ProgressSink, /) -> None:
        self._check()
        await self._inner.modify(running, item, progress)

    async def delete(self, item: Any, progress: ProgressSink, /) -> None:
        self._check()
        await self._inner.delete(item, progress)

    def retry_delay(self, item: Any, attempts: int, /) -> timedelta:
        return LOOK_AGAIN if self._door() else self._inner.retry_delay(item, attempts)

    def _check(self) -> None:
        why = self._door()
        if why:
            raise DoorClosed(why)
