"""What devices send, as rows.  Every write here may be repeated: a device sends a message again
when the answer to the first one was lost, and the second one must change nothing.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from eaves.controller.store import reports
from eaves.controller.store.reports import LogLine, Metric
from eaves.controller.store.unit import Db
from eaves.evapi.logs import LogEntry
from eaves.ids import DeviceId

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_INT64: Final = (1 << 63) - 1


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


def upload_digest(app_id: str, file: bytes) -> bytes:
    """What makes an uploaded file the same file: whose log it is, and its bytes."""
    return hashlib.sha256(app_id.encode() + b"\0" + file).digest()


def log_lines(entries: Sequence[LogEntry], now: datetime) -> tuple[LogLine, ...]:
    """Lines as they are stored; one without a time gets that of its arrival."""
    return tuple(
        LogLine(
            time_ns=_time_ns(entry.timestamp or now),
            content=_storable(entry.content),
            severity=_storable(entry.severity),
            source=_storable(entry.source),
            iid=_storable(entry.iid),
            msgid=min(entry.msgid, _MAX_INT64),
        )
        for entry in entries
    )


def _time_ns(moment: datetime) -> int:
    nanoseconds = (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    return max(-_MAX_INT64, min(nanoseconds, _MAX_INT64))


def _storable(text: str) -> str:
    """PostgreSQL has no NUL in text; a log may hold anything."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}")
