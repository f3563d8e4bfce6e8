"""Devices whose last attestation became too old: an event, once until they attest again."""

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.domain.status.liveness import stale_text
from eaves.controller.jobs.leased import Held
from eaves.controller.store.attestations import note_stale
from eaves.controller.store.events import Event, insert_events
from eaves.controller.store.objects import names_of
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import unit_of_work

log = structlog.get_logger()

BATCH: Final = 500
STALE: Final = "EDGE_NODE_ATTESTATION_STALE"


async def tell_stale(engine: AsyncEngine, held: Held, older: timedelta, now: datetime) -> int:
    """How many were told of."""
    told = 0
    while True:
        async with unit_of_work(engine) as db:
            await held.confirm(db)
            found = await note_stale(db, now - older, BATCH)
            named = await names_of(db, Kind.DEVICE, [device_id for _, device_id, _ in found])
            events: list[Event] = []
            for enterprise_id, device_id, at in found:
                name, project_id = named.get((enterprise_id, device_id), (device_id, ""))
                events.append(
                    Event(
                        at=now,
                        enterprise_id=enterprise_id,
                        project_id=project_id,
                        device_id=device_id,
                        event_type=STALE,
                        severity="warning",
                        description=stale_text(at, now),
                        object_kind=Kind.DEVICE.value,
                        object_id=device_id,
                        object_name=name,
                    )
                )
            await insert_events(db, events)
        told += len(found)
        if len(found) < BATCH:
            break
    if told:
        log.info("attestations_stale", devices=told)
    return told
