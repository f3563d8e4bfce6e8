"""The key files that all controllers on one database share, as one sealed value."""

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select, update

from eaves.controller.store.changes import KEYS, note_change
from eaves.controller.store.dialect import insert_new
from eaves.controller.store.tables_shared import controller_keys
from eaves.controller.store.unit import Db

_NAME: Final = "keys"


@dataclass(frozen=True, slots=True)
class SealedKeys:
    revision: int
    sealed: bytes = field(repr=False)


async def find_keys(db: Db) -> SealedKeys | None:
    c = controller_keys.c
    row = (await db.execute(select(c.revision, c.sealed).where(c.name == _NAME))).one_or_none()
    return None if row is None else SealedKeys(row.revision, row.sealed)


async def insert_keys(db: Db, sealed: bytes) -> bool:
    """Store the first keys; False when another process was first."""
    return await insert_new(db, controller_keys, {"name": _NAME, "revision": 1, "sealed": sealed})


async def replace_keys(db: Db, before: SealedKeys, sealed: bytes) -> bool:
    """Exchange the keys for every process; False when they are not those of `before` any more."""
    c = controller_keys.c
    done = await db.execute(
        update(controller_keys)
        .where(c.name == _NAME, c.revision == before.revision)
        .values(revision=before.revision + 1, sealed=sealed)
    )
    if done.rowcount != 1:
        return False
    note_change(db, KEYS, ())
    return True
