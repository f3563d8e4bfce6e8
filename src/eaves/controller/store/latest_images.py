"""Which image an enterprise calls its latest base OS, for each architecture."""

from collections.abc import Mapping

from sqlalchemy import delete, insert, select

from eaves.controller.domain.scope import Scope
from eaves.controller.store.tables_files import latest_images
from eaves.controller.store.unit import Db


async def find_latest(db: Db, scope: Scope) -> Mapping[str, str]:
    """Image id by architecture."""
    c = latest_images.c
    query = select(c.arch, c.image_id).where(c.enterprise_id == scope.enterprise).order_by(c.arch)
    return {row[0]: row[1] for row in await db.execute(query)}


async def mark_latest(db: Db, scope: Scope, arch: str, image_id: str) -> None:
    c = latest_images.c
    await db.execute(
        delete(latest_images).where(c.enterprise_id == scope.enterprise, c.arch == arch)
    )
    await db.execute(
        insert(latest_images).values(enterprise_id=scope.enterprise, arch=arch, image_id=image_id)
    )


async def unmark_latest(db: Db, scope: Scope, image_id: str) -> bool:
    """False: it was not marked."""
    c = latest_images.c
    done = await db.execute(
        delete(latest_images).where(c.enterprise_id == scope.enterprise, c.image_id == image_id)
    )
    return bool(done.rowcount)
