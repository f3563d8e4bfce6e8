"""Log lines as the messages of OTLP/HTTP."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from structlog.testing import capture_logs
from support.collector import Collector, collector
from support.loop import spent_s, watching_the_loop

from eaves.controller.sink_settings import HttpSink
from eaves.controller.telemetry.sinks.http import SinkAway, SinkRefused
from eaves.controller.telemetry.sinks.otlp import (
    LINES_AT_ONCE,
    Line,
    Origin,
    OtlpExporter,
    export_request,
)
from eaves.controller.telemetry.sinks.partial import Partial

DEVICE, APP = Origin("acme", "dev-1"), Origin("acme", "dev-1", "app-1")


def test_lines_are_grouped_by_who_wrote_them() -> None:
    line = Line(5, 6, "hello", severity="warning", source="zedbox", iid="7", msgid=9)
    request = ExportLogsServiceRequest.FromString(
        export_request([(DEVICE, line), (APP, Line(-1, 2, "x")), (DEVICE, line)])
    )
    device, app = request.resource_logs
    assert len(device.scope_logs[0].log_records) == 2
    attributes = {a.key: a.value.string_value for a in app.resource.attributes}
    assert attributes["eaves.app.id"] == attributes["service.name"] == "app-1"
    assert attributes["eaves.enterprise.id"] == "acme"
    assert attributes["device.id"] == "dev-1"
    record = device.scope_logs[0].log_records[0]
    assert (record.time_unix_nano, record.observed_time_unix_nano) == (5, 6)
    assert record.severity_number == SeverityNumber.SEVERITY_NUMBER_WARN
    assert record.body.string_value == "hello"
    assert app.scope_logs[0].log_records[0].time_unix_nano == 0  # a clock before 1970


@asynccontextmanager
async def exporting(
    sink: HttpSink, partial: Partial | None = None
) -> AsyncGenerator[OtlpExporter, None]:
    exporter = OtlpExporter(sink, partial)
    try:
        yield exporter
    finally:
        await exporter.close()


async def test_a_real_collector_gets_every_line_and_the_token() -> None:
    with collector() as receiving:
        async with exporting(HttpSink(receiving.url, token="t0ken")) as exporter:
            await exporter.export([(DEVICE, Line(1, 1, str(n))) for n in range(LINES_AT_ONCE + 1)])
    assert len(receiving.lines()) == LINES_AT_ONCE + 1
    assert receiving.authorizations == {"Bearer t0ken"}


@pytest.mark.parametrize(
    ("status", "error"),
    [(503, SinkAway), (429, SinkAway), (401, SinkAway), (404, SinkAway), (400, SinkRefused)],
)
async def test_only_what_blames_the_content_is_final(status: int, error: type[Exception]) -> None:
    def answer(_: Collector) -> tuple[int, bytes]:
        return status, b"no"

    with collector(answer) as receiving:
        async with exporting(HttpSink(f"{receiving.url}/?key=secret")) as exporter:
            with pytest.raises(error, match=f"answered {status}: no") as told:
                await exporter.export([(DEVICE, Line(1, 1, "x"))])
    assert "secret" not in str(told.value)


async def test_a_part_that_is_thrown_away_is_counted_and_nothing_is_sent_again() -> None:
    said = ExportLogsPartialSuccess(rejected_log_records=1, error_message="too old")
    body = ExportLogsServiceResponse(partial_success=said).SerializeToString()
    answer: Callable[[Collector], tuple[int, bytes]] = lambda _: (200, body)  # noqa: E731 - one value
    partial = Partial()
    with collector(answer) as receiving, capture_logs() as logged:
        async with exporting(HttpSink(receiving.url), partial) as exporter:
            await exporter.export([(DEVICE, Line(1, 1, "x"))] * (LINES_AT_ONCE + 1))
    assert (len(receiving.bodies), partial.rejected) == (2, 2)
    assert logged[0]["why"] == "too old"


async def test_a_collector_may_answer_json() -> None:
    with collector(lambda _: (200, b'{"partialSuccess":{}}')) as receiving:
        async with exporting(HttpSink(receiving.url)) as exporter:
            await exporter.export([(DEVICE, Line(1, 1, "x"))])
    assert receiving.lines() == ["x"]


async def test_lines_are_written_beside_the_loop() -> None:
    lines = [(DEVICE, Line(n, n, "x" * 100, "info", "zedbox", "7", n)) for n in range(2000)]
    alone = spent_s(lambda: export_request(lines))
    with collector() as receiving:
        async with exporting(HttpSink(receiving.url)) as exporter:
            await exporter.export(lines[:1])
            async with watching_the_loop() as loop:
                await exporter.export(lines)
    assert loop.longest_s < alone / 2


async def test_a_collector_that_is_not_there_is_away() -> None:
    with collector() as receiving:
        url = receiving.url
    async with exporting(HttpSink(url)) as exporter:
        with pytest.raises(SinkAway):
            await exporter.export([(DEVICE, Line(1, 1, "x"))])
