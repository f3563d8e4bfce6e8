"""Info, metrics and health of the release before, moved while devices report, each once."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, STAMP, draft
from support.telemetry import fold_state, info_report

from eaves.controller.jobs.moving_reports import ROWS_AT_ONCE, move_reports
from eaves.controller.settings import Settings
from eaves.controller.store import reports
from eaves.controller.store.devices import Binding, register_binding
from eaves.controller.store.objects import insert_object
from eaves.controller.store.tables import (
    Kind,
    events,
    info_before,
    messages,
    metrics_before,
)
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.tables_telemetry import device_events
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.controller.telemetry.pipelines import running_telemetry
from eaves.evapi.info import (
    ZInfoApp,
    ZInfoDevice,
    ZInfoMsg,
    ZInfoTypes,
    ZSwState,
    encode_z_info_msg,
)
from eaves.evapi.info.device import ZDeviceState
from eaves.evapi.metrics import DeviceMetric, MemoryMetric, ZMetricMsg, encode_z_metric_msg
from eaves.ids import DeviceId, EnterpriseId

QUIET, LIVELY = DeviceId("quiet"), DeviceId("lively")
SAMPLES = ROWS_AT_ONCE + 50
HEALTH = 3
START = NOW - timedelta(hours=30)  # on PostgreSQL: several partitions


def device(state: ZDeviceState) -> bytes:
    info = ZInfoDevice(state=state)
    return encode_z_info_msg(ZInfoMsg(ztype=ZInfoTypes.ZiDevice, dinfo=info))


OLD, NEWER = (
    device(state)
    for state in (ZDeviceState.ZDEVICE_STATE_ONLINE, ZDeviceState.ZDEVICE_STATE_REBOOTING)
)
APP = encode_z_info_msg(
    ZInfoMsg(ztype=ZInfoTypes.ZiApp, ainfo=ZInfoApp(app_id="app-1", state=ZSwState.RUNNING))
)


def sample(number: int, at: datetime) -> bytes:
    memory = MemoryMetric(used_mem=number)
    return encode_z_metric_msg(ZMetricMsg(at_time_stamp=at, dm=DeviceMetric(memory=memory)))


async def leave(engine: AsyncEngine) -> None:
    """Rows as the release before left them."""
    metrics = [
        {
            "device_id": QUIET,
            "at": at,
            "received_at": at + timedelta(seconds=1),
            "message": sample(number, at),
        }
        for number in range(SAMPLES)
        for at in [START + timedelta(minutes=5 * number)]
    ]
    said = {"at": None, "received_at": START, "object_id": ""}
    infos = [
        said | {"device_id": QUIET, "kind": int(ZInfoTypes.ZiDevice), "message": OLD},
        said | {"device_id": LIVELY, "kind": int(ZInfoTypes.ZiDevice), "message": OLD},
        said
        | {
            "device_id": QUIET,
            "kind": int(ZInfoTypes.ZiApp),
            "object_id": "app-1",
            "message": APP,
        },
        said | {"device_id": "torn", "kind": int(ZInfoTypes.ZiDevice), "message": b"\xff"},
    ]
    health = [
        {
            "device_id": QUIET,
            "kind": "hardwarehealth",
            "digest": bytes([number]) * 32,
            "received_at": START + timedelta(minutes=number),
            "message": b"\x0a\x01%d" % number,
        }
        for number in range(HEALTH)
    ]
    async with unit_of_work(engine) as db:
        await db.execute(info_before.insert(), infos)
        await db.execute(metrics_before.insert(), metrics)
        await db.execute(messages.insert(), health)


@pytest.fixture
async def before(engine: AsyncEngine) -> AsyncEngine:
    async with unit_of_work(engine) as db:
        for name in (QUIET, LIVELY):
            await insert_object(db, ACME, draft(Kind.DEVICE, name), STAMP)
            await register_binding(
                db,
                Binding(
                    device_id=name,
                    enterprise_id=EnterpriseId("acme"),
                    certificate_hash=name.encode(),
                    certificate_der=b"d",
                    onboarding_key="key",
                    serial=name,
                    bound_at=NOW,
                ),
            )
    await leave(engine)
    return engine


async def test_what_the_release_before_kept_is_moved_once(
    before: AsyncEngine, database_url: str, tmp_path: Path
) -> None:
    newer = msgspec.structs.replace(info_report(LIVELY, NEWER, NOW), enterprise_id="acme")
    fold_state(database_url, newer)  # reported since this release was started
    settings = Settings(state_dir=tmp_path, database_url=database_url)
    async with running_telemetry(settings, os.urandom, lambda: NOW) as telemetry:
        await move_reports(before, telemetry)
        await leave(before)  # as if the process had died before it deleted what was moved
        await move_reports(before, telemetry)
        await move_reports(before, telemetry)
    async with snapshot(before) as db:
        for table in (info_before, metrics_before, messages):
            left = await db.execute(select(func.count()).select_from(table))
            assert left.scalar_one() == 0, table.name
        (said, app) = await reports.list_info(db, [QUIET])
        assert (said.message, said.received_at, app.message) == (OLD, START, APP)
        assert not await reports.list_info(db, [DeviceId("torn")])
        states = listed[Kind.DEVICE]
        rows = await db.execute(select(states.c.id, states.c.reported_state))
        assert {row.id: row.reported_state for row in rows} == {
            QUIET: ZDeviceState.ZDEVICE_STATE_ONLINE,
            LIVELY: ZDeviceState.ZDEVICE_STATE_REBOOTING,
        }
        measured = await reports.find_measured(db, QUIET)
        assert measured is not None
        assert measured.message == sample(SAMPLES - 1, START + timedelta(minutes=5 * (SAMPLES - 1)))
        for name, count in (("metric_samples", SAMPLES), ("health_reports", HEALTH)):
            found = await db.execute(text(f"SELECT count(*) FROM {name}"))  # noqa: S608 - a test's own words
            assert found.scalar_one() == count, name
        told = await db.execute(select(device_events.c.device_id))
        assert {row.device_id for row in told} == {LIVELY}  # what was known is no news
        journal = await db.execute(select(func.count()).select_from(events))
        assert journal.scalar_one() == 0
