"""How much of logs and flows is kept, tick after tick, between the commits of the writer thread."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.settings import Retention
from eaves.controller.store import log_bounds
from eaves.controller.store.log_bounds import Bound, Owner
from eaves.controller.store.log_store import forget_device
from eaves.controller.store.removals import Kept, Removal
from eaves.controller.store.tables import Kind, device_bindings, objects
from eaves.controller.store.unit import snapshot
from eaves.controller.telemetry.reports import microseconds

W = TypeVar("W")

NOTHING_LEFT: Final = -1  # bytes that a deleted device may hold
UPLOADS_KNOWN: Final = timedelta(days=2)  # a device repeats an upload for a day at most


class Worker(Protocol):
    """Runs short work in a transaction of the thread that writes logs."""

    def __call__(self, work: Callable[[Connection], W], /) -> Awaitable[W]: ...


async def bound_logs(work: Worker, retention: Retention, now: datetime) -> Mapping[Kept, Removal]:
    """One tick: by age, then by device and by size in all; what was dropped."""
    bounds = (
        (
            *(Kept.LOGS, "log_chunks", retention.log_days),
            Bound(retention.log_bytes, retention.log_bytes_per_device),
        ),
        (
            *(Kept.FLOWS, "flow_chunks", retention.flow_days),
            Bound(retention.flow_bytes, retention.flow_bytes_per_device),
        ),
    )
    removals: dict[Kept, Removal] = {}
    for kept, table, days, bound in bounds:
        oldest = microseconds(now - timedelta(days=days))
        dropped = 0
        while gone := await work(partial(log_bounds.drop_older, table=table, oldest=oldest)):
            dropped += gone
        removals[kept] = Removal(older=dropped, over_bound=await _trim(work, table, bound))
    oldest = microseconds(now - UPLOADS_KNOWN)
    await work(partial(log_bounds.forget_uploads, oldest=oldest))
    return removals


async def forget_gone(engine: AsyncEngine, work: Worker, now: datetime) -> int:
    """Drop what deleted devices sent: nobody can ask for it any more.  How many they were."""
    c, there = device_bindings.c, objects[Kind.DEVICE].c.id
    async with snapshot(engine) as db:
        rows = await db.execute(
            select(c.enterprise_id, c.device_id).where(c.gone, c.device_id.not_in(select(there)))
        )
        gone = {(row.enterprise_id, row.device_id) for row in rows}
    forgotten: set[Owner] = set()
    for table in log_bounds.TABLES if gone else ():
        held = await work(partial(log_bounds.held_by_devices, table=table))
        for owner in gone & held.keys():
            await _trim_device(work, table, owner, NOTHING_LEFT, held[owner])
            forgotten.add(owner)
    for enterprise_id, device_id in forgotten:
        await work(
            partial(
                forget_device,
                enterprise_id=enterprise_id,
                device_id=device_id,
                before=microseconds(now),
            )
        )
    return len(forgotten)


async def _trim(work: Worker, table: str, bound: Bound) -> int:
    """How many chunks were dropped of devices that held more than they may."""
    held = await work(partial(log_bounds.held_by_devices, table=table))
    most = log_bounds.level(held.values(), bound)
    dropped = 0
    for owner, size in held.items():
        dropped += await _trim_device(work, table, owner, most, size)
    return dropped


async def _trim_device(work: Worker, table: str, owner: Owner, most: int, held: int) -> int:
    """Some chunks at a time; how many were dropped."""
    dropped, gone = 0, 1
    while gone and held > most:
        held, gone = await work(
            partial(log_bounds.trim_device, table=table, owner=owner, most=most, held=held)
        )
        dropped += gone
    return dropped
