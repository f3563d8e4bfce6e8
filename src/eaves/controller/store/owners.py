"""Whose a device is: what the keys of its rows lead with."""

from collections.abc import Collection, Mapping
from itertools import islice

from sqlalchemy import select

from eaves.controller.store.dialect import is_one_of
from eaves.controller.store.tables import object_ids
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId

_AT_ONCE = 500


async def enterprises_of(db: Db, device_ids: Collection[DeviceId]) -> Mapping[DeviceId, str]:
    """The enterprise of each of these devices; those that are no more are left out."""
    found: dict[DeviceId, str] = {}
    wanted, c = iter(device_ids), object_ids.c
    while chunk := tuple(islice(wanted, _AT_ONCE)):
        rows = await db.execute(select(c.id, c.enterprise_id).where(is_one_of(db, c.id, chunk)))
        found |= {DeviceId(row.id): row.enterprise_id for row in rows}
    return found


async def enterprise_of(db: Db, device_id: DeviceId) -> str | None:
    """None: there is no such device any more."""
    return (await enterprises_of(db, (device_id,))).get(device_id)
