"""From a frozen dataclass straight to the bytes of its message, without a message in between.

To fill messages through Python and then serialize them takes several times as long.  What is not
simple (maps, times, packed numbers, floats, numbers out of range, values of another type) is left
to the codec's own way, field by field; so the bytes, and what is refused, are always the same.
The fields of a message stand in the order of their numbers, as protobuf's own encoder puts them.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor

P = TypeVar("P")

_SHORT: Final = tuple(bytes((number,)) for number in range(0x80))
_LENGTH: Final = 2  # wire type
_VARINT: Final = 0  # the same
_MOST: Final = {
    FieldDescriptor.TYPE_INT32: 2**31 - 1,
    FieldDescriptor.TYPE_INT64: 2**63 - 1,
    FieldDescriptor.TYPE_UINT32: 2**32 - 1,
    FieldDescriptor.TYPE_UINT64: 2**64 - 1,
    FieldDescriptor.TYPE_ENUM: 2**31 - 1,
}


def varint(number: int) -> bytes:
    """A length or another number that is not negative, as the wire format has it."""
    if number < 0x80:
        return _SHORT[number]
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


class SharedParts:
    """Parts that several messages have in common, each encoded at its first use.

    A part is told by the object that it is, not by its value: `keep` the one that all of the
    messages are made with.  For one thread.
    """

    def __init__(self) -> None:
        self.kept: dict[int, object] = {}  # also keeps the number from being another's
        self.encoded: dict[tuple[str, int], bytes] = {}  # by field and part

    def keep(self, part: P) -> P:
        """A frozen value, or a tuple of such."""
        self.kept[id(part)] = part
        return part


Encode = Callable[[Any, SharedParts], bytes]
"""A field with its tag; empty where the value is the one that proto3 leaves out."""

Alone = Callable[[Any], bytes]
"""The same in the codec's own way."""


def encoder(wire: FieldDescriptor, part: Encode | None, alone: Alone) -> Encode:
    """How to encode this field; `part` encodes a message of ours that it holds, without a tag."""
    entry = wire.message_type
    if entry is not None and entry.GetOptions().map_entry:
        return _several(alone)
    if part is not None:
        return _messages(wire, part) if wire.is_repeated else _message(wire, part)
    if wire.type == FieldDescriptor.TYPE_STRING:
        return _texts(wire, alone) if wire.is_repeated else _text(wire, alone)
    if wire.is_repeated:
        return _several(alone)
    if wire.type == FieldDescriptor.TYPE_BOOL:
        return _flag(wire, alone)
    if wire.type in _MOST:
        return _number(wire, alone, _MOST[wire.type])
    return _any(alone)


def _tag(wire: FieldDescriptor, kind: int) -> bytes:
    return varint(wire.number << 3 | kind)


def _any(alone: Alone) -> Encode:
    def encode(value: Any, _shared: SharedParts) -> bytes:
        return alone(value)

    return encode


def _several(alone: Alone) -> Encode:
    def encode(values: Any, _shared: SharedParts) -> bytes:
        return alone(values) if values else b""

    return encode


def _text(wire: FieldDescriptor, alone: Alone) -> Encode:
    tag, always = _tag(wire, _LENGTH), wire.has_presence

    def encode(value: Any, _shared: SharedParts) -> bytes:
        if type(value) is not str:
            return alone(value)
        text = value.encode()
        size = len(text)
        if size < 0x80:  # to call a function for it takes as long as all the rest
            return tag + _SHORT[size] + text if size or always else b""
        return tag + varint(size) + text

    return encode


def _texts(wire: FieldDescriptor, alone: Alone) -> Encode:
    tag = _tag(wire, _LENGTH)

    def encode(values: Any, _shared: SharedParts) -> bytes:
        parts: list[bytes] = []
        for value in values:
            if type(value) is not str:
                return alone(values)
            text = value.encode()
            parts += (tag, varint(len(text)), text)
        return b"".join(parts)

    return encode


def _flag(wire: FieldDescriptor, alone: Alone) -> Encode:
    tag, always = _tag(wire, _VARINT), wire.has_presence
    said, unsaid = tag + _SHORT[1], tag + _SHORT[0] if always else b""

    def encode(value: Any, _shared: SharedParts) -> bytes:
        return said if value is True else unsaid if value is False else alone(value)

    return encode


def _number(wire: FieldDescriptor, alone: Alone, most: int) -> Encode:
    tag, always = _tag(wire, _VARINT), wire.has_presence

    def encode(value: Any, _shared: SharedParts) -> bytes:
        if type(value) is bool or not isinstance(value, int) or not 0 <= value <= most:
            return alone(value)
        return tag + varint(value) if value or always else b""

    return encode


def _message(wire: FieldDescriptor, part: Encode) -> Encode:
    tag, name = _tag(wire, _LENGTH), wire.full_name

    def encode(value: Any, shared: SharedParts) -> bytes:
        if value is None:
            return b""
        kept = id(value) in shared.kept
        if kept:
            known = shared.encoded.get((name, id(value)))
            if known is not None:
                return known
        body = part(value, shared)
        made = tag + varint(len(body)) + body
        if kept:
            shared.encoded[name, id(value)] = made
        return made

    return encode


def _messages(wire: FieldDescriptor, part: Encode) -> Encode:
    tag, name = _tag(wire, _LENGTH), wire.full_name

    def encode(values: Any, shared: SharedParts) -> bytes:
        kept = id(values) in shared.kept
        if kept:
            known = shared.encoded.get((name, id(values)))
            if known is not None:
                return known
        parts: list[bytes] = []
        for value in values:
            body = part(value, shared)
            parts += (tag, varint(len(body)), body)
        made = b"".join(parts)
        if kept:
            shared.encoded[name, id(values)] = made
        return made

    return encode
