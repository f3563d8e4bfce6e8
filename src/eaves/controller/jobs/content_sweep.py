"""Bytes that nobody has any more: uploads that were left, files of objects that are gone.

Every process sweeps its own folder; where several share one, they find the same.

Files go before rows do: a disk that is full must get room again although nothing can be written to
a database on it.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.domain.audit import AuditEntry
from eaves.controller.domain.scope import Scope
from eaves.controller.store import contents
from eaves.controller.store.content_files import ContentFolder
from eaves.controller.store.contents import Held
from eaves.controller.store.events import Event, insert_audit, insert_event
from eaves.controller.store.objects import (
    Draft,
    Stamp,
    find_object,
    references_of,
    replace_object,
)
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import EnterpriseId

log = structlog.get_logger()

LEFT_AFTER: Final = timedelta(days=1)  # without a new piece
SETTLED_AFTER: Final = timedelta(hours=1)  # far longer than from a file's name to its commit
AT_ONCE: Final = 500
FAILED: Final = "upload failed"
WHY: Final = (
    "the upload stopped before all bytes were there; send the file again from its beginning"
)


async def sweep_content(engine: AsyncEngine, folder: ContentFolder, now: datetime) -> None:
    before = (now - SETTLED_AFTER).timestamp()
    async with snapshot(engine) as db:
        stale = await contents.stale_uploads(db, now - LEFT_AFTER, AT_ONCE)
    left = [
        held for held in stale if await asyncio.to_thread(folder.drop_left, held.upload, before)
    ]
    removed, partial = await _sweep_files(engine, folder, before)
    forgotten = 0
    for held in left:
        forgotten += await _forget(engine, held, now)
    if forgotten or removed or partial:
        log.info("content_swept", uploads_forgotten=forgotten, files=removed, partial_files=partial)


async def _sweep_files(
    engine: AsyncEngine, folder: ContentFolder, before: float
) -> tuple[int, int]:
    """Files that no row names: whole ones, partial ones."""
    old = await asyncio.to_thread(folder.old, before)
    removed = 0
    for start in range(0, len(old.digests), AT_ONCE):
        some = old.digests[start : start + AT_ONCE]
        async with snapshot(engine) as db:
            used = await contents.digests_in_use(db, some)
        for digest in some:
            if digest not in used:
                removed += await asyncio.to_thread(folder.remove, digest, before)
    async with snapshot(engine) as db:
        under_way = await contents.uploads_under_way(db)
    left = [upload for upload in old.uploads if upload not in under_way]
    for upload in left:
        await asyncio.to_thread(folder.drop, upload)
    return removed, len(left)


async def _forget(engine: AsyncEngine, held: Held, now: datetime) -> bool:
    async with unit_of_work(engine) as db:
        if not await contents.forget_stale(db, held):
            return False
        await _tell_of_image(db, held, now)
    return True


async def _tell_of_image(db: Db, held: Held, now: datetime) -> None:
    """An image says why it has no bytes; an artifact says only that it has none."""
    # imported here: a start needs no contract
    from eaves.controller.domain.contract.datastores import (  # noqa: PLC0415 - see above
        ImageConfig,
        ImageStatus,
    )

    scope = Scope(EnterpriseId(held.enterprise_id))
    stored = await find_object(db, scope, Kind.IMAGE, held.object_id)
    image = None if stored is None else ImageConfig.from_json_text(stored.body)
    if stored is None or image is None or image.image_status is not ImageStatus.UPLOADING:
        return
    failed = image.model_copy(update={"image_status": ImageStatus.FAILED, "image_error": WHY})
    draft = Draft(
        kind=Kind.IMAGE,
        id=stored.id,
        enterprise_id=stored.enterprise_id,
        name=stored.name,
        body=failed.to_json_text(),
        project_id=stored.project_id,
        title=stored.title,
        device_id=stored.device_id,
        state=failed.image_status.value,
        references=await references_of(db, stored.id),
    )
    made_from = stored.revision.curr
    await replace_object(db, scope, draft, Stamp(now, "system"), expected=None, made_from=made_from)
    await insert_event(
        db,
        Event(
            at=now,
            enterprise_id=stored.enterprise_id,
            event_type="IMAGE_UPLOAD_FAILED",
            description=f"image {stored.name}: {WHY}",
            severity="error",
            object_kind=Kind.IMAGE.value,
            object_id=stored.id,
            object_name=stored.name,
        ),
    )
    await insert_audit(
        db,
        AuditEntry(
            at=now,
            enterprise_id=stored.enterprise_id,
            verb=FAILED,
            result=WHY,
            user_name="system",
            object_kind=Kind.IMAGE.value,
            object_id=stored.id,
            object_name=stored.name,
        ),
    )
