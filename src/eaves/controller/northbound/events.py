"""Events of everything or of one object: what people did and what devices told.

The newest come first; `next.orderBy=timestamp` turns that round.  That is the order in which they
came to the controller, which of a device that was away is not quite that of their times.

Filters are those of the contract (time, severity, resource; of all events also the object) and
ours: `source`, `user`, `eventType`, `search` (all of these words stand in the description),
`userPattern` and `resourceNamePattern` (a part of the name).
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.contract.base import JsonObject, rfc3339
from eaves.controller.domain.contract.events import (
    EventQueryResponse,
    EventQueryResponseItem,
    EventSource,
)
from eaves.controller.domain.contract.telemetry import EventTopUsersData, EventTopUsersResp
from eaves.controller.northbound import catalog, crud
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.crud import Resource
from eaves.controller.northbound.journal import EVENT_WORDS
from eaves.controller.northbound.periods import check_searched, read_period, read_stretch
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import READ_DEVICES, READ_INSTANCES, Endpoint, Route, reads
from eaves.controller.northbound.work import Work
from eaves.controller.store.events import Event, EventFilter, list_events, top_users
from eaves.controller.store.objects import Filter, list_objects
from eaves.controller.store.tables import Kind

EVENTS_AT_ONCE: Final = 100
BY_TIME: Final = ("timestamp", "id")
A_MONTH: Final = timedelta(days=30)
USERS: Final = 10

SEVERITIES: Final = {
    "NOTICE": frozenset({"notice", "info", "SEVERITY_NOTICE", "SEVERITY_INFO"}),
    "INFO": frozenset({"notice", "info", "SEVERITY_NOTICE", "SEVERITY_INFO"}),
    "WARNING": frozenset({"warning", "SEVERITY_WARNING"}),
    "ERROR": frozenset({"error", "SEVERITY_ERROR"}),
}
"""The word of the contract, and how events hold it."""

_KINDS: Final = {word: kind.value for kind, word in EVENT_WORDS.items()} | {
    "EDGE_APP_INSTANCE": Kind.APP_INSTANCE.value,  # the contract has two words for it
    "EDGE_APP": Kind.APP.value,
}


def read_event_filter(
    request: Request,
    start: datetime | None = None,
    end: datetime | None = None,
    **more: str,
) -> EventFilter:
    """What the parameters of a request narrow events to.

    `start` and `end` stand for those of the request; `more` are members known already.
    """
    params = request.query_params
    period = read_period(request)
    search = params.get("search", "")
    check_searched(request, "search", "userPattern", "resourceNamePattern")
    members = {
        "object_kind": _object_kind(request),
        "event_type": params.get("eventType", ""),
        "source": params.get("source", "").upper().removeprefix("EVENT_SOURCE_"),
        "user_name": params.get("user", ""),
        "user_part": params.get("userPattern", ""),
        "object_part": params.get("resourceNamePattern", ""),
    }
    return EventFilter(
        severities=_severities(request),
        words=tuple(search.split()),
        start=start or period.start,
        end=end or period.end,
        **(members | more),
    )


def _severities(request: Request) -> frozenset[str]:
    word = request.query_params.get("severity", "").upper().removeprefix("SEVERITY_")
    if word in ("", "UNSPECIFIED"):
        return frozenset()
    if word not in SEVERITIES:
        raise Problem(
            400, f"severity is {word!r}; give NOTICE, WARNING or ERROR", location="severity"
        )
    return SEVERITIES[word]


def _object_kind(request: Request) -> str:
    """`resource` is the word that events show, `objtype` that of the contract."""
    params = request.query_params
    word = params.get("resource", "") or params.get("objtype", "")
    word = word.removeprefix("OBJECT_TYPE_")
    return "" if word == "UNSPECIFIED" else _KINDS.get(word, word)


async def _events(work: Work, request: Request, wanted: EventFilter) -> JsonObject:
    """One page; its token is the row to go on from, so that new events shift nothing."""
    page = read_stretch(request, EVENTS_AT_ONCE, BY_TIME, strict=False)
    told = await list_events(
        work.db,
        work.scope,
        wanted,
        before=0 if page.oldest_first else page.behind,
        after=page.behind if page.oldest_first else 0,
        oldest_first=page.oldest_first,
        offset=page.offset,
        limit=page.size + 1,
    )
    found = told[: page.size]
    projects = await _names(work, Kind.PROJECT, (event.project_id for event in found))
    devices = await _names(work, Kind.DEVICE, (event.device_id for event in found))
    return EventQueryResponse(
        list=tuple(
            _event(event, projects.get(event.project_id, ""), devices.get(event.device_id, ""))
            for event in found
        ),
        next=page.next(found[-1].row if len(told) > len(found) else 0),
    ).to_json()


async def _names(work: Work, kind: Kind, ids: Iterable[str]) -> Mapping[str, str]:
    wanted = frozenset(ids) - {""}
    if not wanted:
        return {}
    found = await list_objects(work.db, work.scope, kind, Filter(ids=wanted), limit=len(wanted))
    return {stored.id: stored.name for stored in found}


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
    params = request.query_params
    wanted = read_event_filter(
        request, object_id=params.get("objid", ""), object_name=params.get("objname", "")
    )
    async with context.reading(request) as work:
        return JSONResponse(await _events(work, request, wanted))


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
            wanted = read_event_filter(request, object_id=stored.id)
            return JSONResponse(await _events(work, request, wanted))

    return endpoint


async def busiest_users(context: Context, request: Request) -> Response:
    """Of the last month."""
    async with context.reading(request) as work:
        found = await top_users(work.db, work.scope, work.now - A_MONTH, USERS)
    return JSONResponse(
        EventTopUsersResp(
            top_users=tuple(
                EventTopUsersData(user_name=name, event_count=count) for name, count in found
            )
        ).to_json()
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/events", all_events, READ_DEVICES),
    Route("GET", "/v1/events/topUsers", busiest_users, READ_DEVICES),
    *(
        Route("GET", f"{resource.path}/{key}/events", events_of(resource), reads(resource.of.kind))
        for resource in catalog.ALL
        for key in ("id/{objid}", "name/{objname}")
    ),
    *(
        Route(
            "GET", f"/v2/apps/instances/{key}/events", events_of(catalog.INSTANCES), READ_INSTANCES
        )
        for key in ("id/{objid}", "name/{objname}")
    ),
)
