"""How much of metrics is kept, in the files of SQLite and in PostgreSQL."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from random import Random

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import NOW

from eaves.controller.jobs.series import StorageUse, bound_series, reader
from eaves.controller.settings import Retention
from eaves.controller.store import series_bounds, series_store
from eaves.controller.store.files import open_telemetry
from eaves.controller.store.series_store import FIVE_MINUTES, HOUR, RAW, SECOND, Rollup
from eaves.controller.store.sync import open_sync_engine
from eaves.controller.store.unit import attachable
from eaves.controller.telemetry.embedded import EmbeddedCommitter
from eaves.controller.telemetry.reports import MetricsReport, digest_of, microseconds
from eaves.controller.telemetry.rollups import Shapes
from eaves.controller.telemetry.series_fold import SeriesFold

HOURS = 6
DEVICES = 60
SPANS = 12 * HOURS  # of five minutes
ALL = DEVICES * SPANS
KEEP_ALL = Retention(metric_raw_hours=100, metric_five_minute_days=100, metric_hour_days=100)
BEGAN = NOW - timedelta(hours=HOURS)

Writer = EmbeddedCommitter[MetricsReport, None]


@pytest.fixture
def writer(engine: AsyncEngine) -> Iterator[Writer]:
    files = attachable(engine.url)
    of_metrics = open_telemetry(files["metrics"]) if files else open_sync_engine(engine.url)
    writer = Writer(of_metrics, SeriesFold(lambda: microseconds(NOW), Shapes()), name="metrics")
    yield writer
    writer.close()


async def test_metrics_are_dropped_by_age(engine: AsyncEngine, writer: Writer) -> None:
    await _fill(writer)
    await _bound(engine, writer, replace(KEEP_ALL, metric_raw_hours=2))
    times = await _times(writer, RAW)
    assert len(times) == DEVICES * 12 * 2
    assert min(times) >= microseconds(NOW - timedelta(hours=2))
    assert len(await _times(writer, FIVE_MINUTES)) == ALL

    later = NOW + timedelta(days=1) - timedelta(hours=1)
    await _bound(engine, writer, replace(KEEP_ALL, metric_five_minute_days=1), later)
    times = await _times(writer, FIVE_MINUTES)
    assert len(times) == DEVICES * 12
    assert min(times) == microseconds(NOW - timedelta(hours=1))
    assert len(await _times(writer, HOUR)) == DEVICES * HOURS


async def test_a_bound_takes_the_oldest_samples_first(engine: AsyncEngine, writer: Writer) -> None:
    await _fill(writer)
    before = await writer.work(series_bounds.bytes_held)
    assert before <= await writer.work(series_bounds.bytes_on_disk) <= 1.5 * before
    use = await _bound(engine, writer, replace(KEEP_ALL, metric_bytes=before - 100_000))
    assert use.used_bytes <= use.bound_bytes
    times = await _times(writer, RAW)
    assert 0 < len(times) < ALL
    assert max(times) // SECOND == microseconds(NOW) // SECOND - 300
    assert min(times) // SECOND > microseconds(BEGAN) // SECOND
    assert len(await _times(writer, FIVE_MINUTES)) == ALL


async def test_a_bound_takes_no_more_roll_ups_than_it_must(
    engine: AsyncEngine, writer: Writer
) -> None:
    await _fill(writer)
    while (await _drop(writer, RAW)).pieces:
        pass
    before = await writer.work(series_bounds.bytes_held)
    use = await _bound(engine, writer, replace(KEEP_ALL, metric_bytes=before - 100_000))
    assert use.used_bytes <= use.bound_bytes
    times = await _times(writer, FIVE_MINUTES)
    assert 0 < len(times) < ALL
    assert max(times) == microseconds(NOW) - 300 * SECOND
    assert min(times) > microseconds(BEGAN)
    assert len(await _times(writer, HOUR)) == DEVICES * HOURS
    again = await _bound(engine, writer, replace(KEEP_ALL, metric_bytes=before - 100_000))
    assert again.used_bytes <= again.bound_bytes
    assert await _times(writer, FIVE_MINUTES) == times


async def _fill(writer: Writer) -> None:
    """Samples and both roll-ups, one for each five minutes and hour."""
    random = Random(7)  # noqa: S311 - the same numbers in every run
    for number in range(SPANS):
        at = microseconds(BEGAN) + number * 300 * SECOND
        await writer.commit([_report(f"edge-{n:02}", at, random) for n in range(DEVICES)])

    def roll_up(connection: Connection) -> None:
        for level in (FIVE_MINUTES, HOUR):
            starts = range(microseconds(BEGAN), microseconds(NOW), level * SECOND)
            series_store.put_rollups(
                connection,
                [
                    Rollup("", f"edge-{n:02}", level, start, b"layout", 1, random.randbytes(200))
                    for start in starts
                    for n in range(DEVICES)
                ],
            )

    await writer.work(roll_up)


def _report(device_id: str, at: int, random: Random) -> MetricsReport:
    message = random.randbytes(50)
    return MetricsReport(
        enterprise_id="",
        device_id=device_id,
        received_at=at,
        digest=digest_of(message),
        at=at,
        objects="device",
        values=random.randbytes(400),
        message=message,
    )


async def _bound(
    engine: AsyncEngine, writer: Writer, retention: Retention, now: datetime = NOW
) -> StorageUse:
    read = writer.work if engine.dialect.name == "sqlite" else reader(engine)
    return await bound_series(writer.work, read, retention, now)


async def _drop(writer: Writer, level: int) -> series_bounds.Dropped:
    before = microseconds(NOW)
    return await writer.work(
        partial(series_bounds.drop_oldest, level=level, before=before, limit=1000)
    )


async def _times(writer: Writer, level: int) -> list[int]:
    query = "SELECT time FROM metric_samples ORDER BY time"
    if level != RAW:
        query = f"SELECT start FROM metric_rollups WHERE level = {level} ORDER BY start"  # noqa: S608 - a number

    def look(connection: Connection) -> list[int]:
        return list(connection.execute(text(query)).scalars())

    return await writer.work(look)
