"""What devices send, as values: verified, read, not yet stored.

A report is what a pipeline carries from the request to the commit, in memory or through a stream,
so it holds nothing but numbers, text and bytes: `encode_batch` and `decode_batch` keep it exactly.
Times are microseconds since 1970, as `store.tables.Moment` keeps them; a digest is the first 16
bytes of SHA-256 over what the device said, and tells a repeated message from a new one.  Where a
repeated one would count again, it is the same for all bytes that say the same.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from eaves.evapi.info_said import Said

DIGEST_BYTES: Final = 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Report(msgspec.Struct, frozen=True, tag=True, array_like=True, kw_only=True):
    """Who sent it and when it came; the names of the classes are part of the stream's format."""

    enterprise_id: str
    device_id: str
    received_at: int  # microseconds since 1970, clock of the controller
    digest: bytes


class InfoReport(Report, frozen=True, tag=True, array_like=True, kw_only=True):
    """The newest word about one object; `object_id` is empty for the device itself."""

    kind: int  # ZInfoTypes
    object_id: str
    at: int | None  # microseconds since 1970, clock of the device
    state: int  # as `evapi.info.state` says
    message: bytes  # serialized ZInfoMsg
    said: Said | None  # None: a kind that has no state of its own


class MetricsReport(Report, frozen=True, tag=True, array_like=True, kw_only=True):
    """One set of counters: `objects` and `values` as `evapi.metrics_fold` makes them."""

    at: int | None  # microseconds since 1970, clock of the device
    objects: str  # one line for each object; it fixes how many values belong to it
    values: bytes  # little-endian doubles, in the order of the objects and their fields
    message: bytes  # serialized ZMetricMsg


class HealthReport(Report, frozen=True, tag=True, array_like=True, kw_only=True):
    message: bytes  # serialized ZHardwareHealth


class LogUpload(Report, frozen=True, tag=True, array_like=True, kw_only=True):
    """A file of log lines; `digest` also covers `app_id`."""

    app_id: str  # empty: a log of the device itself
    file: bytes  # as it came: gzip


class FlowReport(Report, frozen=True, tag=True, array_like=True, kw_only=True):
    message: bytes  # serialized FlowMessage


class DeviceForgotten(Report, frozen=True, tag=True, array_like=True, kw_only=True):
    """The device was deleted: what it reported before `received_at` is dropped."""


AnyReport = InfoReport | MetricsReport | HealthReport | LogUpload | FlowReport | DeviceForgotten

_ENCODER: Final = msgspec.msgpack.Encoder()


def encode_batch(batch: Sequence[AnyReport]) -> bytes:
    """A batch as one message of a stream (msgpack)."""
    return _ENCODER.encode(batch)


def decode_batch(data: bytes) -> list[AnyReport]:
    """Raises msgspec.DecodeError, ValidationError included, for anything else."""
    return msgspec.msgpack.decode(data, type=list[AnyReport])


def digest_of(payload: bytes) -> bytes:
    return hashlib.sha256(payload).digest()[:DIGEST_BYTES]


def microseconds(moment: datetime) -> int:
    """Since 1970, rounded down."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(at: int) -> datetime:
    return _EPOCH + at * _MICROSECOND
