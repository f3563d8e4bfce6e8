"""A workload that is held still for a moment, and goes on whatever happens meanwhile.

A marker beside its run state is written before it is held.  A marker that nobody works under was
left by a node that died: the workload is let go at the next look.  One that is down is not started
meanwhile, and who wants to hold it too waits: the first to end would let go what the other needs.

A workload that is being started stands still too, from before it is recorded until it may run.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from eaves.errors import EavesError
from eaves.node.host.files import atomic_write

log = structlog.get_logger(__name__)

MARKER = "held"
Act = Callable[[], Awaitable[None]]


def mark_held(folder: Path) -> None:
    """Before what will stand still is recorded."""
    atomic_write(folder / MARKER, b"")


def mark_let_go(folder: Path) -> None:
    (folder / MARKER).unlink(missing_ok=True)


class Holds:
    """Those of one subsystem."""

    def __init__(self) -> None:
        self._mine: set[Path] = set()
        self._turns: dict[Path, asyncio.Lock] = {}

    def turn(self, folder: Path) -> asyncio.Lock:
        """Of one workload: to hold it, or to start it."""
        return self._turns.setdefault(folder, asyncio.Lock())

    @asynccontextmanager
    async def starting(self, folder: Path) -> AsyncGenerator[None]:
        """The turn of who starts a workload, and marks it as long as it stands still."""
        async with self.turn(folder):
            self._mine.add(folder / MARKER)
            try:
                yield
            finally:
                self._mine.discard(folder / MARKER)

    @asynccontextmanager
    async def held(
        self, folder: Path, runs: Callable[[], bool], hold: Act, let_go: Act
    ) -> AsyncGenerator[None]:
        async with self.turn(folder):
            if not runs():
                yield
                return
            async with self._held(folder, hold, let_go):
                yield

    @asynccontextmanager
    async def _held(self, folder: Path, hold: Act, let_go: Act) -> AsyncGenerator[None]:
        marker = folder / MARKER
        mark_held(folder)
        self._mine.add(marker)
        try:
            await hold()
            yield
        finally:
            try:
                await let_go()
                mark_let_go(folder)
            finally:
                self._mine.discard(marker)

    def is_left(self, folder: Path) -> bool:
        """Is it held, and nobody works under that?"""
        marker = folder / MARKER
        return marker not in self._mine and marker.exists()

    async def let_go_left(self, folder: Path, let_go: Act) -> None:
        """Of a node that died meanwhile, or that could not let go; else it is tried again.

        While somebody has its turn it is left to the next look: a look waits for nobody.
        """
        if self.turn(folder).locked():
            return
        async with self.turn(folder):
            if not self.is_left(folder):
                return
            try:
                await let_go()
            except (EavesError, OSError) as error:
                told = str(error)[:200]
                log.warning("held_workload_stands_still", folder=str(folder), error=told)
                return
            mark_let_go(folder)
            log.warning("held_workload_let_go", folder=str(folder))
