"""Live status, of one object and of lists, by id and by name."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.app_status import app_status, netinst_status, volume_status
from eaves.controller.domain.contract.app_status import AppInstStatusMsg, AppInstStatusSummaryMsg
from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.base import Contract, JsonObject
from eaves.controller.domain.contract.device_status import DeviceStatusMsg, DeviceStatusSummaryMsg
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.envelope import Cursor
from eaves.controller.domain.contract.netinst_status import (
    NetInstStatusMsg,
    NetInstStatusSummaryMsg,
)
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.volume_status import (
    VolInstStatusMsg,
    VolInstStatusSummaryMsg,
)
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.status.devices import device_status
from eaves.controller.domain.status.listed import listed_device, short_json
from eaves.controller.domain.status.liveness import Limits, limits_of
from eaves.controller.northbound import catalog, crud, records
from eaves.controller.northbound.answers import ListResponse
from eaves.controller.northbound.buckets import both_ways
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.crud import Resource
from eaves.controller.northbound.fleet_states import device_counts
from eaves.controller.northbound.listing import NoPlanError, find_page, plan_of
from eaves.controller.northbound.metering import (
    Metered,
    with_app_metrics,
    with_device_metrics,
)
from eaves.controller.northbound.paging import (
    Facts,
    ListQuery,
    Row,
    page_of,
    project,
    read_list_query,
    summary_from,
)
from eaves.controller.northbound.reports import Fleet, fleet_of, images_of, read_fleet
from eaves.controller.northbound.routes import Endpoint, Route, reads
from eaves.controller.northbound.sources import device_states, listed_devices
from eaves.controller.northbound.work import Work
from eaves.controller.store import carriers, reports
from eaves.controller.store.tables import Kind
from eaves.controller.telemetry.series_reading import Measured
from eaves.errors import Transient
from eaves.evapi.info import ZInfoTypes
from eaves.evapi.metrics import decode_z_metric_msg
from eaves.ids import DeviceId

NAMED = ("projectName", "deviceName", "appName")

T = TypeVar("T", bound=Contract)
S = TypeVar("S", bound=Contract)

Statuses = Callable[[Work, Fleet, tuple[T, ...]], Awaitable[tuple[S, ...]]]


@dataclass(frozen=True)
class StatusOf(Generic[T, S]):
    """How the status of one kind of object is made and listed."""

    resource: Resource[T]
    statuses: Statuses[T, S]
    summary: type[Contract]
    told_by: tuple[ZInfoTypes, ...]  # what `statuses` reads of the devices
    with_metrics: Callable[[S, Metered | None], S] | None = None  # None: nothing is measured


async def _devices(
    _work: Work, fleet: Fleet, items: tuple[DeviceConfig, ...]
) -> tuple[DeviceStatusMsg, ...]:
    return tuple(
        device_status(item, fleet.holders[item.id].alive, fleet.device(item.id))
        for item in items
        if item.id in fleet.holders
    )


async def _netinsts(
    _work: Work, fleet: Fleet, items: tuple[NetInstConfig, ...]
) -> tuple[NetInstStatusMsg, ...]:
    return tuple(
        netinst_status(item, fleet.holders[item.device_id], fleet.netinst(item.device_id, item.id))
        for item in items
        if item.device_id in fleet.holders
    )


async def _volumes(
    work: Work, fleet: Fleet, items: tuple[VolInstConfig, ...]
) -> tuple[VolInstStatusMsg, ...]:
    images = await images_of(work, (), items)
    return tuple(
        volume_status(
            item,
            fleet.holders[item.device_id],
            fleet.volume(item.device_id, item.id),
            fleet.tree(item.device_id, images.get(item.image)),
        )
        for item in items
        if item.device_id in fleet.holders
    )


async def _instances(
    work: Work, fleet: Fleet, items: tuple[AppInstance, ...]
) -> tuple[AppInstStatusMsg, ...]:
    images = await images_of(work, items)
    bundles = await records.by_reference(
        work.db, work.scope, records.APP, {item.app_id for item in items}
    )
    return tuple(
        app_status(
            item,
            bundles.get(item.app_id),
            fleet.holders[item.device_id],
            fleet.app(item, images),
        )
        for item in items
        if item.device_id in fleet.holders
    )


DEVICES = StatusOf(
    catalog.DEVICES,
    _devices,
    DeviceStatusSummaryMsg,
    (ZInfoTypes.ZiDevice,),
    with_device_metrics,
)
NETINSTS: StatusOf[NetInstConfig, NetInstStatusMsg] = StatusOf(
    catalog.NETINSTS, _netinsts, NetInstStatusSummaryMsg, (ZInfoTypes.ZiNetworkInstance,)
)
VOLUMES: StatusOf[VolInstConfig, VolInstStatusMsg] = StatusOf(
    catalog.VOLUMES,
    _volumes,
    VolInstStatusSummaryMsg,
    (ZInfoTypes.ZiVolume, ZInfoTypes.ZiContentTree),
)
INSTANCES = StatusOf(
    catalog.INSTANCES,
    _instances,
    AppInstStatusSummaryMsg,
    (ZInfoTypes.ZiApp, ZInfoTypes.ZiVolume, ZInfoTypes.ZiContentTree),
    with_app_metrics,
)


def limits_in(context: Context) -> Limits:
    intervals = context.settings.intervals
    return limits_of(intervals.offline_after, intervals.attestation_stale)


def _device_id_of(item: Contract) -> str:
    return item.id if isinstance(item, DeviceConfig) else str(getattr(item, "device_id", ""))


async def status_of(context: Context, request: Request, of: StatusOf[T, S]) -> S:
    """Of the object that the path names.  Raises Problem(404)."""
    params = request.path_params
    async with context.reading(request) as work:
        item = await crud.find(
            work, of.resource, object_id=params.get("id", ""), name=params.get("name", "")
        )
        device_id = DeviceId(_device_id_of(item))
        fleet = await read_fleet(work, limits_in(context), (device_id,))
        (status,) = await of.statuses(work, fleet, (item,))
        newest = await reports.find_measured(work.db, device_id) if of.with_metrics else None
        owner = Measured(work.scope.enterprise, device_id)
    if of.with_metrics is not None and newest is not None:
        status = of.with_metrics(status, await _metered(context, owner, newest))
    return status


def one(of: StatusOf[T, S]) -> Endpoint:
    async def endpoint(context: Context, request: Request) -> Response:
        return JSONResponse((await status_of(context, request, of)).to_json())

    return endpoint


async def _metered(context: Context, of: Measured, newest: reports.Measured) -> Metered:
    """What is known besides the shares of processors is shown although their store is away."""
    shares: Mapping[str, float] | None = None
    with suppress(Transient):  # the reader has logged it
        shares = await context.series.cpu_shares(of, newest.received_at.timestamp())
    return Metered(decode_z_metric_msg(newest.message), shares)


def many(of: StatusOf[T, S], count: Callable[[int], int | str] = int) -> Endpoint:
    """`count`: how a number is written."""

    async def endpoint(context: Context, request: Request) -> Response:
        query = read_list_query(request.query_params)
        async with context.reading(request) as work:
            found = await _listed(context, work, of, query)
            rows = found.rows
            if of.resource.of is records.DEVICE:
                rows = await _with_instances(work, rows, count)
        return ListResponse(
            {
                "list": [project(item, query.fields) for item in rows],
                "next": found.next.to_json(),
                "totalCount": found.total,
                "summaryByState": summary_from(found.states, "run state").to_json(),
            }
        )

    return endpoint


async def _with_instances(
    work: Work, rows: tuple[JsonObject, ...], count: Callable[[int], int | str]
) -> tuple[JsonObject, ...]:
    """Of devices: how many app instances are on each, which a list tells and a status does not."""
    ids = [str(row["id"]) for row in rows]
    found = await carriers.instances_on(work.db, work.scope, ids)
    return tuple(
        {**row, "appInstCount": count(found.get(id_, 0))}
        for id_, row in zip(ids, rows, strict=True)
    )


@dataclass(frozen=True)
class _Listed:
    """A page, and how many of all are in which run state."""

    rows: tuple[JsonObject, ...]
    next: Cursor
    total: int
    states: Mapping[str, int]


async def _listed(context: Context, work: Work, of: StatusOf[T, S], query: ListQuery) -> _Listed:
    if of.resource.of is records.DEVICE:
        found = await _listed_devices(context, work, query)
        if found is not None:
            return found
    items = await records.list_all(work.db, work.scope, of.resource.of)
    holders = tuple(dict.fromkeys(map(_device_id_of, items)))
    devices = await listed_devices(work.db, work.scope, holders)
    fleet = await fleet_of(work, limits_in(context), devices, of.told_by)
    statuses = await of.statuses(work, fleet, items)
    facts: Mapping[str, Facts] = {}
    if items:  # it reads the names of all devices
        facts = await of.resource.facts(work, items)
    objects = {str(getattr(item, "id", "")): item for item in items}
    ids = tuple(str(getattr(status, "id", "")) for status in statuses)
    rows = tuple(
        Row[Contract](status, facts.get(id_, {}), objects.get(id_))
        for id_, status in zip(ids, statuses, strict=True)
    )
    states = Counter(str(getattr(row.item, "run_state", "")) for row in rows)
    page = page_of(rows, query)
    shown = () if query.summary else page.rows
    listed = tuple({**short_json(of.summary, row.item), **_named(row.facts)} for row in shown)
    return _Listed(listed, page.next, page.total, states)


async def _listed_devices(context: Context, work: Work, query: ListQuery) -> _Listed | None:
    """In SQL, since there may be a hundred thousand; None: only `paging` can answer."""
    limits = limits_in(context)
    source = device_states(work.scope, work.now, limits)
    try:
        plan = plan_of(source, query, work.db.dialect.name)
    except NoPlanError:
        return None
    counts = await device_counts(work.db, work.scope, work.now, limits)
    states, in_projects = both_ways(counts)
    by_name = {"runState": states, "projectName": in_projects, "projectId": in_projects}
    found = await find_page(work.db, plan, query, sum(states.values()), by_name)
    ids = () if query.summary else found.ids
    items = await listed_devices(work.db, work.scope, ids)
    fleet = await fleet_of(work, limits, items, DEVICES.told_by)
    projects = await records.names_of(work.db, work.scope, Kind.PROJECT)
    rows = tuple(
        {
            **listed_device(
                item, fleet.holders[item.id].alive, fleet.said(item.id), fleet.unread(item.id)
            ),
            **_named({"projectName": projects.get(item.project_id, "")}),
        }
        for item in items
    )
    return _Listed(rows, found.next, found.total, states)


def _named(facts: Facts) -> JsonObject:
    """The names of what a status refers to."""
    return {name: facts[name] for name in NAMED if facts.get(name)}


def _routes(of: StatusOf[T, S]) -> tuple[Route, ...]:
    path, needs = of.resource.path, reads(of.resource.of.kind)
    return (
        Route("GET", f"{path}/status", many(of), needs),
        Route("GET", f"{path}/status-config", many(of, str), needs),  # with numbers as text
        Route("GET", f"{path}/id/{{id}}/status", one(of), needs),
        Route("GET", f"{path}/name/{{name}}/status", one(of), needs),
    )


ROUTES: tuple[Route, ...] = (
    *_routes(DEVICES),
    *_routes(NETINSTS),
    *_routes(VOLUMES),
    *_routes(INSTANCES),
)
