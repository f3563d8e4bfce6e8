"""Bytes that nobody has any more: uploads that were left, files of objects that are gone.

Every process sweeps its own folder; where several share one, they find the same.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.store import contents
from eaves.controller.store.content_files import ContentFolder
from eaves.controller.store.unit import snapshot, unit_of_work

log = structlog.get_logger()

LEFT_AFTER: Final = timedelta(days=1)  # without a new piece
SETTLED_AFTER: Final = timedelta(hours=1)  # far longer than from a file's name to its commit
AT_ONCE: Final = 500


async def sweep_content(engine: AsyncEngine, folder: ContentFolder, now: datetime) -> None:
    async with unit_of_work(engine) as db:
        forgotten = await contents.forget_stale(db, now - LEFT_AFTER, AT_ONCE)
    before = (now - SETTLED_AFTER).timestamp()
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
    if forgotten or removed or left:
        log.info(
            "content_swept", uploads_forgotten=forgotten, files=removed, partial_files=len(left)
        )
