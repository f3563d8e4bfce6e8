"""What devices report: the latest info about each object, metrics, flow logs, health, log lines.

Messages are kept as they came; whoever reads them decodes them.  The functions that store take no
Scope (a device proved itself), those that a person's request reads through take a device that the
caller found within its scope.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Table, delete, func, insert, select

from eaves.controller.store.dialect import insert_new, upsert
from eaves.controller.store.listed import note_reported
from eaves.controller.store.tables import info_latest, log_uploads, logs, messages, metrics
from eaves.controller.store.unit import Db
from eaves.evapi.info.state import reported_state
from eaves.evapi.info.states import ZInfoTypes
from eaves.ids import DeviceId


@dataclass(frozen=True, slots=True)
class Info:
    """The last info message about one object; `object_id` is empty for the device itself."""

    device_id: DeviceId
    kind: int  # ZInfoTypes
    object_id: str
    at: datetime | None  # clock of the device
    received_at: datetime
    message: bytes = field(repr=False)  # serialized ZInfoMsg


@dataclass(frozen=True, slots=True)
class Metric:
    device_id: DeviceId
    at: datetime | None
    received_at: datetime
    message: bytes = field(repr=False)  # serialized ZMetricMsg


async def put_info(db: Db, info: Info) -> None:
    await upsert(
        db,
        info_latest,
        {
            "device_id": info.device_id,
            "kind": info.kind,
            "object_id": info.object_id,
            "at": info.at,
            "received_at": info.received_at,
            "message": info.message,
        },
    )
    if info.kind == int(ZInfoTypes.ZiDevice) and not info.object_id:
        await note_reported(db, {info.device_id: reported_state(info.message)})


async def delete_info(db: Db, device_id: DeviceId, kind: int, object_id: str) -> None:
    """The device reported that the object is gone."""
    c = info_latest.c
    await db.execute(
        delete(info_latest).where(
            c.device_id == device_id, c.kind == kind, c.object_id == object_id
        )
    )


async def find_info(db: Db, device_id: DeviceId, kind: int, object_id: str = "") -> Info | None:
    c = info_latest.c
    row = (
        await db.execute(
            select(*_info_columns()).where(
                c.device_id == device_id, c.kind == kind, c.object_id == object_id
            )
        )
    ).one_or_none()
    return None if row is None else Info(**row._mapping)  # noqa: SLF001 - public: named so to not clash with columns


def _info_columns() -> tuple[ColumnElement[object], ...]:
    c = info_latest.c
    return c.device_id, c.kind, c.object_id, c.at, c.received_at, c.message


async def list_info(
    db: Db, device_ids: Sequence[DeviceId], kinds: Sequence[int] = ()
) -> tuple[Info, ...]:
    """All that these devices last said, of these kinds (all when empty)."""
    c = info_latest.c
    query = select(*_info_columns()).where(c.device_id.in_(device_ids))
    if kinds:
        query = query.where(c.kind.in_(kinds))
    rows = await db.execute(query.order_by(c.device_id, c.kind, c.object_id))
    return tuple(Info(**row._mapping) for row in rows)  # noqa: SLF001 - public: named so to not clash with columns


async def insert_metric(db: Db, metric: Metric) -> None:
    await db.execute(
        insert(metrics).values(
            device_id=metric.device_id,
            at=metric.at,
            received_at=metric.received_at,
            message=metric.message,
        )
    )


async def list_metrics(db: Db, device_id: DeviceId, *, limit: int = 1) -> tuple[Metric, ...]:
    """Newest first."""
    c = metrics.c
    query = (
        select(c.device_id, c.at, c.received_at, c.message)
        .where(c.device_id == device_id)
        .order_by(c.row.desc())
        .limit(limit)
    )
    return tuple(Metric(**row._mapping) for row in await db.execute(query))  # noqa: SLF001 - public: named so to not clash with columns


async def insert_message(
    db: Db, device_id: DeviceId, kind: str, message: bytes, digest: bytes, now: datetime
) -> bool:
    """A flow log (`flowlog`) or health report (`hardwarehealth`); False when it is stored already.

    `digest`: SHA-256 of the message: a device repeats what was not acknowledged in time.
    """
    return await insert_new(
        db,
        messages,
        {
            "device_id": device_id,
            "kind": kind,
            "digest": digest,
            "received_at": now,
            "message": message,
        },
    )


async def list_messages(
    db: Db, device_id: DeviceId, kind: str, *, limit: int = 100
) -> tuple[bytes, ...]:
    """Newest first."""
    c = messages.c
    query = (
        select(c.message)
        .where(c.device_id == device_id, c.kind == kind)
        .order_by(c.row.desc())
        .limit(limit)
    )
    return tuple(row.message for row in await db.execute(query))


# --- retention ----------------------------------------------------------------------------------


async def keep_newest_metrics(db: Db, device_id: DeviceId, keep: int) -> int:
    return await _keep_newest(db, metrics, device_id, keep)


async def keep_newest_messages(db: Db, device_id: DeviceId, keep: int) -> int:
    return await _keep_newest(db, messages, device_id, keep)


async def _keep_newest(db: Db, table: Table, device_id: DeviceId, keep: int) -> int:
    """Drop the oldest rows of a device until at most `keep` are left."""
    c = table.c
    of_device = select(c.row).where(c.device_id == device_id)
    oldest_kept = of_device.order_by(c.row.desc()).offset(keep - 1).limit(1).scalar_subquery()
    done = await db.execute(
        delete(table).where(c.device_id == device_id, c.row < func.coalesce(oldest_kept, 0))
    )
    return done.rowcount


async def forget_device(db: Db, device_id: DeviceId) -> None:
    """Drop all that a deleted device reported; its events stay."""
    for table in (info_latest, metrics, messages, logs, log_uploads):
        await db.execute(delete(table).where(table.c.device_id == device_id))
