"""Installer images that were asked for: one row for each device, and the link to it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from eaves.controller.store.dialect import upsert
from eaves.controller.store.tables_installers import installer_images
from eaves.controller.store.unit import Db


@dataclass(frozen=True, slots=True)
class InstallerImage:
    """`status`: as the contract spells it; `error`: why it failed."""

    enterprise_id: str
    device_id: str
    status: str
    error: str
    image_tag: str
    image_type: str
    install_disk: str
    requested_at: datetime
    requested_by: str


_COLUMNS = tuple(installer_images.c[name] for name in InstallerImage.__slots__)


async def put_image(db: Db, image: InstallerImage) -> None:
    """In place of the one before, whose link ends; the device must be stored."""
    values: dict[str, object] = {name: getattr(image, name) for name in InstallerImage.__slots__}
    await upsert(db, installer_images, {**values, "link_digest": None, "link_until": None})


async def find_image(db: Db, enterprise_id: str, device_id: str) -> InstallerImage | None:
    c = installer_images.c
    query = select(*_COLUMNS).where(c.enterprise_id == enterprise_id, c.device_id == device_id)
    row = (await db.execute(query)).one_or_none()
    return None if row is None else InstallerImage(*row)


async def put_link(
    db: Db, enterprise_id: str, device_id: str, digest: bytes, until: datetime
) -> None:
    """In place of the one before."""
    c = installer_images.c
    await db.execute(
        update(installer_images)
        .where(c.enterprise_id == enterprise_id, c.device_id == device_id)
        .values(link_digest=digest, link_until=until)
    )


async def find_linked(db: Db, digest: bytes, now: datetime) -> InstallerImage | None:
    """Of any enterprise: whoever has the token of a link need not be of one."""
    c = installer_images.c
    query = select(*_COLUMNS).where(c.link_digest == digest, c.link_until > now)
    row = (await db.execute(query)).one_or_none()
    return None if row is None else InstallerImage(*row)


async def take_link(db: Db, image: InstallerImage, digest: bytes, now: datetime) -> bool:
    """The link is used up.  False: it was, or another one took its place."""
    c = installer_images.c
    done = await db.execute(
        update(installer_images)
        .where(c.enterprise_id == image.enterprise_id, c.device_id == image.device_id)
        .where(c.link_digest == digest, c.link_until > now)
        .values(link_digest=None, link_until=None)
    )
    return done.rowcount > 0
