"""`docs/reference/eve-parity.md`, made from the registry."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from support.generated import REPOSITORY

from parity.fields import PROPERTY
from parity.registry import TESTED, Entry, State, entries, left_out

PAGE: Final = REPOSITORY / "docs/reference/eve-parity.md"

HEAD: Final = """\
# Parity with EVE-OS, field by field

{honoured} fields have an effect that their test shows, {refused} are refused with an error that
their test shows, {accepted} are accepted without effect for the reason given, and {ignored} are
not looked at yet. Counted are every field that the configuration message reaches and every
property of EVE-OS, less those at the end of this page.

Without its field, the test named beside it fails: `make test-system` takes each field out of
the configuration, one at a time, before the node sees it, and runs its test. `make test`
does that for a few of them, and checks that this page is complete. The states are kept in
`tests/parity/entries`; `python -m parity page`, run in `tests`, makes this page of them.
"""


def text() -> str:
    found = entries()
    counts = Counter(entry.state for entry in found.values())
    honoured = counts[State.HONOURED]
    first = f"honoured {honoured} of {len(found)}"
    head = HEAD.format(**{state.value: counts[state] for state in State})
    parts = [first, "", head, *_tables(found), *_left_out()]
    return "\n".join(parts).rstrip() + "\n"


def _tables(found: Mapping[str, Entry]) -> Iterator[str]:
    by_message: dict[str, list[Entry]] = {}
    for entry in found.values():
        by_message.setdefault(entry.field.partition(".")[0], []).append(entry)
    for message, those in by_message.items():
        yield "## Properties" if message == PROPERTY else f"## {message}"
        yield ""
        yield "| field | state | test, or reason |"
        yield "| --- | --- | --- |"
        for entry in those:
            said = f"`{entry.said}`" if entry.state in TESTED else entry.said
            yield f"| {entry.field.partition('.')[2]} | {entry.state} | {said} |"
        yield ""


def _left_out() -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for field, reason in left_out().items():
        by_reason.setdefault(reason, []).append(field.removeprefix(f"{PROPERTY}."))
    yield "## Not counted"
    yield ""
    for reason, names in by_reason.items():
        yield f"- {reason}: {', '.join(f'`{name}`' for name in names)}"
