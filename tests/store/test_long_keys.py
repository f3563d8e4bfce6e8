"""Identifiers that devices make as long as they like: stored, or refused for themselves alone."""

import asyncio
import random
from collections.abc import Iterator

import msgspec
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW
from support.telemetry import fold_logs, fold_state, info_report

from eaves.controller.store import reports
from eaves.controller.store.flow_store import FlowQuery, read_flow_rows
from eaves.controller.store.sync import open_sync_engine
from eaves.controller.store.unit import snapshot
from eaves.controller.telemetry.embedded import EmbeddedCommitter
from eaves.controller.telemetry.pipeline import Pipeline
from eaves.controller.telemetry.reports import (
    FlowReport,
    decode_batch,
    digest_of,
    encode_batch,
    microseconds,
)
from eaves.controller.telemetry.sinks.folded import FoldedSink, Unfoldable
from eaves.controller.telemetry.state_fold import StateFold, StateReport
from eaves.evapi.flowlog import FlowMessage, FlowRecord, ScopeInfo, encode_flow_message
from eaves.evapi.info import ZInfoApp, ZInfoMsg, ZInfoTypes, ZSwState, encode_z_info_msg
from eaves.ids import DeviceId

EDGE = DeviceId("edge-1")
# an index row cannot be compressed to hold it
LONG = random.Random(5).randbytes(4800).hex()  # noqa: S311 - the same in every run


def app(app_id: str) -> bytes:
    web = ZInfoApp(app_id=app_id, app_name="web", state=ZSwState.RUNNING)
    return encode_z_info_msg(ZInfoMsg(ztype=ZInfoTypes.ZiApp, ainfo=web))


async def test_info_about_an_object_with_a_long_identifier_is_stored(engine: AsyncEngine) -> None:
    messages = [app(LONG), app(LONG + "1")]
    fold_state(engine.url, *(info_report(EDGE, message, NOW) for message in messages))
    async with snapshot(engine) as db:
        stored = [info.message for info in await reports.list_info(db, [EDGE])]
    assert sorted(stored) == sorted(messages)


async def test_flows_of_an_app_with_a_long_identifier_are_stored(engine: AsyncEngine) -> None:
    scope = ScopeInfo(uuid=LONG, net_inst_uuid=LONG)
    message = encode_flow_message(FlowMessage(scope=scope, flows=(FlowRecord(tx_bytes=7),)))
    report = FlowReport(
        enterprise_id="acme",
        device_id=EDGE,
        received_at=microseconds(NOW),
        digest=digest_of(message),
        message=message,
    )
    assert fold_logs(engine.url, report) == [True]
    async with snapshot(engine) as db:
        rows = [row async for row in read_flow_rows(db, ACME, FlowQuery(EDGE))]
    assert [flow.tx_bytes for row in rows for flow in row.flows] == [7]


def decode(data: bytes) -> list[StateReport]:
    return [report for report in decode_batch(data) if isinstance(report, StateReport)]


@pytest.fixture
def committer(engine: AsyncEngine) -> Iterator[EmbeddedCommitter[StateReport, object]]:
    fold = StateFold(health_kept=3)
    made = EmbeddedCommitter[StateReport, object](open_sync_engine(engine.url), fold, name="state")
    yield made
    made.close()


def too_long() -> StateReport:
    """As a release before wrote it into a stream."""
    return msgspec.structs.replace(info_report(EDGE, app("a"), NOW), object_id=LONG)


ON_POSTGRESQL = pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@ON_POSTGRESQL
async def test_what_no_index_holds_is_refused_and_not_tried_for_ever(
    committer: EmbeddedCommitter[StateReport, object],
) -> None:
    sink = FoldedSink[StateReport]("postgres", committer, decode, encode_batch)
    with pytest.raises(Unfoldable, match="index row"):
        await sink.store([encode_batch([too_long()])])
    await sink.store([encode_batch([info_report(EDGE, app("a"), NOW)])])


@ON_POSTGRESQL
async def test_what_no_index_holds_fails_alone(
    committer: EmbeddedCommitter[StateReport, object],
) -> None:
    pipeline = Pipeline(committer, queue=100, queue_bytes=10**6, batch=100)
    others = [info_report(f"edge-{n}", app("a"), NOW) for n in range(4)]
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(pipeline.run_forever())
        results = await asyncio.gather(
            *(pipeline.accept(report) for report in (*others[:2], too_long(), *others[2:])),
            return_exceptions=True,
        )
        pipeline.stop()
        await running
    assert isinstance(results.pop(2), DBAPIError)
    assert results == [None] * 4
