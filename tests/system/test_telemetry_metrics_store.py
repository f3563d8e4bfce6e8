"""Reports into a real VictoriaMetrics, and charts out of it: the same as of the embedded series."""

import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from support.telemetry import fold_series, metrics_report
from support.victoria import Victoria, victoria_is_there, victoria_metrics

from eaves.controller.settings import Settings
from eaves.controller.sink_settings import HttpSink, SinkSettings
from eaves.controller.store.files import prepare_files
from eaves.controller.store.unit import open_engine
from eaves.controller.telemetry.reports import MetricsReport, encode_batch
from eaves.controller.telemetry.series import Series
from eaves.controller.telemetry.series_of_store import MetricsStoreAway
from eaves.controller.telemetry.series_reading import (
    Asked,
    Measured,
    SeriesReader,
    SqlSeries,
    open_series_reader,
)
from eaves.controller.telemetry.sinks.http import SinkAway, SinkRefused
from eaves.controller.telemetry.sinks.metrics_out import MetricsOut, RemoteWrite
from eaves.controller.telemetry.sinks.metrics_store import MetricsWriter
from eaves.evapi.metrics import (
    AppCpuMetric,
    AppMetric,
    DeviceMetric,
    MemoryMetric,
    NetworkMetric,
    ZMetricMsg,
    encode_z_metric_msg,
)

pytestmark = [pytest.mark.system, pytest.mark.jetstream]

NOW = datetime.now(UTC).replace(microsecond=0)
MINUTES = 50
APP = "5d0767ee-0547-4569-b530-387e526f8cb9"


@pytest.fixture(scope="module")
def victoria() -> Iterator[Victoria]:
    if not victoria_is_there():
        pytest.skip("needs the package victoria-metrics")
    with victoria_metrics() as running:
        yield running


def message(device_id: str, number: int, at: datetime) -> bytes:
    """A minute of work; the device started again half way, and one port is new since then."""
    spent = number if number < MINUTES // 2 else number - MINUTES // 2
    ports = ("eth0", 'odd "name"\\') if number >= MINUTES // 2 else ("eth0",)
    return encode_z_metric_msg(
        ZMetricMsg(
            dev_id=device_id,
            at_time_stamp=at,
            dm=DeviceMetric(
                cpu_metric=AppCpuMetric(total_ns=spent * 10**9),
                memory=MemoryMetric(used_mem=100 + number, avail_mem=1000),
                network=tuple(
                    NetworkMetric(i_name=name, rx_bytes=spent * 1000, tx_bytes=spent)
                    for name in ports
                ),
            ),
            am=(
                AppMetric(
                    app_id=APP,
                    cpu=AppCpuMetric(total_ns=spent * 3 * 10**9),
                    network=(NetworkMetric(i_name="vif", rx_bytes=spent),),
                ),
            ),
        )
    )


def reports_of(device_id: str) -> list[MetricsReport]:
    moments = [NOW - timedelta(seconds=60 * (MINUTES - n) - 7) for n in range(MINUTES)]
    return [
        metrics_report(device_id, message(device_id, number, at), at + timedelta(seconds=2))
        for number, at in enumerate(moments)
    ]


@asynccontextmanager
async def writing(victoria: Victoria) -> AsyncGenerator[MetricsOut]:
    writer = MetricsWriter(HttpSink(victoria.write_url))
    sink = MetricsOut("remote-write", RemoteWrite(writer.write, writer.close))
    try:
        yield sink
    finally:
        await sink.close()


@asynccontextmanager
async def reading(victoria: Victoria, folder: Path) -> AsyncGenerator[SeriesReader]:
    sinks = SinkSettings(metrics_query=HttpSink(victoria.url))
    settings = Settings(state_dir=folder, sinks=sinks)
    engine = open_engine(settings.database)
    reader = open_series_reader(settings, engine)
    try:
        yield reader
    finally:
        await reader.close()
        await engine.dispose()


def asked(
    of: Measured, kind: str, fields: Sequence[str], step: int, object_id: str = "", **more: bool
) -> Asked:
    return Asked(
        of,
        kind,
        object_id,
        more.get("below", False),
        tuple(fields),
        start=int(NOW.timestamp()) // step * step - (3600 if step < 3600 else 2 * 3600),
        end=int(NOW.timestamp()) + 1,
        step=step,
        now=int(NOW.timestamp()) + 1,
    )


def points(charts: Mapping[str, Series]) -> dict[str, dict[str, dict[int, float]]]:
    """What is known, by object, field and time."""
    return {
        object_id: {
            field: {
                time: value
                for time, value in zip(series.times, values, strict=True)
                if value is not None
            }
            for field, values in series.values.items()
        }
        for object_id, series in charts.items()
    }


NETWORK = ("rx_bytes", "tx_bytes")


@pytest.mark.parametrize("step", [60, 120])
async def test_charts_are_those_of_the_embedded_series(
    victoria: Victoria, tmp_path: Path, step: int
) -> None:
    settings = Settings(state_dir=tmp_path)
    prepare_files(settings.database)
    reports, of = reports_of("dev-1"), Measured("", "dev-1")
    fold_series(settings.database, *reports)
    engine = open_engine(settings.database)
    async with writing(victoria) as sink, reading(victoria, tmp_path) as store:
        for _ in range(2):
            await sink.store([encode_batch(reports[:20]), encode_batch(reports[20:])])
        victoria.flush()
        embedded = SqlSeries(engine)
        for question in (
            asked(of, "device", ("cpu_ns", "used_mem", "avail_mem"), step),
            asked(of, "port", NETWORK, step, below=True),
            asked(of, "app", ("cpu_ns",), step, APP),
            asked(of, "app_port", NETWORK, step, f"{APP}/", below=True),
        ):
            wanted, found = await embedded.series(question), await store.series(question)
            assert points(found) == points(wanted)
            assert all(all(fields.values()) for fields in points(found).values())
        newest = NOW.timestamp()
        assert await store.cpu_shares(of, newest) == pytest.approx(
            await embedded.cpu_shares(of, newest), rel=1e-4
        )  # a store keeps milliseconds
        assert (await store.cpu_shares(of, newest)).keys() == {"", APP}
    await engine.dispose()
    counted = quote(
        'count_over_time(eaves_device_metric{device="dev-1",field="used_mem",kind="device"}[2h])'
    )
    answer = json.loads(
        victoria.get(f"/api/v1/query?query={counted}&time={NOW.timestamp() + 60:.0f}")
    )
    (series,) = answer["data"]["result"]
    assert series["value"][1] == str(MINUTES)


async def test_no_question_reaches_the_series_of_another_tenant(
    victoria: Victoria, tmp_path: Path
) -> None:
    async with writing(victoria) as sink, reading(victoria, tmp_path) as store:
        await sink.store([encode_batch(reports_of("dev-2"))])
        victoria.flush()
        for enterprise in ("acme", '"} or {enterprise=~".*', ".*"):
            for object_id in ("", '"} or {device="dev-2', ".*"):
                of = Measured(enterprise, "dev-2")
                question = asked(of, "device", ("used_mem",), 60, object_id, below=True)
                assert await store.series(question) == {}
            assert await store.cpu_shares(Measured(enterprise, "dev-2"), NOW.timestamp()) == {}
        mine = asked(Measured("", "dev-2"), "device", ("used_mem",), 60)
        assert await store.series(mine) != {}


async def test_a_wrong_address_and_wrong_content_differ(victoria: Victoria) -> None:
    writer = MetricsWriter(HttpSink(victoria.write_url))
    with pytest.raises(SinkRefused, match="answered 400"):
        await writer.write([b"no protobuf"])
    await writer.close()
    lost = MetricsWriter(HttpSink(f"{victoria.url}/not/here"))
    with pytest.raises((SinkAway, SinkRefused)):
        await lost.write([b""])
    await lost.close()


async def test_a_store_that_is_away_is_named(tmp_path: Path) -> None:
    away = Victoria(tmp_path)  # never started
    async with reading(away, tmp_path) as store:
        of = Measured("", "dev-1")
        with pytest.raises(MetricsStoreAway, match=away.url):
            await store.series(asked(of, "device", ("used_mem",), 60))
        with pytest.raises(MetricsStoreAway, match=away.url):
            await store.cpu_shares(of, NOW.timestamp())
