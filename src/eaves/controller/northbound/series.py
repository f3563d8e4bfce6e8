"""`timeSeries/{mType}`: charts of devices, app instances, network and volume instances, events.

`interval` is the distance of two points in seconds (or `5m`, `1h`, `1d`); without it one that fits.
Without a start the last day is shown.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.charts import (
    CHARTS,
    PREFIX,
    Chart,
    Drawn,
    Line,
    Metric,
    Values,
    draw,
    fitting_step,
    response,
)
from eaves.controller.domain.contract.base import Contract
from eaves.controller.northbound import catalog, crud
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.crud import Resource
from eaves.controller.northbound.events import read_event_filter
from eaves.controller.northbound.periods import EPOCH, read_period
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import READ_DEVICES, Endpoint, Route, reads
from eaves.controller.northbound.work import Work
from eaves.controller.store.events import count_events
from eaves.controller.store.tables import Kind
from eaves.controller.telemetry.series import Series
from eaves.controller.telemetry.series_reading import Asked, Measured

T = TypeVar("T", bound=Contract)

A_DAY: Final = timedelta(days=1)
A_SECOND: Final = timedelta(seconds=1)
_INTERVAL: Final = re.compile(r"([0-9]+)([smhd]?)")
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_EVENTS: Final = Chart("events", (Line("events", (), lambda _values, _step: 0.0),))
_BY_TYPE: Final = {
    "EDGE_NODE": "device",
    "EDGE_APP_INSTANCE": "app",
    "NETWORK_INSTANCE": "netinst",
    "VOLUME_INSTANCE": "volume",
    "PROJECT": "project",
}


@dataclass(frozen=True, slots=True)
class Span:
    """What is asked for, in seconds since 1970."""

    start: int
    end: int
    step: int
    now: int


@dataclass(frozen=True, slots=True)
class Subject:
    """What a chart is of; found within the caller's scope."""

    noun: str
    id: str
    device_id: str


Finder = Callable[[Work, str, str, str], Awaitable[Subject]]


def _seconds(moment: datetime) -> int:
    return (moment - EPOCH) // A_SECOND


def _metric(request: Request) -> Metric:
    word = request.path_params["mType"].removeprefix(PREFIX)
    try:
        return Metric(word)
    except ValueError as error:
        raise Problem(
            400, f"mType is {word!r}; give one of {', '.join(Metric)}", location="mType"
        ) from error


def _span(request: Request, now: datetime) -> Span:
    period = read_period(request)
    end = period.end if period.end is not None else now
    start = period.start if period.start is not None else end - A_DAY
    if end < start:
        raise Problem(
            400, "startTime lies in the future; give an earlier one", location="startTime"
        )
    text = request.query_params.get("interval", "")
    found = _INTERVAL.fullmatch(text)
    if text and found is None:
        raise Problem(
            400, f"interval is {text!r}; give seconds, or 5m, 1h, 1d", location="interval"
        )
    asked = int(found[1]) * _SECONDS[found[2]] if found is not None else None
    until = _seconds(end) + (1 if end.microsecond else 0)  # what happened in this very second too
    return Span(_seconds(start), until, fitting_step(end - start, asked), _seconds(now))


async def _measured(
    context: Context, enterprise_id: str, subject: Subject, metric: Metric, span: Span
) -> Response:
    kind_and_chart = CHARTS.get((subject.noun, metric))
    if kind_and_chart is None:
        there = sorted(m.value for noun, m in CHARTS if noun == subject.noun)
        raise Problem(
            400,
            f"{metric} is not measured of this; give one of "
            f"{', '.join([*there, Metric.EVENTS_COUNT.value])}",
            location="mType",
        )
    kind, chart = kind_and_chart
    one, below, name_from = _objects(subject, kind)
    asked = Asked(
        Measured(enterprise_id, subject.device_id),
        kind,
        one,
        below,
        tuple(dict.fromkeys(field for line in chart.lines for field in line.fields)),
        start=span.start,
        end=span.end,
        step=span.step,
        now=span.now,
    )
    drawn: list[Drawn] = []
    for object_id, series in (await context.series.series(asked)).items():
        drawn += _drawn(chart, object_id[name_from:], series)
    return JSONResponse(response(metric, chart, drawn))


def _drawn(chart: Chart, name: str, series: Series) -> list[Drawn]:
    columns = series.values
    steps: dict[int, Values] = {
        time: {
            field: value for field, value in zip(columns, values, strict=True) if value is not None
        }
        for time, *values in zip(series.times, *columns.values(), strict=True)
    }
    return draw(chart.lines, name, steps, series.step)


def _objects(subject: Subject, kind: str) -> tuple[str, bool, int]:
    """Id of the measured object that is the subject, or what the ids of its own begin with; which
    of both; from where on an id is a label.
    """
    if kind == "device":
        return "", False, 0
    if kind in ("app", "network_instance", "volume"):
        return subject.id, False, len(subject.id)
    mine = "" if subject.noun == "device" else f"{subject.id}/"
    return mine, True, len(mine)


async def _counted(
    work: Work, request: Request, subject: Subject | None, metric: Metric, span: Span
) -> Response:
    """Events in each step, of one object or of all."""
    members: dict[str, str] = {}
    if subject is not None and subject.noun == "project":
        members = {"project_id": subject.id}
    elif subject is not None:
        members = {"object_id": subject.id}
    if subject is not None:
        members["object_kind"] = ""  # told by the subject
    wanted = read_event_filter(
        request,
        start=EPOCH + span.start * A_SECOND,
        end=EPOCH + span.end * A_SECOND,
        **members,
    )
    counts = await count_events(work.db, work.scope, wanted, span.step * A_SECOND)
    points = {_seconds(moment): float(count) for moment, count in counts}
    drawn = [Drawn("events", points)]
    return JSONResponse(response(metric, _EVENTS, drawn))


async def _answer(
    context: Context, request: Request, find: Callable[[Work], Awaitable[Subject | None]]
) -> Response:
    metric = _metric(request)
    async with context.reading(request) as work:
        subject = await find(work)
        span = _span(request, work.now)
        if metric is Metric.EVENTS_COUNT:
            return await _counted(work, request, subject, metric, span)
        enterprise_id = work.scope.enterprise
    if subject is None or subject.noun == "project":
        raise Problem(
            400,
            f"{metric} is measured of one device or of what runs on it; "
            "give objtype and objid, or EVENTS_COUNT",
            location="objid",
        )
    return await _measured(context, enterprise_id, subject, metric, span)


def _finder(resource: Resource[T]) -> Finder:
    async def find(work: Work, noun: str, object_id: str, name: str) -> Subject:
        stored = await crud.find_stored(work, resource, object_id=object_id, name=name)
        if noun == "device":
            return Subject(noun, stored.id, stored.id)
        item = resource.of.read(stored)
        return Subject(noun, stored.id, str(getattr(item, "device_id", "")))

    return find


_FINDERS: Final[Mapping[str, Finder]] = {
    "device": _finder(catalog.DEVICES),
    "app": _finder(catalog.INSTANCES),
    "netinst": _finder(catalog.NETINSTS),
    "volume": _finder(catalog.VOLUMES),
    "project": _finder(catalog.PROJECTS),
}


def chart_of(noun: str) -> Endpoint:
    async def endpoint(context: Context, request: Request) -> Response:
        params = request.path_params

        async def find(work: Work) -> Subject:
            return await _FINDERS[noun](
                work, noun, params.get("objid", ""), params.get("objname", "")
            )

        return await _answer(context, request, find)

    return endpoint


async def chart_of_any(context: Context, request: Request) -> Response:
    """The object is told by parameters; none: events of everything."""
    params = request.query_params
    object_id, name = params.get("objid", ""), params.get("objname", "")
    word = params.get("objtype", "").removeprefix("OBJECT_TYPE_")

    async def find(work: Work) -> Subject | None:
        if not object_id and not name:
            return None
        noun = _BY_TYPE.get(word or "EDGE_NODE")
        if noun is None:
            raise Problem(
                400,
                f"objtype is {word!r}; there are charts of {', '.join(_BY_TYPE)}",
                location="objtype",
            )
        return await _FINDERS[noun](work, noun, object_id, name)

    return await _answer(context, request, find)


ROUTES: tuple[Route, ...] = (
    *(
        Route("GET", f"{path}/{key}/timeSeries/{{mType}}", chart_of(noun), reads(kind))
        for path, noun, kind in (
            ("/v1/devices", "device", Kind.DEVICE),
            ("/v1/apps/instances", "app", Kind.APP_INSTANCE),
            ("/v2/apps/instances", "app", Kind.APP_INSTANCE),
            ("/v1/projects", "project", Kind.PROJECT),
            ("/v1/eaves/netinsts", "netinst", Kind.NETINST),
            ("/v1/eaves/volumes/instances", "volume", Kind.VOLUME),
        )
        for key in ("id/{objid}", "name/{objname}")
    ),
    Route("GET", "/v1/timeSeries/{mType}", chart_of_any, READ_DEVICES),
    Route("GET", "/v1/events/timeSeries/{mType}", chart_of_any, READ_DEVICES),
)
