"""Enterprises before anybody is known: where a sign-in belongs."""

from sqlalchemy import select

from eaves.controller.store.tables import Kind, objects
from eaves.controller.store.unit import Db
from eaves.ids import EnterpriseId


async def find_enterprise_named(db: Db, name: str) -> EnterpriseId | None:
    c = objects[Kind.ENTERPRISE].c
    found = (await db.execute(select(c.id).where(c.name == name))).scalar_one_or_none()
    return None if found is None else EnterpriseId(found)


async def only_profile(db: Db) -> EnterpriseId | None:
    """The enterprise with the one provider of identities that is active; None with several."""
    c = objects[Kind.AUTH_PROFILE].c
    query = select(c.enterprise_id).where(c.state == "external").limit(2)
    found = (await db.execute(query)).scalars().all()
    return EnterpriseId(found[0]) if len(found) == 1 else None
