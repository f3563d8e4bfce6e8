"""One failure that nobody foresaw ends one round of one loop, never the node."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)

PAUSE_S = 5.0


async def forever(
    name: str, work: Callable[[], Awaitable[None]], pause_s: Callable[[], float] = lambda: PAUSE_S
) -> None:
    """Do `work` again and again; what it raises is logged, and it begins anew after a pause.

    `work` may be one round or a loop of its own.  Only a cancellation comes through.
    """
    while True:
        try:
            await work()
        except Exception:
            log.exception("work_failed", work=name)
        await asyncio.sleep(pause_s())
