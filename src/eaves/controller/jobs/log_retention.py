"""How much of logs and flows is kept, tick after tick, between the commits of the writer thread."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol, TypeVar

import structlog
from sqlalchemy import Connection, select
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.settings import Retention
from eaves.controller.store import log_bounds
from eaves.controller.store.log_bounds import Bound
from eaves.controller.store.log_store import forget_device
from eaves.controller.store.tables import Kind, device_bindings, objects
from eaves.controller.store.unit import snapshot
from eaves.controller.telemetry.reports import microseconds

log = structlog.get_logger()

W = TypeVar("W")

UPLOADS_KNOWN: Final = timedelta(days=2)  # a device repeats an upload for a day at most


class Worker(Protocol):
    """Runs short work in a transaction of the thread that writes logs."""

    def __call__(self, work: Callable[[Connection], W], /) -> Awaitable[W]: ...


async def bound_logs(work: Worker, retention: Retention, now: datetime) -> None:
    """One tick: by age, then by device and by size in all."""
    bounds = (
        ("log_chunks", retention.log_days, retention.log_bytes, retention.log_bytes_per_device),
        ("flow_chunks", retention.flow_days, retention.flow_bytes, retention.flow_bytes_per_device),
    )
    for table, days, all_devices, one_device in bounds:
        oldest = microseconds(now - timedelta(days=days))
        dropped = 0
        while gone := await work(partial(log_bounds.drop_older, table=table, oldest=oldest)):
            dropped += gone
        trimmed = await _trim(work, table, Bound(all_devices, one_device))
        if dropped or trimmed:
            log.info("telemetry_bounded", table=table, older=dropped, devices_trimmed=trimmed)
    oldest = microseconds(now - UPLOADS_KNOWN)
    await work(partial(log_bounds.forget_uploads, oldest=oldest))


async def forget_gone(engine: AsyncEngine, work: Worker, now: datetime) -> None:
    """Drop what deleted devices sent: nobody can ask for it any more."""
    c, there = device_bindings.c, objects[Kind.DEVICE].c.id
    async with snapshot(engine) as db:
        rows = await db.execute(
            select(c.enterprise_id, c.device_id).where(c.gone, c.device_id.not_in(select(there)))
        )
        gone = {(row.enterprise_id, row.device_id) for row in rows}
    for table in log_bounds.TABLES if gone else ():
        held = await work(partial(log_bounds.held_by_devices, table=table))
        for enterprise_id, device_id in gone & held.keys():
            await work(
                partial(
                    forget_device,
                    enterprise_id=enterprise_id,
                    device_id=device_id,
                    before=microseconds(now),
                )
            )


async def _trim(work: Worker, table: str, bound: Bound) -> int:
    """How many devices held more than they may."""
    held = await work(partial(log_bounds.held_by_devices, table=table))
    most = log_bounds.level(held.values(), bound)
    trimmed = 0
    for owner, size in held.items():
        before, left = size + 1, size
        while most < left < before:
            before = left
            left = await work(
                partial(log_bounds.trim_device, table=table, owner=owner, most=most, held=left)
            )
        trimmed += left != size
    return trimmed
