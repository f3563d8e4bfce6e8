"""What differs between two values of JSON, field by field.  Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from eaves.cli.json_values import is_list, is_object
from eaves.cli.output import HIDDEN, SECRET_MAPS, is_secret

NONE: Final = "(none)"
MOST: Final = 300  # characters of a value that is shown


@dataclass(frozen=True, slots=True)
class FieldChange:
    """`now` and `wanted` are None where there is nothing; hidden where it is a secret."""

    path: str
    now: Any
    wanted: Any

    @property
    def text(self) -> str:
        return f"{self.path}: {_shown(self.now)} -> {_shown(self.wanted)}"


def field_changes(
    now: Any, wanted: Any, path: str = "", *, secret: bool = False
) -> list[FieldChange]:
    """One for each field that differs, at the deepest place where both sides say something."""
    if now == wanted or (_is_empty(now) and _is_empty(wanted)):
        return []
    return list(_changes(now, wanted, path, secret=secret))


def _changes(now: Any, wanted: Any, path: str, *, secret: bool) -> Iterator[FieldChange]:
    if _is_tree(now, wanted):
        before: Mapping[str, Any] = now if is_object(now) else {}
        after: Mapping[str, Any] = wanted if is_object(wanted) else {}
        for key in sorted({*before, *after}):
            hide = secret or key.lower() in SECRET_MAPS or _hides(before, key) or _hides(after, key)
            place = f"{path}.{key}" if path else str(key)
            yield from field_changes(before.get(key), after.get(key), place, secret=hide)
    elif is_list(now) and is_list(wanted) and _of_objects(now, wanted):
        for n in range(max(len(now), len(wanted))):
            one = now[n] if n < len(now) else None
            other = wanted[n] if n < len(wanted) else None
            yield from field_changes(one, other, f"{path}[{n}]", secret=secret)
    elif secret:
        yield FieldChange(path, _masked(now), _masked(wanted))
    else:
        yield FieldChange(path, now, wanted)


def _is_tree(now: Any, wanted: Any) -> bool:
    """Two maps, or a map where nothing was or will be."""
    if is_object(now) and is_object(wanted):
        return True
    return (is_object(now) and _is_empty(wanted)) or (_is_empty(now) and is_object(wanted))


def _of_objects(now: list[Any], wanted: list[Any]) -> bool:
    return any(is_object(one) for one in (*now, *wanted))


def _hides(owner: Mapping[str, Any], key: str) -> bool:
    return key in owner and is_secret(owner, key)


def _masked(value: Any) -> Any:
    return None if _is_empty(value) else HIDDEN


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", {}, [])


def _shown(value: Any) -> str:
    if _is_empty(value):
        return NONE
    text = (
        value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    )
    text = " ".join(text.split()) if value != HIDDEN else text
    return text if len(text) <= MOST else text[: MOST - 1] + "…"
