"""A workload that is held still is held until the last who needs it is done."""

import asyncio
from pathlib import Path

from eaves.node.host.held import MARKER, Holds


class Workload:
    """Told to stand still and to go on; what it was told, in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.holds = Holds()
        self.runs = True
        self.told: list[str] = []

    async def stop(self) -> None:
        self.told.append("stop")

    async def go_on(self) -> None:
        self.told.append("go on")

    async def copied(self, name: str, begun: asyncio.Event, end: asyncio.Event) -> None:
        async with self.holds.held(self.folder, lambda: self.runs, self.stop, self.go_on):
            self.told.append(name)
            begun.set()
            await end.wait()

    async def start(self) -> None:
        async with self.holds.turn(self.folder):
            self.told.append("start")


async def turns() -> None:
    """Let every task go as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_end_of_one_copy_does_not_let_go_what_another_copies(tmp_path: Path) -> None:
    one = Workload(tmp_path)
    begun, first, second = asyncio.Event(), asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(one.copied("first", begun, first))
        await begun.wait()
        tasks.create_task(one.copied("second", asyncio.Event(), second))
        await turns()
        first.set()
        second.set()
    assert one.told == ["stop", "first", "go on", "stop", "second", "go on"]
    assert not (tmp_path / MARKER).exists()


async def test_one_that_is_down_is_not_started_while_it_is_copied(tmp_path: Path) -> None:
    one = Workload(tmp_path)
    one.runs = False
    begun, end = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(one.copied("copy", begun, end))
        await begun.wait()
        tasks.create_task(one.start())
        await turns()
        assert one.told == ["copy"]
        end.set()
    assert one.told == ["copy", "start"]
