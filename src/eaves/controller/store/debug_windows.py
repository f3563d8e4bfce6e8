"""When debug access ends, by device."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from eaves.controller.domain.scope import Scope
from eaves.controller.store import objects
from eaves.controller.store.dialect import upsert
from eaves.controller.store.objects import StoredObject
from eaves.controller.store.tables import Kind, object_references
from eaves.controller.store.tables_devices import debug_windows
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId, EnterpriseId


@dataclass(frozen=True, slots=True)
class Window:
    enterprise_id: EnterpriseId
    device_id: DeviceId
    closes_at: datetime


async def open_window(db: Db, window: Window) -> None:
    """A window that is open already ends then instead."""
    await upsert(
        db,
        debug_windows,
        {
            "enterprise_id": window.enterprise_id,
            "device_id": window.device_id,
            "closes_at": window.closes_at,
        },
    )


async def close_window(db: Db, enterprise_id: str, device_id: str) -> None:
    c = debug_windows.c
    await db.execute(
        delete(debug_windows).where(c.enterprise_id == enterprise_id, c.device_id == device_id)
    )


async def windows_due(db: Db, now: datetime, limit: int) -> Sequence[Window]:
    """Those that ended, the longest first."""
    c = debug_windows.c
    query = select(debug_windows).where(c.closes_at <= now).order_by(c.closes_at).limit(limit)
    return [
        Window(EnterpriseId(row.enterprise_id), DeviceId(row.device_id), row.closes_at)
        for row in await db.execute(query)
    ]


async def expire(db: Db, window: Window, now: datetime) -> StoredObject | None:
    """Close a window that ended, in the record of its device too; None: there is no such device."""
    await close_window(db, window.enterprise_id, window.device_id)
    scope = Scope(window.enterprise_id)
    device = await objects.find_object(db, scope, Kind.DEVICE, window.device_id)
    if device is None:
        return None
    body = json.loads(device.body)
    knob = {"debugKnob": False, "expired": True, "expiry": str(int(window.closes_at.timestamp()))}
    c = object_references.c
    rows = await db.execute(select(c.to_id).where(c.from_id == device.id))
    draft = objects.Draft(
        kind=device.kind,
        id=device.id,
        enterprise_id=device.enterprise_id,
        project_id=device.project_id,
        name=device.name,
        title=device.title,
        device_id=device.device_id,
        state=device.state,
        references=frozenset(row.to_id for row in rows),
        body=json.dumps({**body, "debugKnob": knob}, separators=(",", ":")),
    )
    stamp = objects.Stamp(now, "system")
    return await objects.replace_object(db, scope, draft, stamp, expected=None)
