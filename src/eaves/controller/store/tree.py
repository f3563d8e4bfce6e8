"""The tree of enterprises: who stands below whom, and what an enterprise holds.

`enterprise_tree` has a row for each enterprise and each one above it, with how far above that is.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Select, delete, func, insert, select

from eaves.controller.store.dialect import upsert
from eaves.controller.store.objects import ObjectRef, StoredObject, stored_from_row
from eaves.controller.store.tables import Kind, object_ids, objects, tokens
from eaves.controller.store.tables_people import enterprise_tree, entitlements
from eaves.controller.store.unit import Db

PART_OF_IT = frozenset({Kind.ENTERPRISE.value, Kind.ROLE.value, Kind.REALM.value})
"""What comes and goes with an enterprise; of roles only the built-in ones do."""


async def put_below(db: Db, parent_id: str, child_id: str) -> None:
    """A new enterprise below another."""
    c = enterprise_tree.c
    query = select(c.above_id, c.distance).where(c.below_id == parent_id)
    above = [(row.above_id, row.distance) for row in await db.execute(query)]
    rows = [
        {"above_id": one, "below_id": child_id, "distance": distance + 1}
        for one, distance in [(parent_id, 0), *above]
    ]
    await db.execute(insert(enterprise_tree), rows)


async def is_below(db: Db, above_id: str, below_id: str) -> bool:
    c = enterprise_tree.c
    query = select(c.distance).where(c.above_id == above_id, c.below_id == below_id)
    return (await db.execute(query)).first() is not None


async def depth_of(db: Db, enterprise_id: str) -> int:
    """How many stand above it."""
    query = select(func.count()).where(enterprise_tree.c.below_id == enterprise_id)
    return (await db.execute(query)).scalar_one()


def _below(enterprise_id: str) -> Select[tuple[str]]:
    return select(enterprise_tree.c.below_id).where(enterprise_tree.c.above_id == enterprise_id)


async def list_below(db: Db, enterprise_id: str) -> tuple[StoredObject, ...]:
    """Those at any depth, by name."""
    table = objects[Kind.ENTERPRISE]
    query = select(table).where(table.c.id.in_(_below(enterprise_id))).order_by(table.c.name)
    return tuple(stored_from_row(Kind.ENTERPRISE, row) for row in await db.execute(query))


async def count_below(db: Db, enterprise_id: str, state: str) -> int:
    """How many at any depth are in this state."""
    c = objects[Kind.ENTERPRISE].c
    query = select(func.count()).where(c.id.in_(_below(enterprise_id)), c.state == state)
    return (await db.execute(query)).scalar_one()


async def find_below_by_name(db: Db, enterprise_id: str, name: str) -> StoredObject | None:
    table = objects[Kind.ENTERPRISE]
    query = select(table).where(table.c.name == name, table.c.id.in_(_below(enterprise_id)))
    row = (await db.execute(query)).one_or_none()
    return None if row is None else stored_from_row(Kind.ENTERPRISE, row)


async def children_of(db: Db, enterprise_id: str) -> tuple[ObjectRef, ...]:
    """Those directly below, by name."""
    c, tree = objects[Kind.ENTERPRISE].c, enterprise_tree.c
    query = (
        select(c.id, c.name)
        .join(enterprise_tree, tree.below_id == c.id)
        .where(tree.above_id == enterprise_id, tree.distance == 1)
        .order_by(c.name)
    )
    return tuple(ObjectRef(Kind.ENTERPRISE, *row) for row in await db.execute(query))


async def held_by(db: Db, enterprise_id: str) -> Mapping[Kind, int]:
    """How many objects of each kind belong to it, without what comes and goes with it."""
    c, number = object_ids.c, func.count()
    query = (
        select(c.kind, number)
        .where(c.enterprise_id == enterprise_id, c.kind.not_in(PART_OF_IT))
        .group_by(c.kind)
        .order_by(c.kind)
    )
    return {Kind(row[0]): row[1] for row in await db.execute(query)}


async def forget_enterprise(db: Db, enterprise_id: str) -> None:
    """What is kept of an enterprise beside its objects; its audit log stays."""
    await db.execute(delete(tokens).where(tokens.c.enterprise_id == enterprise_id))
    await db.execute(delete(entitlements).where(entitlements.c.enterprise_id == enterprise_id))
    await db.execute(delete(enterprise_tree).where(enterprise_tree.c.below_id == enterprise_id))


async def find_entitlement(db: Db, enterprise_id: str, *, locked: bool = False) -> str:
    """What it may have, as JSON; empty where nothing bounds it.

    `locked`: nobody else who asks so goes on before this transaction ends.
    """
    query = select(entitlements.c.body).where(entitlements.c.enterprise_id == enterprise_id)
    if locked:
        query = query.with_for_update()
    return (await db.execute(query)).scalar_one_or_none() or ""


async def put_entitlement(db: Db, enterprise_id: str, body: str, now: datetime) -> None:
    values = {"enterprise_id": enterprise_id, "body": body, "updated_at": now}
    await upsert(db, entitlements, values)


async def above(db: Db, enterprise_id: str) -> tuple[str, ...]:
    """The enterprises above, the nearest first."""
    c = enterprise_tree.c
    query = select(c.above_id).where(c.below_id == enterprise_id).order_by(c.distance)
    return tuple((await db.execute(query)).scalars())
