"""A job is a tick repeated: one decision, one unit of work; a failed tick is told and repeated."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

log = structlog.get_logger()


async def tick_forever(name: str, interval: timedelta, tick: Callable[[], Awaitable[None]]) -> None:
    """Run `tick` every `interval`, the first time after one interval."""
    while True:
        await asyncio.sleep(interval.total_seconds())
        try:
            await tick()
        except Exception:
            log.exception("job_failed", job=name, again_in_s=interval.total_seconds())
