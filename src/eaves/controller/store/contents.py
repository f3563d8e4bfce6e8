"""Which object has which bytes, and how far an upload is.  The bytes are files: `content_files`."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update

from eaves.controller.store.dialect import upsert
from eaves.controller.store.marks import ROOM, hold_mark
from eaves.controller.store.tables import Kind, object_references, objects
from eaves.controller.store.tables_files import contents
from eaves.controller.store.unit import Db

_C = contents.c
_HELD = (
    *(_C.object_id, _C.enterprise_id, _C.upload, _C.total_bytes, _C.received_bytes),
    *(_C.sha256, _C.updated_at),
)


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
    row = (await db.execute(select(*_HELD).where(_C.object_id == object_id))).one_or_none()
    return None if row is None else Held(*row)


async def hold_room(db: Db) -> None:
    """Nobody else begins an upload before this transaction ends: before bytes are summed up."""
    await hold_mark(db, ROOM)


async def begin(db: Db, held: Held) -> None:
    """Instead of whatever the object had."""
    await upsert(
        db,
        contents,
        {
            "object_id": held.object_id,
            "enterprise_id": held.enterprise_id,
            "upload": held.upload,
            "total_bytes": held.total_bytes,
            "received_bytes": held.received_bytes,
            "sha256": held.sha256,
            "updated_at": held.updated_at,
        },
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


async def drop(db: Db, held: Held) -> bool:
    """False: another upload came between, or all bytes are there."""
    done = await db.execute(
        delete(contents).where(_C.object_id == held.object_id, _C.upload == held.upload)
    )
    return bool(done.rowcount)


async def holds(db: Db, datastore_id: str, device_id: str, sha256: str) -> bool:
    """Whether an image of this datastore has these bytes, and the device is there.

    For whoever shows the code of both.
    """
    store, device, refers = objects[Kind.DATASTORE].c, objects[Kind.DEVICE].c, object_references.c
    query = (
        select(_C.object_id)
        .join(object_references, refers.from_id == _C.object_id)
        .join(objects[Kind.DATASTORE], store.id == refers.to_id)
        .join(objects[Kind.DEVICE], device.enterprise_id == store.enterprise_id)
        .where(
            _C.sha256 == sha256,
            _C.sha256 != "",
            _C.enterprise_id == store.enterprise_id,
            store.id == datastore_id,
            device.id == device_id,
        )
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


async def bytes_to_come(db: Db) -> int:
    """What uploads under way, of all enterprises, were let begin with and have not brought yet."""
    missing = func.coalesce(func.sum(_C.total_bytes - _C.received_bytes), 0)
    return int((await db.execute(select(missing).where(_C.sha256 == ""))).scalar_one())


async def stale_uploads(db: Db, before: datetime, limit: int) -> tuple[Held, ...]:
    """Uploads that nobody went on with since then."""
    query = select(*_HELD).where(_C.sha256 == "", _C.updated_at < before).limit(limit)
    return tuple(Held(*row) for row in await db.execute(query))


async def forget_stale(db: Db, held: Held) -> bool:
    """False: somebody went on with it meanwhile."""
    done = await db.execute(
        delete(contents).where(
            _C.object_id == held.object_id,
            _C.upload == held.upload,
            _C.sha256 == "",
            _C.updated_at == held.updated_at,
        )
    )
    return bool(done.rowcount)


async def digests_in_use(db: Db, some: Collection[str]) -> frozenset[str]:
    """Those of some hundred digests that an object has."""
    query = select(_C.sha256).where(_C.sha256.in_(some)).distinct()
    return frozenset((await db.execute(query)).scalars())


async def uploads_under_way(db: Db) -> frozenset[str]:
    query = select(_C.upload).where(_C.sha256 == "")
    return frozenset((await db.execute(query)).scalars())
