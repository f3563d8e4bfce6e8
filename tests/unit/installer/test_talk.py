"""What the installer says and asks, on every console of a machine."""

import asyncio
import os
import pty
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from eaves.node.host.machine import Machine
from eaves.node.installer.ask import ask_disk
from eaves.node.installer.consoles import Consoles
from eaves.node.installer.layout import LEAST_DISK
from eaves.node.installer.record import Record, record_now, stamp_in
from eaves.node.installer.rules import Disk

EMPTY = Disk("/dev/vda", LEAST_DISK, serial="A1")
USED = Disk("/dev/vdb", LEAST_DISK, holds="ext4")
MEDIUM = Disk("/dev/sda", LEAST_DISK, booted_from=True)
DISKS = (EMPTY, USED, MEDIUM)


class Person:
    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.told: list[str] = []

    def say(self, text: str) -> None:
        self.told.append(text)

    async def ask(self, question: str) -> str:
        self.asked.append(question)
        return self.answers.pop(0)


async def test_an_empty_disk_is_taken_by_its_number() -> None:
    person = Person("1")
    assert await ask_disk(DISKS, person.say, person.ask) == EMPTY
    assert [line.rpartition(": ")[2] for line in person.told] == [
        "it is empty",
        "it holds ext4",
        "the installer runs from it",
    ]


async def test_a_disk_with_data_is_lost_only_by_its_name() -> None:
    person = Person("2", "yes", "2", "vdb")
    assert await ask_disk(DISKS, person.say, person.ask) == USED
    assert sum("will be lost" in question for question in person.asked) == 2


@pytest.mark.parametrize("wrong", ["3", "4", "0", "-1", "", "vda", "\u00b2"])
async def test_what_cannot_be_meant_is_asked_again(wrong: str) -> None:
    person = Person(wrong, "1")
    assert await ask_disk(DISKS, person.say, person.ask) == EMPTY
    assert len(person.asked) == 2


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
        ("EAVES-0001", "1.0", "installed-EAVES-0001.json"),
        ("../a b", "", "not-installed-..ab.json"),
        ("", "1.0", "installed-unnamed.json"),
    ],
)
def test_each_machine_has_a_file_of_its_own_on_the_medium(
    serial: str, version: str, name: str
) -> None:
    machine = Machine("x86_64", 2, 2048, "6.1", "boot", serial=serial)
    assert Record("", "", version, "", (), machine, (), ()).name_on_medium() == name
