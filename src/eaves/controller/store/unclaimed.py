"""Devices that knocked and have no record: an answer to "why does my device not come up"."""

from datetime import datetime

from sqlalchemy import delete, func, select, update

from eaves.controller.store.dialect import insert_new
from eaves.controller.store.tables import unclaimed_devices
from eaves.controller.store.unit import Db

UNCLAIMED_KEPT = 1000


async def note_unclaimed(
    db: Db, onboarding_key: str, serial: str, soft_serial: str, certificate: bytes, now: datetime
) -> None:
    """Remember who knocked: an answer to "why does my device not come up"."""
    values: dict[str, object] = {
        "onboarding_key": onboarding_key,
        "serial": serial,
        "soft_serial": soft_serial,
        "certificate_hash": certificate,
        "attempts": 1,
        "first_at": now,
        "last_at": now,
    }
    if await insert_new(db, unclaimed_devices, values):
        await _forget_oldest_unclaimed(db)
    else:
        await db.execute(
            update(unclaimed_devices)
            .where(unclaimed_devices.c.certificate_hash == certificate)
            .values(
                attempts=unclaimed_devices.c.attempts + 1,
                last_at=now,
                onboarding_key=onboarding_key,
                serial=serial,
                soft_serial=soft_serial,
            )
        )


async def _forget_oldest_unclaimed(db: Db) -> None:
    """A stranger makes certificates and serials at will; the newest help to find a device."""
    c = unclaimed_devices.c
    kept = select(c.certificate_hash).order_by(c.last_at.desc()).limit(UNCLAIMED_KEPT)
    total = await db.scalar(select(func.count()).select_from(unclaimed_devices))
    if total is not None and total > UNCLAIMED_KEPT:
        await db.execute(delete(unclaimed_devices).where(c.certificate_hash.not_in(kept)))
