"""The page of the states of an update, drawn from the table.  Pure.

python -m eaves.node.baseos.diagram > docs/reference/base-os-states.md

Mermaid draws the moves; the tables say the same for who reads text.
"""

from collections.abc import Iterator

from eaves.node.baseos.slots import MOVES, SLOTS, Act, Event, Phase, Slot

_HEAD = """\
# States of a base OS update

Made from the table in `src/eaves/node/baseos/slots.py` by `python -m eaves.node.baseos.diagram`.

A device holds its system in two slots. The node reports each slot in one of four states:

| state | what it means |
| --- | --- |
"""
_MEANS = {
    Slot.ACTIVE: "good: what boots unless told otherwise",
    Slot.UPDATING: "written and checked: the next boot tries it, once",
    Slot.INPROGRESS: "was booted for its trial, and is not committed",
    Slot.UNUSED: "never booted; may hold an old version",
}


def page() -> str:
    return "".join(_lines())


def _lines() -> Iterator[str]:
    yield _HEAD
    for slot in Slot:
        yield f"| `{slot}` | {_MEANS[slot]} |\n"
    yield "\n```mermaid\nstateDiagram-v2\n    [*] --> start\n"
    for (phase, event), (after, _) in MOVES.items():
        yield f"    {phase} --> {after}: {_name(event)}\n"
    yield "    rebooting --> [*]\n    leaving --> [*]\n```\n\n"
    yield "## Phases\n\n| phase | running slot | other slot |\n| --- | --- | --- |\n"
    for phase in Phase:
        if phase in SLOTS:
            current, others = SLOTS[phase]
            yield f"| {phase} | {current} | {' or '.join(sorted(others))} |\n"
    yield "\n## Events\n\n| event | when |\n| --- | --- |\n"
    for event in Event:
        yield f"| {_name(event)} | {event} |\n"
    yield "\n## Moves\n\n| in | event | to | what is done |\n| --- | --- | --- | --- |\n"
    for (phase, event), (after, acts) in MOVES.items():
        yield f"| {phase} | {_name(event)} | {after} | {_acts(acts)} |\n"


def _name(event: Event) -> str:
    return event.name.lower().replace("_", " ")


def _acts(acts: tuple[Act, ...]) -> str:
    return "; ".join(acts)


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - this is what it is for
