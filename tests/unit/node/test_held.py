"""A workload that is held still is held until the last who needs it is done."""

import asyncio
import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from eaves.ids import AppInstanceId
from eaves.node.domains.workshop import Workshop
from eaves.node.host.held import MARKER, Holds, mark_held
from eaves.node.host.process import identify
from eaves.node.host.workloads import Run, write_run
from eaves.node.storage.subsystem import StorageSubsystem


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


async def test_what_is_left_goes_on_at_the_first_look_when_nobody_has_its_turn(
    tmp_path: Path,
) -> None:
    one = Workload(tmp_path)
    mark_held(tmp_path)
    async with one.holds.turn(tmp_path):
        await one.holds.let_go_left(tmp_path, one.go_on)
    assert (one.told, (tmp_path / MARKER).exists()) == ([], True)
    await one.holds.let_go_left(tmp_path, one.go_on)
    assert (one.told, (tmp_path / MARKER).exists()) == (["go on"], False)


async def test_who_would_hold_what_is_left_waits_until_it_goes_on(tmp_path: Path) -> None:
    one = Workload(tmp_path)
    mark_held(tmp_path)
    answered = asyncio.Event()

    async def go_on() -> None:
        await answered.wait()
        one.told.append("left goes on")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(one.holds.let_go_left(tmp_path, go_on))
        await turns()
        tasks.create_task(one.copied("copy", asyncio.Event(), answered))
        await turns()
        assert one.told == []
        answered.set()
    assert one.told == ["left goes on", "stop", "copy", "go on"]


async def test_a_guest_whose_record_cannot_be_read_keeps_its_mark(tmp_path: Path) -> None:
    def now() -> datetime:
        return datetime.now(UTC)

    storage = StorageSubsystem(tmp_path / "vault", now)
    shop = Workshop("n", tmp_path / "s", tmp_path / "r", storage, now, 1)
    app, own = AppInstanceId("00000000-0000-4000-8000-00000000000a"), identify(os.getpid())
    assert own is not None
    folder = shop.folder(app)
    folder.mkdir(parents=True)
    write_run(folder, Run(own.pid, own.start_ticks, now(), ""))
    (folder / "item.json").write_text("{")
    mark_held(folder)
    holds = Holds()
    await holds.let_go_left(folder, partial(shop.go_on, app))
    assert holds.is_left(folder)
