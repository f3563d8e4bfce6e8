"""Log lines and flows of the release before come into chunks, each once, also after a crash."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, STAMP, draft
from support.telemetry import stored_lines

from eaves.controller.jobs import moving_logs
from eaves.controller.store.files import open_telemetry, prepare_files
from eaves.controller.store.flow_store import FlowQuery, read_flow_rows
from eaves.controller.store.log_store import note_upload
from eaves.controller.store.objects import insert_object
from eaves.controller.store.sync import open_sync_engine, writing
from eaves.controller.store.tables import Kind, device_bindings, log_uploads, logs, messages
from eaves.controller.store.unit import attachable, snapshot, unit_of_work
from eaves.evapi.flowlog import FlowMessage, FlowRecord, IpFlow, ScopeInfo, encode_flow_message
from eaves.ids import DeviceId

W = TypeVar("W")

EDGE = DeviceId("edge-1")
SECOND = 1_000_000_000
LINES = 4500
START = int((NOW - timedelta(days=2)).timestamp()) * SECOND


class Crash(Exception):
    pass


class Working:
    """Runs work as the writer thread does; after `crash_after` batches the process is gone."""

    def __init__(self, engine: Engine, crash_after: int = 1_000_000) -> None:
        self.engine, self.left = engine, crash_after

    def __call__(self, work: Callable[[Connection], W], /) -> Awaitable[W]:
        return self._run(work)

    async def _run(self, work: Callable[[Connection], W]) -> W:
        with writing(self.engine) as connection:
            done = work(connection)
        self.left -= 1
        if self.left < 0:
            raise Crash
        return done


@pytest.fixture
async def before(engine: AsyncEngine) -> AsyncEngine:
    """A database as the release before left it."""
    line = {"device_id": EDGE, "severity": "info", "source": "kernel", "msgid": 0}
    flow = FlowRecord(
        flow=IpFlow(src="10.0.0.1", src_port=1, dest="192.0.2.1", dest_port=443, protocol=6),
        tx_bytes=5,
    )
    message = encode_flow_message(
        FlowMessage(dev_id=EDGE, scope=ScopeInfo(uuid="app-1"), flows=(flow,))
    )
    async with unit_of_work(engine) as db:
        await insert_object(db, ACME, draft(Kind.DEVICE, EDGE), STAMP)
        await db.execute(
            device_bindings.insert().values(
                device_id=EDGE,
                enterprise_id="acme",
                certificate_hash=b"h",
                certificate_der=b"d",
                gone=False,
                attestation_required=False,
                onboarding_key="key",
                serial="serial",
                bound_at=NOW,
            )
        )
        await db.execute(
            logs.insert(),
            [
                line
                | {
                    "app_id": "" if n % 3 else "app-1",
                    "time_ns": START + n * SECOND,
                    "iid": "",
                    "content": f"line {n}",
                }
                for n in range(LINES)
            ],
        )
        await db.execute(
            log_uploads.insert().values(device_id=EDGE, digest=b"\1" * 32, received_at=NOW)
        )
        await db.execute(
            messages.insert().values(
                device_id=EDGE, kind="flowlog", digest=b"\2" * 32, received_at=NOW, message=message
            )
        )
    return engine


async def test_what_the_release_before_kept_is_moved_once(
    before: AsyncEngine, database_url: str
) -> None:
    files = attachable(database_url)
    prepare_files(database_url)
    writer = open_telemetry(files["logs"]) if files else open_sync_engine(database_url)
    with pytest.raises(Crash):
        await moving_logs.move_logs(before, Working(writer, crash_after=2), NOW)
    await moving_logs.move_logs(before, Working(writer), NOW)
    await moving_logs.move_logs(before, Working(writer), NOW)
    async with snapshot(before) as db:
        lines = await stored_lines(db)
        flows = [row async for row in read_flow_rows(db, ACME, FlowQuery(EDGE, "app-1"))]
        for table in (logs, log_uploads, messages):
            left = await db.execute(select(func.count()).select_from(table))
            assert left.scalar_one() == 0
    assert sorted(line.content for line in lines) == sorted(f"line {n}" for n in range(LINES))
    assert [record.tx_bytes for row in flows for record in row.flows] == [5]
    with writing(writer) as connection:  # what is sent again is known
        assert not note_upload(connection, "acme", EDGE, b"\1" * 16, 0)
        assert not note_upload(connection, "acme", EDGE, b"\2" * 16, 0)
    writer.dispose()
