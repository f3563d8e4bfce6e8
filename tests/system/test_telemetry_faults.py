"""Real processes that die, lose their database or their disk, while devices send.

A ledger of what was acknowledged is compared at the end: nothing missing, nothing double.
"""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.controller import Process, running, until
from support.ledger import ADMIN_PASSWORD, Ledger, Reader, open_ledger, require_all_lines

from eaves.controller.settings import Settings

pytestmark = pytest.mark.system


def controller(folder: Path, *options: str, **environment: str) -> Process:
    password = folder / "password"
    password.write_text(ADMIN_PASSWORD)
    return Process(
        folder / "state", "--admin-password-file", str(password), *options, environment=environment
    )


@asynccontextmanager
async def sending(ledger: Ledger, *, metrics: bool = False) -> AsyncIterator[None]:
    """Devices send inside the block; at its end what is in flight is brought to its end."""
    task = asyncio.ensure_future(ledger.send(metrics=metrics))
    try:
        yield
        ledger.stop()
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def more(ledger: Ledger, lines: int) -> None:
    wanted = ledger.lines() + lines
    await until(lambda: ledger.lines() >= wanted, f"{lines} more lines")


async def test_a_killed_controller_has_all_that_it_acknowledged(tmp_path: Path) -> None:
    with running(controller(tmp_path)) as process:
        ledger = await open_ledger([process], Settings(state_dir=process.state_dir), devices=6)
        async with sending(ledger):
            for _ in range(2):
                await more(ledger, 40)
                process.kill()
                await asyncio.to_thread(process.start)
            await more(ledger, 40)
        async with Reader(process) as reader:
            await require_all_lines(reader, ledger)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 MiB that is full when it is full."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m", "eaves-test", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(filler: Path) -> None:
    """Take all the room that is left."""
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size) == size:
                    pass


@pytest.mark.host
async def test_a_full_disk_refuses_and_loses_nothing(small_disk: Path) -> None:
    with running(controller(small_disk)) as process:
        ledger = await open_ledger([process], Settings(state_dir=process.state_dir), devices=4)
        async with sending(ledger):
            await more(ledger, 20)
            filler = small_disk / "filler"
            fill(filler)
            refused = [entry.refused for entry in ledger.entries]
            await until(
                lambda: all(
                    entry.refused > before
                    for entry, before in zip(ledger.entries, refused, strict=True)
                ),
                "every device is refused",
            )
            filler.unlink()
            await more(ledger, 20)
        async with Reader(process) as reader:
            await require_all_lines(reader, ledger)
