"""What the loader reads: one small file for each slot, whose name counts the boots.  Pure.

    loader/entries/eaves-b+1.conf      updating      one boot is left
    loader/entries/eaves-b+0-1.conf    inprogress    systemd-boot renamed it before it jumped
    loader/entries/eaves-b.conf        active
    (none)                             unused

The kernel images keep their names (`EFI/eaves/b.efi`), so that only these files, of one sector
each, change when a slot changes its state.  Of several entries that may boot, systemd-boot takes
the one with the highest `version`: here a number that grows with each installation, not the version
of the system, so that going back to an older system is an update like any other.
Source: Boot Loader Specification, "Boot counting"; systemd-boot(7).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from eaves.node.baseos.slots import Slot

LETTERS: Final = ("a", "b")
ENTRIES: Final = "loader/entries"
KERNELS: Final = "EFI/eaves"
_NAME: Final = re.compile(r"eaves-([ab])(?:\+(\d+)(?:-(\d+))?)?\.conf")


def other(letter: str) -> str:
    return "b" if letter == "a" else "a"


@dataclass(frozen=True, slots=True)
class Entry:
    name: str  # of its file
    letter: str
    left: int | None  # boots; None: not counted
    number: int  # of its installation
    version: str  # of the system


def entry_name(letter: str, left: int | None = None) -> str:
    return f"eaves-{letter}.conf" if left is None else f"eaves-{letter}+{left}.conf"


def kernel_path(letter: str) -> str:
    return f"{KERNELS}/{letter}.efi"


def entry_text(letter: str, number: int, version: str) -> str:
    return (
        f"title Eaves {version}\n"
        "sort-key eaves\n"
        f"version {number:08d}\n"
        f"efi /{kernel_path(letter)}\n"
        "# whole\n"
    )


def read_entry(name: str, text: str) -> Entry | None:
    """None: not one of ours, or cut off while it was written; the loader boots no such either."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    letter, left = found[1], None if found[2] is None else int(found[2])
    said = dict(_words(text))
    number = said.get("version", "")
    title = said.get("title", "").removeprefix("Eaves ")
    if not number.isdigit() or text != entry_text(letter, int(number), title):
        return None
    return Entry(name, letter, left, int(number), title)


def _words(text: str) -> Iterable[tuple[str, str]]:
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        yield key, value


def slot_state(entries: Iterable[Entry], letter: str) -> Slot:
    """By its entries.  Several: a commit that was cut, and what it wrote counts."""
    left = [one.left for one in entries if one.letter == letter]
    if not left:
        return Slot.UNUSED
    if None in left:
        return Slot.ACTIVE
    return Slot.UPDATING if any(left) else Slot.INPROGRESS


def states(entries: Iterable[Entry]) -> Mapping[str, Slot]:
    known = tuple(entries)
    return {letter: slot_state(known, letter) for letter in LETTERS}


def next_number(entries: Iterable[Entry]) -> int:
    return 1 + max((one.number for one in entries), default=0)


def chosen(entries: Iterable[Entry]) -> Entry | None:
    """What systemd-boot starts: those with a boot left first, then by number."""
    ranked = sorted(entries, key=lambda one: (one.left != 0, one.number, one.left is None))
    return ranked[-1] if ranked else None


def counted(entry: Entry) -> Entry:
    """What systemd-boot makes of an entry before it starts it."""
    if not entry.left:
        return entry
    done = 1
    return Entry(
        f"eaves-{entry.letter}+{entry.left - 1}-{done}.conf",
        entry.letter,
        entry.left - 1,
        entry.number,
        entry.version,
    )
