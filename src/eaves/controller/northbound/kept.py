"""How much telemetry is kept: what there is, what bounds it, what was dropped last.

Bounds, files and what was dropped are those of all enterprises; the rest is of the caller's.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.contract.base import JsonObject, rfc3339
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.periods import moment_of
from eaves.controller.northbound.routes import READ_DEVICES, Route
from eaves.controller.northbound.work import Work
from eaves.controller.settings import Retention
from eaves.controller.store import usage
from eaves.controller.store.log_bounds import Usage, read_usage
from eaves.controller.store.removals import Kept, find_removed

_FILE_OF: Final = {Kept.METRICS: "metrics", Kept.STATE: "state"}


def bounds(kept: Kept, retention: Retention) -> JsonObject:
    """Ages in the unit of their name, sizes in bytes; the size wins over the age."""
    of: Mapping[Kept, JsonObject] = {
        Kept.LOGS: {
            "days": retention.log_days,
            "mostBytes": retention.log_bytes,
            "mostBytesOfDevice": retention.log_bytes_per_device,
        },
        Kept.FLOWS: {
            "days": retention.flow_days,
            "mostBytes": retention.flow_bytes,
            "mostBytesOfDevice": retention.flow_bytes_per_device,
        },
        Kept.METRICS: {
            "rawHours": retention.metric_raw_hours,
            "fiveMinuteDays": retention.metric_five_minute_days,
            "hourDays": retention.metric_hour_days,
            "mostBytes": retention.metric_bytes,
        },
        Kept.STATE: {"mostHealthReportsOfDevice": retention.health_rows_per_device},
        Kept.EVENTS: {
            "days": retention.event_days,
            "mostRecords": retention.event_rows,
            "mostRecordsOfDevice": retention.event_rows_per_device,
        },
    }
    return of[kept]


def _time(moment: datetime | int | None) -> str:
    if moment is None:
        return ""
    return rfc3339(moment_of(moment) if isinstance(moment, int) else moment)


def _used(found: Usage) -> JsonObject:
    return {"bytes": found.bytes, "records": found.records, "oldest": _time(found.oldest)}


async def _there(work: Work) -> Mapping[Kept, JsonObject]:
    metrics = await usage.read_metrics(work.db, work.scope)
    events = await usage.read_events(work.db, work.scope)
    return {
        Kept.LOGS: _used(await read_usage(work.db, work.scope, "log_chunks")),
        Kept.FLOWS: _used(await read_usage(work.db, work.scope, "flow_chunks")),
        Kept.METRICS: {
            "records": metrics.devices,
            "oldestFiveMinutes": _time(metrics.oldest_five_minutes),
            "oldestHour": _time(metrics.oldest_hour),
        },
        Kept.STATE: {"records": await usage.count_info(work.db, work.scope)},
        Kept.EVENTS: {"records": events.records, "oldest": _time(events.oldest)},
    }


async def _last_removed(work: Work, kept: Kept) -> JsonObject | None:
    """Null: nothing was ever dropped."""
    found = await find_removed(work.db, kept)
    if found is None:
        return None
    return {
        "at": _time(found.at),
        "older": found.what.older,
        "overBound": found.what.over_bound,
        "devices": found.what.devices,
    }


async def kept(context: Context, request: Request) -> Response:
    retention = context.settings.retention
    async with context.reading(request) as work:
        there = await _there(work)
        removed = {one: await _last_removed(work, one) for one in Kept}
        stores = await usage.read_stores(work.db)
    by_name = {store.name: store for store in stores}
    told: JsonObject = {}
    for one in Kept:
        in_all: JsonObject = {}
        if one in _FILE_OF:
            store = by_name[_FILE_OF[one]]
            in_all = {"bytesOfAll": store.bytes - store.free_bytes}
        told[one.value] = (
            there[one] | in_all | bounds(one, retention) | {"lastRemoved": removed[one]}
        )
    told["stores"] = [
        {"name": store.name, "bytes": store.bytes, "freeBytes": store.free_bytes}
        for store in stores
    ]
    return JSONResponse(told)


ROUTES: tuple[Route, ...] = (Route("GET", "/v1/eaves/telemetry", kept, READ_DEVICES),)
