"""What the codec promises, for every message it knows."""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import UTC
from functools import partial
from itertools import product
from typing import Any, cast

import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st

from eaves.evapi import codec as codec_module
from eaves.evapi import profile
from eaves.evapi.codec import Codec
from eaves.evapi.config import wire
from eaves.evapi.direct import SharedParts
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.flowlog import FLOW_MESSAGE
from eaves.evapi.hardwarehealth import Z_HARDWARE_HEALTH
from eaves.evapi.info.wire import Z_INFO_MSG
from eaves.evapi.metrics import Z_METRIC_MSG

Table = codec_module._Table
F = FieldDescriptor

TOP: tuple[Codec[Any], ...] = (
    wire.EDGE_DEV_CONFIG,
    wire.CONFIG_REQUEST,
    wire.CONFIG_RESPONSE,
    wire.BOOTSTRAP_CONFIG,
    wire.COMPOUND_REQUEST,
    wire.COMPOUND_CONFIG,
    wire.ENCRYPTION_BLOCK,
    Z_INFO_MSG,
    Z_METRIC_MSG,
    FLOW_MESSAGE,
    Z_HARDWARE_HEALTH,
    profile.LOCAL_PROFILE,
    profile.RADIO_STATUS,
    profile.RADIO_CONFIG,
    profile.LOCAL_APP_INFO_LIST,
    profile.LOCAL_APP_CMD_LIST,
    profile.LOCAL_DEV_INFO,
    profile.LOCAL_DEV_CMD,
)

RANGES = {
    F.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    F.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    F.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    F.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    F.CPPTYPE_FLOAT: st.floats(width=32, allow_nan=False),
    F.CPPTYPE_DOUBLE: st.floats(allow_nan=False),
    F.CPPTYPE_BOOL: st.booleans(),
}
TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
# Field 20000, which no message has, as a number, a text or a fixed 32 bits.
UNKNOWN = st.sampled_from((b"", b"\x80\xe2\x09\x07", b"\x82\xe2\x09\x02hi", b"\x85\xe2\x09abcd"))


def all_tables() -> list[Any]:
    found: dict[type[Any], Any] = {}
    waiting = [codec._table() for codec in TOP]
    while waiting:
        table = waiting.pop()
        if table.of not in found:
            found[table.of] = table
            waiting.extend(field.part for field in table.fields if field.part is not None)
    return sorted(found.values(), key=lambda table: table.of.__name__)


TABLES = all_tables()
WRONG = (-1, 2**70, 1.5, "\ud800", b"\xff", object(), "text", True)  # for most fields


@st.composite
def values(draw: st.DrawFn, table: Any, depth: int = 0) -> Any:
    """A value of the dataclass of `table`, with a few of its fields set."""
    chosen = draw(st.sets(st.sampled_from(table.fields), max_size=4 if depth < 4 else 0))
    taken: set[str] = set()
    given_fields: dict[str, Any] = {}
    for field in sorted(chosen, key=lambda field: field.attribute):
        if field.oneof is not None and field.oneof in taken:
            continue
        taken.add(field.oneof or field.attribute)
        given_fields[field.attribute] = draw(contents(table, field, depth))
    rest = draw(UNKNOWN)
    return table.of(**given_fields, **({"rest": rest} if rest else {}))


def contents(table: Any, field: Any, depth: int) -> st.SearchStrategy[Any]:
    descriptor = table.descriptor.fields_by_name[field.wire]
    entry = descriptor.message_type
    if entry is not None and entry.GetOptions().map_entry:
        key = entry.fields_by_name["key"]
        keys = TEXT if key.cpp_type == F.CPPTYPE_STRING else RANGES[key.cpp_type]
        one = element(field, entry.fields_by_name["value"], depth)
        return st.dictionaries(keys, one, max_size=3)
    one = element(field, descriptor, depth)
    if descriptor.is_repeated:
        return st.lists(one, max_size=3).map(tuple)
    return one


def element(field: Any, descriptor: Any, depth: int) -> st.SearchStrategy[Any]:
    if field.part is not None:
        return values(field.part, depth + 1)
    if field.is_time:
        return st.datetimes(timezones=st.just(UTC))
    if descriptor.message_type is not None:
        return st.just(b"")  # a message of another module, serialized
    if descriptor.enum_type is not None:
        numbers = st.sampled_from([value.number for value in descriptor.enum_type.values])
        numbers |= RANGES[F.CPPTYPE_INT32]
        if descriptor.is_repeated:
            return numbers.map(lambda number: field.read((number,))[0])
        return numbers.map(field.read)
    if descriptor.cpp_type == F.CPPTYPE_STRING:
        return st.binary(max_size=6) if descriptor.type == F.TYPE_BYTES else TEXT
    return RANGES[descriptor.cpp_type]


def encoded(table: Any, value: Any) -> bytes:
    message = table.descriptor._concrete_class()
    table.write(message, value)
    data: bytes = message.SerializeToString(deterministic=True)
    return data


def decoded(table: Any, data: bytes) -> Any:
    return table.read(table.descriptor._concrete_class.FromString(data))


@pytest.mark.parametrize("codec", TOP, ids=lambda codec: codec._of.__name__)
@settings(max_examples=20)
@given(data=st.data())
def test_a_top_level_message_comes_back_as_it_was(codec: Codec[Any], data: st.DataObject) -> None:
    value = data.draw(values(codec._table()))
    assert codec.decode(codec.encode(value)) == value


@settings(max_examples=300)
@given(data=st.data())
def test_every_part_of_a_message_comes_back_as_it_was(data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(TABLES))
    value = data.draw(values(table))
    assert decoded(table, encoded(table, value)) == value


def without_rest(value: Any) -> Any:
    """The same, of what the dataclasses model."""
    if isinstance(value, tuple):
        return tuple(map(without_rest, cast("tuple[object, ...]", value)))
    if not is_dataclass(value):
        return value
    known = {f.name: getattr(value, f.name) for f in fields(value) if f.name != "rest"}
    parts = {name: without_rest(one) for name, one in known.items()}
    return replace(value, rest=b"", **parts)  # type: ignore[type-var]  # an instance, not the class


def keep_all(value: Any, shared: SharedParts) -> None:
    """Every list and every message in it."""
    if isinstance(value, tuple):
        several = cast("tuple[object, ...]", value)
        shared.keep(several)
        for one in several:
            keep_all(one, shared)
    elif is_dataclass(value):
        shared.keep(value)
        for one in fields(value):
            keep_all(getattr(value, one.name), shared)


@settings(max_examples=400)
@given(data=st.data())
def test_straight_to_bytes_says_what_the_message_says(data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(TABLES))
    value = data.draw(values(table))
    shared = SharedParts()
    for one in (value, without_rest(value)):
        expected = encoded(table, one)
        assert table.encode(one, SharedParts()) == expected
        keep_all(one, shared)
        for _ in range(2):
            assert table.encode(one, shared) == expected


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.of.__name__)
def test_every_field_goes_straight_to_bytes(table: Any) -> None:
    data = fully_set(table.descriptor).SerializeToString(deterministic=True)
    value = without_rest(decoded(table, data))
    assert table.encode(value, SharedParts()) == encoded(table, value)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.of.__name__)
def test_what_a_message_refuses_is_refused_straight_as_well(table: Any) -> None:
    single = [f for f in table.fields if not table.descriptor.fields_by_name[f.wire].is_repeated]
    for field, wrong in product(
        single, (-1, 2**70, 1.5, "\ud800", b"\xff", object(), "text", True)
    ):
        value = table.of(**{field.attribute: wrong})
        straight = told(partial(table.encode, shared=SharedParts()), value)
        assert straight == told(partial(encoded, table), value)


def told(encode: Callable[[Any], bytes], value: Any) -> bytes | tuple[type[Exception], str]:
    try:
        return encode(value)
    except Exception as error:  # noqa: BLE001 - whatever it is, both ways raise it
        return type(error), str(error)


def fully_set(descriptor: Any, depth: int = 0) -> Any:
    """A foreign message: every field set, numbers that no enum has, an unknown field."""
    message = descriptor._concrete_class()
    for field in descriptor.fields:
        fill_field(message, field, depth)
    message.MergeFromString(b"\x80\xe2\x09\x07")
    return message


def fill_field(message: Any, field: Any, depth: int) -> None:
    oneof = field.containing_oneof
    if oneof is not None and message.WhichOneof(oneof.name) is not None:
        return
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        key = "k" if entry.fields_by_name["key"].cpp_type == F.CPPTYPE_STRING else 7
        target = getattr(message, field.name)
        if entry.fields_by_name["value"].message_type is not None:
            target[key].MergeFromString(b"\x80\xe2\x09\x07")
        else:
            target[key] = scalar(entry.fields_by_name["value"])
    elif entry is not None:
        target = getattr(message, field.name)
        target = target.add() if field.is_repeated else target
        if entry.full_name == "google.protobuf.Timestamp":
            target.seconds, target.nanos = 1_700_000_000 + field.number, 123_456_789
        elif depth < 6:
            target.CopyFrom(fully_set(entry, depth + 1))
        else:
            target.SetInParent()
    elif field.is_repeated:
        getattr(message, field.name).extend([scalar(field)] * 2)
    else:
        setattr(message, field.name, scalar(field))


def scalar(field: Any) -> Any:
    if field.cpp_type == F.CPPTYPE_STRING:
        return b"\xff\x00" if field.type == F.TYPE_BYTES else f"é{field.number}"
    if field.cpp_type == F.CPPTYPE_ENUM:
        return 7_000_000 + field.number
    if field.cpp_type in (F.CPPTYPE_FLOAT, F.CPPTYPE_DOUBLE):
        return -0.0
    return field.cpp_type == F.CPPTYPE_BOOL or field.number + 1


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.of.__name__)
def test_foreign_bytes_pass_through_without_a_loss(table: Any) -> None:
    data = fully_set(table.descriptor).SerializeToString(deterministic=True)
    value = decoded(table, data)
    assert encoded(table, value) == data
    unset = table.of()
    in_a_oneof = {field.attribute for field in table.fields if field.oneof is not None}
    untouched = {
        field.attribute
        for field in table.fields
        if getattr(value, field.attribute) == getattr(unset, field.attribute)
        and table.descriptor.fields_by_name[field.wire].cpp_type
        not in (F.CPPTYPE_FLOAT, F.CPPTYPE_DOUBLE)
    }
    assert untouched <= in_a_oneof


def mutations(data: bytes) -> Iterator[bytes]:
    for at in range(len(data)):
        yield data[:at]
        yield data[:at] + bytes([data[at] ^ 0x81]) + data[at + 1 :]


@pytest.mark.parametrize("codec", TOP, ids=lambda codec: codec._of.__name__)
def test_damaged_bytes_raise_malformed_message_or_decode(codec: Codec[Any]) -> None:
    data = fully_set(codec._table().descriptor, depth=5).SerializeToString(deterministic=True)
    for damaged in mutations(data[:600]):
        try:
            value = codec.decode(damaged)
        except MalformedMessage:
            continue
        codec.encode(value)


@pytest.mark.parametrize("codec", TOP, ids=lambda codec: codec._of.__name__)
@settings(max_examples=50)
@given(data=st.binary(max_size=60))
def test_any_bytes_raise_malformed_message_or_decode(codec: Codec[Any], data: bytes) -> None:
    try:
        value = codec.decode(data)
    except MalformedMessage:
        return
    codec.encode(value)
