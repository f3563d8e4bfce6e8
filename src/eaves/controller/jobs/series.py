"""Roll-ups of metrics, how long they are kept, and what deleted devices leave behind."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection, Table, select
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.settings import Retention
from eaves.controller.store import reports, series_bounds, series_store, state_store
from eaves.controller.store.removals import Kept, Removal
from eaves.controller.store.series_bounds import Dropped
from eaves.controller.store.series_store import FIVE_MINUTES, HOUR, RAW, Due
from eaves.controller.store.tables import Kind, device_bindings, objects
from eaves.controller.store.tables_telemetry import info_latest, metrics_latest
from eaves.controller.store.unit import snapshot
from eaves.controller.telemetry.pipelines import Telemetry
from eaves.controller.telemetry.reports import microseconds
from eaves.controller.telemetry.rollups import roll_up

W = TypeVar("W")

ROWS_AT_ONCE: Final = 2000
GONE_KEPT: Final = timedelta(days=7)  # longer than messages wait in a stream
MOST_ROUNDS: Final = 500  # of one tick, when there is too much


class Worker(Protocol):
    """Runs short work in a transaction of the thread that writes."""

    def __call__(self, work: Callable[[Connection], W], /) -> Awaitable[W]: ...


@dataclass(frozen=True, slots=True)
class StorageUse:
    """What metrics take, and what they may; the bound wins over every age."""

    used_bytes: int
    bound_bytes: int
    removal: Removal  # what was dropped for it


async def roll_up_all(telemetry: Telemetry, now: datetime) -> int:
    """Make all roll-ups that are due; how many."""
    done = 0

    def some(connection: Connection) -> tuple[Due, ...]:
        spans = roll_up(connection, microseconds(now), telemetry.shapes)
        telemetry.series.rolled_up(spans)
        return spans

    while spans := await telemetry.metrics_writer.work(some):
        done += len(spans)
    return done


async def bound_series(
    work: Worker, read: Worker, retention: Retention, now: datetime
) -> StorageUse:
    """One tick: by age, then by size: samples go first, then roll-ups, the finer ones first.

    `read` may take seconds, where that delays no report.
    """
    spans = {
        RAW: timedelta(hours=retention.metric_raw_hours),
        FIVE_MINUTES: timedelta(days=retention.metric_five_minute_days),
        HOUR: timedelta(days=retention.metric_hour_days),
    }
    older = over_bound = 0
    for level, span in spans.items():
        older += (await _drop(work, level, microseconds(now - span))).pieces
    bound = retention.metric_bytes
    used = await read(series_bounds.bytes_on_disk)
    if used > bound:
        used = await read(series_bounds.bytes_held)
        for level in spans:
            gone = await _drop(work, level, microseconds(now), used - bound)
            used -= gone.bytes
            over_bound += gone.pieces
    return StorageUse(used, bound, Removal(older=older, over_bound=over_bound))


async def _drop(work: Worker, level: int, before: int, enough: float = math.inf) -> Dropped:
    """Drop the oldest until so many bytes are free, or nothing is left; what is."""
    pieces = freed = 0
    for _ in range(MOST_ROUNDS):
        if freed >= enough:
            break
        dropped = await work(
            partial(series_bounds.drop_oldest, level=level, before=before, limit=ROWS_AT_ONCE)
        )
        pieces += dropped.pieces
        freed += dropped.bytes
        if not dropped.pieces:
            break
    return Dropped(pieces, freed)


def reader(engine: AsyncEngine) -> Worker:
    """Looks into PostgreSQL beside the thread that writes metrics."""

    async def read(look: Callable[[Connection], W], /) -> W:
        async with snapshot(engine) as db:
            return await db.run_sync(look)

    return read


async def forget_gone_objects(engine: AsyncEngine, work: Worker, now: datetime) -> None:
    """Drop the rows of objects that devices took away so long ago that no word of them comes."""
    before = now - GONE_KEPT
    while True:
        async with snapshot(engine) as db:
            keys = await reports.gone_objects(db, before, ROWS_AT_ONCE)
        if not keys:
            return
        await work(partial(state_store.forget_gone_objects, keys=keys, before=microseconds(before)))


async def forget_gone(
    engine: AsyncEngine, telemetry: Telemetry, now: datetime
) -> Mapping[Kept, Removal]:
    """Drop what deleted devices said: nobody can ask for it any more."""
    of_state = await _gone(engine, info_latest)
    for enterprise_id, device_id in of_state:
        await telemetry.state_writer.work(
            partial(
                state_store.forget_device,
                enterprise_id=enterprise_id,
                device_id=device_id,
                before=microseconds(now),
            )
        )
    of_metrics = await _gone(engine, metrics_latest)
    for enterprise_id, device_id in of_metrics:
        await telemetry.metrics_writer.work(
            partial(series_store.forget_device, enterprise_id=enterprise_id, device_id=device_id)
        )
    return {
        Kept.STATE: Removal(devices=len(of_state)),
        Kept.METRICS: Removal(devices=len(of_metrics)),
    }


async def _gone(engine: AsyncEngine, table: Table) -> Sequence[tuple[str, str]]:
    """Deleted devices (enterprise, device) of which something is left in a table."""
    c, there, held = device_bindings.c, objects[Kind.DEVICE].c.id, table.c
    async with snapshot(engine) as db:
        rows = await db.execute(
            select(held.enterprise_id, held.device_id)
            .where(held.device_id.in_(select(c.device_id).where(c.gone)))
            .where(held.device_id.not_in(select(there)))
            .distinct()
        )
        return [(row.enterprise_id, row.device_id) for row in rows]
