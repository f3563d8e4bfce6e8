"""What devices send, as rows.  Every write here may be repeated: a device sends a message again
when the answer to the first one was lost, and the second one must change nothing.
"""

import hashlib
from datetime import datetime

from eaves.controller.store import reports
from eaves.controller.store.reports import Metric
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId


async def save_metric(db: Db, metric: Metric) -> None:
    """Keep one set of counters; the same set again is the same row."""
    last = await reports.list_metrics(db, metric.device_id, limit=1)
    if last and last[0].message == metric.message:
        return
    await reports.insert_metric(db, metric)


async def save_message(
    db: Db, device_id: DeviceId, kind: str, message: bytes, now: datetime
) -> None:
    """Keep a flow log or a hardware health report as it came."""
    digest = hashlib.sha256(message).digest()
    await reports.insert_message(db, device_id, kind, message, digest, now)
