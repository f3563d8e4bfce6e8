"""Which devices are known to be silent, and since when anybody listens: it outlives a process."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update

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


async def find_silent(db: Db, device_ids: Sequence[DeviceId]) -> Mapping[DeviceId, str]:
    """Which stage of its silence was told of last, by device."""
    c = silent_devices.c
    query = select(c.device_id, c.stage).where(c.device_id.in_(device_ids))
    return {DeviceId(row.device_id): row.stage for row in await db.execute(query)}


async def note_silent(
    db: Db, enterprise_id: str, device_id: DeviceId, since: datetime, stage: str
) -> bool:
    """True when this stage was not noted yet."""
    values = {
        "enterprise_id": enterprise_id,
        "device_id": device_id,
        "since": since,
        "stage": stage,
    }
    if await insert_new(db, silent_devices, values):
        return True
    c = silent_devices.c
    changed = await db.execute(
        update(silent_devices)
        .where(c.enterprise_id == enterprise_id, c.device_id == device_id, c.stage != stage)
        .values(stage=stage)
        .returning(c.device_id)
    )
    return changed.first() is not None


async def forget_silent(db: Db, enterprise_id: str, device_ids: Iterable[DeviceId]) -> bool:
    """True when one of them was noted."""
    c = silent_devices.c
    gone = await db.execute(
        delete(silent_devices)
        .where(c.enterprise_id == enterprise_id, c.device_id.in_(tuple(device_ids)))
        .returning(c.device_id)
    )
    return gone.first() is not None
