"""Info, events and series in the files of SQLite and in PostgreSQL: folded, moved, rolled up."""

from array import array
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW
from support.telemetry import fold_series, fold_state, info_report, metrics_report

from eaves.controller.jobs.device_events import move_events
from eaves.controller.jobs.leased import Held
from eaves.controller.store import reports, state_store
from eaves.controller.store.events import list_events
from eaves.controller.store.files import open_telemetry, prepare_files
from eaves.controller.store.leases import Lease, LeaseLost, take_lease
from eaves.controller.store.packed import unpack_numbers
from eaves.controller.store.series_store import (
    FIVE_MINUTES,
    HOUR,
    SECOND,
    Rollup,
    rollups_between,
)
from eaves.controller.store.sync import open_sync_engine, writing
from eaves.controller.store.unit import attachable, snapshot, unit_of_work
from eaves.controller.telemetry.embedded import EmbeddedCommitter
from eaves.controller.telemetry.reports import DeviceForgotten, MetricsReport, microseconds
from eaves.controller.telemetry.rollups import Shapes, roll_up
from eaves.controller.telemetry.series import objects_of, read_series
from eaves.controller.telemetry.state_fold import StateFold
from eaves.evapi.info import ZInfoApp, ZInfoMsg, ZInfoTypes, ZSwState, encode_z_info_msg
from eaves.evapi.metrics import (
    AppCpuMetric,
    AppMetric,
    DeviceMetric,
    MemoryMetric,
    ZMetricMsg,
    encode_z_metric_msg,
)
from eaves.evapi.metrics_fold import KINDS
from eaves.ids import DeviceId

EDGE = DeviceId("edge-1")
ALONE = Held(Lease("events", "test", 0), alone=True)


def app(state: ZSwState, name: str = "web") -> bytes:
    return encode_z_info_msg(
        ZInfoMsg(ztype=ZInfoTypes.ZiApp, ainfo=ZInfoApp(app_id="app-1", app_name=name, state=state))
    )


def measured(at: datetime, used: int, spent_s: int) -> bytes:
    return encode_z_metric_msg(
        ZMetricMsg(
            at_time_stamp=at,
            dm=DeviceMetric(
                memory=MemoryMetric(used_mem=used),
                cpu_metric=AppCpuMetric(total_ns=spent_s * 10**9),
            ),
        )
    )


async def test_the_latest_info_stays_and_news_come_once(engine: AsyncEngine) -> None:
    first = info_report(EDGE, app(ZSwState.DOWNLOAD_STARTED), NOW)
    later = NOW + timedelta(seconds=1)
    second = info_report(EDGE, app(ZSwState.RUNNING), later)
    for batch in ((first, second), (first, second), (second,), (first,)):
        fold_state(engine.url, *batch)  # again, by a fold that remembers nothing
    async with snapshot(engine) as db:
        (info,) = await reports.list_info(db, [EDGE])
        assert info.message == app(ZSwState.RUNNING)
    files = attachable(engine.url)
    state = open_telemetry(files["state"]) if files else open_sync_engine(engine.url)
    writer = EmbeddedCommitter[object, None](state, StateFold(health_kept=3), name="state")  # type: ignore[arg-type]  # its reports are not used
    try:
        moved = 0
        while count := await move_events(engine, writer.work, ALONE):
            moved += count
        assert moved >= 2
    finally:
        writer.close()
    async with snapshot(engine) as db:
        rows = await db.execute(text("SELECT description FROM events ORDER BY row"))
        assert [row.description for row in rows] == [
            "app instance web: state DOWNLOAD_STARTED",
            "app instance web: state RUNNING (was DOWNLOAD_STARTED)",
        ]
        assert await list_events(db, ACME) == ()
    gone = DeviceForgotten(
        enterprise_id="", device_id=EDGE, received_at=microseconds(later), digest=b""
    )
    fold_state(engine.url, gone)
    async with snapshot(engine) as db:
        assert await reports.list_info(db, [EDGE]) == ()


async def test_who_lost_its_lease_moves_no_event(engine: AsyncEngine) -> None:
    fold_state(engine.url, info_report(EDGE, app(ZSwState.RUNNING), NOW))

    async def taken(holder: str, ttl: timedelta) -> Held:
        async with unit_of_work(engine) as db:
            lease = await take_lease(db, "events", holder, ttl)
        assert lease is not None
        return Held(lease)

    late, now = await taken("late", timedelta(0)), await taken("now", timedelta(minutes=1))
    files = attachable(engine.url)
    state = open_telemetry(files["state"]) if files else open_sync_engine(engine.url)
    writer = EmbeddedCommitter[object, None](state, StateFold(health_kept=3), name="state")  # type: ignore[arg-type]  # its reports are not used
    count = text("SELECT count(*) FROM events")
    try:
        with pytest.raises(LeaseLost):
            await move_events(engine, writer.work, late)
        async with snapshot(engine) as db:
            assert (await db.execute(count)).scalar_one() == 0
        assert await move_events(engine, writer.work, now) == 1
        assert await move_events(engine, writer.work, now) == 0
    finally:
        writer.close()
    async with snapshot(engine) as db:
        assert (await db.execute(count)).scalar_one() == 1


async def test_metrics_are_stored_once_and_rolled_up(engine: AsyncEngine) -> None:
    start = NOW - timedelta(hours=2)
    batch: list[MetricsReport] = []
    for minute in range(120):
        at = start + timedelta(minutes=minute)
        spent = 3 * minute if minute < 60 else 3 * (minute - 60)  # it started again
        batch.append(metrics_report(EDGE, measured(at, minute, spent), at))
    fold_series(engine.url, *batch)
    fold_series(engine.url, *batch)
    async with snapshot(engine) as db:
        count = await db.execute(text("SELECT count(*) FROM metric_samples"))
        assert count.scalar_one() == len(batch)
        now = await reports.find_measured(db, EDGE)
        assert now is not None
        assert now.message == batch[-1].message

    files = attachable(engine.url)
    series = open_telemetry(files["metrics"]) if files else open_sync_engine(engine.url)

    def done(connection: Connection) -> int:
        return len(roll_up(connection, microseconds(NOW + timedelta(hours=2)), Shapes()))

    try:
        spans = 1
        while spans:
            with writing(series) as connection:
                spans = done(connection)
        with writing(series) as connection:
            now_s, start_s = int(NOW.timestamp()), int(start.timestamp())
            assert objects_of(connection, EDGE, "device", start_s, now_s) == ("",)
            charts = {
                step: read_series(
                    connection,
                    EDGE,
                    "device",
                    [""],
                    ("used_mem", "cpu_ns"),
                    start=start_s,
                    end=now_s,
                    step=step,
                    now=now_s,
                )[""]
                for step in (60, FIVE_MINUTES, HOUR)
            }
    finally:
        series.dispose()
    assert charts[60].values["used_mem"][:3] == (0, 1, 2)
    assert charts[FIVE_MINUTES].values["used_mem"][:2] == (2, 7)
    assert len(charts[FIVE_MINUTES].times) == 24
    assert charts[HOUR].values["used_mem"] == (29.5, 89.5)
    for chart in charts.values():
        grown = [value for value in chart.values["cpu_ns"] if value is not None]
        assert min(grown) >= 0
        assert abs(sum(grown) - (59 * 3 + 59 * 3) * 10**9) < 10**5
    assert charts[HOUR].times[0] * SECOND == microseconds(start)


async def test_spans_of_many_devices_are_rolled_up_as_those_of_one(engine: AsyncEngine) -> None:
    start, hour = NOW - timedelta(hours=2), timedelta(hours=1)
    batch: list[MetricsReport] = []
    for number in range(4):
        # two of each length; the last two miss the second half of the hour
        for minute in range(60 if number < 2 else 30):
            at = start + timedelta(minutes=minute)
            device = DeviceId(f"edge-{number}")
            batch.append(metrics_report(device, measured(at, 100 * number, minute), at))
    fold_series(engine.url, *batch)
    files = attachable(engine.url)
    series = open_telemetry(files["metrics"]) if files else open_sync_engine(engine.url)
    shapes, later = Shapes(), microseconds(NOW + hour)
    try:
        with writing(series) as connection:
            assert len(roll_up(connection, later, shapes)) == 2 * 12 + 2 * 6
            assert len(roll_up(connection, later, shapes)) == 4
            assert roll_up(connection, later, shapes) == ()
        with writing(series) as connection:
            told = [
                rollups_between(
                    connection,
                    f"edge-{number}",
                    HOUR,
                    microseconds(start),
                    microseconds(start + hour),
                )
                for number in range(4)
            ]
    finally:
        series.dispose()
    assert [[rollup.samples for rollup in one] for one in told] == [[60], [60], [30], [30]]
    grown_mean_high = [numbers_of(one[0]) for one in told]
    for number, (grown, mean, highest) in enumerate(grown_mean_high):
        assert grown == pytest.approx((59 if number < 2 else 29) * 10**9)
        assert mean == highest == 100 * number


async def test_no_span_is_lost_where_devices_have_more_layouts_than_are_remembered(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eaves.controller.telemetry.rollups.REMEMBERED", 2)
    start, apps = NOW - timedelta(hours=1), range(5)
    batch = [
        metrics_report(DeviceId(f"edge-{number}"), of_app(at, f"app-{number}"), at)
        for number in apps
        for at in (start, start + timedelta(minutes=1))
    ]
    fold_series(engine.url, *batch)
    files = attachable(engine.url)
    series = open_telemetry(files["metrics"]) if files else open_sync_engine(engine.url)
    shapes, later = Shapes(), microseconds(NOW + timedelta(hours=1))
    try:
        with writing(series) as connection:
            while roll_up(connection, later, shapes):
                pass
        with writing(series) as connection:
            first, end = microseconds(start), microseconds(NOW)
            kept = [
                len(rollups_between(connection, f"edge-{number}", level, first, end))
                for level in (FIVE_MINUTES, HOUR)
                for number in apps
            ]
    finally:
        series.dispose()
    assert kept == [1] * 10
    with pytest.raises(KeyError):
        shapes.kinds(b"never learned")


def of_app(at: datetime, app_id: str) -> bytes:
    return encode_z_metric_msg(
        ZMetricMsg(
            at_time_stamp=at,
            am=(AppMetric(app_id=app_id, memory=MemoryMetric(used_mem=7)),),
        )
    )


def numbers_of(rollup: Rollup) -> tuple[float, float, float]:
    """Growth of the processor time, mean and highest of the memory."""
    values = array("f")
    values.frombytes(unpack_numbers(rollup.numbers))
    fields = KINDS["d"].fields
    used, width = fields.index("used_mem"), len(fields)
    return values[fields.index("cpu_ns")], values[used], values[2 * width + used]


def test_what_objects_said_before_is_found_by_their_keys(tmp_path: Path) -> None:
    """SQLite reads a whole table for `(a, b) IN (VALUES ...)`: every commit would do so."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    keys = [("acme", f"edge-{n}", int(ZInfoTypes.ZiDevice), "") for n in range(3)]
    url = f"sqlite+aiosqlite:///{tmp_path}/eaves.db"
    prepare_files(url)
    engine = open_telemetry(attachable(url)["state"])
    with writing(engine) as connection:
        event.listen(connection, "before_cursor_execute", note)
        rows = [state_store.InfoRow(key, 1, 7, b"said") for key in keys[:2]]
        state_store.put_info(connection, rows)
        del asked[:]
        assert state_store.received(connection, keys) == {keys[0]: 7, keys[1]: 7}
        values = tuple(value for key in sorted(keys) for value in key)
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0]}", values).all()
    engine.dispose()
    steps = [str(row[-1]) for row in plan]
    assert not [step for step in steps if step.startswith("SCAN info_latest")], steps
