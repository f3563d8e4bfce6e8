"""A loop that fails goes on; a loop that is cancelled ends."""

import asyncio
import sqlite3

import pytest

from eaves.node.runtime.guard import forever


async def test_a_failure_ends_one_round_only() -> None:
    rounds: list[int] = []
    enough = asyncio.Event()

    async def work() -> None:
        rounds.append(len(rounds))
        if len(rounds) == 1:
            raise OSError("gone for a moment")
        if len(rounds) == 2:
            raise ExceptionGroup("of a task group", [sqlite3.OperationalError("disk I/O error")])
        enough.set()

    task = asyncio.create_task(forever("test", work, lambda: 0.0))
    async with asyncio.timeout(10):
        await enough.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
