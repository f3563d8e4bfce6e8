"""The loader's entries: whatever is cut, one of them boots a good slot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eaves.node.baseos.entries import (
    Entry,
    chosen,
    counted,
    entry_name,
    entry_text,
    next_number,
    other,
    read_entry,
    slot_state,
    states,
)
from eaves.node.baseos.slots import Slot


def entry(letter: str, left: int | None = None, number: int = 1, version: str = "1") -> Entry:
    return Entry(entry_name(letter, left), letter, left, number, version)


@pytest.mark.parametrize("left", [None, 0, 1, 3])
@pytest.mark.parametrize("version", ["1", "14.5.0-lts-kvm-amd64", "eaves 2 (test)"])
def test_an_entry_reads_as_it_was_written(left: int | None, version: str) -> None:
    name, text = entry_name("b", left), entry_text("b", 7, version)
    assert read_entry(name, text) == Entry(name, "b", left, 7, version)


def test_the_name_that_systemd_boot_gives_after_a_try() -> None:
    tried = counted(entry("b", 1))
    assert tried.name == "eaves-b+0-1.conf"
    assert read_entry(tried.name, entry_text("b", 1, "1")) == tried


@given(st.integers(0, 200))
def test_an_entry_that_was_cut_off_is_none(size: int) -> None:
    text = entry_text("a", 3, "2.0")
    cut = text[:size]
    assert (read_entry("eaves-a.conf", cut) is None) == (cut != text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("other.conf", entry_text("a", 1, "1")),
        ("eaves-c.conf", entry_text("a", 1, "1")),
        ("eaves-a.conf", entry_text("b", 1, "1")),
        ("eaves-a.conf", entry_text("a", 1, "1") + "options init=/bin/sh\n"),
        ("eaves-a.conf", "\0" * 512),
    ],
)
def test_what_is_no_entry_of_ours(name: str, text: str) -> None:
    assert read_entry(name, text) is None


@pytest.mark.parametrize(
    ("entries", "state"),
    [
        ((), Slot.UNUSED),
        ((entry("b"),), Slot.ACTIVE),
        ((entry("b", 1),), Slot.UPDATING),
        ((entry("b", 0),), Slot.INPROGRESS),
        ((entry("b", 0), entry("b")), Slot.ACTIVE),
        ((entry("a"),), Slot.UNUSED),
    ],
)
def test_the_state_of_a_slot(entries: tuple[Entry, ...], state: Slot) -> None:
    assert slot_state(entries, "b") is state


def test_the_newest_installation_is_tried_whatever_its_version() -> None:
    older = entry("b", 1, number=2, version="0.9")
    assert chosen((entry("a", number=1, version="1.0"), older)) == older


def test_a_tried_entry_comes_last() -> None:
    good, tried = entry("a", number=1), counted(entry("b", 1, number=2))
    assert chosen((tried, good)) == good


def test_a_cut_commit_boots_what_was_committed() -> None:
    old, tried, new = entry("a"), counted(entry("b", 1, number=2)), entry("b", number=2)
    assert chosen((old, tried, new)) == new
    assert states((old, tried, new)) == {"a": Slot.ACTIVE, "b": Slot.ACTIVE}


def test_numbers_grow() -> None:
    assert next_number(()) == 1
    assert next_number((entry("a", number=4), entry("b", number=2))) == 5


@given(st.lists(st.sampled_from(["update", "boot", "commit", "cut commit"]), max_size=30))
def test_one_bootable_slot_always(steps: list[str]) -> None:
    """Every file operation of an installation, a boot and a commit, in the order of `loader`."""
    disk: dict[str, Entry] = {"eaves-a.conf": entry("a")}
    running = "a"
    for step in steps:
        state = states(disk.values())
        match step:
            case "update" if state[running] is Slot.ACTIVE:
                number = next_number(disk.values())
                for name in [n for n, e in disk.items() if e.letter == other(running)]:
                    del disk[name]
                    assert chosen(disk.values()) is not None
                new = entry(other(running), 1, number)
                disk[new.name] = new
            case "boot":
                taken = chosen(disk.values())
                assert taken is not None
                del disk[taken.name]
                taken = counted(taken)
                disk[taken.name] = taken
                running = taken.letter
            case "commit" | "cut commit" if state[running] is Slot.INPROGRESS:
                mine = next(e for e in disk.values() if e.letter == running)
                new = entry(running, None, mine.number)
                disk[new.name] = new
                if step == "commit":
                    for name in [n for n, e in disk.items() if e != new]:
                        del disk[name]
            case _:
                pass
        booted = chosen(disk.values())
        assert booted is not None
        after = counted(booted)
        left = [e for e in disk.values() if e != booted] + [after]
        good = [e for e in left if e.left is None]
        assert good or running == booted.letter
        assert good
