"""Signatures of images, and the policies of projects and enterprises that ask for them.

One row for each object that anything was told of: an image, a project or an enterprise.
"""

from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import delete, select

from eaves.controller.domain.signed_images import (
    ImagePolicy,
    ImageSignatures,
    ImageTrust,
    Signatures,
    trust_of,
)
from eaves.controller.store.dialect import is_one_of, upsert
from eaves.controller.store.tables_images import image_trust
from eaves.controller.store.unit import Db
from eaves.evapi.image_signature import read_signatures

NOTHING = ImagePolicy()


async def put_trust(
    db: Db, enterprise_id: str, object_id: str, told: ImagePolicy | ImageSignatures
) -> None:
    """The object must be stored; what was told of it goes with it."""
    says = bool(told.list) if isinstance(told, ImageSignatures) else told != NOTHING
    if not says:
        c = image_trust.c
        await db.execute(
            delete(image_trust).where(c.enterprise_id == enterprise_id, c.object_id == object_id)
        )
        return
    key = {"enterprise_id": enterprise_id, "object_id": object_id}
    await upsert(db, image_trust, {**key, "body": told.to_json_text()})


async def find_policy(db: Db, enterprise_id: str, object_id: str) -> ImagePolicy:
    """Of a project or an enterprise; an empty one where nothing was told."""
    found = await _bodies(db, enterprise_id, (object_id,))
    return ImagePolicy.from_json_text(found[object_id]) if object_id in found else NOTHING


async def find_signatures(
    db: Db, enterprise_id: str, image_ids: Collection[str]
) -> Mapping[str, ImageSignatures]:
    """By image; of those that have any."""
    found = await _bodies(db, enterprise_id, image_ids)
    return {id_: ImageSignatures.from_json_text(body) for id_, body in found.items()}


async def find_trusts(
    db: Db, enterprise_id: str, project_ids: Collection[str], image_ids: Collection[str]
) -> Mapping[str, ImageTrust]:
    """What counts in each of these projects, with the signatures of these images.  One query."""
    found = await _bodies(db, enterprise_id, {enterprise_id, *project_ids, *image_ids})
    signatures: Signatures = {
        id_: read_signatures(ImageSignatures.from_json_text(found[id_]).list)
        for id_ in image_ids
        if id_ in found
    }

    def policy(id_: str) -> ImagePolicy:
        return ImagePolicy.from_json_text(found[id_]) if id_ in found else NOTHING

    enterprise = policy(enterprise_id)
    return {id_: trust_of(enterprise, policy(id_), signatures) for id_ in project_ids}


async def find_trust(
    db: Db, enterprise_id: str, project_id: str, image_ids: Iterable[str]
) -> ImageTrust:
    return (await find_trusts(db, enterprise_id, (project_id,), tuple(image_ids)))[project_id]


async def _bodies(db: Db, enterprise_id: str, ids: Collection[str]) -> Mapping[str, str]:
    c = image_trust.c
    query = select(c.object_id, c.body).where(
        c.enterprise_id == enterprise_id, is_one_of(db, c.object_id, set(ids) - {""})
    )
    return {row.object_id: row.body for row in await db.execute(query)}
