"""How much of what devices say is kept: by age for events, by number for metrics and health.

Logs and flows: `jobs.log_retention`.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.settings import Retention
from eaves.controller.store import reports
from eaves.controller.store.events import delete_events_before
from eaves.controller.store.unit import unit_of_work
from eaves.ids import DeviceId

log = structlog.get_logger()


async def drop_old(
    engine: AsyncEngine, retention: Retention, devices: Iterable[DeviceId], now: datetime
) -> None:
    """One tick; one transaction per device, so that nobody waits for all of them."""
    async with unit_of_work(engine) as db:
        dropped = await delete_events_before(db, now - timedelta(days=retention.event_days))
    for device_id in devices:
        async with unit_of_work(engine) as db:
            dropped += await reports.keep_newest_metrics(
                db, device_id, retention.metric_rows_per_device
            )
            dropped += await reports.keep_newest_messages(
                db, device_id, retention.health_rows_per_device
            )
    if dropped:
        log.info("old_rows_dropped", rows=dropped)
