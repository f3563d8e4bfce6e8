"""How long events are kept.  Logs and flows: `jobs.log_retention`; metrics: `jobs.series`."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.settings import Retention
from eaves.controller.store.events import delete_events_before
from eaves.controller.store.unit import unit_of_work

log = structlog.get_logger()


async def drop_old(engine: AsyncEngine, retention: Retention, now: datetime) -> None:
    """One tick."""
    async with unit_of_work(engine) as db:
        dropped = await delete_events_before(db, now - timedelta(days=retention.event_days))
    if dropped:
        log.info("old_rows_dropped", rows=dropped)
