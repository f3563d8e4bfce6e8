"""What the installer says and asks, on every console of a machine."""

import asyncio
import os
import pty
import select
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from eaves.node.host.inventory import Nic
from eaves.node.host.machine import Machine
from eaves.node.installer.ask import ask_disk
from eaves.node.installer.consoles import Consoles
from eaves.node.installer.layout import LEAST_DISK
from eaves.node.installer.record import Record, is_of_medium, record_now, stamp_in
from eaves.node.installer.rules import Disk

EMPTY = Disk("/dev/vda", LEAST_DISK, serial="A1")
USED = Disk("/dev/vdb", LEAST_DISK, holds="ext4")
MEDIUM = Disk("/dev/sda", LEAST_DISK, booted_from=True)
DISKS = (EMPTY, USED, MEDIUM)


class Person:
    """`disks`: at each look, the last for ever."""

    def __init__(self, *answers: str, disks: Sequence[Sequence[Disk]] = (DISKS,)) -> None:
        self.answers = list(answers)
        self.disks = list(disks)
        self.asked: list[str] = []
        self.told: list[str] = []

    def say(self, text: str) -> None:
        self.told.append(text)

    async def ask(self, question: str) -> str:
        self.asked.append(question)
        return self.answers.pop(0)

    async def look(self) -> Sequence[Disk]:
        return self.disks.pop(0) if len(self.disks) > 1 else self.disks[0]

    async def picks(self) -> Disk:
        return await ask_disk(self.look, self.say, self.ask)


async def test_an_empty_disk_is_taken_by_its_number() -> None:
    person = Person("1")
    assert await person.picks() == EMPTY
    assert [line.rpartition(": ")[2] for line in person.told] == [
        "it is empty",
        "it holds ext4",
        "the installer runs from it",
    ]


async def test_a_disk_with_data_is_lost_only_by_its_name() -> None:
    person = Person("2", "yes", "2", "vdb")
    assert await person.picks() == USED
    assert sum("will be lost" in question for question in person.asked) == 2


@pytest.mark.parametrize("wrong", ["3", "4", "0", "-1", "", "vda", "\u00b2"])
async def test_what_cannot_be_meant_is_asked_again(wrong: str) -> None:
    person = Person(wrong, "1")
    assert await person.picks() == EMPTY
    assert len(person.asked) == 2


async def test_another_disk_under_the_same_name_is_not_taken_for_the_one_that_was_shown() -> None:
    other = replace(EMPTY, serial="B2", holds="ext4")
    person = Person("1", "1", "vda", disks=((EMPTY,), (other,)))
    assert await person.picks() == other
    assert "there are other disks now" in person.told
    assert "will be lost" in person.asked[-1]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[tuple[Consoles, int, int]]:
    """A screen and a serial line, and what is behind each; a third is named and not there."""
    screen, screen_end = pty.openpty()
    serial, serial_end = pty.openpty()
    (tmp_path / "tty0").symlink_to(os.ttyname(screen_end))
    (tmp_path / "ttyS0").symlink_to(os.ttyname(serial_end))
    (tmp_path / "active").write_text("tty0 ttyS0 ttyS1\n")
    yield Consoles.open(tmp_path / "active", tmp_path), screen, serial
    for one in (screen, screen_end, serial, serial_end):
        os.close(one)


async def test_what_one_console_shows_all_show(machine: tuple[Consoles, int, int]) -> None:
    consoles, *ends = machine
    consoles.say("installing on /dev/vda")
    for end in ends:
        assert os.read(end, 100).startswith(b"eaves: installing on /dev/vda")
    assert consoles.said == ["installing on /dev/vda"]


@pytest.mark.parametrize("which", [0, 1])
async def test_a_person_answers_at_any_of_them(
    machine: tuple[Consoles, int, int], which: int
) -> None:
    consoles, *ends = machine
    end = ends[which]
    for answer in ("1", "vdb"):
        asking = asyncio.create_task(consoles.ask("Which?"))
        await asyncio.sleep(0)
        assert os.read(end, 100).endswith(b"eaves: Which? ")
        os.write(end, f"{answer}\r".encode())  # as a keyboard sends it
        assert await asyncio.wait_for(asking, 30) == answer
        os.read(end, 100)  # its echo
    assert consoles.said == ["Which? 1", "Which? vdb"]


async def test_an_end_of_file_that_is_typed_ends_nothing(
    machine: tuple[Consoles, int, int],
) -> None:
    consoles, screen, _ = machine
    asking = asyncio.create_task(consoles.ask("Which?"))
    await asyncio.sleep(0)
    os.write(screen, b"\x04")
    while select.select([screen], [], [], 0)[0]:
        os.read(screen, 100)
    await asyncio.sleep(0)
    os.write(screen, b"2\r")
    assert await asyncio.wait_for(asking, 30) == "2"


def test_a_record_tells_what_was_done_to_which_machine() -> None:
    record = record_now("a-stamp", "1.0", "/dev/vda", ["installing on /dev/vda"], DISKS)
    told = msgspec.json.decode(record.encoded(), type=dict[str, object])
    assert told["said"] == ["installing on /dev/vda"]
    assert told["machine"]
    assert stamp_in(record.encoded()) == "a-stamp"
    assert stamp_in(b"no record") == ""


@pytest.mark.parametrize(
    ("serial", "version", "name"),
    [
        ("EAVES-0001", "1.0", "installed-EAVES-0001-020000000001.json"),
        ("../a b", "", "not-installed-..ab-020000000001.json"),
        ("", "1.0", "installed-020000000001.json"),
    ],
)
def test_each_machine_has_a_file_of_its_own_on_the_medium(
    serial: str, version: str, name: str
) -> None:
    machine = Machine("x86_64", 2, 2048, "6.1", "boot", serial=serial)
    nic = Nic("eth0", "02:00:00:00:00:01", 0, wireless=False, pci=None)
    assert Record("", "", version, "", (), machine, (nic,), ()).name_on_medium() == name
    assert is_of_medium(name)
    assert not is_of_medium("server")
