"""How much of what devices say is kept: by age for logs and events, by number for the rest."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.settings import Retention
from eaves.controller.store import reports
from eaves.controller.store.events import delete_events_before
from eaves.controller.store.unit import unit_of_work
from eaves.ids import DeviceId

log = structlog.get_logger()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def drop_old(
    engine: AsyncEngine, retention: Retention, devices: Iterable[DeviceId], now: datetime
) -> None:
    """One tick; one transaction per device, so that nobody waits for all of them."""
    oldest_log = now - timedelta(days=retention.log_days)
    oldest_ns = (oldest_log - _EPOCH) // timedelta(microseconds=1) * 1000
    async with unit_of_work(engine) as db:
        dropped = await reports.delete_logs_before(db, oldest_ns, oldest_log)
        dropped += await delete_events_before(db, now - timedelta(days=retention.event_days))
    for device_id in devices:
        async with unit_of_work(engine) as db:
            dropped += await reports.keep_newest_metrics(
                db, device_id, retention.metric_rows_per_device
            )
            dropped += await reports.keep_newest_messages(
                db, device_id, retention.flow_rows_per_device
            )
            dropped += await reports.keep_newest_logs(db, device_id, retention.log_rows_per_device)
    if dropped:
        log.info("old_rows_dropped", rows=dropped)
