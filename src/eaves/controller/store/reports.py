"""What devices last reported, for whoever shows it: info about each object, metrics.

Messages are kept as they came; whoever reads them decodes them.  The functions take a device that
the caller found within its scope.  Who stores: `state_store`, `series_store`, `log_store`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, delete, func, select

from eaves.controller.store.packed import unpack
from eaves.controller.store.state_store import Key
from eaves.controller.store.tables import info_before, log_uploads, logs, messages, metrics_before
from eaves.controller.store.tables_telemetry import info_latest, metrics_latest
from eaves.controller.store.unit import Db
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


def _info_columns() -> tuple[ColumnElement[object], ...]:
    c = info_latest.c
    return c.device_id, c.kind, c.object_id, c.at, c.received_at, c.message


is_gone: Final = func.length(info_latest.c.message) == 0
"""The device told that the object is no more there: its row keeps the moment."""


async def gone_objects(db: Db, before: datetime, limit: int) -> tuple[Key, ...]:
    """Objects that were gone before that moment."""
    c = info_latest.c
    query = select(c.enterprise_id, c.device_id, c.kind, c.object_id)
    rows = await db.execute(query.where(is_gone, c.received_at < before).limit(limit))
    return tuple((row[0], row[1], row[2], row[3]) for row in rows)


async def list_info(
    db: Db, device_ids: Sequence[DeviceId], kinds: Sequence[int] = ()
) -> tuple[Info, ...]:
    """All that these devices last said, of these kinds (all when empty)."""
    c = info_latest.c
    query = select(*_info_columns()).where(c.device_id.in_(device_ids), ~is_gone)
    if kinds:
        query = query.where(c.kind.in_(kinds))
    rows = await db.execute(query.order_by(c.device_id, c.kind, c.object_id))
    return tuple(
        Info(
            *(row.device_id, row.kind, row.object_id, row.at, row.received_at),
            message=unpack(row.message),
        )
        for row in rows
    )


@dataclass(frozen=True, slots=True)
class Measured:
    """The newest metrics of a device."""

    received_at: datetime
    message: bytes = field(repr=False)  # serialized ZMetricMsg


async def find_measured(db: Db, device_id: DeviceId) -> Measured | None:
    c = metrics_latest.c
    row = (
        await db.execute(select(c.received_at, c.message).where(c.device_id == device_id).limit(1))
    ).one_or_none()
    return None if row is None else Measured(row.received_at, unpack(row.message))


async def forget_device(db: Db, device_id: DeviceId) -> None:
    """Drop what a deleted device reported to the release before; its events stay.

    What it reported since then a job drops, in the thread that writes it.
    """
    for table in (info_before, metrics_before, messages, logs, log_uploads):
        await db.execute(delete(table).where(table.c.device_id == device_id))
