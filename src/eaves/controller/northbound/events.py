"""Events of everything or of one object, newest first, and logs, oldest first."""

import base64
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.contract.apps import (
    AppInstanceLogsQueryResponse,
    AppInstanceLogsQueryResponseItem,
    AppInstanceLogsResponse,
)
from eaves.controller.domain.contract.base import Contract, JsonObject, rfc3339
from eaves.controller.domain.contract.envelope import Cursor
from eaves.controller.domain.contract.events import (
    EventQueryResponse,
    EventQueryResponseItem,
    EventSource,
)
from eaves.controller.northbound import catalog, crud
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.crud import Resource
from eaves.controller.northbound.paging import read_list_query
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.resources.facts import names
from eaves.controller.northbound.work import Work
from eaves.controller.store import reports
from eaves.controller.store.events import Event, list_events
from eaves.controller.store.tables import Kind
from eaves.ids import DeviceId

Endpoint = Callable[[Context, Request], Awaitable[Response]]

EVENTS_AT_ONCE = 100
MAX_AT_ONCE = 1000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _size(request: Request) -> int:
    query = read_list_query(request.query_params)
    asked = any(name.endswith("pageSize") for name in request.query_params)
    return min(query.page_size, MAX_AT_ONCE) if asked else EVENTS_AT_ONCE


async def _events(work: Work, request: Request, object_id: str) -> JsonObject:
    """One page; its token is the row to go on from, so that new events shift nothing."""
    query = read_list_query(request.query_params)
    limit = _size(request)
    if query.page_token and not query.page_token.isdecimal():
        raise Problem(400, "the page token is not one of this list", location="next.pageToken")
    found = await list_events(
        work.db, work.scope, object_id=object_id, before=int(query.page_token or 0), limit=limit
    )
    projects, devices = await names(work, Kind.PROJECT), await names(work, Kind.DEVICE)
    more = len(found) == limit
    return EventQueryResponse(
        list=tuple(
            _event(event, projects.get(event.project_id, ""), devices.get(event.device_id, ""))
            for event in found
        ),
        next=Cursor(page_size=limit, page_token=str(found[-1].row) if more else ""),
    ).to_json()


def _event(event: Event, project: str, device: str) -> EventQueryResponseItem:
    data: Any = json.loads(event.data) if event.data else None
    severity = event.severity.upper()
    return EventQueryResponseItem(
        timestamp=rfc3339(event.at),
        event_type=event.event_type,
        description=event.description,
        severity=severity if severity.startswith("SEVERITY_") else f"SEVERITY_{severity}",
        source=EventSource(event.source),
        user=event.user_name,
        project=project,
        device=device,
        resource=event.object_kind,
        resource_name=event.object_name,
        json_data=cast("JsonObject", data) if isinstance(data, dict) else None,
    ).model_copy(update={"id": str(event.row)})  # ours: tells one event from another


async def all_events(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        return JSONResponse(await _events(work, request, ""))


def events_of(resource: Resource[Any]) -> Endpoint:  # any resource: only its id is used
    async def endpoint(context: Context, request: Request) -> Response:
        params = request.path_params
        async with context.reading(request) as work:
            stored = await crud.find_stored(
                work,
                resource,
                object_id=params.get("objid", ""),
                name=params.get("objname", ""),
            )
            return JSONResponse(await _events(work, request, stored.id))

    return endpoint


def _moment(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name, "")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Problem(
            400, f"{name} is {text!r}; give a time like 2026-01-31T12:00:00Z", location=name
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _nanoseconds(moment: datetime) -> int:
    return ((moment - EPOCH) // timedelta(microseconds=1)) * 1000


async def _logs(
    work: Work, request: Request, device_id: str, app_id: str
) -> AppInstanceLogsQueryResponse:
    start, end = _moment(request, "startTime"), _moment(request, "endTime")
    limit = _size(request)
    after = _read_position(request) or ((_nanoseconds(start), -1) if start else (0, -1))
    rows = await reports.list_logs(
        work.db,
        DeviceId(device_id),
        app_id,
        after=after,
        until_ns=_nanoseconds(end) if end else None,
        limit=limit,
        newest=not start and not _read_position(request),
    )
    token = _write_position(rows[-1]) if len(rows) == limit else ""
    return AppInstanceLogsQueryResponse(
        list=tuple(
            AppInstanceLogsQueryResponseItem.from_json(
                {
                    "content": line.content,
                    "msgid": line.msgid,
                    "timestamp": rfc3339(EPOCH + timedelta(microseconds=line.time_ns // 1000)),
                    "severity": line.severity,  # these two are ours
                    "source": line.source,
                }
            )
            for line in rows
        ),
        next=Cursor(page_size=limit, page_token=token),
        total_records=len(rows),
    )


def _read_position(request: Request) -> tuple[int, int] | None:
    token = read_list_query(request.query_params).page_token
    if not token:
        return None
    try:
        time_ns, row = base64.urlsafe_b64decode(token).decode().split(":")
        return int(time_ns), int(row)
    except ValueError as error:
        raise Problem(
            400, "the page token is not one of these logs", location="next.pageToken"
        ) from error


def _write_position(line: reports.LogLine) -> str:
    return base64.urlsafe_b64encode(f"{line.time_ns}:{line.row}".encode()).decode()


async def app_logs(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        instance = await crud.find(work, catalog.INSTANCES, object_id=request.path_params["id"])
        content = await _logs(work, request, instance.device_id, instance.id)
    return JSONResponse(AppInstanceLogsResponse(content=content).to_json())


async def device_logs(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        device = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
        content: Contract = await _logs(work, request, device.id, "")
    return JSONResponse(content.to_json())


ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/v1/events", all_events),
    *(
        ("GET", f"{resource.path}/{key}/events", events_of(resource))
        for resource in catalog.ALL
        for key in ("id/{objid}", "name/{objname}")
    ),
    ("GET", "/v1/apps/instances/id/{id}/logs", app_logs),
    ("GET", "/v1/eaves/devices/id/{id}/logs", device_logs),
)
