"""docs/reference/must-survive.md leaves nothing out, and names no test that is not there."""

import re
from typing import Final

from support.generated import REPOSITORY
from support.must_survive import BEFALLS

PAGE: Final = REPOSITORY / "docs/reference/must-survive.md"
IDS: Final = re.compile(r"\(([FT]\d+(?:, [FT]\d+)*)\)$")
NAMED: Final = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> list[list[str]]:
    """Cells of every row of every table, without the heads."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in lines if line[:2] == "| "]
    return [row for row in cells if row[0] != "fault" and set(row[0]) != {"-"}]


def test_each_row_names_its_tests_and_nothing_else() -> None:
    assert rows()
    for row in rows():
        assert len(row) == 3, row
        assert NAMED.search(row[2]), row[0]
        assert not NAMED.sub("", row[2]).strip(), row[0]


def test_no_fault_stands_twice() -> None:
    faults = [row[0] for row in rows()]
    assert len(set(faults)) == len(faults)


def test_every_named_test_is_there() -> None:
    missing = [
        f"{file}::{name}"
        for file, name in NAMED.findall(PAGE.read_text(encoding="utf-8"))
        if not re.search(
            rf"^(async def|def|class) {name}\b|^{name} = ",
            (REPOSITORY / file).read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    ]
    assert missing == []


def told() -> list[str]:
    found = (IDS.search(row[0]) for row in rows())
    return [one for match in found if match for one in match[1].split(", ")]


def test_all_that_may_befall_a_node_has_a_row() -> None:
    assert set(told()) ^ BEFALLS.keys() == set()


def test_nothing_of_our_own_is_mocked() -> None:
    """A stand-in that the tests believe proves the stand-in."""
    mocks = re.compile(
        r"^(from unittest\.mock import (?!ANY$)|import unittest\.mock|from unittest import mock)",
        re.MULTILINE,
    )
    files = (REPOSITORY / "tests").rglob("*.py")
    assert [f.name for f in files if mocks.search(f.read_text(encoding="utf-8"))] == []
