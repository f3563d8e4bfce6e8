"""Programs that end with this process, also when it is killed: no engine is left running.

The kernel ends such a program when the *thread* that started it ends, and threads of an event
loop end with the loop.  So those that are not started by the main thread are started by one that
lives as long as this process, on the cores of the one that asked.
"""

import functools
import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import IO, Final

TIED: Final = ("setpriv", "--pdeathsig", "KILL")

_Order = tuple[Callable[[], subprocess.Popen[bytes]], "Future[subprocess.Popen[bytes]]"]


def start_tied(
    command: Sequence[str],
    *,
    stdout: IO[bytes] | int,
    stderr: IO[bytes],
    environment: Mapping[str, str] | None = None,
    own_session: bool = False,
) -> subprocess.Popen[bytes]:
    """As `subprocess.Popen`.  `environment`: variables besides those of this process."""
    cores = os.sched_getaffinity(0)

    def start() -> subprocess.Popen[bytes]:
        os.sched_setaffinity(0, cores)
        return subprocess.Popen(
            [*TIED, *command],
            stdout=stdout,
            stderr=stderr,
            start_new_session=own_session,
            env=os.environ | dict(environment or {}),
        )

    if threading.current_thread() is threading.main_thread():
        return start()
    started: Future[subprocess.Popen[bytes]] = Future()
    _orders().put((start, started))
    return started.result()


@functools.cache
def _orders() -> "SimpleQueue[_Order]":
    """Of a thread that lives as long as this process."""
    orders: SimpleQueue[_Order] = SimpleQueue()
    threading.Thread(
        target=_start_forever, args=(orders,), name="starter of programs", daemon=True
    ).start()
    return orders


def _start_forever(orders: "SimpleQueue[_Order]") -> None:
    while True:
        start, started = orders.get()
        try:
            started.set_result(start())
        except Exception as error:  # noqa: BLE001 - the one that asked gets it
            started.set_exception(error)
