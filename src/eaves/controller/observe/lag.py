"""How late an event loop is: what waits behind work that does not yield."""

import asyncio

from eaves.controller.observe.meters import Histogram

LOOK_EVERY_S = 0.25


async def watch_lag_forever(lag: Histogram, every_s: float = LOOK_EVERY_S) -> None:
    """Note how much later than asked for each of these timers fires; on the loop to watch."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + every_s
        await asyncio.sleep(every_s)
        lag.note(max(loop.time() - due, 0.0))
