"""One codec between frozen dataclasses and protobuf messages.

A dataclass names the fields it models; `Codec` compiles a table from its annotations and the
message descriptor, once for each class, at first use.  Field names match without regard to case
and underscores (`ds_id` is `dsId`).  The mapping:

- scalar -> int, float, bool, str or bytes, with the default of proto3; enum -> `OpenEnum`
- message, or scalar with presence (`optional`, member of a oneof) -> `X | None`
- repeated -> tuple; map -> Mapping
- `google.protobuf.Timestamp` -> aware datetime in UTC, cut to microseconds
- a message whose owner is another module -> bytes: that message, serialized
- what the dataclass does not model -> `rest: bytes`, serialized: unknown fields, fields left out,
  the nanoseconds of a timestamp, a timestamp outside the years 1 to 9999 (its field is None).
  Encoding merges `rest` back; where both say something, the modelled field wins.

So `decode(encode(x)) == x`, and the bytes of a newer peer lose nothing when they pass through.
Encoding is deterministic (maps in key order), because hashes are taken of it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Generic, Literal, Self, TypeVar, get_args, get_origin, get_type_hints

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.unknown_fields import UnknownFieldSet

from eaves.errors import Rejected
from eaves.evapi.direct import Encode, SharedParts, encoder
from eaves.evapi.errors import MalformedMessage

T = TypeVar("T")
P = TypeVar("P")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_SECOND = int((datetime.min.replace(tzinfo=UTC) - _EPOCH).total_seconds())
_LAST_SECOND = int((datetime.max.replace(tzinfo=UTC) - _EPOCH).total_seconds())


class OpenEnum(IntEnum):
    """A protobuf enum: numbers without a name survive as members called `UNNAMED_<number>`.

    Compare with `==`; an unnamed member is a new object each time.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int):
            return None
        # Not cached: a peer that sends many numbers must not fill the memory.
        member = int.__new__(cls, value)
        member._name_ = f"UNNAMED_{value}"
        member._value_ = value
        return member


class Unencodable(Rejected):
    """A value that its protobuf field cannot hold."""


class Codec(Generic[T]):
    """`decode` and `encode` for one top-level message."""

    def __init__(self, of: type[T], message: type[Message]) -> None:
        self._of = of
        self._message = message

    def decode(self, data: bytes) -> T:
        """Raises MalformedMessage, and nothing else, for bytes that are not this message."""
        try:
            message = self._message.FromString(data)
        except DecodeError as error:
            raise MalformedMessage(self._of.__name__, f"{len(data)} bytes, {error}") from error
        value: T = self._table().read(message)
        return value

    def encode(self, value: T) -> bytes:
        """Raises Unencodable, naming the field, for a value out of the range of its field."""
        return self.message(value).SerializeToString(deterministic=True)

    def message(self, value: T) -> Message:
        message = self._message()
        self._table().write(message, value)
        return message

    def encode_with(self, value: T, shared: SharedParts) -> bytes:
        """As `encode`, in a fraction of the time; parts that `shared` holds are encoded once."""
        return self._table().encode(value, shared)

    def _table(self) -> "_Table":
        descriptor: Any = self._message.DESCRIPTOR  # the stubs name two classes for one thing
        return _table(self._of, descriptor)

    def left_out(self) -> frozenset[str]:
        """Full names of the wire fields, here and in all parts, that travel in `rest`."""
        names: set[str] = set()
        waiting = [self._table()]
        seen: set[_Table] = set()
        while waiting:
            table = waiting.pop()
            if table not in seen:
                seen.add(table)
                names.update(table.left_out)
                waiting.extend(field.part for field in table.fields if field.part is not None)
        return frozenset(names)


@dataclass(frozen=True, slots=True)
class _Field:
    attribute: str
    wire: str
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], None]
    part: "_Table | None"  # of a field that holds messages of ours
    oneof: str | None
    is_time: bool


_NEVER: Any = object()


def _is_zero(default: object) -> bool:
    """Whether proto3 leaves this value out; -0.0 is none of them."""
    return default is None or default == () or (not default and type(default) is not float)


def _no_values(_value: Any) -> tuple[Any, ...]:
    return ()


def _one_value(name: str) -> Callable[[Any], tuple[Any, ...]]:
    def values(value: Any) -> tuple[Any, ...]:
        return (getattr(value, name),)

    return values


class _Table:
    """How one dataclass and one message type correspond."""

    def __init__(self, of: type[Any], descriptor: Descriptor) -> None:
        self.of = of
        self.descriptor = descriptor
        self.message = GetMessageClass(descriptor)
        self.fields: tuple[_Field, ...] = ()
        self.writing: tuple[tuple[Any, _Field], ...] = ()  # (what need not be written, field)
        self.zeros: tuple[Any, ...] = ()  # of each field, what need not be written
        self.encoders: tuple[Encode, ...] = ()
        self.values: Callable[[Any], tuple[Any, ...]] = _no_values
        self.by_number: dict[int, _Field] = {}
        self.oneofs: dict[str, tuple[_Field, ...]] = {}
        self.left_out: frozenset[str] = frozenset()

    def fill(self, known: dict[type[Any], "_Table"]) -> None:
        """Separate from construction, since a message may contain itself."""
        hints = get_type_hints(self.of)
        wire_fields = {_plain(wire.name): wire for wire in self.descriptor.fields}
        encoders: dict[int, Encode] = {}
        for name in (field.name for field in fields(self.of) if field.name != "rest"):
            wire = wire_fields.pop(_plain(name), None)
            if wire is None:
                raise TypeError(f"{self.of.__name__}.{name}: not in {self.descriptor.full_name}")
            field = _field(f"{self.of.__name__}.{name}", hints[name], wire, known)
            self.by_number[wire.number] = field
            part = None if field.part is None else field.part.encode
            encoders[wire.number] = encoder(wire, part, self._field_alone(field))
        in_order = sorted(self.by_number)
        self.fields = found = tuple(self.by_number[number] for number in in_order)
        zeros = {
            field.name: field.default
            for field in fields(self.of)
            if _is_zero(field.default)  # writing it says nothing
        }
        self.writing = tuple((zeros.get(field.attribute, _NEVER), field) for field in found)
        self.zeros = tuple(zero for zero, _ in self.writing)
        self.encoders = tuple(encoders[number] for number in in_order)
        names = [field.attribute for field in found]
        if len(names) > 1:
            self.values = attrgetter(*names)
        elif names:
            self.values = _one_value(names[0])
        for oneof in {field.oneof for field in found if field.oneof is not None}:
            self.oneofs[oneof] = tuple(field for field in found if field.oneof == oneof)
        self.left_out = frozenset(wire.full_name for wire in wire_fields.values())

    def read(self, message: Any) -> Any:
        """Consumes `message`: nothing else may be read from it afterwards."""
        values: dict[str, Any] = {}
        by_number, plain = self.by_number, True
        given = message.ListFields()
        for wire, wire_value in given:
            field = by_number.get(wire.number)
            if field is None:
                plain = False
                continue
            value = field.read(wire_value)
            if value is not None:
                values[field.attribute] = value
            if field.is_time:
                plain = False
        if not plain or len(UnknownFieldSet(message)):
            rest = self._rest(message, given, values)
            if rest:
                values["rest"] = rest
        return self.of(**values)

    def _rest(self, message: Any, given: Iterable[Any], values: Mapping[str, Any]) -> bytes:
        """What of `message` is not in `values`."""
        for wire, wire_value in given:
            field = self.by_number.get(wire.number)
            if field is None:
                continue
            if not (field.is_time and _keep_remainder(wire_value, values.get(field.attribute))):
                message.ClearField(field.wire)
        rest: bytes = message.SerializeToString(deterministic=True)
        return rest

    def write(self, message: Any, value: Any) -> None:
        if not isinstance(value, self.of):
            raise Unencodable(f"{self.of.__name__} expected, got {type(value).__name__}")
        attribute = "rest"
        try:
            for (zero, field), one in zip(self.writing, self.values(value), strict=True):
                if one is not zero:
                    attribute = field.attribute
                    field.write(message, one)
        except (TypeError, ValueError) as error:
            raise Unencodable(f"{self.of.__name__}.{attribute}: {error}") from error
        self._check_oneofs(value)
        rest: bytes = value.rest
        if rest:
            self._merge_rest(message, rest)

    def encode(self, value: Any, shared: SharedParts) -> bytes:
        """What `write` says, serialized."""
        if not isinstance(value, self.of) or value.rest:
            return self._alone(value)
        encoders, zeros = self.encoders, self.zeros
        try:
            parts = [
                encode(one, shared)
                for encode, zero, one in zip(encoders, zeros, self.values(value), strict=True)
                if one is not zero
            ]
        except (TypeError, ValueError):
            return self._alone(value)  # which tells the field
        if self.oneofs:
            self._check_oneofs(value)
        return b"".join(parts)

    def _alone(self, value: Any) -> bytes:
        message: Any = self.message()
        self.write(message, value)
        data: bytes = message.SerializeToString(deterministic=True)
        return data

    def _field_alone(self, field: "_Field") -> Callable[[Any], bytes]:
        def alone(value: Any) -> bytes:
            message: Any = self.message()
            field.write(message, value)
            data: bytes = message.SerializeToString(deterministic=True)
            return data

        return alone

    def _check_oneofs(self, value: Any) -> None:
        for oneof, members in self.oneofs.items():
            given = [f.attribute for f in members if getattr(value, f.attribute) is not None]
            if len(given) > 1:
                raise Unencodable(
                    f"{self.of.__name__}: {' and '.join(given)} exclude each other in {oneof};"
                    " set one of them"
                )

    def _merge_rest(self, message: Any, rest: bytes) -> None:
        try:
            other: Any = message.__class__.FromString(rest)
        except DecodeError as error:
            raise MalformedMessage(f"{self.of.__name__}.rest", str(error)) from error
        for field in self.fields:
            if field.is_time:
                _restore_remainder(message, other, field.wire)
            else:
                other.ClearField(field.wire)
        for oneof in self.oneofs:
            if message.WhichOneof(oneof) is not None:
                other.ClearField(oneof)
        message.MergeFrom(other)


# Filled tables only: several threads decode, and each may compile the same table at first use.
_tables: dict[type[Any], _Table] = {}


def _table(of: type[Any], descriptor: Descriptor) -> _Table:
    table = _tables.get(of)
    if table is None:
        known: dict[type[Any], _Table] = {}
        table = _compile(of, descriptor, known)
        _tables.update(known)
    return table


def _compile(of: type[Any], descriptor: Descriptor, known: dict[type[Any], _Table]) -> _Table:
    table = known.get(of) or _tables.get(of)
    if table is None:
        table = known[of] = _Table(of, descriptor)
        table.fill(known)
    if table.descriptor.full_name != descriptor.full_name:
        raise TypeError(f"{of.__name__}: {table.descriptor.full_name} or {descriptor.full_name}?")
    return table


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


_Shape = Literal["map", "repeated", "optional", "plain"]


def _field(where: str, hint: Any, wire: FieldDescriptor, known: dict[type[Any], _Table]) -> _Field:
    """Check that annotation and wire field say the same, and choose how they convert."""
    shape = _shape(wire)
    entry = wire.message_type
    value_wire = entry.fields_by_name["value"] if entry is not None and shape == "map" else wire
    element = _element(_inner_hint(hint, shape), value_wire, known)
    if element is None or (element.is_time and shape != "optional"):
        raise TypeError(f"{where}: {hint} does not fit {wire.full_name}")
    if shape == "map":
        read, write = _map(wire.name, element)
    elif shape == "repeated":
        read, write = _repeated(wire.name, element)
    else:
        read, write = _single(wire.name, element, optional=shape == "optional")
    oneof = wire.containing_oneof
    if oneof is not None and oneof.name == f"_{wire.name}":
        oneof = None  # made for proto3 `optional`
    return _Field(
        attribute=where.rpartition(".")[2],
        wire=wire.name,
        read=read,
        write=write,
        part=element.part,
        oneof=None if oneof is None else oneof.name,
        is_time=element.is_time,
    )


def _shape(wire: FieldDescriptor) -> _Shape:
    if wire.is_repeated:
        entry = wire.message_type
        return "map" if entry is not None and entry.GetOptions().map_entry else "repeated"
    return "optional" if wire.has_presence else "plain"


def _inner_hint(hint: Any, shape: _Shape) -> Any:
    """The annotation inside `tuple[X, ...]`, `Mapping[K, X]` or `X | None`; None: another shape."""
    origin, arguments = get_origin(hint), get_args(hint)
    match shape:
        case "map":
            return arguments[1] if origin is Mapping else None
        case "repeated":
            return arguments[0] if origin is tuple and arguments[1:] == (...,) else None
        case "optional":
            others = [argument for argument in arguments if argument is not NoneType]
            return others[0] if origin is UnionType and len(others) == 1 else None
        case "plain":
            return hint


@dataclass(frozen=True, slots=True)
class _Element:
    """One value: a scalar is assigned, a message is filled in place."""

    read: Callable[[Any], Any]
    fill: Callable[[Any, Any], None] | None = None
    part: _Table | None = None
    is_time: bool = False


_SCALARS: Mapping[int, type[Any]] = {
    FieldDescriptor.CPPTYPE_INT32: int,
    FieldDescriptor.CPPTYPE_INT64: int,
    FieldDescriptor.CPPTYPE_UINT32: int,
    FieldDescriptor.CPPTYPE_UINT64: int,
    FieldDescriptor.CPPTYPE_FLOAT: float,
    FieldDescriptor.CPPTYPE_DOUBLE: float,
    FieldDescriptor.CPPTYPE_BOOL: bool,
}


def _element(hint: Any, wire: FieldDescriptor, known: dict[type[Any], _Table]) -> _Element | None:
    if not isinstance(hint, type):
        return None
    if wire.message_type is not None:
        if hint is bytes:
            return _Element(_serialized, _fill_serialized)
        if hint is datetime and wire.message_type.full_name == "google.protobuf.Timestamp":
            return _Element(_time, _fill_time, is_time=True)
        if is_dataclass(hint):
            part = _compile(hint, wire.message_type, known)
            return _Element(part.read, part.write, part)
        return None
    if wire.enum_type is not None:
        return _Element(_named(hint)) if issubclass(hint, OpenEnum) else None
    if wire.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        wanted: type[Any] = bytes if wire.type == FieldDescriptor.TYPE_BYTES else str
    else:
        wanted = _SCALARS[wire.cpp_type]
    return _Element(_same) if hint is wanted else None


_Pair = tuple[Callable[[Any], Any], Callable[[Any, Any], None]]


def _single(name: str, element: _Element, *, optional: bool) -> _Pair:
    fill = element.fill

    def assign(message: Any, value: Any) -> None:
        setattr(message, name, value)

    def assign_given(message: Any, value: Any) -> None:
        if value is not None:
            setattr(message, name, value)

    def fill_given(message: Any, value: Any) -> None:
        if value is not None and fill is not None:
            inner = getattr(message, name)
            inner.SetInParent()  # an empty message differs from none
            fill(inner, value)

    write = fill_given if fill is not None else assign_given if optional else assign
    return element.read, write


def _repeated(name: str, element: _Element) -> _Pair:
    read_one, fill = element.read, element.fill

    def read(values: Any) -> Any:
        return tuple(map(read_one, values))

    def write(message: Any, values: Any) -> None:
        if not values:
            return
        inner = getattr(message, name)
        if fill is None:
            inner.extend(values)
            return
        for value in values:
            fill(inner.add(), value)

    return read, write


def _map(name: str, element: _Element) -> _Pair:
    read_one, fill = element.read, element.fill

    def read(values: Any) -> Any:
        return {key: read_one(values[key]) for key in sorted(values)}

    def write(message: Any, values: Any) -> None:
        inner = getattr(message, name)
        for key, value in values.items():
            if fill is None:
                inner[key] = value
            else:
                fill(inner[key], value)

    return read, write


def _named(numbers: type[OpenEnum]) -> Callable[[Any], Any]:
    """As calling the enum, which takes several times as long for a number that has a name."""
    named = {int(member): member for member in numbers}

    def read(number: Any) -> Any:
        found = named.get(number)
        return numbers(number) if found is None else found

    return read


def _same(value: Any) -> Any:
    return value


def _serialized(message: Any) -> bytes:
    data: bytes = message.SerializeToString(deterministic=True)
    return data


def _fill_serialized(message: Any, data: bytes) -> None:
    try:
        message.MergeFromString(data)
    except DecodeError as error:
        raise MalformedMessage(message.DESCRIPTOR.name, str(error)) from error


def _representable(stamp: Any) -> bool:
    return bool(0 <= stamp.nanos < 10**9 and _FIRST_SECOND <= stamp.seconds <= _LAST_SECOND)


def _time(stamp: Any) -> datetime | None:
    if not _representable(stamp):
        return None
    return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)


def _fill_time(stamp: Any, value: datetime) -> None:
    if value.tzinfo is None:
        raise ValueError(f"{value} has no time zone; pass an aware datetime")
    since_epoch = value - _EPOCH
    stamp.seconds = since_epoch.days * 86400 + since_epoch.seconds
    stamp.nanos = since_epoch.microseconds * 1000


def _keep_remainder(stamp: Any, value: datetime | None) -> bool:
    """Leave in `stamp` what `value` does not say; whether that is anything."""
    if value is not None:
        stamp.ClearField("seconds")
        if stamp.nanos % 1000 == 0:
            stamp.ClearField("nanos")
    return value is None or bool(stamp.ByteSize())


def _restore_remainder(message: Any, other: Any, name: str) -> None:
    """Give the time in `message` the nanoseconds kept in `other`, if it is still the same time."""
    if not other.HasField(name):
        return
    kept = getattr(other, name)
    if message.HasField(name):
        stamp = getattr(message, name)
        if not kept.seconds and kept.nanos // 1000 * 1000 == stamp.nanos:
            stamp.nanos = kept.nanos
        kept.ClearField("seconds")
        kept.ClearField("nanos")
    elif _representable(kept):
        other.ClearField(name)
