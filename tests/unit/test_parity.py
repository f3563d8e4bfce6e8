"""docs/reference/eve-parity.md says one thing of each field, and names tests that are there."""

import re

from parity.page import PAGE, text
from parity.registry import TESTED, State, counted, entries, left_out
from support.generated import REPOSITORY, is_up_to_date


def test_every_field_has_an_entry_and_stands_on_the_page() -> None:
    assert tuple(entries()) == counted()
    is_up_to_date(PAGE, text())
    assert re.match(r"honoured [0-9]+ of [0-9]+\n", PAGE.read_text(encoding="utf-8"))


def test_what_is_not_counted_has_no_entry() -> None:
    assert not set(left_out()) & set(entries())


def test_what_is_accepted_says_why() -> None:
    assert not [e for e in entries().values() if e.state is State.ACCEPTED and len(e.said) < 10]


def test_every_named_test_is_there() -> None:
    missing: list[str] = []
    for entry in entries().values():
        if entry.state in TESTED:
            file, _, name = entry.said.partition("::")
            path = REPOSITORY / file
            there = path.read_text(encoding="utf-8") if path.exists() else ""
            if not re.search(
                rf"^\s*(async def|def|class) {name.split('::')[-1]}\b", there, re.MULTILINE
            ):
                missing.append(entry.said)
    assert missing == []
