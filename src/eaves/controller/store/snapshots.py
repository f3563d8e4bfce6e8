"""Snapshots of app instances, as wished.  What devices have of them stands in their reports.

The functions take an instance that the caller found within its scope.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, update

from eaves.controller.domain.scope import Scope
from eaves.controller.domain.snapshots import Snapshot
from eaves.controller.store.dialect import is_one_of
from eaves.controller.store.tables_files import app_snapshots
from eaves.controller.store.unit import Db

_C = app_snapshots.c
NOTHING: Final = "{}"  # saved of what is deleted


def _from_row(row: Row[Any]) -> Snapshot:
    return Snapshot(
        id=row.id,
        instance_id=row.instance_id,
        name=row.name,
        config=row.config,
        immediate=row.immediate,
        rollback=row.rollback,
        created_at=row.created_at,
        changed_at=row.changed_at,
        deleted_at=row.deleted_at,
    )


async def snapshots_of(db: Db, instance_ids: Collection[str]) -> Mapping[str, tuple[Snapshot, ...]]:
    """By instance, the oldest first; those that devices still have to delete are among them."""
    if not instance_ids:
        return {}
    query = select(app_snapshots).where(is_one_of(db, _C.instance_id, instance_ids))
    found: defaultdict[str, list[Snapshot]] = defaultdict(list)
    for row in await db.execute(query.order_by(_C.created_at, _C.id)):
        found[row.instance_id].append(_from_row(row))
    return {instance: tuple(some) for instance, some in found.items()}


async def find_snapshot(db: Db, scope: Scope, snapshot_id: str) -> Snapshot | None:
    """Of the enterprise; whether the caller may see its instance is to be asked as well."""
    query = select(app_snapshots).where(_C.id == snapshot_id, _C.enterprise_id == scope.enterprise)
    row = (await db.execute(query)).one_or_none()
    return None if row is None else _from_row(row)


async def insert_snapshot(db: Db, enterprise_id: str, snapshot: Snapshot) -> None:
    await db.execute(insert(app_snapshots).values(enterprise_id=enterprise_id, **asdict(snapshot)))


async def delete_snapshot(db: Db, snapshot_id: str, now: datetime) -> None:
    """It leaves the configuration; the row stays, so that its state can be asked for.

    What was saved goes at once: nobody goes back to it, and it is the large part of the row.
    """
    await db.execute(
        update(app_snapshots)
        .where(_C.id == snapshot_id)
        .values(deleted_at=now, changed_at=now, config=NOTHING)
    )


async def roll_back(db: Db, snapshot: Snapshot, now: datetime) -> int:
    """Make this the snapshot that its instance goes back to; the number of the rollback."""
    query = select(func.max(_C.rollback)).where(_C.instance_id == snapshot.instance_id)
    number = ((await db.execute(query)).scalar_one() or 0) + 1
    await db.execute(
        update(app_snapshots).where(_C.id == snapshot.id).values(rollback=number, changed_at=now)
    )
    return int(number)


async def forget_deleted(db: Db, instance_id: str, before: datetime) -> None:
    """Rows of what was deleted long ago, but for the last rollback: its number never goes back."""
    most = select(func.max(_C.rollback)).where(_C.instance_id == instance_id).scalar_subquery()
    await db.execute(
        delete(app_snapshots).where(
            _C.instance_id == instance_id,
            _C.deleted_at < before,
            (_C.rollback == 0) | (_C.rollback < most),
        )
    )
