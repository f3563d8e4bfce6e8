"""Over a system on trial: how long it has, and whether it is well."""

import asyncio
from dataclasses import replace

from eaves.node.baseos import trial as trials
from eaves.node.baseos.health import Failure, first_failure
from eaves.node.baseos.ports import Around
from eaves.node.baseos.slots import Event
from eaves.node.baseos.trial import Answer

POLLS_BEFORE_SILENCE = 4
CHECK_S = 30.0  # between two looks at its health


class Watch:
    def __init__(self, around: Around) -> None:
        self._around = around
        self._trial: trials.Trial | None = None
        self._checked_at = float("-inf")
        self.failed_check = ""

    @property
    def runs(self) -> bool:
        return self._trial is not None

    def begin(self) -> None:
        self._trial = trials.begun(self._around.clock())

    def stop_window(self) -> None:
        self._trial = replace(self._trial, window=None) if self._trial else None

    def end(self) -> None:
        self._trial = None

    def hear(self, answer: Answer) -> Event | None:
        """A request for the configuration came to this; the window begins with a good one."""
        if self._trial is None:
            return None
        self._trial = trials.hear(self._trial, answer, self._around.clock())
        return trials.EVENTS[answer]

    def due(self) -> Event | None:
        """What time alone brings."""
        if self._trial is None:
            return None
        now, limits = self._around.clock(), self._around.limits()
        return trials.judge(self._trial, now, limits, vault_open=self._around.vault_open())

    def poll_within_s(self) -> float:
        """How soon the controller is to be asked again: silence must not be our own."""
        if self._trial is None:
            return float("inf")
        return self._around.limits().silence_s / POLLS_BEFORE_SILENCE

    def seconds_left(self) -> int:
        """Of the test window; 0: nothing is on trial."""
        if self._trial is None:
            return 0
        now = self._around.clock()
        return round(trials.seconds_left(self._trial, now, self._around.limits()))

    async def failure(self) -> Failure | None:
        """The first health check that fails, where it is time to look."""
        now = self._around.clock()
        if now - self._checked_at < CHECK_S:
            return None
        self._checked_at = now
        failure = await asyncio.to_thread(first_failure, self._around.checks)
        if failure is not None:
            self.failed_check = failure.name
        return failure
