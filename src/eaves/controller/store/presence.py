"""Which devices are known to be silent, and since when anybody listens: it outlives a process."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from eaves.controller.store.dialect import insert_new
from eaves.controller.store.marks import find_mark, put_mark
from eaves.controller.store.tables_shared import silent_devices
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId

_WATCHED = "watched"


@dataclass(frozen=True, slots=True)
class Watched:
    """`since` then controllers have listened without a pause, the last time at `at`."""

    since: datetime
    at: datetime


async def find_watched(db: Db) -> Watched | None:
    text = await find_mark(db, _WATCHED)
    if not text:
        return None
    since, at = json.loads(text)
    return Watched(datetime.fromisoformat(since), datetime.fromisoformat(at))


async def put_watched(db: Db, watched: Watched) -> None:
    moments = [watched.since.isoformat(), watched.at.isoformat()]
    await put_mark(db, _WATCHED, json.dumps(moments))


async def find_silent(db: Db, device_ids: Sequence[DeviceId]) -> frozenset[DeviceId]:
    c = silent_devices.c
    rows = await db.execute(select(c.device_id).where(c.device_id.in_(device_ids)))
    return frozenset(DeviceId(row.device_id) for row in rows)


async def note_silent(db: Db, enterprise_id: str, device_id: DeviceId, since: datetime) -> bool:
    """True when it was not noted yet."""
    return await insert_new(
        db,
        silent_devices,
        {"enterprise_id": enterprise_id, "device_id": device_id, "since": since},
    )


async def forget_silent(db: Db, enterprise_id: str, device_ids: Iterable[DeviceId]) -> bool:
    """True when one of them was noted."""
    c = silent_devices.c
    gone = await db.execute(
        delete(silent_devices)
        .where(c.enterprise_id == enterprise_id, c.device_id.in_(tuple(device_ids)))
        .returning(c.device_id)
    )
    return gone.first() is not None
