"""Telling systemd that this process is ready, and that it lives.

`NOTIFY_SOCKET` and `WATCHDOG_USEC` come from a unit with `Type=notify` and `WatchdogSec`; without
them nothing is said.  Source: sd_notify(3).
"""

import asyncio
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

NOBODY_WAITS_S = 60.0  # where there is no watchdog


@dataclass(frozen=True, slots=True)
class Notifier:
    address: str  # empty: nobody listens
    watchdog_s: float  # 0: no watchdog

    def tell(self, state: str) -> None:
        """`READY=1`, `WATCHDOG=1`, `STATUS=...`.  A listener that is gone is no fault of ours."""
        if not self.address:
            return
        to = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            try:
                out.sendto(state.encode(), to)
            except OSError:
                return


def notifier(environment: Mapping[str, str], pid: int) -> Notifier:
    """Of the environment that systemd gave to process `pid`."""
    usec = environment.get("WATCHDOG_USEC", "")
    mine = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
    seconds = int(usec) / 1e6 if mine and usec.isdigit() else 0.0
    return Notifier(environment.get("NOTIFY_SOCKET", ""), seconds)


def own_notifier() -> Notifier:
    return notifier(os.environ, os.getpid())


async def prove_alive_forever(notifier: Notifier) -> None:
    """For a watchdog outside: this runs only while the loop of events does."""
    notifier.tell("READY=1")
    while True:
        notifier.tell("WATCHDOG=1")
        await asyncio.sleep(notifier.watchdog_s / 3 or NOBODY_WAITS_S)
