"""Writing a slot: it is whole or nothing, and the one that runs is never touched."""

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from support.os_updates import Computer, Release

from eaves.node.baseos.bundle import BundleUnusable
from eaves.node.baseos.device import SlotDevice, SlotNotWritten, Stopped
from eaves.node.baseos.loader import BootPartitionFailed
from eaves.node.baseos.slots import Slot


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    return Computer(tmp_path)


class Watch:
    """Notes how far it is told to be, and asks for an end at a point."""

    def __init__(self, stop_at: tuple[str, int] = ("", 0)) -> None:
        self.stop = threading.Event()
        self.said: list[tuple[str, int]] = []
        self._stop_at = stop_at

    def told(self, what: str, done: int, total: int) -> None:
        assert done <= total
        self.said.append((what, done))
        if (what, done) >= self._stop_at and what == self._stop_at[0]:
            self.stop.set()


def write(computer: Computer, release: Release, watch: Watch | None = None) -> None:
    seen = watch or Watch()
    computer.disk().write(computer.update(release), release.version, seen.stop, seen.told)


def test_an_update_boots_once_and_is_kept_when_committed(computer: Computer) -> None:
    write(computer, computer.release("2"))
    assert computer.states() == (Slot.ACTIVE, Slot.UNUSED)
    computer.disk().mark_other("2")
    assert computer.states() == (Slot.ACTIVE, Slot.UPDATING)
    assert computer.boot() == "2"
    assert computer.states() == (Slot.INPROGRESS, Slot.ACTIVE)
    computer.disk().commit()
    assert computer.states() == (Slot.ACTIVE, Slot.UNUSED)
    assert computer.boot() == "2"


def test_one_that_is_not_committed_is_booted_once(computer: Computer) -> None:
    write(computer, computer.release("2"))
    computer.disk().mark_other("2")
    assert [computer.boot() for _ in range(3)] == ["2", "1", "1"]
    assert computer.states() == (Slot.ACTIVE, Slot.INPROGRESS)


def test_both_slots_take_their_turns(computer: Computer) -> None:
    for version in ("2", "3", "2.5", "4"):
        write(computer, computer.release(version))
        computer.disk().mark_other(version)
        assert computer.boot() == version
        computer.disk().commit()
        assert computer.boot() == version


@pytest.mark.parametrize("at", [("write", 1), ("verify", 1)])
def test_a_writing_that_is_stopped_leaves_a_slot_that_holds_nothing(
    computer: Computer, at: tuple[str, int]
) -> None:
    with pytest.raises(Stopped):
        write(computer, computer.release("2"), Watch(at))
    assert computer.disk().whole() == ""
    assert computer.boot() == "1"


def test_a_slot_that_holds_it_already_is_only_read(computer: Computer) -> None:
    release = computer.release("2")
    write(computer, release)
    watch = Watch()
    write(computer, release, watch)
    assert {what for what, _ in watch.said} == {"verify"}


def test_a_byte_that_changed_on_the_disk_is_written_again(computer: Computer) -> None:
    release = computer.release("2")
    write(computer, release)
    with computer.devices["b"].path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff")
    watch = Watch()
    write(computer, release, watch)
    assert ("write", len(release.root)) in watch.said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"epoch": 0}, "older than what may run here"),
        ({"arch": "aarch64"}, "it is for aarch64"),
        ({"root": b"r" * 300_000}, "a slot here holds"),
        ({"wrong": {"version": "1.9"}}, "the configuration names 2"),
    ],
)
def test_an_unusable_update_changes_nothing(
    computer: Computer, fields: dict[str, object], said: str
) -> None:
    write(computer, computer.release("1.5"))
    before = computer.devices["b"].path.read_bytes()
    with pytest.raises(BundleUnusable, match=said):
        write(computer, computer.release("2", **fields))
    assert computer.devices["b"].path.read_bytes() == before


@pytest.mark.parametrize("part", ["root", "uki"])
def test_what_is_not_what_was_signed_is_refused_and_changes_nothing(
    computer: Computer, part: str
) -> None:
    write(computer, computer.release("1.5"))
    before = computer.devices["b"].path.read_bytes()
    release = computer.release("2", wrong={part: {"size": 9000, "sha256": "0" * 64}})
    setattr(release, part, b"r" * 9000)
    with pytest.raises(BundleUnusable, match="its signed manifest says 0000"):
        write(computer, release)
    assert computer.devices["b"].path.read_bytes() == before
    assert computer.disk().whole() == "1.5"


class Failing(SlotDevice):
    """Of what is written, one byte comes back as another."""

    def write(
        self, data: Iterable[bytes], stop: threading.Event, told: Callable[[int], None]
    ) -> int:
        written = super().write(data, stop, told)
        with self.path.open("r+b") as file:
            file.seek(4000)
            file.write(b"\xff")
        return written


def test_what_a_failing_disk_gives_back_is_never_booted(computer: Computer) -> None:
    computer.devices["b"] = Failing(computer.devices["b"].path)
    with pytest.raises(SlotNotWritten, match="reads back"):
        write(computer, computer.release("2"))
    assert computer.disk().whole() == ""


def test_a_kernel_that_reads_back_as_another_is_never_booted(computer: Computer) -> None:
    with pytest.raises(BootPartitionFailed, match="reads back"):
        computer.loader.put_kernel("b", [b"k" * 4000], "0" * 64)
    assert computer.disk().whole() == ""


def test_a_commit_that_was_cut_is_ended_at_the_next_start(computer: Computer) -> None:
    write(computer, computer.release("2"))
    computer.disk().mark_other("2")
    computer.boot()
    names = {path.name for path in (computer.esp / "loader/entries").iterdir()}
    assert names == {"eaves-a.conf", "eaves-b+0-1.conf"}
    # Cut after the first write of the commit.
    entries = computer.esp / "loader/entries"
    (entries / "eaves-b.conf").write_bytes((entries / "eaves-b+0-1.conf").read_bytes())
    disk = computer.disk()
    assert disk.states() == (Slot.ACTIVE, Slot.UNUSED)
    disk.mend()
    assert {path.name for path in entries.iterdir()} == {"eaves-b.conf"}


def test_a_commit_whose_entry_is_cut_off_was_not_made(computer: Computer) -> None:
    write(computer, computer.release("2"))
    computer.disk().mark_other("2")
    computer.boot()
    entries = computer.esp / "loader/entries"
    before = {path.name: path.read_bytes() for path in entries.iterdir()}
    text = before["eaves-b+0-1.conf"]
    for size in range(len(text) + 1):
        for path in entries.iterdir():
            path.unlink()
        for name, content in before.items():
            (entries / name).write_bytes(content)
        (entries / "eaves-b.conf").write_bytes(text[:size])
        assert computer.boot() == ("2" if size == len(text) else "1"), size


def test_a_running_slot_without_an_entry_is_given_one(computer: Computer) -> None:
    for path in (computer.esp / "loader/entries").iterdir():
        path.unlink()
    computer.disk().mend()
    assert computer.boot() == "1"
    assert computer.states() == (Slot.ACTIVE, Slot.UNUSED)
