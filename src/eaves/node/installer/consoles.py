"""Every console of the kernel at once: what one shows all show, and a person answers at any.

Standard output would be the last of them alone: on a machine with a serial line its screen would
stay dark.
"""

import asyncio
import os
import select
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

from eaves.node.installer.ask import Look, ask_disk
from eaves.node.installer.rules import Disk

ACTIVE: Final = Path("/sys/class/tty/console/active")
LONGEST: Final = 256  # bytes of an answer


class Consoles:
    def __init__(self, descriptors: Iterable[int]) -> None:
        self._open = tuple(descriptors)
        self.said: list[str] = []

    @classmethod
    def open(cls, active: Path = ACTIVE, devices: Path = Path("/dev")) -> Self:
        """Those that can be opened; a serial line may be named that the machine does not have."""
        names = active.read_text().split() if active.exists() else []
        found: list[int] = []
        for name in names:
            try:
                found.append(os.open(devices / name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
            except OSError:
                continue
        return cls(found)

    def say(self, text: str) -> None:
        """To all of them, and to the journal."""
        self.said.append(text)
        line = f"eaves: {text}"
        print(line, flush=True)  # noqa: T201 - standard output is the journal's
        self._write(f"{line}\r\n")

    def _write(self, text: str) -> None:
        for console in self._open:
            try:
                os.write(console, text.encode())
            except OSError:
                continue  # nobody reads at the other end of that line

    async def ask(self, question: str) -> str:
        """The first line that a person types at any of them; waits for ever."""
        self._write(f"eaves: {question} ")
        loop, answer = asyncio.get_running_loop(), asyncio.Queue[str]()
        typed = dict.fromkeys(self._open, b"")

        def read(console: int) -> None:
            try:
                data = os.read(console, LONGEST)
            except BlockingIOError:
                return
            except OSError:
                loop.remove_reader(console)  # its line was taken away
                return
            if not data and is_hung_up(console):
                loop.remove_reader(console)
            typed[console] = (typed[console] + data)[-LONGEST:]
            first, end, _ = typed[console].replace(b"\r", b"\n").partition(b"\n")
            if end:
                answer.put_nowait(first.decode(errors="replace").strip())

        for console in self._open:
            loop.add_reader(console, read, console)
        try:
            said = await answer.get()
        finally:
            for console in self._open:
                loop.remove_reader(console)
        self.said.append(f"{question} {said}")
        return said

    async def ask_disk(self, look: Look) -> Disk:
        return await ask_disk(look, self.say, self.ask)


def is_hung_up(console: int) -> bool:
    """An end of file that somebody typed ends nothing."""
    asked = select.poll()
    asked.register(console, 0)
    return any(events & select.POLLHUP for _, events in asked.poll(0))
