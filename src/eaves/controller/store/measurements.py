"""Measurements of built images: a document and its signature, kept with the image."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import delete, select

from eaves.controller.store.dialect import upsert
from eaves.controller.store.tables import Kind, objects
from eaves.controller.store.tables_measured import image_measurements
from eaves.controller.store.unit import Db
from eaves.evapi.image_signature import ImageSignature, Signed, Trusted, verify_image


@dataclass(frozen=True, slots=True)
class SignedMeasurements:
    document: bytes = field(repr=False)
    signature: bytes = field(repr=False)


async def put_measurements(
    db: Db, enterprise_id: str, image_id: str, told: SignedMeasurements
) -> None:
    """In place of those before; they go with the image."""
    key = {"enterprise_id": enterprise_id, "image_id": image_id}
    values = {"document": told.document, "signature": told.signature}
    await upsert(db, image_measurements, {**key, **values})


async def delete_measurements(db: Db, enterprise_id: str, image_id: str) -> bool:
    """False: there were none."""
    c = image_measurements.c
    done = await db.execute(
        delete(image_measurements).where(c.enterprise_id == enterprise_id, c.image_id == image_id)
    )
    return done.rowcount > 0


async def find_measurements(db: Db, enterprise_id: str, image_id: str) -> SignedMeasurements | None:
    c = image_measurements.c
    query = select(c.document, c.signature).where(
        c.enterprise_id == enterprise_id, c.image_id == image_id
    )
    row = (await db.execute(query)).one_or_none()
    return None if row is None else SignedMeasurements(row.document, row.signature)


async def measurements_by_name(
    db: Db, enterprise_id: str, images: Collection[str]
) -> Mapping[str, SignedMeasurements]:
    """Of the images with these names, as far as they have any."""
    c, image = image_measurements.c, objects[Kind.IMAGE].c
    query = (
        select(image.name, c.document, c.signature)
        .join_from(image_measurements, objects[Kind.IMAGE], image.id == c.image_id)
        .where(c.enterprise_id == enterprise_id, image.enterprise_id == enterprise_id)
        .where(image.name.in_(images))
    )
    rows = await db.execute(query)
    return {row.name: SignedMeasurements(row.document, row.signature) for row in rows}


def signer_of(told: SignedMeasurements, trusted: Iterable[Trusted]) -> str:
    """The name of the trusted key; empty: it is by none."""
    digest = hashlib.sha256(told.document).hexdigest()
    verdict = verify_image(digest, (ImageSignature(told.signature),), tuple(trusted))
    return verdict.by.shown if isinstance(verdict, Signed) else ""
