"""The job that tells of devices that fell silent or came back, each turn once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.domain.status.liveness import Limits
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
    limits: Limits,
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
            seen, noted = await find_last_seen(db, ids), await find_silent(db, ids)
        told = {device_id: Presence(stage) for device_id, stage in noted.items()}
        found = turned(
            told,
            seen,
            ids,
            now,
            limits=limits,
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
            if turn.now is Presence.ONLINE:
                new = await forget_silent(db, enterprise, (turn.device_id,))
            else:
                stage = turn.now.value
                new = await note_silent(db, enterprise, turn.device_id, turn.last_seen, stage)
            if new:
                await insert_event(db, _event(enterprise, turn, now))
    log.info("presence_turned", devices=len(found))


_EVENTS: Final = {
    Presence.SUSPECT: ("EDGE_NODE_SUSPECT", "warning"),
    Presence.SILENT: ("EDGE_NODE_SILENT", "warning"),
    Presence.ONLINE: ("EDGE_NODE_BACK", "notice"),
}


def _event(enterprise_id: str, turn: Turned, now: datetime) -> Event:
    event_type, severity = _EVENTS[turn.now]
    since = turn.last_seen.isoformat()
    text = {
        Presence.SUSPECT: f"suspect: not heard of since {since}",
        Presence.SILENT: f"offline: not heard of since {since}; check its power and network",
        Presence.ONLINE: "heard of again",
    }[turn.now]
    return Event(
        at=now,
        enterprise_id=enterprise_id,
        device_id=turn.device_id,
        event_type=event_type,
        severity=severity,
        description=text,
        object_kind=Kind.DEVICE.value,
        object_id=turn.device_id,
    )
