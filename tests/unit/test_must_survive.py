"""docs/reference/must-survive.md names no test that is not there, and no row is without one."""

import re
from typing import Final

from support.generated import REPOSITORY

PAGE: Final = REPOSITORY / "docs/reference/must-survive.md"
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
