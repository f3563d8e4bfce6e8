"""Facts about the whole database that every controller on it shares."""

from typing import Final

from sqlalchemy import select

from eaves.controller.store.dialect import upsert
from eaves.controller.store.tables import marks
from eaves.controller.store.unit import Db

PUBLISHED: Final = "published_certificates"
"""The hash of the certificate list that every stored configuration carries."""


async def find_mark(db: Db, name: str) -> str:
    """Empty where it was never put."""
    value = await db.execute(select(marks.c.value).where(marks.c.name == name))
    return value.scalar_one_or_none() or ""


async def put_mark(db: Db, name: str, value: str) -> None:
    await upsert(db, marks, {"name": name, "value": value})
