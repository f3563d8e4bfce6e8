"""Network flows of apps: top talkers, classification, single records, what was denied.

The contract asks for an app instance; a device and a network instance are ours, as is `by` (what
talkers are told apart by) and `denied`.  Without a start the last day counts.  Sums are of the
newest 20,000 messages; where there are more, `countedSince` tells since when flows are counted.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.contract.base import JsonObject, rfc3339
from eaves.controller.domain.contract.envelope import Cursor
from eaves.controller.domain.contract.telemetry import (
    ClassificationItem,
    ClassificationResponse,
    TopTalkersResponse,
    TopTalkersResponseItem,
)
from eaves.controller.domain.numerals import number_of
from eaves.controller.domain.talkers import (
    TALKERS,
    Asked,
    Classification,
    Key,
    Level,
    Sum,
    Sums,
    Told,
    level_value,
)
from eaves.controller.northbound import catalog, crud
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.paging import read_list_query
from eaves.controller.northbound.periods import (
    flag,
    microseconds,
    moment_of,
    page_size,
    read_period,
)
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.resources.facts import names
from eaves.controller.northbound.routes import READ_INSTANCES, Endpoint, Route, reads
from eaves.controller.northbound.work import Work
from eaves.controller.store.flow_store import FlowQuery, FlowRow, Reading, read_flow_rows
from eaves.controller.store.tables import Kind
from eaves.evapi.flow_records import ACCEPT, DROP, FlowRecord
from eaves.ids import DeviceId

A_DAY: Final = timedelta(days=1)
TALKERS_AT_ONCE: Final = 20
FLOWS_AT_ONCE: Final = 100
ACTIONS: Final = {"DROP": DROP, "ACCEPT": ACCEPT}
METRIC_PREFIX: Final = "FLOW_LOG_METRIC_"
ACTION_PREFIX: Final = "FLOW_LOG_ACTION_"
PACKETS_METRIC: Final = 2  # the place of PACKETS among the words of the contract


@dataclass(frozen=True, slots=True)
class Source:
    """Whose flows are asked for; found within the caller's scope."""

    device_id: str
    app_id: str | None
    netinst_id: str = ""


async def _of_app(work: Work, request: Request) -> Source:
    params = request.path_params
    found = await crud.find(
        work, catalog.INSTANCES, object_id=params.get("id", ""), name=params.get("name", "")
    )
    return Source(found.device_id, found.id)


async def _of_device(work: Work, request: Request) -> Source:
    found = await crud.find(work, catalog.DEVICES, object_id=request.path_params["id"])
    return Source(found.id, None)


async def _of_netinst(work: Work, request: Request) -> Source:
    found = await crud.find(work, catalog.NETINSTS, object_id=request.path_params["id"])
    return Source(found.device_id, None, found.id)


Finding = Callable[[Work, Request], Awaitable[Source]]


def _whole(request: Request, name: str) -> int | None:
    text = request.query_params.get(name, "")
    if not text:
        return None
    number = number_of(text)
    if number is None:
        raise Problem(400, f"{name} is {text[:40]!r}; give a whole number", location=name)
    return number


def _action(request: Request) -> int | None:
    if flag(request, "denied"):
        return DROP
    word = request.query_params.get("action", "").removeprefix(ACTION_PREFIX)
    if word in ("", "UNSPECIFIED"):
        return None
    if word not in ACTIONS:
        raise Problem(
            400,
            f"action is {word!r}; give FLOW_LOG_ACTION_DROP or FLOW_LOG_ACTION_ACCEPT",
            location="action",
        )
    return ACTIONS[word]


def _asked(request: Request, now: datetime) -> Asked:
    period = read_period(request)
    start = period.start if period.start is not None else (period.end or now) - A_DAY
    direction = _whole(request, "direction")
    return Asked(
        from_at=microseconds(start),
        until_at=microseconds(period.end) if period.end is not None else (1 << 63) - 1,
        inbound=None if not direction else direction == 1,
        acl_id=_whole(request, "aclid"),
        action=_action(request),
        protocol=_whole(request, "proto") or None,
        remote_addr=request.query_params.get("remoteip", ""),
        remote_port=_whole(request, "remoteport") or None,
        host=request.query_params.get("fqdn", ""),
    )


async def _told(
    work: Work, source: Source, asked: Asked, reading: Reading | None = None
) -> AsyncGenerator[tuple[FlowRow, Told]]:
    """Flow records asked for, the newest messages first."""
    query = FlowQuery(
        device_id=DeviceId(source.device_id),
        app_id=source.app_id,
        netinst_id=source.netinst_id,
        from_at=asked.from_at,
        until_at=asked.until_at,
        denied=asked.action == DROP,
    )
    hosts: dict[tuple[str, str], str] = {}  # of an app and an address: the newest wins
    async with aclosing(read_flow_rows(work.db, work.scope, query, reading)) as rows:
        async for row in rows:
            for name in row.names:
                for address in name.addresses:
                    hosts.setdefault((row.app_id, address), name.host)
            for record in row.flows:
                host = hosts.get((row.app_id, record.remote_addr), "")
                told = Told(row.app_id, record, host)
                if asked.has(told):
                    yield row, told


def _measure(request: Request) -> Callable[[Sum], int]:
    word = request.query_params.get("metricType", "").removeprefix(METRIC_PREFIX)
    number = _whole(request, "metric")
    if word not in ("", "UNSPECIFIED", "BYTES", "PACKETS"):
        raise Problem(
            400,
            f"metricType is {word!r}; give FLOW_LOG_METRIC_BYTES or FLOW_LOG_METRIC_PACKETS",
            location="metricType",
        )
    packets = word == "PACKETS" or number == PACKETS_METRIC
    return (lambda found: found.packets) if packets else (lambda found: found.bytes)


async def _sums(work: Work, source: Source, asked: Asked, by: str) -> tuple[Sums, Reading]:
    sums, reading = Sums(TALKERS[by]), Reading()
    async with aclosing(_told(work, source, asked, reading)) as flows:
        async for _, told in flows:
            sums.add(told)
    return sums, reading


def _cut(reading: Reading) -> JsonObject:
    """Told only where there were more messages than are summed up: since when they are."""
    if reading.cut_at is None:
        return {}
    return {"countedSince": rfc3339(moment_of(reading.cut_at))}


def top_talkers(finding: Finding) -> Endpoint:
    """In the shape of the contract: by both ends of a connection."""

    async def endpoint(context: Context, request: Request) -> Response:
        measure = _measure(request)
        limit = page_size(request, TALKERS_AT_ONCE)
        number = read_list_query(request.query_params).page_num
        async with context.reading(request) as work:
            source = await finding(work, request)
            sums, reading = await _sums(work, source, _asked(request, work.now), "connection")
        largest = sums.largest(measure)
        shown = largest[(number - 1) * limit : number * limit]
        packets = measure(Sum(tx_packets=1)) == 1
        return JSONResponse(
            TopTalkersResponse(
                list=tuple(_talker(key, found, packets=packets) for key, found in shown),
                next=Cursor(
                    page_size=limit, page_num=number, total_pages=-(-len(largest) // limit)
                ),
            ).to_json()
            | _cut(reading)
        )

    return endpoint


def _talker(key: Key, found: Sum, *, packets: bool) -> TopTalkersResponseItem:
    local_addr, local_port, remote_addr, remote_port, protocol = key
    sent, received = (
        (found.tx_packets, found.rx_packets) if packets else (found.tx_bytes, found.rx_bytes)
    )
    return TopTalkersResponseItem(
        total=sent + received,
        local_addr=str(local_addr),
        local_port=int(local_port),
        remote_addr=str(remote_addr),
        remote_port=int(remote_port),
        proto=int(protocol),
        rx_total=received,
        tx_total=sent,
    )


def own_top_talkers(finding: Finding) -> Endpoint:
    """By app, host, address, port or rule."""

    async def endpoint(context: Context, request: Request) -> Response:
        by, measure = request.query_params.get("by", "host"), _measure(request)
        if by not in TALKERS:
            raise Problem(400, f"by is {by!r}; give one of {', '.join(TALKERS)}", location="by")
        limit = page_size(request, TALKERS_AT_ONCE)
        async with context.reading(request) as work:
            source = await finding(work, request)
            sums, reading = await _sums(work, source, _asked(request, work.now), by)
            known: Mapping[str, str] = {}
            apps = await names(work, Kind.APP_INSTANCE) if by == "app" else known
        shown = sums.largest(measure)[:limit]
        return JSONResponse(
            {"by": by, "list": [_own_talker(key, found, apps) for key, found in shown]}
            | _cut(reading)
        )

    return endpoint


def _own_talker(key: Key, found: Sum, apps: Mapping[str, str]) -> JsonObject:
    name = " ".join(str(part) for part in key if part != "")
    return {
        "name": apps.get(name, name),
        "key": list(key),
        "txBytes": found.tx_bytes,
        "rxBytes": found.rx_bytes,
        "txPackets": found.tx_packets,
        "rxPackets": found.rx_packets,
        "flows": found.flows,
    }


def classification(finding: Finding) -> Endpoint:
    async def endpoint(context: Context, request: Request) -> Response:
        classes, measure = Classification(_levels(request)), _measure(request)
        reading = Reading()
        async with context.reading(request) as work:
            source = await finding(work, request)
            async with aclosing(_told(work, source, _asked(request, work.now), reading)) as flows:
                async for _, told in flows:
                    classes.add(told)
        return JSONResponse(
            ClassificationResponse(
                list=tuple(
                    ClassificationItem(
                        source_node=edge.source,
                        dest_node=edge.destination,
                        level=edge.level,
                        metric_value=measure(edge.sum),
                    )
                    for edge in classes.edges()
                )
            ).to_json()
            | _cut(reading)
        )

    return endpoint


def _levels(request: Request) -> tuple[Level, ...]:
    words = [
        word
        for text in request.query_params.getlist("levels")
        for word in text.split(",")
        if word and word != "UNSPECIFIED"
    ]
    try:
        levels = tuple(Level(word) for word in words)
    except ValueError as error:
        raise Problem(400, f"{error}; levels are {', '.join(Level)}", location="levels") from error
    return levels or (Level.DIRECTION, Level.PROTO, Level.REMOTE_IP)


def single_flows(finding: Finding) -> Endpoint:
    """The records themselves, newest messages first; `before` of a page begins the next."""

    async def endpoint(context: Context, request: Request) -> Response:
        limit = page_size(request, FLOWS_AT_ONCE)
        number = read_list_query(request.query_params).page_num
        found: list[JsonObject] = []
        skip, more = (number - 1) * limit, False
        async with context.reading(request) as work:
            source = await finding(work, request)
            async with aclosing(_told(work, source, _asked(request, work.now))) as flows:
                async for row, told in flows:
                    if skip:
                        skip -= 1
                    elif len(found) < limit:
                        found.append(_flow(row, told))
                    else:
                        more = True
                        break
        pages = number + 1 if more else number
        cursor = Cursor(page_size=limit, page_num=number, total_pages=pages)
        return JSONResponse({"list": found, "next": cursor.to_json()})

    return endpoint


def _flow(row: FlowRow, told: Told) -> JsonObject:
    record: FlowRecord = told.record
    return {
        "appId": row.app_id,
        "netInstId": row.netinst_id,
        "interface": row.interface,
        "direction": level_value(Level.DIRECTION, told),
        "proto": record.protocol,
        "localAddr": record.local_addr,
        "localPort": record.local_port,
        "remoteAddr": record.remote_addr,
        "remotePort": record.remote_port,
        "remoteName": told.host,
        "aclId": record.acl_id,
        "aclName": record.acl_name,
        "action": level_value(Level.ACTION, told),
        "startTime": rfc3339(moment_of(record.started_at)) if record.started_at else "",
        "endTime": rfc3339(moment_of(record.ended_at)) if record.ended_at else "",
        "txBytes": record.tx_bytes,
        "txPackets": record.tx_packets,
        "rxBytes": record.rx_bytes,
        "rxPackets": record.rx_packets,
        "flows": record.flows,
    }


ROUTES: tuple[Route, ...] = (
    *(
        Route("GET", f"/{version}/apps/instances/{key}/flowlog/{what}", endpoint, READ_INSTANCES)
        for version in ("v1", "v2")
        for key in ("id/{id}", "name/{name}")
        for what, endpoint in (
            ("toptalkers", top_talkers(_of_app)),
            ("classification", classification(_of_app)),
        )
    ),
    *(
        Route("GET", f"/v1/eaves/{noun}/id/{{id}}/{what}", make(finding), reads(kind))
        for noun, finding, kind in (
            ("apps/instances", _of_app, Kind.APP_INSTANCE),
            ("devices", _of_device, Kind.DEVICE),
            ("netinsts", _of_netinst, Kind.NETINST),
        )
        for what, make in (("flows", single_flows), ("toptalkers", own_top_talkers))
    ),
)
