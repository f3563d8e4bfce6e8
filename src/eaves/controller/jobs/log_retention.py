"""How much of logs and flows is kept, tick after tick, between the commits of the writer thread."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol, TypeVar

import structlog
from sqlalchemy import Connection

from eaves.controller.settings import Retention
from eaves.controller.store import log_bounds
from eaves.controller.store.log_bounds import Bound
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
