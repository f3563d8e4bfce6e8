"""What differs between two values of JSON, field by field.  Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from eaves.cli.json_values import is_list, is_object, list_of
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
    elif _of_objects(now, wanted):
        here, there = list_of(now), list_of(wanted)
        for n in range(max(len(here), len(there))):
            one = here[n] if n < len(here) else None
            other = there[n] if n < len(there) else None
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


def _of_objects(now: Any, wanted: Any) -> bool:
    """Two lists, or a list where nothing was or will be; some of their elements are maps."""
    if not all(is_list(one) or _is_empty(one) for one in (now, wanted)):
        return False
    return any(is_object(one) for one in (*list_of(now), *list_of(wanted)))


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
