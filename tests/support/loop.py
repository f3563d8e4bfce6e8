"""How long an event loop is held up, in processor time: what else the machine does is left out."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Turns:
    """The longest time that the loop's thread worked between two looks at what is ready."""

    longest_s: float = 0.0


@asynccontextmanager
async def watching_the_loop() -> AsyncGenerator[Turns]:
    """The loop does not sleep meanwhile."""
    turns = Turns()

    async def turn_forever() -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            turns.longest_s = max(turns.longest_s, now - before)
            before = now

    watching = asyncio.create_task(turn_forever())
    await asyncio.sleep(0)  # it has begun
    try:
        yield turns
    finally:
        watching.cancel()
        await asyncio.wait([watching])


def spent_s(work: Callable[[], object]) -> float:
    """Processor time that it takes in this thread, the second time."""
    work()
    before = time.thread_time()
    work()
    return time.thread_time() - before
