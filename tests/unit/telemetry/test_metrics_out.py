"""Metrics on their way out: their times, what of a batch goes, a collector that gets them."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)
from support.collector import Collector, collector, taken
from support.controller import until
from support.loop import spent_s, watching_the_loop
from support.telemetry import metrics_report

from eaves.controller.settings import Options, read_settings
from eaves.controller.sink_settings import HttpSink
from eaves.controller.store.files import prepare_files
from eaves.controller.telemetry.pipelines import running_telemetry
from eaves.controller.telemetry.reports import DeviceForgotten, MetricsReport, decode_batch
from eaves.controller.telemetry.sinks.metrics_out import (
    MetricsOut,
    Times,
    UnreadableBatch,
    encode_numbers,
)
from eaves.controller.telemetry.sinks.otlp_metrics import OtlpMetrics, export_request
from eaves.controller.telemetry.sinks.partial import Partial
from eaves.evapi.metrics import (
    AppCpuMetric,
    AppMetric,
    DeviceMetric,
    MemoryMetric,
    NetworkMetric,
    ZMetricMsg,
    encode_z_metric_msg,
)

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def message(at: datetime | None, spent: int) -> bytes:
    return encode_z_metric_msg(
        ZMetricMsg(
            dev_id="dev-1",
            at_time_stamp=at,
            dm=DeviceMetric(
                cpu_metric=AppCpuMetric(total_ns=spent),
                memory=MemoryMetric(used_mem=7),
                network=(NetworkMetric(i_name="eth0", rx_bytes=10), NetworkMetric(i_name="eth1")),
            ),
            am=(AppMetric(app_id="app-1", cpu=AppCpuMetric(total_ns=5)),),
        )
    )


def report(received_at: datetime, at: datetime | None, spent: int = 1) -> MetricsReport:
    return metrics_report("dev-1", message(at, spent), received_at)


def test_the_time_is_that_of_the_device() -> None:
    assert Times().of(report(NOW, NOW - timedelta(minutes=3))) == (NOW.timestamp() - 180) * 1000


def test_a_report_of_a_wrong_clock_that_comes_again_has_the_time_of_the_first() -> None:
    times, wrong = Times(), NOW - timedelta(days=400)
    first = times.of(report(NOW, wrong))
    assert first == NOW.timestamp() * 1000
    assert times.of(report(NOW + timedelta(minutes=1), wrong)) == first
    assert times.of(report(NOW + timedelta(minutes=1), wrong, spent=2)) == first + 60_000


def test_what_goes_on_to_a_collector_waits_without_its_message() -> None:
    forgotten = DeviceForgotten(enterprise_id="", device_id="d", received_at=1, digest=b"")
    kept = decode_batch(encode_numbers([report(NOW, NOW), forgotten]))
    assert isinstance(kept[0], MetricsReport)
    assert (kept[0].message, kept[0].values) == (b"", report(NOW, NOW).values)
    assert kept[1] == forgotten


async def test_what_is_no_batch_is_refused() -> None:
    sink = MetricsOut("otlp-metrics", OtlpMetrics(HttpSink("http://127.0.0.1:9")))
    with pytest.raises(UnreadableBatch):
        await sink.store([b"\xc1"])
    await sink.close()


@pytest.fixture
def receiving() -> Iterator[Collector]:
    with collector(lambda _: (503, b"away")) as running:
        yield running


async def test_a_single_process_sends_its_numbers_to_a_collector(
    tmp_path: Path, receiving: Collector
) -> None:
    """It is away at first, and the process ends before it is back."""
    given = {"EAVES_OTLP_URL": receiving.url, "EAVES_OTLP_METRICS": "1"}
    settings = read_settings(Options(state_dir=str(tmp_path)), given)
    prepare_files(settings.database)
    moments = [NOW + timedelta(minutes=n) for n in range(3)]
    async with running_telemetry(settings, os.urandom, lambda: NOW) as telemetry:
        for number, at in enumerate(moments):
            await telemetry.metrics.accept(report(at, at, number))
        await until(lambda: receiving.refused > 0, "an attempt")
    receiving.answer = taken
    async with running_telemetry(settings, os.urandom, lambda: NOW):
        wanted = [(at.timestamp() * 1000, float(n)) for n, at in enumerate(moments)]

        def spent() -> list[tuple[float, float]]:
            return [
                (at_ms, value)
                for _, name, _, at_ms, value in receiving.numbers()
                if name == "eaves.device.cpu_ns"
            ]

        await until(lambda: spent() == wanted, "every number once")
    found = {(name, of): value for _, name, of, _, value in receiving.numbers()}
    assert found["eaves.port.rx_bytes", "eth0"] == 10
    assert found["eaves.port.rx_bytes", "eth1"] == 0
    assert found["eaves.app.cpu_ns", "app-1"] == 5
    assert found["eaves.device.used_mem", ""] == 7


async def test_what_a_collector_throws_away_is_counted_and_nothing_is_sent_again() -> None:
    said = ExportMetricsPartialSuccess(rejected_data_points=3, error_message="too old")
    body = ExportMetricsServiceResponse(partial_success=said).SerializeToString()
    partial = Partial()
    with collector(lambda _: (200, body)) as receiving:
        sink = MetricsOut("otlp-metrics", OtlpMetrics(HttpSink(receiving.url), partial))
        await sink.store([encode_numbers([report(NOW, NOW, n) for n in range(3)])])
        await sink.close()
    assert (len(receiving.metrics), partial.rejected) == (1, 3)


async def test_a_collector_may_answer_json() -> None:
    with collector(lambda _: (200, b"{}")) as receiving:
        sink = MetricsOut("otlp-metrics", OtlpMetrics(HttpSink(receiving.url)))
        await sink.store([encode_numbers([report(NOW, NOW)])])
        await sink.close()
    assert len(receiving.metrics) == 1


async def test_numbers_are_written_beside_the_loop() -> None:
    ports = tuple(NetworkMetric(i_name=f"eth{n}", rx_bytes=n) for n in range(40))
    many = encode_z_metric_msg(ZMetricMsg(dev_id="dev-1", dm=DeviceMetric(network=ports)))
    reports = [(n, metrics_report("dev-1", many, NOW)) for n in range(100)]
    alone = spent_s(lambda: export_request(reports))
    with collector() as receiving:
        exporter = OtlpMetrics(HttpSink(receiving.url))
        await exporter.export(reports[:1])
        async with watching_the_loop() as loop:
            await exporter.export(reports)
        await exporter.close()
    assert loop.longest_s < alone / 10
