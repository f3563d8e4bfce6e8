"""The pipelines of one process: what the handlers give their reports to."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Engine

from eaves.controller.observe import Meters
from eaves.controller.settings import Settings
from eaves.controller.store.files import open_telemetry
from eaves.controller.store.sync import open_sync_engine
from eaves.controller.store.unit import attachable
from eaves.controller.telemetry.embedded import EmbeddedCommitter
from eaves.controller.telemetry.log_fold import LogFold, LogReport
from eaves.controller.telemetry.pipeline import AFAR, AT_HAND, Committer, Pipeline
from eaves.controller.telemetry.reports import microseconds
from eaves.controller.telemetry.rollups import Shapes
from eaves.controller.telemetry.series_fold import SeriesFold, SeriesReport
from eaves.controller.telemetry.state_fold import StateFold, StateReport
from eaves.controller.telemetry.stream.layout import Topic
from eaves.controller.telemetry.ways import (
    DECODE_LOGS,
    DECODE_SERIES,
    DECODE_STATE,
    Outboxes,
    Ways,
    Writer,
    fold_and_keep,
    fold_metrics_of,
    open_ways,
)

R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Each has a queue and a writer of its own: logs delay nothing else."""

    ways: Ways
    state: Pipeline[StateReport, object]
    state_writer: EmbeddedCommitter[StateReport, None]
    metrics: Pipeline[SeriesReport, object]
    metrics_writer: EmbeddedCommitter[SeriesReport, object]
    metrics_way: Committer[SeriesReport, object]  # where a batch becomes durable, from any loop
    series: SeriesFold  # of the metrics writer; for its thread only
    shapes: Shapes  # as `series`
    logs: Pipeline[LogReport, object]
    log_writer: EmbeddedCommitter[LogReport, bool]
    news: threading.Event = field(default_factory=threading.Event)  # events wait for the journal


def _engine(settings: Settings, name: str) -> Engine:
    files = attachable(settings.database)
    return open_telemetry(files[name]) if files else open_sync_engine(settings.database)


def _pipeline(
    settings: Settings, committer: Committer[R, T], meters: Meters, name: str
) -> Pipeline[R, T]:
    bounds = settings.bounds
    by_servers = settings.sinks.stream is not None or not attachable(settings.database)
    pipeline = Pipeline(
        committer,
        queue=bounds.ingest_queue,
        queue_bytes=bounds.ingest_queue_bytes,
        batch=bounds.ingest_batch,
        meter=meters.commits(name),
        gathering=AFAR if by_servers else AT_HAND,
    )
    meters.gauge(
        "eaves_queue_messages",
        "Messages that wait for a commit.",
        lambda: len(pipeline),
        pipeline=name,
    )
    return pipeline


def _watch(meters: Meters, ways: Ways) -> None:
    """What waits for sinks, and whether they take it."""
    stream = ways.stream
    meters.gauge(
        "eaves_collector_rejected",
        "Log lines and values that a collector threw away of what it took.",
        lambda: {str(topic): partial.rejected for topic, partial in ways.partial.items()},
        by="topic",
        counts_up=True,
    )
    if stream is None:
        logs, metrics = ways.outboxes.logs, ways.outboxes.metrics
        meters.gauge(
            "eaves_outbox_bytes",
            "Telemetry that waits for a collector in a file of this process.",
            lambda: {"logs": logs.bytes, "metrics": metrics.bytes},
            by="outbox",
        )
        return
    state = stream.state
    meters.gauge(
        "eaves_stream_waiting_messages",
        "Messages of the stream that a sink does not have yet.",
        lambda: state().backlog.messages,
        by="reader",
    )
    meters.gauge(
        "eaves_stream_bytes",
        "What a stream holds.",
        lambda: state().backlog.bytes,
        by="stream",
    )
    meters.gauge(
        "eaves_sink_away",
        "1 while a sink takes nothing from this process.",
        lambda: {name: bool(p.away) for name, p in state().progress.items()},
        by="reader",
    )
    meters.gauge(
        "eaves_sink_messages",
        "Messages of the stream that this process brought to a sink.",
        lambda: {name: p.stored for name, p in state().progress.items()},
        by="reader",
        counts_up=True,
    )
    meters.gauge(
        "eaves_sink_set_aside",
        "Reports that a sink will never take.",
        lambda: {name: p.set_aside for name, p in state().progress.items()},
        by="reader",
        counts_up=True,
    )


@asynccontextmanager
async def running_telemetry(
    settings: Settings,
    random: Callable[[int], bytes],
    clock: Callable[[], datetime],
    meters: Meters | None = None,
) -> AsyncGenerator[Telemetry]:
    """Commit until the end of the context; what is queued then is still committed."""
    meters = meters or Meters()
    news = threading.Event()
    news.set()  # of the process before
    shapes = Shapes()
    series = SeriesFold(lambda: microseconds(clock()), shapes)
    state_fold = StateFold(health_kept=settings.retention.health_rows_per_device, news=news.set)
    outboxes = Outboxes()
    log_fold = fold_and_keep(settings, LogFold(settings.bounds.inflated_log_bytes), outboxes.logs)
    state_writer = EmbeddedCommitter[StateReport, None](
        _engine(settings, "state"), state_fold, name="state"
    )
    metrics_writer = EmbeddedCommitter[SeriesReport, object](
        _engine(settings, "metrics"),
        fold_metrics_of(settings, series, outboxes.metrics),
        name="metrics",
    )
    log_writer = EmbeddedCommitter[LogReport, bool](
        _engine(settings, "logs"), log_fold, name="logs"
    )
    of_state = Writer(Topic.STATE, state_writer, DECODE_STATE)
    of_metrics = Writer(Topic.METRICS, metrics_writer, DECODE_SERIES)
    of_logs = Writer(Topic.LOGS, log_writer, DECODE_LOGS)
    async with AsyncExitStack() as stack:
        for writer in (state_writer, metrics_writer, log_writer):
            stack.push_async_callback(asyncio.to_thread, writer.close)
        ways = await stack.enter_async_context(
            open_ways(settings, outboxes, of_state, of_metrics, of_logs, random=random)
        )
        _watch(meters, ways)
        metrics_way = ways.committer(of_metrics)
        telemetry = Telemetry(
            ways=ways,
            state=_pipeline(settings, ways.committer(of_state), meters, "state"),
            state_writer=state_writer,
            metrics=_pipeline(settings, metrics_way, meters, "metrics"),
            metrics_writer=metrics_writer,
            metrics_way=metrics_way,
            series=series,
            shapes=shapes,
            logs=_pipeline(settings, ways.committer(of_logs), meters, "logs"),
            log_writer=log_writer,
            news=news,
        )
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(telemetry.state.run_forever(), name="state"),
                tasks.create_task(telemetry.metrics.run_forever(), name="metrics"),
                tasks.create_task(telemetry.logs.run_forever(), name="logs"),
            ]
            try:
                yield telemetry
            finally:
                for pipeline in (telemetry.state, telemetry.metrics, telemetry.logs):
                    pipeline.stop()
                await asyncio.gather(*running)
