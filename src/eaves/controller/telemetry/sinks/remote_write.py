"""Samples as a Prometheus remote-write 1.0 request: protobuf in a raw snappy block.

The message is small and fixed (WriteRequest > TimeSeries > Label, Sample), and the labels of a
series never change, so they are encoded once and kept; a sample costs one `struct.pack`.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cramjam

from eaves.evapi.metrics_fold import KINDS, places

METRIC: Final = "eaves_device_metric"
HEADERS: Final[Mapping[str, str]] = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}

_LABELS, _SAMPLES = b"\x0a", b"\x12"  # TimeSeries: fields 1 and 2, length-delimited
_NAME, _VALUE = b"\x0a", b"\x12"  # Label: fields 1 and 2
_SERIES = b"\x0a"  # WriteRequest: field 1
_DOUBLE: Final = struct.Struct("<d")


@dataclass(frozen=True, slots=True)
class SeriesName:
    """Whose value it is.  `object_id` is empty for the device itself."""

    enterprise_id: str
    device_id: str
    kind: str  # of the object: device, app, network, disk...
    object_id: str
    field: str

    def labels(self) -> tuple[tuple[str, str], ...]:
        """In the order of their names, as the protocol wants; empty ones stand for missing."""
        named = (
            ("__name__", METRIC),
            ("device", self.device_id),
            ("enterprise", self.enterprise_id),
            ("field", self.field),
            ("kind", self.kind),
            ("object", self.object_id),
        )
        return tuple((name, value) for name, value in named if value)


@dataclass(frozen=True, slots=True)
class Sample:
    at_ms: int  # since 1970
    value: float


def _unsigned(number: int) -> int:
    """An int64 as protobuf writes it: negative numbers by their two's complement."""
    return number & 0xFFFF_FFFF_FFFF_FFFF


def _varint(number: int) -> bytes:
    if number < 0x80:
        return number.to_bytes(1, "little")
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def encode_labels(labels: Sequence[tuple[str, str]]) -> bytes:
    """The labels of a series as fields of a TimeSeries message."""
    parts: list[bytes] = []
    for name, value in labels:
        raw_name, raw_value = name.encode(), value.encode("utf-8", "replace")
        label = b"".join(
            (_NAME, _varint(len(raw_name)), raw_name, _VALUE, _varint(len(raw_value)), raw_value)
        )
        parts += (_LABELS, _varint(len(label)), label)
    return b"".join(parts)


def encode_series(labels: bytes, samples: Iterable[Sample]) -> bytes:
    """One TimeSeries as a field of a WriteRequest; samples in the order of time."""
    parts = [labels]
    for sample in samples:
        body = b"\x09" + _DOUBLE.pack(sample.value) + b"\x10" + _varint(_unsigned(sample.at_ms))
        parts += (_SAMPLES, _varint(len(body)), body)
    series = b"".join(parts)
    return b"".join((_SERIES, _varint(len(series)), series))


_OF_FIELDS: Final[Mapping[str, tuple[bytes, ...]]] = {
    kind.name: tuple(
        encode_labels((("field", field), ("kind", kind.name))) for field in kind.fields
    )
    for kind in KINDS.values()
}


def encode_report(
    enterprise_id: str, device_id: str, at_ms: int, objects: str, values: bytes
) -> list[bytes]:
    """Every number of a metrics message as a series of one sample, named as `SeriesName` names it.

    `objects` and `values` are those of `evapi.metrics_fold`; values that belong to no object that
    this release knows are left out.  Labels are put together from parts: the whole of them would
    be a hundred bytes to encode for each number.
    """
    owner = (("__name__", METRIC), ("device", device_id), ("enterprise", enterprise_id))
    head = encode_labels([(name, value) for name, value in owner if value])
    at = b"\x10" + _varint(_unsigned(at_ms))
    before = _SAMPLES + _varint(9 + len(at)) + b"\x09"
    found: list[bytes] = []
    for place in places(objects):
        of_object = encode_labels((("object", place.object_id),)) if place.object_id else b""
        whole = len(head) + len(of_object) + len(before) + 8 + len(at)
        offset = place.start * 8
        if offset + 8 * len(place.kind.fields) > len(values):
            break
        for of_field in _OF_FIELDS[place.kind.name]:
            value = values[offset : offset + 8]  # a double as protobuf writes it
            length = _varint(whole + len(of_field))
            found.append(b"".join((_SERIES, length, head, of_field, of_object, before, value, at)))
            offset += 8
    return found


def write_request(series: Sequence[bytes]) -> bytes:
    """The body of a request: what `encode_series` made, compressed."""
    return bytes(cramjam.snappy.compress_raw(b"".join(series)))
