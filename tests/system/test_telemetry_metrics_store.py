"""Samples into a real VictoriaMetrics and back."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from support.victoria import Victoria, victoria_is_there, victoria_metrics

from eaves.controller.sink_settings import HttpSink
from eaves.controller.telemetry.sinks.http import SinkAway, SinkRefused
from eaves.controller.telemetry.sinks.metrics_store import MetricsReader, MetricsWriter, Point
from eaves.controller.telemetry.sinks.remote_write import (
    Sample,
    SeriesName,
    encode_labels,
    encode_series,
)

pytestmark = [pytest.mark.system, pytest.mark.jetstream]

START = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def victoria() -> Iterator[Victoria]:
    if not victoria_is_there():
        pytest.skip("needs the package victoria-metrics")
    with victoria_metrics() as running:
        yield running


@asynccontextmanager
async def store(victoria: Victoria) -> AsyncGenerator[tuple[MetricsWriter, MetricsReader], None]:
    writer, reader = (
        MetricsWriter(HttpSink(victoria.write_url)),
        MetricsReader(HttpSink(victoria.url)),
    )
    try:
        yield writer, reader
    finally:
        await writer.close()
        await reader.close()


def series(name: SeriesName, values: list[float]) -> bytes:
    start_ms = int(START.timestamp() * 1000)
    samples = [Sample(start_ms + 60_000 * (n + 1), value) for n, value in enumerate(values)]
    return encode_series(encode_labels(name.labels()), samples)


async def test_what_is_written_twice_is_read_once(victoria: Victoria) -> None:
    name = SeriesName("acme", "dev-1", "app", 'odd "name"\\', "cpu")
    async with store(victoria) as (writer, reader):
        for _ in range(2):
            await writer.write([series(name, [1.5, 2.5, 3.5])])
        victoria.flush()
        found = await reader.read(name, START + MINUTE, START + 3 * MINUTE, MINUTE)
        count = victoria.get(
            "/api/v1/query?query=count_over_time(eaves_device_metric[10m])"
            f"&time={int((START + 5 * MINUTE).timestamp())}"
        )
    assert found == tuple(
        Point(START + (n + 1) * MINUTE, value) for n, value in enumerate((1.5, 2.5, 3.5))
    )
    assert b'"3"' in count


async def test_no_query_reaches_the_series_of_another_tenant(victoria: Victoria) -> None:
    async with store(victoria) as (writer, reader):
        await writer.write([series(SeriesName("other", "dev-9", "device", "", "up"), [1.0])])
        victoria.flush()
        for enterprise in ("acme", "", 'acme"} or eaves_device_metric{enterprise=~".*'):
            name = SeriesName(enterprise, "dev-9", "device", "", "up")
            assert await reader.read(name, START, START + 5 * MINUTE, MINUTE) == ()


async def test_a_wrong_address_and_wrong_content_differ(victoria: Victoria) -> None:
    async with store(victoria) as (writer, _):
        with pytest.raises(SinkRefused, match="answered 400"):
            await writer.write([b"no protobuf"])
    lost = MetricsReader(HttpSink(f"{victoria.url}/not/here"))
    with pytest.raises((SinkAway, SinkRefused)):
        await lost.read(SeriesName("a", "b", "c", "d", "e"), START, START + MINUTE, MINUTE)
    await lost.close()
