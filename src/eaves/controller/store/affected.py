"""Which devices an object reaches: they are rendered again when it changes."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    bindparam,
    func,
    select,
    union,
)

from eaves.controller.store.dialect import as_one, in_parameter
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
    dialect = db.dialect.name
    reached = await _referring(db, object_id, _SHARED) | {object_id}
    given = {"of": object_id, "reached": as_one(dialect, reached), "after": after}
    owner = (await db.execute(_BY_DEFAULT, {"of": object_id})).scalar()
    query = _from_behind(dialect, by_default=owner is not None, bounded=limit is not None)
    given |= {} if limit is None else {"most": limit}
    rows = await db.execute(query, given | ({} if owner is None else {"owner": owner}))
    return tuple(rows.scalars())


@lru_cache
def _from_behind(dialect: str, *, by_default: bool, bounded: bool) -> Select[str]:
    affected = _devices(dialect, lambda device: device > bindparam("after"), by_default=by_default)
    found = affected.subquery()
    query = select(found.c.id).order_by(found.c.id)
    return query.limit(bindparam("most", type_=Integer)) if bounded else query


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
    """Ids of devices that are `wanted`, in a statement without parameters."""
    dialect = db.dialect.name
    reached = await _referring(db, object_id, _SHARED) | {object_id}
    owner = (await db.execute(_BY_DEFAULT, {"of": object_id})).scalar()
    given = {"of": object_id, "reached": as_one(dialect, reached), "owner": owner}
    query = _devices(dialect, wanted, by_default=owner is not None)
    return query.params({name: value for name, value in given.items() if value is not None})


def _devices(dialect: str, wanted: Wanted, *, by_default: bool) -> CompoundSelect[str]:
    """Ids of devices that are `wanted`.  Parameters: `of`, the object; `reached`, whatever refers
    to it; `owner`, the enterprise where it is the default network.

    The steps are taken before: in one recursive statement PostgreSQL expects far too many rows.
    """
    c = object_references.c
    parts: list[Select[str]] = []
    if by_default:
        # Also those whose ports all name one: which do is in their bodies, and to render them is
        # cheaper than to look there.
        device = objects[Kind.DEVICE].c
        of_owner = select(device.id.label("id")).where(device.enterprise_id == bindparam("owner"))
        parts.append(of_owner.where(wanted(device.id)))
    for kind in (Kind.DEVICE, *CARRIED):
        table = objects[kind]
        own = table.c.id if kind is Kind.DEVICE else table.c.device_id
        of_kind = select(own.label("id")).where(wanted(own))
        parts.append(of_kind.where(table.c.id == bindparam("of")))
        parts.append(
            of_kind.join(object_references, table.c.id == c.from_id).where(
                in_parameter(dialect, c.to_id, "reached")
            )
        )
    return union(*parts)


_networks: Final = objects[Kind.NETWORK].c
_BY_DEFAULT: Final = select(_networks.enterprise_id).where(
    _networks.id == bindparam("of"), _networks.state == DEFAULT_NETWORK
)


async def _referring(db: Db, object_id: str, kinds: Sequence[Kind]) -> frozenset[str]:
    """Ids of everything that refers to this object, through steps over these kinds only."""
    found: set[str] = set()
    frontier = {object_id}
    dialect = db.dialect.name
    query = _one_step(dialect, tuple(kinds))
    while frontier:
        rows = await db.execute(query, {"frontier": as_one(dialect, frontier)})
        frontier = {row.from_id for row in rows} - found
        found |= frontier
    return frozenset(found)


@lru_cache
def _one_step(dialect: str, kinds: Sequence[Kind]) -> Select[str]:
    c = object_references.c
    return (
        select(c.from_id)
        .distinct()
        .join_from(object_references, object_ids, object_ids.c.id == c.from_id)
        .where(in_parameter(dialect, c.to_id, "frontier"))
        .where(object_ids.c.kind.in_([kind.value for kind in kinds]))
    )
