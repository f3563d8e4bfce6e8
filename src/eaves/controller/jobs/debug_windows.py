"""The job that ends debug access whose time is over, and tells of it."""

from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.jobs.leased import Held
from eaves.controller.store.debug_windows import expire, windows_due
from eaves.controller.store.events import Event, insert_event
from eaves.controller.store.objects import StoredObject
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.controller.store.wanted import want_render
from eaves.ids import DeviceId

log = structlog.get_logger()

AT_ONCE: Final = 100


async def close_debug_windows(
    engine: AsyncEngine, held: Held, now: datetime
) -> tuple[DeviceId, ...]:
    """Close those that ended; the devices that are to be rendered again.

    Each is closed with its event in a transaction of its own; whoever changes a device at the same
    moment is not in the way of the others.
    """
    async with snapshot(engine) as db:
        due = await windows_due(db, now, AT_ONCE)
    closed: list[DeviceId] = []
    for window in due:
        async with unit_of_work(engine) as db:
            await held.confirm(db)
            device = await expire(db, window, now)
            if device is None:
                continue
            request = f"debug access ended {window.closes_at.isoformat()}"
            await want_render(db, window.device_id, request, now)
            await insert_event(db, _event(device, now))
        closed.append(window.device_id)
    if closed:
        log.info("debug_access_ended", devices=len(closed))
    return tuple(closed)


def _event(device: StoredObject, now: datetime) -> Event:
    return Event(
        at=now,
        enterprise_id=device.enterprise_id,
        event_type="EDGE_NODE_DEBUG_ACCESS_ENDED",
        description=f"device {device.name}: debug access ended, its time is over",
        project_id=device.project_id,
        device_id=device.id,
        object_kind=Kind.DEVICE.value,
        object_id=device.id,
        object_name=device.name,
    )
