"""Which way reports take from a pipeline to where they are kept.

Alone, a pipeline commits into the database by the writer itself, and what goes on to a collector is
kept beside it until it is there (`sinks.outbox`).  With a stream, a pipeline commits into the
stream, and the same writer is one of its readers.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from eaves.controller.settings import Settings
from eaves.controller.telemetry.embedded import EmbeddedCommitter, Fold
from eaves.controller.telemetry.log_fold import LogReport
from eaves.controller.telemetry.pipeline import Committer
from eaves.controller.telemetry.reports import encode_batch
from eaves.controller.telemetry.series_fold import SeriesReport
from eaves.controller.telemetry.sinks.outbox import OutboxFold, OutboxSender, OutboxState
from eaves.controller.telemetry.state_fold import StateReport
from eaves.controller.telemetry.stream.layout import Topic
from eaves.errors import Rejected

if TYPE_CHECKING:
    # loaded when telemetry goes further: a start need not wait for the libraries of the others
    from eaves.controller.telemetry.sinks.sink import Sink
    from eaves.controller.telemetry.stream.service import TelemetryStream

R = TypeVar("R")

POSTGRES: Final = "postgres"  # the reader that folds into the database
DECODE_STATE: Final = msgspec.msgpack.Decoder(list[StateReport]).decode
DECODE_SERIES: Final = msgspec.msgpack.Decoder(list[SeriesReport]).decode
DECODE_LOGS: Final = msgspec.msgpack.Decoder(list[LogReport]).decode


class NotServed(Rejected):
    """A setting that nothing would heed."""


@dataclass(frozen=True, slots=True)
class Writer(Generic[R]):
    """The writer of one topic, and how its batches are read from a stream."""

    topic: Topic
    committer: EmbeddedCommitter[R, Any]  # the result of a fold does not come back from a stream
    decode: Callable[[bytes], Sequence[R]]


@dataclass(frozen=True, slots=True)
class Ways:
    """What is open; the state of both is for `/metrics` and readiness."""

    stream: "TelemetryStream | None"
    outbox: OutboxState

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


@asynccontextmanager
async def open_ways(
    settings: Settings,
    outbox: OutboxState,
    logs: Writer[LogReport],
    *others: Writer[Any],
    random: Callable[[int], bytes],
) -> AsyncGenerator[Ways]:
    """Open what the settings name; pipelines are drained before the exit, writers closed after.

    Raises NoStream, UnfitStream, Unsynced, NotServed.
    """
    if settings.sinks.metrics_write is not None:
        raise NotServed(
            "EAVES_METRICS_WRITE_URL: this release keeps metrics in PostgreSQL and writes to no "
            "metrics store yet; unset it and EAVES_METRICS_QUERY_URL"
        )
    if settings.sinks.otlp_metrics:
        raise NotServed(
            "EAVES_OTLP_METRICS: this release sends no metrics to a collector yet; unset it"
        )
    async with AsyncExitStack() as stack:
        out = _log_sink(settings)
        if settings.sinks.stream is not None:
            stream = _stream(settings, random)
            stack.push_async_callback(asyncio.to_thread, stream.stop)
            readers = {writer.topic: [_folded(writer)] for writer in (logs, *others)}
            if out is not None:
                readers[logs.topic].append(out)
            await asyncio.to_thread(stream.start, readers)
            yield Ways(stream, outbox)
            return
        if out is not None:
            sender = OutboxSender(logs.committer, out, outbox)
            sending = asyncio.create_task(sender.run_forever(), name="otlp")
            stack.push_async_callback(_ended, sending)
        yield Ways(None, outbox)


def _log_sink(settings: Settings) -> "Sink | None":
    if settings.sinks.otlp is None:
        return None
    from eaves.controller.telemetry.sinks.logs_out import LogsOut  # noqa: PLC0415 - see the imports
    from eaves.controller.telemetry.sinks.otlp import OtlpExporter  # noqa: PLC0415 - as above

    return LogsOut(OtlpExporter(settings.sinks.otlp), settings.bounds.inflated_log_bytes)


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
