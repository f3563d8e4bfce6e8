"""Roll-ups of metrics, how long they are kept, and what deleted devices leave behind."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import structlog
from sqlalchemy import Connection, select
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.settings import Retention
from eaves.controller.store import series_store, state_store
from eaves.controller.store.partitions import drop_before
from eaves.controller.store.series_store import FIVE_MINUTES, HOUR, Due
from eaves.controller.store.tables import Kind, device_bindings, objects
from eaves.controller.store.tables_telemetry import info_latest, metrics_latest
from eaves.controller.store.unit import snapshot
from eaves.controller.telemetry.pipelines import Telemetry
from eaves.controller.telemetry.reports import microseconds
from eaves.controller.telemetry.rollups import Shapes, roll_up

log = structlog.get_logger()

W = TypeVar("W")

ROWS_AT_ONCE: Final = 2000
MOST_ROUNDS: Final = 500  # of one tick, when there is too much


class Worker(Protocol):
    """Runs short work in a transaction of the thread that writes metrics."""

    def __call__(self, work: Callable[[Connection], W], /) -> Awaitable[W]: ...


@dataclass(frozen=True, slots=True)
class StorageUse:
    """What metrics take, and what they may; the bound wins over every age."""

    used_bytes: int
    bound_bytes: int


async def roll_up_all(telemetry: Telemetry, now: datetime) -> int:
    """Make all roll-ups that are due; how many."""
    done, shapes = 0, Shapes()

    def some(connection: Connection) -> tuple[Due, ...]:
        spans = roll_up(connection, microseconds(now), shapes)
        telemetry.series.rolled_up(spans)
        return spans

    while spans := await telemetry.metrics_writer.work(some):
        done += len(spans)
    return done


async def storage_use(work: Worker, retention: Retention) -> StorageUse:
    return StorageUse(await work(series_store.bytes_used), retention.metric_bytes)


async def bound_series(work: Worker, retention: Retention, now: datetime) -> None:
    """One tick: by age, then by size: samples go first, then roll-ups, the finer ones first."""
    spans = {
        FIVE_MINUTES: timedelta(days=retention.metric_five_minute_days),
        HOUR: timedelta(days=retention.metric_hour_days),
    }
    raw = timedelta(hours=retention.metric_raw_hours)
    dropped = await _drop(work, 0, microseconds(now - raw), MOST_ROUNDS)
    for level, span in spans.items():
        dropped += await _drop(work, level, microseconds(now - span), MOST_ROUNDS)
    use = await storage_use(work, retention)
    for level in (0, FIVE_MINUTES, HOUR):
        for _ in range(MOST_ROUNDS):
            if use.used_bytes <= use.bound_bytes:
                break
            gone = await _drop(work, level, microseconds(now), 1)
            dropped += gone
            use = await storage_use(work, retention)
            if not gone:
                break
    if dropped:
        log.info("metrics_bounded", rows=dropped, bytes=use.used_bytes, bound=use.bound_bytes)


async def _drop(work: Worker, level: int, oldest: int, rounds: int) -> int:
    dropped = 0
    for _ in range(rounds):
        if level:
            gone = await work(
                partial(
                    series_store.delete_rollups_before,
                    level=level,
                    oldest=oldest,
                    limit=ROWS_AT_ONCE,
                )
            )
        else:
            await work(partial(drop_before, table="metric_samples", oldest=oldest))
            gone = await work(
                partial(series_store.delete_samples_before, oldest=oldest, limit=ROWS_AT_ONCE)
            )
        dropped += gone
        if not gone:
            break
    return dropped


async def forget_gone(engine: AsyncEngine, telemetry: Telemetry, now: datetime) -> None:
    """Drop what deleted devices said: nobody can ask for it any more."""
    c, there = device_bindings.c, objects[Kind.DEVICE].c.id
    for table in (info_latest, metrics_latest):
        held: Any = table.c
        async with snapshot(engine) as db:
            rows = (
                await db.execute(
                    select(held.enterprise_id, held.device_id)
                    .where(held.device_id.in_(select(c.device_id).where(c.gone)))
                    .where(held.device_id.not_in(select(there)))
                    .distinct()
                )
            ).all()
        for enterprise_id, device_id in rows:
            if table is info_latest:
                await telemetry.state_writer.work(
                    partial(
                        state_store.forget_device,
                        enterprise_id=enterprise_id,
                        device_id=device_id,
                        before=microseconds(now),
                    )
                )
            else:
                await telemetry.metrics_writer.work(
                    partial(
                        series_store.forget_device,
                        enterprise_id=enterprise_id,
                        device_id=device_id,
                    )
                )
