"""The disk of an installation: chosen once, and never a second one by the same medium."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from eaves.node.installer import run
from eaves.node.installer.ask import Look
from eaves.node.installer.layout import LEAST_DISK
from eaves.node.installer.rules import Disk, NoDisk, Wishes, choose
from eaves.node.installer.run import InstalledAlready, Medium, chosen, is_in

SYSTEM = Disk("/dev/sda", LEAST_DISK, serial="A1", holds="gpt with 6 partitions")
DATA = Disk("/dev/sdb", LEAST_DISK, serial="B2", holds="ext4")


class Nobody:
    said: Sequence[str] = ()

    def say(self, text: str) -> None:
        raise AssertionError(text)

    async def ask_disk(self, look: Look) -> Disk:
        raise AssertionError(look)


@pytest.fixture
def medium(tmp_path: Path) -> Medium:
    """It may wipe /dev/sdb, which was the system's disk when it began."""
    (tmp_path / "install.conf").write_text("disk=/dev/sdb\nwipe=yes\nstamp=mine\n")
    return Medium(tmp_path, tmp_path, tmp_path, "/dev/sdc")


async def test_a_medium_that_was_left_in_wipes_no_other_disk_that_took_a_name(
    medium: Medium, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps = {SYSTEM.path: "mine"}

    async def stamp_of(disk: Disk) -> str:
        return stamps.get(disk.path, "")

    monkeypatch.setattr(run, "stamp_of", stamp_of)
    with pytest.raises(InstalledAlready, match="installed on /dev/sda"):
        await chosen(medium, (SYSTEM, DATA), Nobody())
    stamps[SYSTEM.path] = "of another medium"
    disk, wishes = await chosen(medium, (SYSTEM, DATA), Nobody())
    assert (disk, wishes.stamp) == (DATA, "mine")


def test_memory_is_no_disk() -> None:
    memory = replace(DATA, path="/dev/pmem0", holds="")
    with pytest.raises(NoDisk, match="it is memory"):
        choose((memory,), Wishes(wipe=True))


def test_a_drive_keeps_its_device_and_lacks_its_medium(tmp_path: Path) -> None:
    drive = tmp_path / "sr0"
    drive.touch()
    behind = tmp_path / "block/loop0/loop/backing_file"
    behind.parent.mkdir(parents=True)
    behind.write_text(f"{drive}\n")
    loop = tmp_path / "loop0"
    loop.touch()
    assert is_in(loop, tmp_path)
    drive.unlink()
    assert not is_in(loop, tmp_path)
    assert is_in(loop, tmp_path / "elsewhere")
    loop.unlink()
    assert not is_in(loop, tmp_path / "elsewhere")
