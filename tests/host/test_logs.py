"""Logs of apps: taken over a little at a time, once each, and given up before the disk is."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eaves.evapi.logs import LogEntry, decode_log_file
from eaves.ids import AppInstanceId
from eaves.node.checkpoint import Checkpoint, StateNotWritable
from eaves.node.host.applogs import LogFormat, LogSource
from eaves.node.host.reserve import Reserve
from eaves.node.runtime.log_collect import KEPT_ON_FULL_DISK, Listed, LogCollector
from eaves.node.runtime.log_store import LogStore, app_origin

pytestmark = pytest.mark.host

APP = AppInstanceId("5f0f4f6e-5d0b-4b92-a3b9-0f6d0ad2b6f1")
DISK_MIB = 8


def now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={DISK_MIB}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "eaves-test", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Iterator[Checkpoint]:
    one = Checkpoint(tmp_path / "state")
    yield one
    one.close()


def listed(path: Path, *, store: bool = True) -> Listed:
    return Listed(LogSource(APP, path, LogFormat.RAW), APP, app_origin("app"), store)


def entries(folder: Path) -> list[LogEntry]:
    files = sorted((folder / "upload").glob("*.gz"))
    return [entry for file in files for entry in decode_log_file(file.read_bytes()).entries]


def fill(path: Path) -> int:
    """Lines until the disk is full; their bytes."""
    size = 0
    with path.open("wb") as file, suppress(OSError):
        while True:
            size += os.write(file.fileno(), f"{size:09} {os.urandom(2000).hex()}\n".encode())
    return size


def test_what_is_kept_back_lets_a_full_disk_remember(disk: Path) -> None:
    checkpoint = Checkpoint(disk)
    checkpoint.reserve = Reserve(disk / "reserve", 2 << 20, 4 << 20)
    checkpoint.reserve.keep()
    assert (disk / "reserve").stat().st_blocks * 512 == 2 << 20
    fill(disk / "ballast")
    with pytest.raises(StateNotWritable, match="free space"):
        checkpoint.save("config", b"x" * 100_000)
    checkpoint.save("config", b"x" * 100_000)
    checkpoint.remember(counter=1)
    checkpoint.reserve.keep()
    assert not (disk / "reserve").exists(), "not while the disk is full"
    (disk / "ballast").unlink()
    checkpoint.reserve.keep()
    assert (disk / "reserve").exists()
    checkpoint.close()


async def test_an_app_that_prints_without_end_gets_its_turn_only(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    lines = [f"line {n} {'x' * 80}" for n in range(20_000)]
    source = listed(tmp_path / "console.log")
    source.source.path.write_text("\n".join(lines) + "\n")
    collector = LogCollector(checkpoint, LogStore(tmp_path / "logs", now), now)
    assert await collector.collect([source])
    first = entries(tmp_path / "logs")
    assert 0 < len(first) < len(lines) / 2
    while await collector.collect([source]):
        pass
    seen = entries(tmp_path / "logs")
    assert [entry.content for entry in seen] == lines
    assert len({entry.msgid for entry in seen}) == len(lines)
    assert source.source.path.stat().st_blocks * 512 < 64 * 1024


async def test_a_log_that_fills_the_disk_is_freed_and_counted(
    disk: Path, checkpoint: Checkpoint
) -> None:
    collector = LogCollector(checkpoint, LogStore(disk / "logs", now), now)
    source = listed(disk / "console.log")
    size = fill(source.source.path)
    await collector.collect([source])
    assert collector.lost_bytes > 0
    assert source.source.path.stat().st_blocks * 512 <= KEPT_ON_FULL_DISK + 8192
    while await collector.collect([source]):
        pass
    contents = [entry.content for entry in entries(disk / "logs")]
    assert contents, "what is kept is stored once there is room"
    assert collector.lost_bytes + sum(len(c) + 1 for c in contents) == pytest.approx(size, abs=8192)


async def test_space_freed_before_a_crash_is_passed_over(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    source = listed(tmp_path / "console.log", store=False)
    source.source.path.write_text("secret\n" * 20_000)
    store = LogStore(tmp_path / "logs", now)
    await LogCollector(checkpoint, store, now).collect([source])
    assert source.source.path.stat().st_blocks * 512 <= 4096
    with source.source.path.open("a") as file:
        file.write("first\nsecond\n")
    again = LogCollector(checkpoint, store, now)
    while await again.collect([listed(source.source.path)]):
        pass
    assert [e.content for e in entries(tmp_path / "logs")][-2:] == ["first", "second"]


async def test_nobody_reads_what_was_disabled(tmp_path: Path, checkpoint: Checkpoint) -> None:
    source = listed(tmp_path / "console.log", store=False)
    source.source.path.write_text("secret\n" * 20_000)
    collector = LogCollector(checkpoint, LogStore(tmp_path / "logs", now), now)
    assert not await collector.collect([source])
    await collector.collect([listed(source.source.path)])
    assert not entries(tmp_path / "logs")
