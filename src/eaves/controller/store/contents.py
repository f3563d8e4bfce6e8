"""Which object has which bytes, and how far an upload is.  The bytes are files: `content_files`."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update

from eaves.controller.store.tables import Kind, objects
from eaves.controller.store.tables_files import contents
from eaves.controller.store.unit import Db

_C = contents.c


@dataclass(frozen=True, slots=True)
class Held:
    """`sha256` is empty, and `upload` names the partial file, until all bytes are there."""

    object_id: str
    enterprise_id: str
    upload: str
    total_bytes: int
    received_bytes: int
    sha256: str
    updated_at: datetime

    @property
    def whole(self) -> bool:
        return bool(self.sha256)


async def find_held(db: Db, object_id: str) -> Held | None:
    """Of an object that the caller found within its scope."""
    columns = (
        *(_C.object_id, _C.enterprise_id, _C.upload, _C.total_bytes, _C.received_bytes),
        *(_C.sha256, _C.updated_at),
    )
    row = (await db.execute(select(*columns).where(_C.object_id == object_id))).one_or_none()
    return None if row is None else Held(*row)


async def begin(db: Db, held: Held) -> None:
    """Instead of whatever the object had."""
    await db.execute(delete(contents).where(_C.object_id == held.object_id))
    await db.execute(
        insert(contents).values(
            object_id=held.object_id,
            enterprise_id=held.enterprise_id,
            upload=held.upload,
            total_bytes=held.total_bytes,
            received_bytes=held.received_bytes,
            sha256=held.sha256,
            updated_at=held.updated_at,
        )
    )


async def advance(db: Db, held: Held, received: int, now: datetime, *, total: int) -> bool:
    """More bytes are on the disk.  False: another upload, or another piece, came between."""
    done = await db.execute(
        update(contents)
        .where(
            _C.object_id == held.object_id,
            _C.upload == held.upload,
            _C.received_bytes == held.received_bytes,
        )
        .values(received_bytes=received, total_bytes=total, updated_at=now)
    )
    return bool(done.rowcount == 1)


async def complete(db: Db, held: Held, sha256: str, now: datetime) -> bool:
    """All bytes are there, with this digest.  False: another upload came between."""
    done = await db.execute(
        update(contents)
        .where(_C.object_id == held.object_id, _C.upload == held.upload)
        .values(upload="", sha256=sha256, updated_at=now)
    )
    return bool(done.rowcount == 1)


async def drop(db: Db, held: Held) -> None:
    await db.execute(
        delete(contents).where(_C.object_id == held.object_id, _C.upload == held.upload)
    )


async def holds(db: Db, datastore_id: str, sha256: str) -> bool:
    """Whether the enterprise of this datastore has these bytes.  For whoever shows its code."""
    store = objects[Kind.DATASTORE].c
    query = (
        select(_C.object_id)
        .join(objects[Kind.DATASTORE], store.enterprise_id == _C.enterprise_id)
        .where(_C.sha256 == sha256, _C.sha256 != "", store.id == datastore_id)
    )
    return (await db.execute(query.limit(1))).first() is not None


async def find_whole(db: Db, object_id: str) -> Held | None:
    """Of whoever shows an address that the controller made."""
    held = await find_held(db, object_id)
    return held if held is not None and held.whole else None


async def promised_bytes(db: Db, enterprise_id: str = "") -> int:
    """What all objects, or those of one enterprise, have and will have when uploads are done."""
    query = select(func.coalesce(func.sum(_C.total_bytes), 0))
    if enterprise_id:
        query = query.where(_C.enterprise_id == enterprise_id)
    return int((await db.execute(query)).scalar_one())


async def forget_stale(db: Db, before: datetime, limit: int) -> int:
    """Uploads that nobody went on with since then; how many."""
    some = select(_C.object_id).where(_C.sha256 == "", _C.updated_at < before).limit(limit)
    ids = tuple((await db.execute(some)).scalars())
    if ids:
        await db.execute(delete(contents).where(_C.object_id.in_(ids), _C.sha256 == ""))
    return len(ids)


async def digests_in_use(db: Db, some: Collection[str]) -> frozenset[str]:
    """Those of some hundred digests that an object has."""
    query = select(_C.sha256).where(_C.sha256.in_(some)).distinct()
    return frozenset((await db.execute(query)).scalars())


async def uploads_under_way(db: Db) -> frozenset[str]:
    query = select(_C.upload).where(_C.sha256 == "")
    return frozenset((await db.execute(query)).scalars())
