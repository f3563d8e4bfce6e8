"""Which way reports take from a pipeline to where they are kept.

Alone, a pipeline commits into the database by the writer itself, and what goes on to a collector is
kept beside it until it is there (`sinks.outbox`).  With a stream, a pipeline commits into the
stream, and the same writer is one of its readers; a metrics store and a collector are others.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from eaves.controller.settings import Settings
from eaves.controller.telemetry.embedded import EmbeddedCommitter, Fold
from eaves.controller.telemetry.latest_fold import LatestFold
from eaves.controller.telemetry.log_fold import LogReport
from eaves.controller.telemetry.pipeline import Committer
from eaves.controller.telemetry.reports import encode_batch
from eaves.controller.telemetry.series_fold import SeriesFold, SeriesReport
from eaves.controller.telemetry.sinks.outbox import AllNew, OutboxFold, OutboxSender, OutboxState
from eaves.controller.telemetry.sinks.partial import Partial
from eaves.controller.telemetry.state_fold import StateReport
from eaves.controller.telemetry.stream.layout import Topic

if TYPE_CHECKING:
    # loaded when telemetry goes further: a start need not wait for the libraries of the others
    from eaves.controller.telemetry.sinks.sink import Sink
    from eaves.controller.telemetry.stream.service import TelemetryStream

R = TypeVar("R")

POSTGRES: Final = "postgres"  # the reader that folds into the database
DECODE_STATE: Final = msgspec.msgpack.Decoder(list[StateReport]).decode
DECODE_SERIES: Final = msgspec.msgpack.Decoder(list[SeriesReport]).decode
DECODE_LOGS: Final = msgspec.msgpack.Decoder(list[LogReport]).decode


@dataclass(frozen=True, slots=True)
class Writer(Generic[R]):
    """The writer of one topic, and how its batches are read from a stream."""

    topic: Topic
    committer: EmbeddedCommitter[R, Any]  # the result of a fold does not come back from a stream
    decode: Callable[[bytes], Sequence[R]]


@dataclass(frozen=True, slots=True)
class Outboxes:
    """What waits for a collector when there is no stream."""

    logs: OutboxState = field(default_factory=OutboxState)
    metrics: OutboxState = field(default_factory=OutboxState)


@dataclass(frozen=True, slots=True)
class Ways:
    """What is open; the state of both is for `/metrics` and readiness."""

    stream: "TelemetryStream | None"
    outboxes: "Outboxes"
    partial: Mapping[Topic, Partial]  # of collectors

    def committer(self, writer: Writer[R]) -> Committer[R, object]:
        """What the pipeline of this topic commits by."""
        if self.stream is None:
            return writer.committer
        return self.stream.committer(writer.topic, _encode)


def fold_and_keep(
    settings: Settings, fold: Fold[LogReport, bool], state: OutboxState
) -> Fold[LogReport, bool]:
    """The fold of logs, which also keeps what is to be sent on when there is no stream."""
    if settings.sinks.otlp is None or settings.sinks.stream is not None:
        return fold
    from eaves.controller.telemetry.sinks.logs_out import is_log  # noqa: PLC0415 - see the imports

    return OutboxFold[LogReport](fold, encode_batch, is_log, state)


def fold_metrics_of(
    settings: Settings, series: SeriesFold, state: OutboxState
) -> Fold[SeriesReport, object]:
    """The fold of metrics: all into the database, or only the last word when a store has the rest.

    Without a stream it also keeps what is to be sent on.
    """
    sinks = settings.sinks
    if sinks.metrics_write is not None:
        return LatestFold()
    if not sinks.otlp_metrics or sinks.stream is not None:
        return series
    from eaves.controller.telemetry.sinks import metrics_out  # noqa: PLC0415 - see the imports

    return OutboxFold[SeriesReport](
        AllNew(series), metrics_out.encode_numbers, metrics_out.is_metrics, state
    )


@asynccontextmanager
async def open_ways(
    settings: Settings,
    outboxes: Outboxes,
    state: Writer[StateReport],
    metrics: Writer[SeriesReport],
    logs: Writer[LogReport],
    *,
    random: Callable[[int], bytes],
) -> AsyncGenerator[Ways]:
    """Open what the settings name; pipelines are drained before the exit, writers closed after.

    Raises NoStream, UnfitStream, Unsynced.
    """
    async with AsyncExitStack() as stack:
        partial = {Topic.LOGS: Partial(), Topic.METRICS: Partial()}
        logs_out = _log_sinks(settings, partial[Topic.LOGS])
        metrics_out = _metric_sinks(settings, partial[Topic.METRICS])
        if settings.sinks.stream is not None:
            stream = _stream(settings, random)
            stack.push_async_callback(asyncio.to_thread, stream.stop)
            readers: dict[Topic, list[Sink]] = {
                logs.topic: [_folded(logs), *logs_out],
                state.topic: [_folded(state)],
                metrics.topic: [_folded(metrics), *metrics_out],
            }
            await asyncio.to_thread(stream.start, readers)
            yield Ways(stream, outboxes, partial)
            return
        for writer, sinks, waiting in (
            (logs.committer, logs_out, outboxes.logs),
            (metrics.committer, metrics_out, outboxes.metrics),
        ):
            for sink in sinks:
                sender = OutboxSender(writer, sink, waiting)
                sending = asyncio.create_task(sender.run_forever(), name=sink.name)
                stack.push_async_callback(_ended, sending)
        yield Ways(None, outboxes, partial)


def _log_sinks(settings: Settings, partial: Partial) -> "list[Sink]":
    if settings.sinks.otlp is None:
        return []
    from eaves.controller.telemetry.sinks.logs_out import LogsOut  # noqa: PLC0415 - see the imports
    from eaves.controller.telemetry.sinks.otlp import OtlpExporter  # noqa: PLC0415 - as above

    exporter = OtlpExporter(settings.sinks.otlp, partial)
    return [LogsOut(exporter, settings.bounds.inflated_log_bytes)]


def _metric_sinks(settings: Settings, partial: Partial) -> "list[Sink]":
    found: list[Sink] = []
    write, otlp = settings.sinks.metrics_write, settings.sinks.otlp
    if write is None and not settings.sinks.otlp_metrics:
        return found
    from eaves.controller.telemetry.sinks import metrics_out as out  # noqa: PLC0415 - as above

    if write is not None:
        from eaves.controller.telemetry.sinks.metrics_store import (  # noqa: PLC0415 - as above
            MetricsWriter,
        )

        writer = MetricsWriter(write)
        found.append(out.MetricsOut(out.REMOTE_WRITE, out.RemoteWrite(writer.write, writer.close)))
    if otlp is not None and settings.sinks.otlp_metrics:
        from eaves.controller.telemetry.sinks.otlp_metrics import (  # noqa: PLC0415 - as above
            OtlpMetrics,
        )

        found.append(out.MetricsOut(out.OTLP_METRICS, OtlpMetrics(otlp, partial)))
    return found


def _stream(settings: Settings, random: Callable[[int], bytes]) -> "TelemetryStream":
    from eaves.controller.telemetry.stream.service import TelemetryStream  # noqa: PLC0415 - as above

    assert settings.sinks.stream is not None  # noqa: S101 - the caller chose this way by it
    most = settings.bounds.body_bytes
    return TelemetryStream(settings.sinks.stream, largest_report=most, random=random)


def _folded(writer: Writer[Any]) -> "Sink":
    from eaves.controller.telemetry.sinks.folded import FoldedSink  # noqa: PLC0415 - as above

    return FoldedSink(POSTGRES, writer.committer, writer.decode, _encode)


def _encode(batch: Sequence[Any]) -> bytes:
    return encode_batch(batch)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
