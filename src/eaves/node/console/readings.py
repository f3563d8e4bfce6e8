"""What the console shows, read from the files of the node; whatever they hold, there is a reading.

A file may be missing, from another version, or damaged: what fits is taken, the rest is left empty
and counted.
"""

import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import msgspec

from eaves.node.host.files import read_or_none
from eaves.node.runtime.status_file import (
    STATUS_FILE,
    NodeStatus,
    is_running,
)
from eaves.node.uplinks.status import Shown
from eaves.node.uplinks.status_file import STATUS_FILE as PORTS_FILE

T = TypeVar("T", bound=msgspec.Struct)

MANY: Final[Mapping[Any, Callable[[Iterable[object]], object]]] = {
    list: list[object],
    tuple: tuple[object, ...],
}
EMPTY: Final[Mapping[Any, object]] = {str: "", int: 0, bool: False}


@dataclass(frozen=True, slots=True)
class Readings:
    status: NodeStatus | None = None  # None: no node has written one since the machine was started
    ports: Shown | None = None
    running: bool = False
    damaged: tuple[str, ...] = field(default=())  # what could not be read, and why


def read_all(run_dir: Path) -> Readings:
    wrong: list[str] = []
    status = _read(run_dir / STATUS_FILE, NodeStatus, wrong)
    return Readings(
        status,
        _read(run_dir / PORTS_FILE, Shown, wrong),
        status is not None and is_running(status),
        tuple(wrong),
    )


def _read(path: Path, kind: type[T], wrong: list[str]) -> T | None:
    try:
        data = read_or_none(path)
    except OSError as error:
        wrong.append(f"{path.name} cannot be read: {error.strerror}")
        return None
    if data is None:
        return None
    try:
        told: object = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        wrong.append(f"{path.name} is damaged; the node writes it anew within seconds")
        return None
    lost: list[str] = []
    found = fitting(kind, told, path.name, lost)
    if found is None:
        wrong.append(f"{path.name} holds no status; is this node of the same version?")
    elif lost:
        wrong.append(f"{path.name}: {len(lost)} values cannot be shown, the first is {lost[0]}")
    return found


def fitting(kind: type[T], told: object, name: str, lost: list[str]) -> T | None:
    """As much of `told` as fits; None: nothing does.  Names of what does not come into `lost`."""
    if not isinstance(told, dict):
        return None
    values = cast("dict[str, object]", told)  # as JSON has no other keys
    hints = typing.get_type_hints(kind)
    made: dict[str, Any] = {}
    for one in msgspec.structs.fields(kind):
        hint: Any = hints[one.name]
        value = None
        if one.encode_name in values:
            value = _value(hint, values[one.encode_name], f"{name}.{one.encode_name}", lost)
        if value is None and one.required:
            value = _nothing(hint)
            if value is None and type(None) not in typing.get_args(hint):
                return None
        if value is not None:
            made[one.name] = value
        elif one.required:
            made[one.name] = None
    return kind(**made)


def _value(hint: Any, told: object, name: str, lost: list[str]) -> object:
    """None: there is none that fits."""
    many = MANY.get(typing.get_origin(hint))
    if many is not None and isinstance(told, list):
        (inner, *_) = typing.get_args(hint)
        each = [_value(inner, one, name, lost) for one in cast("list[object]", told)]
        return many(one for one in each if one is not None)
    found: object = None
    try:
        found = fitting(hint, told, name, lost) if _is_struct(hint) else msgspec.convert(told, hint)
    except (msgspec.MsgspecError, ValueError, OverflowError):
        found = None
    if found is None and told is not None:
        lost.append(name)
    return found


def _nothing(hint: Any) -> object:
    """What stands where there is nothing; None: there is no such value."""
    many = MANY.get(typing.get_origin(hint))
    if many is not None:
        return many(())
    if _is_struct(hint):
        return fitting(hint, {}, "", [])
    return EMPTY.get(hint)


def _is_struct(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)
