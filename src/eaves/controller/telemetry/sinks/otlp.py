"""Log lines as OTLP/HTTP: one request holds the lines of many devices.

Each device (and app) is a resource: `eaves.enterprise.id`, `device.id`, `eaves.app.id`; a line
carries its source, process and message number as attributes.  A collector that has seen a line
may get it again after a failure: `eaves.line` tells the same line by the same number.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from eaves.controller.sink_settings import HttpSink
from eaves.controller.telemetry.sinks.http import open_client, post
from eaves.controller.telemetry.sinks.partial import Partial

HEADERS: Final[Mapping[str, str]] = {"Content-Type": "application/x-protobuf"}
LINES_AT_ONCE: Final = 2_000

_SEVERITY: Final[Mapping[str, "SeverityNumber.ValueType"]] = {
    "trace": SeverityNumber.SEVERITY_NUMBER_TRACE,
    "debug": SeverityNumber.SEVERITY_NUMBER_DEBUG,
    "info": SeverityNumber.SEVERITY_NUMBER_INFO,
    "notice": SeverityNumber.SEVERITY_NUMBER_INFO2,
    "warn": SeverityNumber.SEVERITY_NUMBER_WARN,
    "warning": SeverityNumber.SEVERITY_NUMBER_WARN,
    "err": SeverityNumber.SEVERITY_NUMBER_ERROR,
    "error": SeverityNumber.SEVERITY_NUMBER_ERROR,
    "crit": SeverityNumber.SEVERITY_NUMBER_FATAL,
    "critical": SeverityNumber.SEVERITY_NUMBER_FATAL,
    "fatal": SeverityNumber.SEVERITY_NUMBER_FATAL,
    "panic": SeverityNumber.SEVERITY_NUMBER_FATAL4,
    "alert": SeverityNumber.SEVERITY_NUMBER_FATAL2,
    "emerg": SeverityNumber.SEVERITY_NUMBER_FATAL4,
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Who wrote a line; `app_id` is empty for the device itself."""

    enterprise_id: str
    device_id: str
    app_id: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """`time_ns` since 1970, by the clock of the device; `received_ns` by ours."""

    time_ns: int
    received_ns: int
    content: str
    severity: str = ""
    source: str = ""
    iid: str = ""
    msgid: int = 0


def severity_number(word: str) -> "SeverityNumber.ValueType":
    return _SEVERITY.get(word.lower(), SeverityNumber.SEVERITY_NUMBER_UNSPECIFIED)


def export_request(lines: Sequence[tuple[Origin, Line]]) -> bytes:
    """The body of `POST /v1/logs`; lines of one origin share a resource."""
    request = ExportLogsServiceRequest()
    by_origin: dict[Origin, list[LogRecord]] = {}
    for origin, line in lines:
        by_origin.setdefault(origin, []).append(_record(line))
    for origin, records in by_origin.items():
        group = request.resource_logs.add()
        group.resource.attributes.extend(
            _text(key, value)
            for key, value in (
                ("service.name", origin.app_id or "eve"),
                ("service.namespace", origin.enterprise_id),
                ("device.id", origin.device_id),
                ("eaves.enterprise.id", origin.enterprise_id),
                ("eaves.app.id", origin.app_id),
            )
            if value
        )
        scope = group.scope_logs.add()
        scope.scope.name = "eaves"
        scope.log_records.extend(records)
    return request.SerializeToString()


def _record(line: Line) -> LogRecord:
    record = LogRecord(
        time_unix_nano=max(0, line.time_ns),
        observed_time_unix_nano=max(0, line.received_ns),
        severity_number=severity_number(line.severity),
        severity_text=line.severity,
        body=AnyValue(string_value=line.content),
    )
    record.attributes.extend(
        _text(key, value)
        for key, value in (("log.source", line.source), ("process.name", line.iid))
        if value
    )
    if line.msgid:
        record.attributes.append(
            KeyValue(key="eaves.line", value=AnyValue(int_value=min(line.msgid, (1 << 63) - 1)))
        )
    return record


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


class OtlpExporter:
    """Lives on one event loop; `close` ends its connections."""

    def __init__(self, sink: HttpSink, partial: Partial | None = None) -> None:
        """`partial` is told what the collector throws away."""
        self._sink, self._client = sink, open_client(sink)
        self._partial = partial or Partial()

    async def export(self, lines: Sequence[tuple[Origin, Line]]) -> None:
        """Return once the collector has every line, or has thrown it away.

        Raises SinkAway, SinkRefused: then some of them may have arrived.
        """
        url = f"{self._sink.url}/v1/logs"
        for start in range(0, len(lines), LINES_AT_ONCE):
            # beside the loop: it may be the one that devices wait for
            body = await asyncio.to_thread(export_request, lines[start : start + LINES_AT_ONCE])
            self._note(await post(self._client, self._sink, url, body, HEADERS))

    async def close(self) -> None:
        await self._client.aclose()

    def _note(self, answer: bytes) -> None:
        try:
            partial = ExportLogsServiceResponse.FromString(answer).partial_success
        except DecodeError:  # some collectors answer JSON whatever they are asked
            return
        self._partial.note(
            partial.rejected_log_records,
            "log records",
            url=self._sink.shown,
            why=partial.error_message,
        )
