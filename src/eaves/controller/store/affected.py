"""Which devices an object reaches: they are rendered again when it changes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import CompoundSelect, Select, func, select, union

from eaves.controller.store.tables import Kind, object_ids, object_references, objects
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.unit import Db

CARRIED: Final = (Kind.NETINST, Kind.VOLUME, Kind.APP_INSTANCE)
_SHARED: Final = tuple(kind for kind in Kind if kind not in (Kind.DEVICE, *CARRIED))
_REACHED_AT_ONCE: Final = 500


async def devices_affected(
    db: Db, object_id: str, *, after: str = "", limit: int | None = None
) -> tuple[str, ...]:
    """Devices whose configuration may change with this object, sorted, from behind `after`.

    What a device carries is of that device alone, so the steps need not lead over it: a project
    may have a hundred thousand devices.
    """
    affected = _affected(object_id, await _reached(db, object_id), after).subquery()
    query = select(affected.c.id).order_by(affected.c.id).limit(limit)
    return tuple(row.id for row in await db.execute(query))


async def is_affected(db: Db, object_id: str, device_id: str) -> bool:
    affected = _affected(object_id, await _reached(db, object_id), "").subquery()
    query = select(affected.c.id).where(affected.c.id == device_id)
    return (await db.execute(query)).first() is not None


async def models_affected(db: Db, object_id: str) -> Mapping[str, tuple[int, str]]:
    """By model id: how many of those devices there are, and one of them."""
    affected = _affected(object_id, await _reached(db, object_id), "").subquery()
    c = listed[Kind.DEVICE].c
    query = (
        select(c.modelId, func.count(), func.min(c.id))
        .where(c.id.in_(select(affected.c.id)))
        .group_by(c.modelId)
    )
    return {row[0]: (row[1], row[2]) for row in await db.execute(query)}


async def _reached(db: Db, object_id: str) -> tuple[str, ...]:
    return tuple(sorted(await _referring(db, (object_id,), _SHARED) | {object_id}))


def _in_parts(reached: Sequence[str]) -> Iterable[Sequence[str]]:
    starts = range(0, len(reached), _REACHED_AT_ONCE)
    return (reached[start : start + _REACHED_AT_ONCE] for start in starts)


def _affected(object_id: str, reached: Sequence[str], after: str) -> CompoundSelect[str]:
    c = object_references.c
    parts: list[Select[str]] = []
    for kind in (Kind.DEVICE, *CARRIED):
        table = objects[kind]
        wanted = (table.c.id if kind is Kind.DEVICE else table.c.device_id).label("id")
        behind = select(wanted).where(wanted > after)
        parts.append(behind.where(table.c.id == object_id))
        parts += [
            behind.join(object_references, table.c.id == c.from_id).where(c.to_id.in_(some))
            for some in _in_parts(reached)
        ]
    return union(*parts)


async def _referring(
    db: Db, object_ids_changed: Iterable[str], kinds: Sequence[Kind]
) -> frozenset[str]:
    """Ids of everything that refers to one of these, through steps over these kinds only."""
    found: set[str] = set()
    frontier = set(object_ids_changed)
    c = object_references.c
    while frontier:
        query = (
            select(c.from_id)
            .distinct()
            .join_from(object_references, object_ids, object_ids.c.id == c.from_id)
            .where(c.to_id.in_(frontier), object_ids.c.kind.in_([kind.value for kind in kinds]))
        )
        frontier = {row.from_id for row in await db.execute(query)} - found
        found |= frontier
    return frozenset(found)
