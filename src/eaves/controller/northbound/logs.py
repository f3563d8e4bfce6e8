"""Log lines of an app instance or a device.

Without a start the newest lines are shown, with one those from there on, both in the order of time;
`orderBy=timestamp:desc` turns it round.  Our own parameters: `search` (all of these words, whatever
their case), `severity` (this or a worse one), `source`.
"""

import base64
from dataclasses import dataclass
from datetime import timedelta

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.contract.apps import (
    AppInstanceLogsQueryResponse,
    AppInstanceLogsQueryResponseItem,
    AppInstanceLogsResponse,
)
from eaves.controller.domain.contract.base import rfc3339
from eaves.controller.domain.contract.envelope import Cursor
from eaves.controller.northbound import catalog, crud
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.paging import read_list_query, wrong_token
from eaves.controller.northbound.periods import (
    EPOCH,
    Period,
    check_searched,
    microseconds,
    newest_first,
    page_size,
    read_period,
)
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import READ_DEVICES, READ_INSTANCES, Route
from eaves.controller.northbound.work import Work
from eaves.controller.store.log_chunks import LEVELS, UNKNOWN_LEVEL, Wanted, Words, level_of
from eaves.controller.store.log_search import LogQuery, Page, Position, search_logs
from eaves.evapi.log_lines import LogLine
from eaves.ids import DeviceId

LINES_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class _Turn:
    """Where a page goes on, and in which direction."""

    backward: bool
    after: Position | None


async def read_logs(
    work: Work, request: Request, device_id: str, app_id: str
) -> AppInstanceLogsQueryResponse:
    """One page of the log of a device of the caller's scope, or of one of its apps."""
    limit, turn = page_size(request, LINES_AT_ONCE), _read_turn(request)
    period = read_period(request)
    descending = newest_first(request)
    # the newest lines, shown in the order of time
    tail = not descending and period.start is None and turn is None
    backward = descending if turn is None else turn.backward
    page = await search_logs(
        work.db,
        work.scope,
        LogQuery(
            device_id=DeviceId(device_id),
            app_id=app_id,
            wanted=_wanted(request, period),
            newest_first=backward or tail,
            after=turn.after if turn is not None else None,
            limit=limit,
        ),
    )
    lines = page.lines[::-1] if tail else page.lines
    return AppInstanceLogsQueryResponse(
        list=tuple(_item(line) for line in lines),
        next=Cursor(page_size=limit, page_token=_token(page, lines, tail=tail, backward=backward)),
        total_records=len(lines),
    )


def _wanted(request: Request, period: Period) -> Wanted:
    params = request.query_params
    from_ns = None if period.start is None else microseconds(period.start) * 1000
    until_ns = None if period.end is None else microseconds(period.end) * 1000 + 999
    search = params.get("search", "")
    check_searched(request, "search")
    severity = params.get("severity", "").removeprefix("SEVERITY_")
    level = level_of(severity) if severity else None
    if level == UNKNOWN_LEVEL:
        raise Problem(
            400,
            f"severity is {severity!r}; give one of {', '.join(LEVELS)}: "
            "lines of it and of worse ones are shown",
            location="severity",
        )
    return Wanted(Words(search), level, from_ns, until_ns, params.get("source", ""))


def _item(line: LogLine) -> AppInstanceLogsQueryResponseItem:
    try:
        when = rfc3339(EPOCH + timedelta(microseconds=line.time_ns // 1000))
    except OverflowError:
        when = ""
    return AppInstanceLogsQueryResponseItem.from_json(
        {
            "content": line.content,
            "msgid": line.msgid,
            "timestamp": when,
            "severity": line.severity,  # these are ours
            "source": line.source,
        }
    )


def _token(page: Page, lines: tuple[LogLine, ...], *, tail: bool, backward: bool) -> str:
    """Where the next page begins; after the newest lines, those that come later."""
    position = page.next
    if tail and position is not None:
        last = lines[-1].time_ns
        position = Position(last, sum(line.time_ns == last for line in lines))
    if position is None:
        return ""
    text = f"{'b' if backward else 'f'}:{position.time_ns}:{position.lines}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_turn(request: Request) -> _Turn | None:
    token = read_list_query(request.query_params).page_token
    if not token:
        return None
    try:
        direction, time_ns, lines = base64.urlsafe_b64decode(token).decode().split(":")
        position = Position(int(time_ns), max(int(lines), 0))
    except ValueError as error:
        raise wrong_token() from error
    return _Turn(direction == "b", position)


async def app_logs(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        instance = await crud.find(work, catalog.INSTANCES, object_id=request.path_params["id"])
        content = await read_logs(work, request, instance.device_id, instance.id)
    return JSONResponse(AppInstanceLogsResponse(content=content).to_json())


async def device_logs(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        device = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
        content = await read_logs(work, request, device.id, "")
    return JSONResponse(content.to_json())


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/apps/instances/id/{id}/logs", app_logs, READ_INSTANCES),
    Route("GET", "/v2/apps/instances/id/{id}/logs", app_logs, READ_INSTANCES),
    Route("GET", "/v1/eaves/devices/id/{id}/logs", device_logs, READ_DEVICES),
)
