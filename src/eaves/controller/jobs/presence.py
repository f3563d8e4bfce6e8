"""The job that tells of devices that fell silent or came back, each turn once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.jobs.leased import Held
from eaves.controller.jobs.liveness import Presence, Turned, listening_since, turned
from eaves.controller.live import LiveDevice
from eaves.controller.store.devices import find_last_seen
from eaves.controller.store.events import Event, insert_event
from eaves.controller.store.presence import (
    Watched,
    find_silent,
    find_watched,
    forget_silent,
    note_silent,
    put_watched,
)
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import snapshot, unit_of_work

log = structlog.get_logger()

BATCH: Final = 500
PAUSE: Final = timedelta(minutes=1)  # without a look: nobody listened meanwhile


async def watch_presence(
    engine: AsyncEngine,
    held: Held,
    devices: Sequence[LiveDevice],
    offline_after: timedelta,
    now: datetime,
) -> None:
    """One tick over all devices; one transaction for each batch in which something turned."""
    async with unit_of_work(engine) as db:
        await held.confirm(db)
        before = await find_watched(db) or Watched(now, now)
        watched = Watched(listening_since(before.since, before.at, now, PAUSE), now)
        await put_watched(db, watched)
    for start in range(0, len(devices), BATCH):
        batch = devices[start : start + BATCH]
        ids = [device.device_id for device in batch]
        async with snapshot(engine) as db:
            seen, silent = await find_last_seen(db, ids), await find_silent(db, ids)
        found = turned(
            silent,
            seen,
            ids,
            now,
            offline_after=offline_after,
            listening_since=watched.since,
        )
        if found:
            await _tell(engine, held, batch, found, now)


async def _tell(
    engine: AsyncEngine,
    held: Held,
    devices: Sequence[LiveDevice],
    found: Sequence[Turned],
    now: datetime,
) -> None:
    enterprises = {device.device_id: device.enterprise_id for device in devices}
    async with unit_of_work(engine) as db:
        await held.confirm(db)
        for turn in found:
            enterprise = enterprises[turn.device_id]
            if turn.now is Presence.SILENT:
                new = await note_silent(db, enterprise, turn.device_id, turn.last_seen)
            else:
                new = await forget_silent(db, enterprise, (turn.device_id,))
            if new:
                await insert_event(db, _event(enterprise, turn, now))
    log.info("presence_turned", devices=len(found))


def _event(enterprise_id: str, turn: Turned, now: datetime) -> Event:
    silent = turn.now is Presence.SILENT
    text = (
        f"not heard of since {turn.last_seen.isoformat()}; check its power and network"
        if silent
        else "heard of again"
    )
    return Event(
        at=now,
        enterprise_id=enterprise_id,
        device_id=turn.device_id,
        event_type="EDGE_NODE_SILENT" if silent else "EDGE_NODE_BACK",
        severity="warning" if silent else "notice",
        description=text,
        object_kind=Kind.DEVICE.value,
        object_id=turn.device_id,
    )
