"""What is claimed of each field, read from `entries/*.toml`; no claim is made twice."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from parity.fields import PROPERTY, fields, messages

ENTRIES: Final = Path(__file__).parent / "entries"
LEFT_OUT: Final = "left_out.toml"


class State(StrEnum):
    HONOURED = "honoured"  # its test fails without it
    REFUSED = "refused"  # the node says so; that test fails without it
    ACCEPTED = "accepted"  # nothing to do here, for the reason given
    IGNORED = "ignored"  # not yet: the node does not look at it


TESTED: Final = (State.HONOURED, State.REFUSED)


@dataclass(frozen=True, slots=True)
class Entry:
    field: str
    state: State
    said: str  # the test, or the reason


class BadRegistry(Exception):
    """The registry does not say one thing of each field."""


def file_of(field: str) -> str:
    message = field.partition(".")[0]
    if message == PROPERTY:
        return "properties.toml"
    return f"{Path(messages()[message].file.name).stem}.toml"


@cache
def left_out() -> Mapping[str, str]:
    """Field -> why it is not counted.  `Message.*` stands for all fields of a message."""
    told: dict[str, list[str]] = tomllib.loads((ENTRIES / LEFT_OUT).read_text())
    found: dict[str, str] = {}
    for reason, names in told.items():
        for name in names:
            every = [f for f in fields() if f == name or f.startswith(name.removesuffix("*"))]
            if not every or (not name.endswith("*") and name not in fields()):
                raise BadRegistry(f"{LEFT_OUT}: there is no field {name}")
            found |= dict.fromkeys(every if name.endswith("*") else [name], reason)
    return found


def counted() -> tuple[str, ...]:
    return tuple(field for field in fields() if field not in left_out())


def entries() -> dict[str, Entry]:
    """In the order of the messages.  Raises BadRegistry where a field has no entry, or two."""
    found: dict[str, Entry] = {}
    for path in sorted(ENTRIES.glob("*.toml")):
        if path.name == LEFT_OUT:
            continue
        for message, told in tomllib.loads(path.read_text()).items():
            for name, what in told.items():
                field = f"{message}.{name}"
                if field in found or len(what) != 1:
                    raise BadRegistry(f"{path.name}: {field} stands twice, or in two states")
                ((state, said),) = what.items()
                found[field] = Entry(field, State(state), said)
    order = counted()
    if missing := sorted(set(order) - set(found)):
        raise BadRegistry(f"without an entry: {', '.join(missing)}")
    if beyond := sorted(set(found) - set(order)):
        raise BadRegistry(f"not counted, yet with an entry: {', '.join(beyond)}")
    return {field: found[field] for field in order}


def write(found: Mapping[str, Entry]) -> None:
    files: dict[str, dict[str, list[Entry]]] = {}
    for field in counted():
        message = field.partition(".")[0]
        files.setdefault(file_of(field), {}).setdefault(message, []).append(found[field])
    for name, tables in files.items():
        lines: list[str] = []
        for message, those in tables.items():
            lines += ["", f"[{message}]"]
            for entry in those:
                key = entry.field.partition(".")[2]
                key = f'"{key}"' if "." in key else key
                lines.append(f'{key} = {{ {entry.state} = "{entry.said}" }}')
        (ENTRIES / name).write_text("\n".join(lines[1:]) + "\n")
