"""Metrics of devices on their way out: to a Prometheus-compatible store, or to a collector.

Each number keeps the name that it has in the series of the controller: kind and id of the object,
field.  Its time is the device's, unless the clock of the device is far off; a report that comes
again gets the time that it had before, so that writing it again changes nothing.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import msgspec

from eaves.controller.telemetry.reports import (
    AnyReport,
    MetricsReport,
    decode_batch,
    encode_batch,
)
from eaves.controller.telemetry.series_fold import believed, time_of
from eaves.controller.telemetry.sinks.remote_write import encode_report
from eaves.errors import Rejected

REMOTE_WRITE: Final = "remote-write"
OTLP_METRICS: Final = "otlp-metrics"
REPORTS_AT_ONCE: Final = 64  # a backlog is read in pieces: a report becomes 60 KB of series
REMEMBERED: Final = 50_000  # reports without a usable time


class UnreadableBatch(Rejected):
    """Bytes that are no batch of reports."""


class Times:
    """When each report was measured, in milliseconds since 1970; the same answer every time.

    A device whose clock is wrong sends what was not acknowledged again later: its time is then
    that of the first of them that this process saw.
    """

    def __init__(self) -> None:
        self._first: OrderedDict[tuple[str, bytes], int] = OrderedDict()

    def of(self, report: MetricsReport) -> int:
        if believed(report):
            return time_of(report) // 1000
        first = self._first.setdefault((report.device_id, report.digest), report.received_at)
        if len(self._first) > REMEMBERED:
            self._first.popitem(last=False)
        return first // 1000


class Exporter(Protocol):
    """Where numbers go."""

    async def export(self, reports: Sequence[tuple[int, MetricsReport]], /) -> None:
        """Return once all are taken; times in milliseconds.  Raises Transient, Rejected."""
        ...

    async def close(self) -> None: ...


class RemoteWrite:
    """Sends by `write`, which takes what `encode_report` makes; lives on one event loop."""

    def __init__(
        self,
        write: Callable[[Sequence[bytes]], Awaitable[None]],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self._write, self._close = write, close

    async def export(self, reports: Sequence[tuple[int, MetricsReport]], /) -> None:
        for start in range(0, len(reports), REPORTS_AT_ONCE):
            some = reports[start : start + REPORTS_AT_ONCE]
            await self._write(await asyncio.to_thread(_encoded, some))

    async def close(self) -> None:
        await self._close()


def _encoded(reports: Sequence[tuple[int, MetricsReport]]) -> list[bytes]:
    return [
        series
        for at_ms, report in reports
        for series in encode_report(
            report.enterprise_id, report.device_id, at_ms, report.objects, report.values
        )
    ]


class MetricsOut:
    """A sink of metrics; what is no set of counters is passed over."""

    def __init__(self, name: str, exporter: Exporter) -> None:
        """`name`: REMOTE_WRITE or OTLP_METRICS."""
        self._name, self._exporter = name, exporter
        self._times = Times()

    @property
    def name(self) -> str:
        return self._name

    async def store(self, batches: Sequence[bytes], /) -> None:
        """Raises SinkAway, SinkRefused, UnreadableBatch."""
        reports = await asyncio.to_thread(self._read, batches)
        if reports:
            await self._exporter.export(reports)

    def _read(self, batches: Sequence[bytes]) -> list[tuple[int, MetricsReport]]:
        return [
            (self._times.of(report), report)
            for batch in batches
            for report in _decoded(batch)
            if isinstance(report, MetricsReport)
        ]

    def apart(self, batch: bytes, /) -> Sequence[bytes]:
        return [encode_batch([report]) for report in _decoded(batch)]

    async def close(self) -> None:
        await self._exporter.close()


def is_metrics(report: AnyReport) -> bool:
    return isinstance(report, MetricsReport)


def encode_numbers(batch: Sequence[AnyReport]) -> bytes:
    """A batch without the messages that its numbers were read from: ten times smaller."""
    return encode_batch(
        [
            msgspec.structs.replace(report, message=b"")
            if isinstance(report, MetricsReport)
            else report
            for report in batch
        ]
    )


def _decoded(batch: bytes) -> list[AnyReport]:
    try:
        return decode_batch(batch)
    except msgspec.DecodeError as error:
        raise UnreadableBatch(f"{len(batch)} bytes are no batch of reports: {error}") from error
