"""Takes one field out of every configuration of this process, or gives it another value.

It acts where a message becomes a value, so that the node sees a configuration that never had the
field: in the codec, whatever the bytes were, and where a test makes the values itself.
A change is the same if it is made twice, since values are copied.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from enum import Enum, StrEnum
from typing import Any, Final

from eaves.evapi.config import ConfigItem
from eaves.evapi.config_items import ItemValues, property_of
from parity.fields import PROPERTY, modelled

CHANGED: Final = "-changed"
OTHER_NUMBER: Final = 7


class How(StrEnum):
    REMOVED = "removed"
    CHANGED = "changed"


def changed(value: Any) -> Any:
    """Another value of the same kind; messages and lists of them stay as they are."""
    match value:
        case bool():
            return True
        case Enum():
            return list(type(value))[-1]
        case int():
            return OTHER_NUMBER
        case str():
            return value if value.endswith(CHANGED) else value + CHANGED
        case bytes():
            return value if value.endswith(CHANGED.encode()) else value + CHANGED.encode()
        case _:
            return value


def default(of: Field[Any]) -> Any:
    return of.default_factory() if of.default_factory is not MISSING else of.default


Rewrite = Callable[[dict[str, Any]], None]


def rewrite(of: type[Any], how: Rewrite) -> None:
    """Let `how` change the arguments by name of each new value of `of`."""
    made: Callable[..., None] = of.__init__
    names = [field.name for field in fields(of)]

    def init(self: Any, *args: Any, **given: Any) -> None:
        given.update(zip(names, args, strict=False))
        how(given)
        made(self, **given)

    of.__init__ = init


def mutate(field: str, how: How) -> None:
    kind, _, name = field.partition(".")
    if kind == PROPERTY:
        _without_property(name)
        return
    place = modelled()[field]

    def without(given: dict[str, Any]) -> None:
        given.pop(place.attribute, None)

    def otherwise(given: dict[str, Any]) -> None:
        if place.attribute in given:
            given[place.attribute] = changed(given[place.attribute])

    rewrite(place.of, without if how is How.REMOVED else otherwise)


def _without_property(name: str) -> None:
    """`name` with a star is that of any service."""

    def is_it(key: str) -> bool:
        return key_name(key) == name

    def unknown(given: dict[str, Any]) -> None:
        if is_it(str(given.get("key", ""))):
            given["key"] = f"removed.{given['key']}"

    def unsaid(given: dict[str, Any]) -> None:
        values: Mapping[str, Any] = given.get("values", {})
        given["values"] = {key: value for key, value in values.items() if not is_it(key)}

    rewrite(ConfigItem, unknown)
    rewrite(ItemValues, unsaid)


def key_name(key: str) -> str:
    """The name of the property of `key` in the registry."""
    of = property_of(key)
    if of is None:
        return key
    parts = of.key.split(".")
    if parts[0] == "agent":
        return ".".join((parts[0], "*", *parts[2:]))
    return of.key
