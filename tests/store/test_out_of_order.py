"""Reports that a stream brings late, twice, or after newer ones; and texts with a NUL."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import NOW
from support.telemetry import fold_state, info_report, metrics_report

from eaves.controller.domain.scope import Scope
from eaves.controller.jobs.series import forget_gone_objects
from eaves.controller.store import reports, usage
from eaves.controller.store.files import open_telemetry
from eaves.controller.store.series_store import FIVE_MINUTES, SECOND, rollups_between
from eaves.controller.store.sync import open_sync_engine, writing
from eaves.controller.store.unit import attachable, snapshot
from eaves.controller.telemetry.embedded import EmbeddedCommitter
from eaves.controller.telemetry.reports import MetricsReport, microseconds
from eaves.controller.telemetry.rollups import Shapes, roll_up
from eaves.controller.telemetry.series_fold import SeriesFold
from eaves.controller.telemetry.state_fold import StateFold, StateReport
from eaves.evapi.info import (
    ErrorInfo,
    ZInfoApp,
    ZInfoDevice,
    ZInfoMsg,
    ZInfoTypes,
    ZSwState,
    encode_z_info_msg,
)
from eaves.evapi.metrics import DeviceMetric, MemoryMetric, ZMetricMsg, encode_z_metric_msg
from eaves.ids import DeviceId, EnterpriseId

EDGE = DeviceId("edge-1")
RUNNING = encode_z_info_msg(
    ZInfoMsg(
        ztype=ZInfoTypes.ZiApp,
        ainfo=ZInfoApp(app_id="app-1", app_name="web", state=ZSwState.RUNNING),
    )
)
GONE = encode_z_info_msg(ZInfoMsg(ztype=ZInfoTypes.ZiApp, ainfo=ZInfoApp(app_id="app-1")))


def at(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


async def test_what_was_removed_does_not_come_back_by_an_older_message(
    engine: AsyncEngine,
) -> None:
    running, gone = info_report(EDGE, RUNNING, at(1)), info_report(EDGE, GONE, at(2))
    for batch in ((running, gone), (running,), (gone,), (running, gone), (gone, running)):
        fold_state(engine.url, *batch)
        assert await _shown(engine) == []
    assert await _event_types(engine) == ["APP_INSTANCE_REMOVED_FROM_DEVICE", "APP_INSTANCE_STATE"]
    assert await _counted(engine) == 0
    fold_state(engine.url, info_report(EDGE, RUNNING, at(3)))
    assert await _shown(engine) == [RUNNING]
    assert await _counted(engine) == 1
    fold_state(engine.url, gone)
    assert await _shown(engine) == [RUNNING]


async def test_one_process_remembers_what_was_removed(engine: AsyncEngine) -> None:
    files = attachable(engine.url)
    state = open_telemetry(files["state"]) if files else open_sync_engine(engine.url)
    writer = EmbeddedCommitter[StateReport, None](state, StateFold(health_kept=3), name="state")
    try:
        for message, seconds in ((RUNNING, 1), (GONE, 2), (RUNNING, 1), (GONE, 4), (RUNNING, 3)):
            await writer.commit([info_report(EDGE, message, at(seconds))])
    finally:
        writer.close()
    assert await _shown(engine) == []
    assert await _event_types(engine) == ["APP_INSTANCE_REMOVED_FROM_DEVICE", "APP_INSTANCE_STATE"]


async def test_what_was_removed_long_ago_is_forgotten(engine: AsyncEngine) -> None:
    fold_state(engine.url, info_report(EDGE, RUNNING, at(1)), info_report(EDGE, GONE, at(2)))
    files = attachable(engine.url)
    state = open_telemetry(files["state"]) if files else open_sync_engine(engine.url)
    writer = EmbeddedCommitter[StateReport, None](state, StateFold(health_kept=3), name="state")
    try:
        for days, rows in ((6, 1), (8, 0)):
            await forget_gone_objects(engine, writer.work, NOW + timedelta(days=days))
            async with snapshot(engine) as db:
                count = await db.execute(text("SELECT count(*) FROM info_latest"))
                assert count.scalar_one() == rows
    finally:
        writer.close()


async def test_what_waited_in_a_stream_is_rolled_up_again(engine: AsyncEngine) -> None:
    start = microseconds(NOW)
    now = start + 20 * SECOND
    fold = SeriesFold(lambda: now, Shapes())
    files = attachable(engine.url)
    series = open_telemetry(files["metrics"]) if files else open_sync_engine(engine.url)

    def store(seconds: int) -> None:
        with writing(series) as connection:
            fold.fold(connection, [_sample(start + seconds * SECOND)])

    def roll() -> None:
        """As another process does, unless there can be none."""
        with writing(series) as connection:
            while done := roll_up(connection, now, Shapes()):
                if files:
                    fold.rolled_up(done)

    def counted(connection: Connection) -> list[int]:
        spans = rollups_between(connection, EDGE, FIVE_MINUTES, start, start + 300 * SECOND)
        return [span.samples for span in spans]

    try:
        store(10)
        now = start + 400 * SECOND
        roll()
        store(70)  # received within the span, folded long after it
        roll()
        store(130)
        roll()
        with writing(series) as connection:
            assert counted(connection) == [3]
    finally:
        series.dispose()


async def test_info_may_hold_a_nul(engine: AsyncEngine) -> None:
    wrong = ErrorInfo(description="no\0route")
    app = ZInfoApp(app_id="a\0b", app_name="we\0b", state=ZSwState.RUNNING, app_err=(wrong,))
    booted = ZInfoDevice(last_reboot_reason="why\0not", restart_counter=2)
    before = ZInfoDevice(last_reboot_reason="", restart_counter=1)
    messages = (
        ZInfoMsg(ztype=ZInfoTypes.ZiApp, ainfo=app),
        ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dinfo=before),
        ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dinfo=booted),
    )
    for number, message in enumerate(messages):
        fold_state(engine.url, info_report(EDGE, encode_z_info_msg(message), at(number)))
    async with snapshot(engine) as db:
        told = [info.object_id for info in await reports.list_info(db, [EDGE])]
        assert told == ["", "a\N{SYMBOL FOR NULL}b"]
        rows = await db.execute(text("SELECT text FROM device_events ORDER BY row"))
        texts = [row.text for row in rows]
    assert "no\N{SYMBOL FOR NULL}route" in texts[1]
    assert "why\N{SYMBOL FOR NULL}not" in texts[-1]


def _sample(moment: int) -> MetricsReport:
    when = NOW + timedelta(microseconds=moment - microseconds(NOW))
    measured = DeviceMetric(memory=MemoryMetric(used_mem=7))
    message = encode_z_metric_msg(ZMetricMsg(at_time_stamp=when, dm=measured))
    return metrics_report(EDGE, message, when)


async def _shown(engine: AsyncEngine) -> list[bytes]:
    async with snapshot(engine) as db:
        return [info.message for info in await reports.list_info(db, [EDGE])]


async def _counted(engine: AsyncEngine) -> int:
    """As people are told; the reports of these tests belong to no enterprise."""
    async with snapshot(engine) as db:
        return await usage.count_info(db, Scope(EnterpriseId("")))


async def _event_types(engine: AsyncEngine) -> list[str]:
    async with snapshot(engine) as db:
        rows = await db.execute(text("SELECT DISTINCT event_type, origin FROM device_events"))
        return sorted(row.event_type for row in rows)
