"""USB devices change hands with the apps that they are assigned to."""

import os
from pathlib import Path

import pytest
import structlog

from eaves.node.host.usb_files import UsbFiles
from eaves.node.refs import EMULATOR_UIDS, UsbRule, emulator_uid
from eaves.node.runtime.giving_usb import GivenUsb, GivingUsb

STICK = UsbRule(0, "", "46f4", "0001")
FIRST, SECOND = emulator_uid(1), emulator_uid(2)
SOMEBODY = 1000  # of the host

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="files change hands by root alone")


class Bus:
    def __init__(self, root: Path) -> None:
        self.root = root

    def plug(self, port: str, kind: str, number: int, owner: int = 0) -> Path:
        """Answers the file that its driver in user space opens."""
        folder = self.root / f"sys/bus/usb/devices/1-{port}"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in zip(("idVendor", "idProduct"), kind.split(":"), strict=True):
            (folder / name).write_text(f"{text}\n")
        (folder / "devnum").write_text(f"{number}\n")
        file = self.root / f"dev/bus/usb/001/{number:03}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.chown(file, owner, owner)
        return file


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    return Bus(tmp_path)


def owner(file: Path) -> int:
    return file.stat().st_uid


@needs_root
async def test_a_device_is_its_app_s_wherever_it_is_plugged_in_and_the_host_s_afterwards(
    bus: Bus,
) -> None:
    given = [GivenUsb(STICK, FIRST), GivenUsb(UsbRule(1, "4"), SECOND)]
    giving = GivingUsb(UsbFiles(EMULATOR_UIDS, bus.root), lambda: tuple(given))
    stick, other = bus.plug("1.2", "46f4:0001", 5), bus.plug("2", "0951:1666", 6)
    at_place = bus.plug("4", "0403:6001", 7)
    await giving.look()
    assert (owner(stick), owner(other), owner(at_place)) == (FIRST, 0, SECOND)
    assert stick.stat().st_gid == 0

    stick.unlink()
    again = bus.plug("3", "46f4:0001", 9)
    await giving.look()
    assert owner(again) == FIRST

    given.clear()
    await giving.look()
    assert (owner(again), owner(at_place)) == (0, 0)


@needs_root
async def test_what_a_node_before_this_one_gave_is_taken_back_and_nothing_of_anybody_else(
    bus: Bus,
) -> None:
    ours, theirs = bus.plug("1", "46f4:0001", 2, SECOND), bus.plug("2", "0951:1666", 3, SOMEBODY)
    await GivingUsb(UsbFiles(EMULATOR_UIDS, bus.root), tuple).look()
    assert (owner(ours), owner(theirs)) == (0, SOMEBODY)


@needs_root
async def test_a_device_that_went_meanwhile_keeps_none_of_the_others(bus: Bus) -> None:
    bus.plug("1", "46f4:0001", 2).unlink()
    later = bus.plug("2", "46f4:0001", 3)
    await GivingUsb(UsbFiles(EMULATOR_UIDS, bus.root), lambda: (GivenUsb(STICK, FIRST),)).look()
    assert owner(later) == FIRST


async def test_a_device_that_does_not_change_hands_is_told_once_and_tried_again(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.plug("1", "46f4:0001", 2)
    tries = list[Path]()

    def refuse(path: Path, *_: int) -> None:
        tries.append(path)
        raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr(os, "chown", refuse)
    giving = GivingUsb(UsbFiles(EMULATOR_UIDS, bus.root), lambda: (GivenUsb(STICK, FIRST),))
    with structlog.testing.capture_logs() as logs:
        await giving.look()
        await giving.look()
    assert len(tries) == 2
    assert [one["event"] for one in logs] == ["usb_device_not_given"]
    assert "dev/bus/usb/001/002" in logs[0]["why"]
