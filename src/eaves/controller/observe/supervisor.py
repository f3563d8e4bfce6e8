"""Tell systemd what it waits for (`Type=notify`, `WatchdogSec=`); nothing without it."""

import asyncio
import socket
from collections.abc import Callable, Mapping

from eaves.controller.observe.health import Checks


def notify(environment: Mapping[str, str], state: str) -> bool:
    """Send one state; False when nobody asked for any.  See sd_notify(3)."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    path = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
        to.connect(path)
        to.sendall(state.encode())
    return True


def watchdog_every_s(environment: Mapping[str, str]) -> float:
    """How often systemd wants a sign of life, halved; 0 when it wants none."""
    text = environment.get("WATCHDOG_USEC", "")
    return int(text) / 2_000_000 if text.isdecimal() else 0.0


async def feed_watchdog_forever(alive: Checks, every_s: float, feed: Callable[[], object]) -> None:
    """A sign of life as long as the process is alive; without it systemd starts it anew."""
    while True:
        await asyncio.sleep(every_s)
        if (await asyncio.to_thread(alive.ask)).ok:
            feed()
