"""What comes of a download is written while more comes, and never falls far behind."""

import asyncio
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from eaves.errors import Transient
from eaves.node.storage.partial import Partial
from eaves.node.storage.transfer import MOST_WAITING, Intake, Job, TooBig, Wanted

PIECE = 32 * 1024
URL = "http://store.test/x"


class SlowDisk(Partial):
    """Takes what is written once it is told to."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "boot")
        self.goes_on = threading.Event()

    def append(self, chunk: bytes) -> None:
        assert self.goes_on.wait(30)
        super().append(chunk)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SlowDisk]:
    disk = SlowDisk(tmp_path / "x.part")
    yield disk
    disk.goes_on.set()
    disk.close()


def job(notes: list[int], *, limit: int = 0) -> Job:
    return Job(
        URL,
        Wanted("ab" * 32, None, limit),
        lambda _total, _to_come: None,
        lambda here, _total: notes.append(here),
    )


def pieces(count: int) -> list[bytes]:
    return [bytes([n]) * PIECE for n in range(count)]


async def take_in(some: list[bytes], disk: Partial, of: Job, total: int | None) -> None:
    async with Intake(disk, of, total) as intake:
        for piece in some:
            await intake.take(piece)


async def test_what_came_is_written_in_order_once_it_ends(disk: SlowDisk) -> None:
    notes: list[int] = []
    disk.goes_on.set()
    some = pieces(50)
    await take_in(some, disk, job(notes), 50 * PIECE)
    assert disk.offset == 50 * PIECE
    assert disk.digest == hashlib.sha256(b"".join(some)).hexdigest()
    assert notes == sorted(notes)
    assert notes[-1] == 50 * PIECE


async def test_a_slow_disk_makes_the_link_wait(disk: SlowDisk) -> None:
    intake = Intake(disk, job([]), 50 * PIECE)

    async def fetch() -> None:
        async with intake:
            for piece in pieces(50):
                await intake.take(piece)

    fetching = asyncio.create_task(fetch())
    for _ in range(100):  # twice as often as it could take a piece
        await asyncio.sleep(0)
    assert 0 < intake.offset <= 2 * MOST_WAITING  # with what the writer has in its hands
    disk.goes_on.set()
    await fetching
    assert disk.offset == intake.offset == 50 * PIECE


async def test_who_is_cancelled_leaves_what_came_on_the_disk(disk: SlowDisk) -> None:
    came = asyncio.Event()

    async def fetch() -> None:
        async with Intake(disk, job([]), 50 * PIECE) as intake:
            for piece in pieces(3):
                await intake.take(piece)
            came.set()
            await asyncio.sleep(3600)

    fetching = asyncio.create_task(fetch())
    await came.wait()
    fetching.cancel()
    await asyncio.sleep(0)
    disk.goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert disk.offset == 3 * PIECE


async def test_who_is_cancelled_while_the_disk_takes_nothing_is_still_cancelled(
    disk: SlowDisk,
) -> None:
    came = asyncio.Event()

    async def fetch() -> None:
        async with Intake(disk, job([]), 50 * PIECE) as intake:
            await intake.take(pieces(1)[0])
            came.set()
            await asyncio.sleep(3600)

    fetching = asyncio.create_task(fetch())
    await came.wait()
    disk.close()
    fetching.cancel()
    disk.goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await fetching


async def test_more_than_announced_takes_back_what_came(disk: SlowDisk) -> None:
    disk.goes_on.set()
    with pytest.raises(TooBig, match=f"{4 * PIECE} bytes or more"):
        await take_in(pieces(9), disk, job([], limit=3 * PIECE), None)
    assert disk.offset == disk.path.stat().st_size == 0


async def test_a_disk_that_takes_nothing_ends_the_download(disk: SlowDisk) -> None:
    disk.goes_on.set()
    disk.close()
    with pytest.raises(Transient, match=f"{URL}: cannot keep what arrives"):
        await take_in(pieces(50), disk, job([]), 50 * PIECE)
