"""Every field that a configuration can hold, as the messages define it, and every property.

A field is named by its message and its name in the `.proto` file, `VmConfig.memory`: one that is
reached on several ways is one field.  The two fields of a map's entry are the map; a timestamp is
a value.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor

from eaves.evapi.codec import _Table
from eaves.evapi.config.wire import EDGE_DEV_CONFIG
from eaves.evapi.config_items import PROPERTIES

PROPERTY: Final = "property"
SERVICE_PROPERTIES: Final = ("agent.*.debug.loglevel", "agent.*.debug.remote.loglevel")
VALUES: Final = frozenset({"google.protobuf.Timestamp"})


@dataclass(frozen=True, slots=True)
class Modelled:
    """Where a field is in our types."""

    of: type[Any]
    attribute: str


@cache
def messages() -> Mapping[str, Descriptor]:
    """By short name, in the order in which the configuration reaches them."""
    found: dict[str, Descriptor] = {}
    root: Any = EDGE_DEV_CONFIG._message.DESCRIPTOR
    waiting: list[Any] = [root]
    while waiting:
        message = waiting.pop(0)
        if message.name in found or message.full_name in VALUES:
            continue
        found[message.name] = message
        waiting += [f.message_type for f in message.fields if f.message_type is not None]
    return {n: m for n, m in found.items() if not m.GetOptions().map_entry}


@cache
def fields() -> tuple[str, ...]:
    return (
        *(f"{name}.{field.name}" for name, m in messages().items() for field in m.fields),
        *(f"{PROPERTY}.{key}" for key in (*PROPERTIES, *SERVICE_PROPERTIES)),
    )


def _tables() -> Iterator[_Table]:
    waiting, seen = [EDGE_DEV_CONFIG._table()], set[str]()
    while waiting:
        table = waiting.pop()
        if table.descriptor.full_name not in seen:
            seen.add(table.descriptor.full_name)
            yield table
            waiting += [field.part for field in table.fields if field.part is not None]


@cache
def modelled() -> Mapping[str, Modelled]:
    """A field that is not here is one that no part of the node can see."""
    return {
        f"{table.descriptor.name}.{field.wire}": Modelled(table.of, field.attribute)
        for table in _tables()
        for field in table.fields
    }
