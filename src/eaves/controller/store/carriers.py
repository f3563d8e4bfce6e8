"""Which devices run an app instance that refers to an object; how many instances there are."""

from collections.abc import Mapping, Sequence
from itertools import islice

from sqlalchemy import ColumnElement, and_, func, or_, select

from eaves.controller.domain.scope import Scope
from eaves.controller.store.tables import Kind, object_references, objects
from eaves.controller.store.unit import Db

_AT_ONCE = 500
_I = objects[Kind.APP_INSTANCE].c
_R = object_references.c


def _inside(scope: Scope) -> ColumnElement[bool]:
    inside = _I.enterprise_id == scope.enterprise
    if scope.projects is None:
        return inside
    return and_(inside, or_(_I.project_id == "", _I.project_id.in_(scope.projects)))


async def device_counts(db: Db, scope: Scope, ids: Sequence[str]) -> Mapping[str, int]:
    """How many devices, by object; objects without any are left out."""
    found: dict[str, int] = {}
    rest = iter(ids)
    while some := tuple(islice(rest, _AT_ONCE)):
        query = (
            select(_R.to_id, func.count(_I.device_id.distinct()))
            .join(objects[Kind.APP_INSTANCE], _I.id == _R.from_id)
            .where(_R.to_id.in_(some), _inside(scope))
            .group_by(_R.to_id)
        )
        found |= {row[0]: row[1] for row in await db.execute(query)}
    return found


async def instances_on(db: Db, scope: Scope, device_ids: Sequence[str]) -> Mapping[str, int]:
    """How many app instances, by device; devices without any are left out."""
    found: dict[str, int] = {}
    rest = iter(device_ids)
    while some := tuple(islice(rest, _AT_ONCE)):
        query = (
            select(_I.device_id, func.count())
            .where(_I.device_id.in_(some), _inside(scope))
            .group_by(_I.device_id)
        )
        found |= {row[0]: row[1] for row in await db.execute(query)}
    return found


async def instances_of(db: Db, scope: Scope, ids: Sequence[str]) -> Mapping[str, int]:
    """How many app instances refer to an object, as to their bundle; of none it is left out."""
    found: dict[str, int] = {}
    rest = iter(ids)
    while some := tuple(islice(rest, _AT_ONCE)):
        query = (
            select(_R.to_id, func.count())
            .join(objects[Kind.APP_INSTANCE], _I.id == _R.from_id)
            .where(_R.to_id.in_(some), _inside(scope))
            .group_by(_R.to_id)
        )
        found |= {row[0]: row[1] for row in await db.execute(query)}
    return found


async def carried_on(db: Db, scope: Scope, ids: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of object and device, each once, sorted."""
    found: set[tuple[str, str]] = set()
    rest = iter(ids)
    while some := tuple(islice(rest, _AT_ONCE)):
        query = (
            select(_R.to_id, _I.device_id)
            .distinct()
            .join(objects[Kind.APP_INSTANCE], _I.id == _R.from_id)
            .where(_R.to_id.in_(some), _inside(scope))
        )
        found |= {(row[0], row[1]) for row in await db.execute(query)}
    return tuple(sorted(found))
