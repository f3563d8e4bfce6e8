"""Reports of devices as the device side stores them, for tests that read them back."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from eaves.controller.store.files import open_telemetry
from eaves.controller.store.log_chunks import read_chunk
from eaves.controller.store.series_store import layouts, newest_samples
from eaves.controller.store.sync import open_sync_engine, writing
from eaves.controller.store.unit import Db, attachable
from eaves.controller.telemetry.embedded import Fold
from eaves.controller.telemetry.log_fold import LogFold, LogReport
from eaves.controller.telemetry.reports import (
    InfoReport,
    MetricsReport,
    digest_of,
    microseconds,
)
from eaves.controller.telemetry.rollups import Shapes
from eaves.controller.telemetry.series_fold import SeriesFold, SeriesReport
from eaves.controller.telemetry.state_fold import StateFold, StateReport
from eaves.evapi.info.fold import fold_info
from eaves.evapi.log_lines import LogLine
from eaves.evapi.metrics_fold import fold_metrics, numbers, places

R = TypeVar("R")

ALL_OF_THEM = 1_000_000
INFLATED_BYTES = 16 * 1024 * 1024


def fold_logs(url: str | URL, *reports: LogReport) -> Sequence[bool]:
    """Store log files and flow messages; True for each that was new."""
    files = attachable(url)
    engine = open_telemetry(files["logs"]) if files else open_sync_engine(url)
    try:
        with writing(engine) as connection:
            return LogFold(INFLATED_BYTES).fold(connection, reports)
    finally:
        engine.dispose()


def fold_state(url: str | URL, *reports: StateReport) -> None:
    """Store info and health reports."""
    _fold(url, "state", StateFold(health_kept=10), reports)


def fold_series(url: str | URL, *reports: SeriesReport) -> None:
    """Store metrics."""
    _fold(url, "metrics", SeriesFold(lambda: reports[-1].received_at, Shapes()), reports)


def _fold(url: str | URL, file: str, fold: Fold[R, None], reports: Sequence[R]) -> None:
    files = attachable(url)
    engine = open_telemetry(files[file]) if files else open_sync_engine(url)
    try:
        with writing(engine) as connection:
            fold.fold(connection, reports)
    finally:
        engine.dispose()


def info_report(device_id: str, message: bytes, received_at: datetime) -> InfoReport:
    """As the device side makes it of a message."""
    fold = fold_info(message)
    return InfoReport(
        enterprise_id="",
        device_id=device_id,
        received_at=microseconds(received_at),
        digest=digest_of(message),
        kind=fold.kind,
        object_id=fold.object_id,
        at=fold.at,
        state=fold.state,
        message=message,
        said=fold.said,
    )


def metrics_report(device_id: str, message: bytes, received_at: datetime) -> MetricsReport:
    """As the device side makes it of a message."""
    fold = fold_metrics(message)
    return MetricsReport(
        enterprise_id="",
        device_id=device_id,
        received_at=microseconds(received_at),
        digest=digest_of(message),
        at=fold.at,
        objects=fold.objects,
        values=fold.values,
        message=message,
    )


async def stored_lines(db: Db) -> list[LogLine]:
    """Every log line of every device and app."""
    chunks = await db.execute(text("SELECT heads, texts FROM log_chunks ORDER BY first_ns, id"))
    return [line for chunk in chunks for line in read_chunk(chunk.heads, chunk.texts)]


def stored_samples(connection: Connection, device_id: str) -> list[tuple[int, int]]:
    """(time in microseconds since 1970, used memory) of every sample of a device, newest first."""
    samples = newest_samples(connection, device_id, ALL_OF_THEM)
    lines = layouts(connection, [sample.layout for sample in samples])
    found: list[tuple[int, int]] = []
    for sample in samples:
        place = next(one for one in places(lines[sample.layout]) if one.kind.name == "device")
        at = place.start + place.kind.fields.index("used_mem")
        found.append((sample.time, int(numbers(sample.numbers)[at])))
    return found
