"""Log files of devices on their way out: read into lines, sent by OTLP."""

import asyncio
from collections.abc import Sequence

import msgspec

from eaves.controller.telemetry.reports import AnyReport, LogUpload, decode_batch, encode_batch
from eaves.controller.telemetry.sinks.otlp import Line, Origin, OtlpExporter
from eaves.errors import Rejected
from eaves.evapi.errors import MalformedMessage, TooLarge
from eaves.evapi.log_lines import read_log_lines


class UnreadableBatch(Rejected):
    """Bytes that are no batch, or a log file that does not read."""


class LogsOut:
    """The sink `otlp`: what is no log is passed over."""

    name = "otlp"

    def __init__(self, exporter: OtlpExporter, inflated_bytes: int) -> None:
        """`inflated_bytes`: what a log file may inflate to."""
        self._exporter, self._inflated = exporter, inflated_bytes

    async def store(self, batches: Sequence[bytes], /) -> None:
        """Raises SinkAway, SinkRefused, UnreadableBatch."""
        lines = await asyncio.to_thread(self._lines, batches)
        if lines:
            await self._exporter.export(lines)

    def _lines(self, batches: Sequence[bytes]) -> list[tuple[Origin, Line]]:
        return [
            line
            for batch in batches
            for report in _read(batch)
            if isinstance(report, LogUpload)
            for line in lines_of(report, self._inflated)
        ]

    def apart(self, batch: bytes, /) -> Sequence[bytes]:
        return [encode_batch([report]) for report in _read(batch)]

    async def close(self) -> None:
        await self._exporter.close()


def is_log(report: AnyReport) -> bool:
    return isinstance(report, LogUpload)


def lines_of(report: LogUpload, inflated_bytes: int) -> list[tuple[Origin, Line]]:
    """The lines of a file with who wrote them.  Raises UnreadableBatch."""
    origin = Origin(report.enterprise_id, report.device_id, report.app_id)
    received_ns = report.received_at * 1000
    try:
        lines = read_log_lines(report.file, received_ns, inflated_bytes)
    except (MalformedMessage, TooLarge) as error:
        raise UnreadableBatch(f"a log file of device {report.device_id}: {error}") from error
    return [
        (
            origin,
            Line(
                time_ns=line.time_ns,
                received_ns=received_ns,
                content=line.content,
                severity=line.severity,
                source=line.source,
                iid=line.iid,
                msgid=line.msgid,
            ),
        )
        for line in lines
    ]


def _read(batch: bytes) -> list[AnyReport]:
    try:
        return decode_batch(batch)
    except msgspec.DecodeError as error:
        raise UnreadableBatch(f"{len(batch)} bytes are no batch of reports: {error}") from error
