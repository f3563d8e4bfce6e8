"""Log files of devices on their way out: read into lines, sent by OTLP."""

import asyncio
from collections.abc import Generator, Iterable, Sequence
from typing import Final

import msgspec

from eaves.controller.telemetry.reports import AnyReport, LogUpload, decode_batch, encode_batch
from eaves.controller.telemetry.sinks.otlp import LINES_AT_ONCE, Line, Origin, OtlpExporter
from eaves.errors import Rejected
from eaves.evapi.errors import MalformedMessage, TooLarge
from eaves.evapi.log_lines import LogLine, read_log_lines

CHARACTERS_AT_ONCE: Final = 2_000_000  # of lines, or one line: collectors bound their requests


class UnreadableBatch(Rejected):
    """Bytes that are no batch, or a log file that does not read."""


class LogsOut:
    """The sink `otlp`: what is no log is passed over."""

    name = "otlp"

    def __init__(self, exporter: OtlpExporter, inflated_bytes: int) -> None:
        """`inflated_bytes`: what a log file may inflate to."""
        self._exporter, self._inflated = exporter, inflated_bytes

    async def store(self, batches: Sequence[bytes], /) -> None:
        """One file after the other, so that memory holds the lines of one.

        Raises SinkAway, SinkRefused, UnreadableBatch: then some lines may have been sent.
        """
        some: list[tuple[Origin, Line]] = []
        size = 0
        for batch in batches:
            for report in _read(batch):
                if not isinstance(report, LogUpload):
                    continue
                read = await asyncio.to_thread(_read_file, report, self._inflated)
                for line in _lines(report, read):
                    some.append(line)
                    size += len(line[1].content)
                    if len(some) >= LINES_AT_ONCE or size >= CHARACTERS_AT_ONCE:
                        await self._exporter.export(some)
                        some, size = [], 0
        if some:
            await self._exporter.export(some)

    def apart(self, batch: bytes, /) -> Sequence[bytes]:
        return [encode_batch([report]) for report in _read(batch)]

    async def close(self) -> None:
        await self._exporter.close()


def is_log(report: AnyReport) -> bool:
    return isinstance(report, LogUpload)


def _read_file(report: LogUpload, inflated_bytes: int) -> list[LogLine]:
    try:
        return read_log_lines(report.file, report.received_at * 1000, inflated_bytes)
    except (MalformedMessage, TooLarge) as error:
        raise UnreadableBatch(f"a log file of device {report.device_id}: {error}") from error


def _lines(report: LogUpload, lines: Iterable[LogLine]) -> Generator[tuple[Origin, Line]]:
    origin = Origin(report.enterprise_id, report.device_id, report.app_id)
    for line in lines:
        yield (
            origin,
            Line(
                time_ns=line.time_ns,
                received_ns=report.received_at * 1000,
                content=line.content,
                severity=line.severity,
                source=line.source,
                iid=line.iid,
                msgid=line.msgid,
            ),
        )


def _read(batch: bytes) -> list[AnyReport]:
    try:
        return decode_batch(batch)
    except msgspec.DecodeError as error:
        raise UnreadableBatch(f"{len(batch)} bytes are no batch of reports: {error}") from error
