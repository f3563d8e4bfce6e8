"""Samples as a Prometheus remote-write 1.0 request: protobuf in a raw snappy block.

The message is small and fixed (WriteRequest > TimeSeries > Label, Sample), and the labels of a
series never change, so they are encoded once and kept; a sample costs one `struct.pack`.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cramjam

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


def write_request(series: Sequence[bytes]) -> bytes:
    """The body of a request: what `encode_series` made, compressed."""
    return bytes(cramjam.snappy.compress_raw(b"".join(series)))


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


def selector(name: SeriesName) -> str:
    """A PromQL selector for exactly one series; a label that is missing is asked to be empty."""
    pairs = {"device": "", "enterprise": "", "field": "", "kind": "", "object": ""}
    pairs |= {label: value for label, value in name.labels() if label != "__name__"}
    return METRIC + "{" + ",".join(f'{label}="{_quoted(v)}"' for label, v in pairs.items()) + "}"


def _quoted(text: str) -> str:
    """The inside of a PromQL string in double quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
