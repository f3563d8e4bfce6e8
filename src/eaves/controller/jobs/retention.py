"""How many events are kept.  Logs and flows: `jobs.log_retention`; metrics: `jobs.series`.

The journal of the main database shares its writer with everything that people and devices do, so a
round drops a few rows in a transaction.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.settings import Retention
from eaves.controller.store.events import (
    delete_events_before,
    delete_oldest_events,
    events_of_devices,
)
from eaves.controller.store.log_bounds import Bound, level
from eaves.controller.store.removals import Removal
from eaves.controller.store.unit import Db, snapshot, unit_of_work

ROWS_AT_ONCE: Final = 1000
PEOPLE_SHARE: Final = 10  # one event in so many may be of what people did, whatever devices tell
NO_DEVICE: Final = ""

Delete = Callable[[Db, int], Awaitable[int]]


async def drop_old(engine: AsyncEngine, retention: Retention, now: datetime) -> Removal:
    """One tick: by age, then by device and by number in all."""
    oldest = now - timedelta(days=retention.event_days)
    older = await _delete(engine, lambda db, limit: delete_events_before(db, oldest, limit), None)
    async with snapshot(engine) as db:
        held = await events_of_devices(db)
    over_bound = 0
    for device_id, excess in too_many(held, retention).items():
        over_bound += await _delete(engine, _oldest_of(device_id), excess)
    return Removal(older=older, over_bound=over_bound)


def too_many(held: Mapping[str, int], retention: Retention) -> Mapping[str, int]:
    """How many events of whom are to go; "" is what people did, to no device.

    The devices that told most give way first; people keep a share that no device can take.
    """
    of_people = min(held.get(NO_DEVICE, 0), retention.event_rows // PEOPLE_SHARE)
    of_devices = {device_id: count for device_id, count in held.items() if device_id != NO_DEVICE}
    bound = Bound(retention.event_rows - of_people, retention.event_rows_per_device)
    most = level(of_devices.values(), bound)
    kept = {device_id: min(count, most) for device_id, count in of_devices.items()}
    kept[NO_DEVICE] = retention.event_rows - sum(kept.values())
    return {owner: count - kept[owner] for owner, count in held.items() if count > kept[owner]}


def _oldest_of(device_id: str) -> Delete:
    return lambda db, limit: delete_oldest_events(db, device_id, limit)


async def _delete(engine: AsyncEngine, some: Delete, most: int | None) -> int:
    """Some at a time, `most` in all; how many."""
    dropped = 0
    while most is None or dropped < most:
        limit = ROWS_AT_ONCE if most is None else min(ROWS_AT_ONCE, most - dropped)
        async with unit_of_work(engine) as db:
            gone = await some(db, limit)
        dropped += gone
        if gone < limit:
            break
    return dropped
