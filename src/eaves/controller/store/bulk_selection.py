"""Which objects a bulk operation is about: by project, bundle, devices, or one by one."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, and_, or_, select

from eaves.controller.domain.scope import Scope
from eaves.controller.store.bulk_jobs import Found
from eaves.controller.store.dialect import is_one_of
from eaves.controller.store.tables import Kind, object_references, objects
from eaves.controller.store.unit import Db

ALL: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Selection:
    """Every part that is given must hold.  `devices`, `ids`: empty means any."""

    kind: Kind  # DEVICE or APP_INSTANCE
    project_id: str = ""
    bundle_id: str = ""
    devices: frozenset[str] = ALL
    ids: frozenset[str] = ALL  # of the objects themselves

    @property
    def empty(self) -> bool:
        """It would select everything, which nobody means."""
        return not (self.project_id or self.bundle_id or self.devices or self.ids)


def _conditions(db: Db, scope: Scope, selection: Selection) -> ColumnElement[bool]:
    c = objects[selection.kind].c
    wanted = [c.enterprise_id == scope.enterprise]
    if scope.projects is not None:
        wanted.append(or_(c.project_id == "", c.project_id.in_(scope.projects)))
    if selection.project_id:
        wanted.append(c.project_id == selection.project_id)
    if selection.devices:
        device = c.id if selection.kind is Kind.DEVICE else c.device_id
        wanted.append(is_one_of(db, device, selection.devices))
    if selection.ids:
        wanted.append(is_one_of(db, c.id, selection.ids))
    if selection.bundle_id:
        refers = object_references.c
        using = select(refers.from_id).where(refers.to_id == selection.bundle_id)
        if selection.kind is Kind.DEVICE:
            carried = objects[Kind.APP_INSTANCE].c
            using = select(carried.device_id).where(carried.id.in_(using))
        wanted.append(c.id.in_(using))
    return and_(*wanted)


async def find_selected(
    db: Db, scope: Scope, selection: Selection, *, after: str = "", limit: int
) -> tuple[Found, ...]:
    """In the order of their ids, from behind the id `after`."""
    c = objects[selection.kind].c
    query = (
        select(c.id, c.name, c.project_id)
        .where(_conditions(db, scope, selection), c.id > after)
        .order_by(c.id)
        .limit(limit)
    )
    return tuple(Found(*row) for row in await db.execute(query))


async def selects_something(db: Db, scope: Scope, selection: Selection) -> bool:
    c = objects[selection.kind].c
    query = select(c.id).where(_conditions(db, scope, selection)).limit(1)
    return (await db.execute(query)).first() is not None


async def unseen(db: Db, scope: Scope, kind: Kind, ids: Collection[str]) -> tuple[str, ...]:
    """Those of these ids that lead to no object that this scope sees, sorted."""
    if not ids:
        return ()
    c = objects[kind].c
    query = select(c.id).where(
        _conditions(db, scope, Selection(kind)), is_one_of(db, c.id, frozenset(ids))
    )
    there = set((await db.execute(query)).scalars())
    return tuple(sorted({*ids} - there))
