"""One of several processes that run a fleet: `python -m eaves.fleet.crew`, started by `crews`.

It is told what to do on its standard input and tells its figures on its standard output.  It ends
when its input ends, so it never outlives who started it.
"""

import asyncio
import signal
import sys
import time
from typing import BinaryIO, Final

import msgspec
import structlog

from eaves.errors import EavesError
from eaves.fleet.identities import KeptDevice
from eaves.fleet.park import Course, Crew, Ledger, Park, new_loop, raise_file_limit, utc_now
from eaves.fleet.summary import Told

TOLD_EVERY_S = 1.0
_LENGTH_BYTES = 4


class Task(msgspec.Struct):
    """What to prepare."""

    crew: Crew
    course: Course


class Begin(msgspec.Struct):
    """What was prepared.  `began_s`: on the clock of this machine that never jumps."""

    began_s: float


class Ready(msgspec.Struct, tag="ready"):
    """Every device is prepared."""


class Progress(msgspec.Struct, tag="progress"):
    """Seconds that were told before and did not change since are left out."""

    told: Told


class Ended(msgspec.Struct, tag="ended"):
    told: Told
    devices: list[KeptDevice]
    trust: bytes
    ledger: Ledger


class Failed(msgspec.Struct, tag="failed"):
    """`why`: for a person."""

    why: str


Report = Ready | Progress | Ended | Failed


def framed(message: Task | Begin | Report) -> bytes:
    data = msgspec.msgpack.encode(message)
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data


async def _frame(reader: asyncio.StreamReader) -> bytes:
    size = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
    return await reader.readexactly(size)


_REPORTS: Final[msgspec.msgpack.Decoder[Report]] = msgspec.msgpack.Decoder(Report)


async def read_report(reader: asyncio.StreamReader) -> Report:
    """Raises IncompleteReadError at the end of the stream."""
    return _REPORTS.decode(await _frame(reader))


async def _opened(source: BinaryIO) -> asyncio.StreamReader:
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    return reader


async def _tell(report: Report) -> None:
    await asyncio.to_thread(_write, framed(report))


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


async def _run() -> None:
    orders = await _opened(sys.stdin.buffer)
    task = msgspec.msgpack.decode(await _frame(orders), type=Task)
    try:
        raise_file_limit(len(task.crew.numbers))
        park = Park(task.crew, task.course, utc_now)
        await park.prepare()
        await _tell(Ready())
        begin = msgspec.msgpack.decode(await _frame(orders), type=Begin)
        await _tell_until_told_to_end(park, orders, begin.began_s)
    except asyncio.IncompleteReadError:
        return  # it was given up before it began
    except (EavesError, OSError) as error:
        await _tell(Failed(str(error)))
        return
    kept = park.remember()
    await _tell(Ended(park.told(), kept.devices, kept.trust, park.ledger()))


async def _tell_until_told_to_end(park: Park, orders: asyncio.StreamReader, began_s: float) -> None:
    running = asyncio.create_task(park.run_forever(began_s))
    ending = asyncio.create_task(orders.read())
    since_s = 0
    while not (running.done() or ending.done()):
        await asyncio.wait(
            (running, ending), timeout=TOLD_EVERY_S, return_when=asyncio.FIRST_COMPLETED
        )
        told, since_s = park.told(since_s), int(time.monotonic() - began_s)
        await _tell(Progress(told))
    for one in (running, ending):
        one.cancel()
    await asyncio.wait((running, ending))
    if not running.cancelled() and (error := running.exception()):
        raise error


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; who started this one ends it
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr), cache_logger_on_first_use=True
    )
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_run())


if __name__ == "__main__":
    main()
