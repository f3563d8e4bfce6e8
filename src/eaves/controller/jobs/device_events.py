"""Events of devices, from where their info is stored into the journal, each once.

They are written with the info that they tell of, beside the database; here they get the names that
people know.  An event is known by its origin, so one that was moved but not deleted yet when a
process died is not there twice.  Of several processes one moves, also what another one stored that
died: so the order stays, and a state that was noted is not overwritten by an older one.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.jobs.leased import Held
from eaves.controller.store import state_store
from eaves.controller.store.events import Event, insert_device_events
from eaves.controller.store.leases import LeaseLost
from eaves.controller.store.listed import note_reported
from eaves.controller.store.objects import names_of
from eaves.controller.store.tables import Kind
from eaves.controller.store.tables_telemetry import device_events
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.controller.telemetry.reports import moment_of
from eaves.controller.telemetry.state_fold import NAME
from eaves.evapi.info.states import ZInfoTypes
from eaves.ids import DeviceId

log = structlog.get_logger()

AT_ONCE: Final = 500
LOOK_EVERY_S: Final = 0.2
RETRY_S: Final = 2.0
KINDS: Final[Mapping[int, Kind]] = MappingProxyType(
    {
        ZInfoTypes.ZiDevice: Kind.DEVICE,
        ZInfoTypes.ZiApp: Kind.APP_INSTANCE,
        ZInfoTypes.ZiNetworkInstance: Kind.NETINST,
        ZInfoTypes.ZiVolume: Kind.VOLUME,
    }
)

Work = Callable[[Callable[[Any], None]], Awaitable[None]]


async def move_events(engine: AsyncEngine, work: Work, held: Held) -> int:
    """Move some; how many.  `work` runs in the thread that writes them.  Raises LeaseLost."""
    async with snapshot(engine) as db:
        rows = (
            await db.execute(select(device_events).order_by(device_events.c.row).limit(AT_ONCE))
        ).all()
    if not rows:
        return 0
    async with unit_of_work(engine) as db:
        await held.confirm(db)
        names = await _names(db, rows)
        told = [(bytes(row.origin), _event(row, names)) for row in rows]
        await insert_device_events(db, told)
        states = {DeviceId(r.device_id): r.state for r in rows if r.kind == ZInfoTypes.ZiDevice}
        if states:
            await note_reported(db, states)
    await work(partial(_delete, rows=[row.row for row in rows]))
    return len(rows)


def _delete(connection: Any, rows: Sequence[int]) -> None:
    state_store.delete_events(connection, rows)


_Names = Mapping[tuple[Kind, str, str], tuple[str, str]]
"""Name and project by kind, enterprise and identifier."""


async def _names(db: Db, rows: Sequence[Any]) -> _Names:
    """Of all objects that the events tell of: one query for each kind, not one for each event."""
    found: dict[tuple[Kind, str, str], tuple[str, str]] = {}
    for number, kind in KINDS.items():
        ids = {row.object_id or row.device_id for row in rows if row.kind == number}
        if ids:
            named = await names_of(db, kind, ids)
            found |= {(kind, *key): value for key, value in named.items()}
    return found


def _event(row: Any, names: _Names) -> Event:
    kind = KINDS.get(row.kind)
    object_id = row.object_id or row.device_id
    name, project_id = row.name or row.object_id, ""
    if kind is not None:
        name, project_id = names.get((kind, row.enterprise_id, object_id), (name, ""))
    return Event(
        at=moment_of(row.at),
        enterprise_id=row.enterprise_id,
        project_id=project_id,
        device_id=row.device_id,
        event_type=row.event_type,
        description=row.text.replace(NAME, name, 1),
        severity=row.severity,
        object_kind="" if kind is None else kind.value,
        object_id=object_id,
        object_name=name,
    )


async def move_events_forever(
    engine: AsyncEngine, work: Work, news: threading.Event, held: Held
) -> None:
    """Move what there is, within a moment; what cannot be moved now is moved later.

    `news` tells of events that this process stored; of those of others only the database does.
    Raises LeaseLost.
    """
    while True:
        if held.alone and not news.is_set():
            await asyncio.sleep(LOOK_EVERY_S)
            continue
        news.clear()
        try:
            while await move_events(engine, work, held):
                pass
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - a task boundary: tried again
            log.warning("events_not_moved", why=str(error), again_in_s=RETRY_S)
            news.set()
            await asyncio.sleep(RETRY_S)
        await asyncio.sleep(LOOK_EVERY_S)
