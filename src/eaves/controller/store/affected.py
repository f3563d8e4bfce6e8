"""Which devices an object reaches: they are rendered again when it changes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlalchemy import ColumnElement, CompoundSelect, Select, func, select, union

from eaves.controller.store.dialect import is_one_of
from eaves.controller.store.tables import (
    DEFAULT_NETWORK,
    Kind,
    object_ids,
    object_references,
    objects,
)
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.unit import Db

CARRIED: Final = (Kind.NETINST, Kind.VOLUME, Kind.APP_INSTANCE)
_SHARED: Final = tuple(kind for kind in Kind if kind not in (Kind.DEVICE, *CARRIED))
Wanted = Callable[[ColumnElement[str]], ColumnElement[bool]]


async def devices_affected(
    db: Db, object_id: str, *, after: str = "", limit: int | None = None
) -> tuple[str, ...]:
    """Devices whose configuration may change with this object, sorted, from behind `after`.

    What a device carries is of that device alone, so the steps need not lead over it: a project
    may have a hundred thousand devices.  A default network of an enterprise may be that of each of
    its devices: it is in force on ports that name none.
    """
    affected = (await _affected(db, object_id, lambda device: device > after)).subquery()
    query = select(affected.c.id).order_by(affected.c.id).limit(limit)
    return tuple(row.id for row in await db.execute(query))


async def is_affected(db: Db, object_id: str, device_id: str) -> bool:
    query = await _affected(db, object_id, lambda device: device == device_id)
    return (await db.execute(query)).first() is not None


async def models_affected(db: Db, object_id: str) -> Mapping[str, tuple[int, str]]:
    """By model id: how many of those devices there are, and one of them."""
    affected = (await _affected(db, object_id, lambda device: device != "")).subquery()
    c = listed[Kind.DEVICE].c
    query = (
        select(c.modelId, func.count(), func.min(c.id))
        .where(c.id.in_(select(affected.c.id)))
        .group_by(c.modelId)
    )
    return {row[0]: (row[1], row[2]) for row in await db.execute(query)}


async def _affected(db: Db, object_id: str, wanted: Wanted) -> CompoundSelect[str]:
    """Ids of devices that are `wanted`.

    The steps are taken before: in one recursive statement PostgreSQL expects far too many rows.
    """
    reached = await _referring(db, object_id, _SHARED) | {object_id}
    c = object_references.c
    parts = await _by_default(db, object_id, wanted)
    for kind in (Kind.DEVICE, *CARRIED):
        table = objects[kind]
        device = table.c.id if kind is Kind.DEVICE else table.c.device_id
        of_kind = select(device.label("id")).where(wanted(device))
        parts.append(of_kind.where(table.c.id == object_id))
        parts.append(
            of_kind.join(object_references, table.c.id == c.from_id).where(
                is_one_of(db, c.to_id, reached)
            )
        )
    return union(*parts)


async def _by_default(db: Db, object_id: str, wanted: Wanted) -> list[Select[str]]:
    """Devices of the enterprise whose default network this is.

    Also those whose ports all name one: which do is in their bodies, and to render them is
    cheaper than to look there.
    """
    device, network = objects[Kind.DEVICE].c, objects[Kind.NETWORK].c
    query = select(network.enterprise_id).where(
        network.id == object_id, network.state == DEFAULT_NETWORK
    )
    return [
        select(device.id.label("id")).where(
            device.enterprise_id == row.enterprise_id, wanted(device.id)
        )
        for row in await db.execute(query)
    ]


async def _referring(db: Db, object_id: str, kinds: Sequence[Kind]) -> frozenset[str]:
    """Ids of everything that refers to this object, through steps over these kinds only."""
    found: set[str] = set()
    frontier = {object_id}
    c = object_references.c
    while frontier:
        query = (
            select(c.from_id)
            .distinct()
            .join_from(object_references, object_ids, object_ids.c.id == c.from_id)
            .where(is_one_of(db, c.to_id, frontier))
            .where(object_ids.c.kind.in_([kind.value for kind in kinds]))
        )
        frontier = {row.from_id for row in await db.execute(query)} - found
        found |= frontier
    return frozenset(found)
