"""Info, metrics and health reports of the release before, moved while devices are served.

A row is folded as if it had come when it came, then deleted; folding one twice changes nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.store.listed import note_reported
from eaves.controller.store.reports import list_info
from eaves.controller.store.tables import device_bindings, info_before, messages, metrics_before
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.controller.telemetry.pipelines import Telemetry
from eaves.controller.telemetry.reports import (
    HealthReport,
    InfoReport,
    MetricsReport,
    digest_of,
    microseconds,
)
from eaves.errors import Rejected
from eaves.evapi.info.fold import fold_info
from eaves.evapi.info.state import reported_state
from eaves.evapi.info.states import ZInfoTypes
from eaves.evapi.metrics_fold import fold_metrics
from eaves.ids import DeviceId

log = structlog.get_logger()

ROWS_AT_ONCE: Final = 200
HEALTH: Final = "hardwarehealth"

Enterprises = dict[str, str]


async def move_reports(engine: AsyncEngine, telemetry: Telemetry) -> None:
    """Move everything; raises what stood against it, what was moved until then stays moved."""
    async with snapshot(engine) as db:
        c = device_bindings.c
        rows = await db.execute(select(c.device_id, c.enterprise_id))
        enterprises = {row.device_id: row.enterprise_id for row in rows}
    moved = 0
    for move in (_move_info, _move_metrics, _move_health):
        while count := await move(engine, telemetry, enterprises):
            moved += count
    if moved:
        log.info("reports_moved", rows=moved)


def _owner(row: Any, enterprises: Enterprises) -> dict[str, Any]:
    received: datetime = row.received_at
    return {
        "enterprise_id": enterprises.get(row.device_id, ""),
        "device_id": row.device_id,
        "received_at": microseconds(received),
        "digest": digest_of(row.message),
        "message": row.message,
    }


async def _move_info(engine: AsyncEngine, telemetry: Telemetry, enterprises: Enterprises) -> int:
    c = info_before.c
    async with snapshot(engine) as db:
        rows = (await db.execute(select(info_before).limit(ROWS_AT_ONCE))).all()

    def report(row: Any) -> InfoReport:
        at: datetime | None = row.at
        fold = fold_info(row.message)
        return InfoReport(
            **_owner(row, enterprises),
            kind=row.kind,
            object_id=row.object_id,
            at=None if at is None else microseconds(at),
            state=fold.state,
            said=None,  # what is known already is no news
        )

    await _accept(telemetry.state_writer.commit, report, rows)
    keys = [(row.device_id, row.kind, row.object_id) for row in rows]
    states = await _states(engine, [DeviceId(row.device_id) for row in rows if _of_device(row)])
    async with unit_of_work(engine) as db:
        if states:
            await note_reported(db, states)
        key = tuple_(c.device_id, c.kind, c.object_id)
        await db.execute(delete(info_before).where(key.in_(keys)))
    return len(rows)


def _of_device(row: Any) -> bool:
    return row.kind == ZInfoTypes.ZiDevice and not row.object_id


async def _states(engine: AsyncEngine, devices: Sequence[DeviceId]) -> dict[DeviceId, int | None]:
    """What these devices say of themselves by now; some went on reporting since the start."""
    async with snapshot(engine) as db:
        found = await list_info(db, devices, [ZInfoTypes.ZiDevice])
    return {info.device_id: reported_state(info.message) for info in found if not info.object_id}


async def _move_metrics(engine: AsyncEngine, telemetry: Telemetry, enterprises: Enterprises) -> int:
    c = metrics_before.c
    async with snapshot(engine) as db:
        rows = (await db.execute(select(metrics_before).order_by(c.row).limit(ROWS_AT_ONCE))).all()

    def report(row: Any) -> MetricsReport:
        fold = fold_metrics(row.message)
        return MetricsReport(
            **_owner(row, enterprises), at=fold.at, objects=fold.objects, values=fold.values
        )

    await _accept(telemetry.metrics_way.commit, report, rows)
    async with unit_of_work(engine) as db:
        await db.execute(delete(metrics_before).where(c.row.in_([row.row for row in rows])))
    return len(rows)


async def _move_health(engine: AsyncEngine, telemetry: Telemetry, enterprises: Enterprises) -> int:
    c = messages.c
    async with snapshot(engine) as db:
        rows = (
            await db.execute(
                select(messages).where(c.kind == HEALTH).order_by(c.row).limit(ROWS_AT_ONCE)
            )
        ).all()
    await _accept(
        telemetry.state_writer.commit, lambda row: HealthReport(**_owner(row, enterprises)), rows
    )
    async with unit_of_work(engine) as db:
        await db.execute(delete(messages).where(c.row.in_([row.row for row in rows])))
    return len(rows)


async def _accept(
    commit: Callable[[Sequence[Any]], Awaitable[object]],
    report: Callable[[Any], Any],
    rows: Sequence[Any],
) -> None:
    made: list[Any] = []
    for row in rows:
        try:
            made.append(report(row))
        except Rejected as error:  # it was checked when it came: nothing can be made of it
            log.warning("report_not_moved", device_id=row.device_id, why=str(error))
    if made:
        await commit(made)
