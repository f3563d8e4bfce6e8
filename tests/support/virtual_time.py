"""An event loop whose time stands still until it is told to pass: hours cost nothing."""

import asyncio
import selectors
from collections.abc import Callable


class _NeverWaits(selectors.SelectSelector):
    """Where a loop would sleep there is nothing left to do, and it is told so."""

    idle: Callable[[], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self.idle()
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Timers fire when `pass_by` reaches them; no file is ever ready."""

    def __init__(self) -> None:
        selector = _NeverWaits()
        self._virtual = 0.0
        super().__init__(selector)
        selector.idle = self.stop

    def time(self) -> float:
        return self._virtual

    def settle(self) -> None:
        """Run all that can run without time passing."""
        self.run_forever()

    def pass_by(self, seconds: float) -> None:
        """One step of the clock: what falls due in it fires at its end."""
        self._virtual += seconds
        self.settle()
