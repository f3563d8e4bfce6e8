"""The pipelines of one process: what the handlers give their reports to."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import Engine

from eaves.controller.observe import Meters
from eaves.controller.settings import Settings
from eaves.controller.store.files import open_telemetry
from eaves.controller.store.sync import open_sync_engine
from eaves.controller.store.unit import attachable
from eaves.controller.telemetry.embedded import EmbeddedCommitter
from eaves.controller.telemetry.log_fold import LogFold, LogReport
from eaves.controller.telemetry.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Logs have a queue and a writer of their own: they delay nothing else."""

    logs: Pipeline[LogReport, bool]
    log_writer: EmbeddedCommitter[LogReport, bool]


def _engine(settings: Settings, name: str) -> Engine:
    files = attachable(settings.database)
    return open_telemetry(files[name]) if files else open_sync_engine(settings.database)


@asynccontextmanager
async def running_telemetry(
    settings: Settings, meters: Meters | None = None
) -> AsyncGenerator[Telemetry]:
    """Commit until the end of the context; what is queued then is still committed."""
    bounds, meters = settings.bounds, meters or Meters()
    writer = EmbeddedCommitter[LogReport, bool](
        _engine(settings, "logs"), LogFold(bounds.inflated_log_bytes), name="logs"
    )
    logs = Pipeline(
        writer,
        queue=bounds.ingest_queue,
        queue_bytes=bounds.ingest_queue_bytes,
        batch=bounds.ingest_batch,
        meter=meters.commits("logs"),
    )
    meters.gauge(
        "eaves_queue_messages",
        "Messages that wait for a commit.",
        lambda: len(logs),
        pipeline="logs",
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(logs.run_forever(), name="logs")
            try:
                yield Telemetry(logs, writer)
            finally:
                logs.stop()
                await running
    finally:
        await asyncio.to_thread(writer.close)
