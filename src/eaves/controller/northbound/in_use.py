"""Which tags are in use, and how many devices are in which place: for choices and the map."""

import json
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.contract.diagnostics import DeviceLocation, DeviceLocations
from eaves.controller.domain.contract.envelope import Cursor, ObjectTag, ObjectTagsList
from eaves.controller.northbound import catalog, crud, records
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.listing import NoPlanError, plan_of
from eaves.controller.northbound.paging import ListQuery, read_list_query, refuse
from eaves.controller.northbound.routes import READ_DEVICES, Endpoint, Route
from eaves.controller.northbound.sources import device_states, visible_in
from eaves.controller.northbound.status import limits_in
from eaves.controller.northbound.work import Work
from eaves.controller.store import in_use
from eaves.controller.store.listed import name_of_place
from eaves.controller.store.objects import find_objects
from eaves.controller.store.tables import Kind
from eaves.controller.store.tables_lists import listed

NAMED: Final = 100
"""Places of an answer for which a device is read, at most."""
Maps = Iterable[Mapping[str, str]]
Found = tuple[tuple[str, Maps], ...]  # what the tags are of, and the tags


async def _of_devices(work: Work, _request: Request) -> Found:
    visible = visible_in(listed[Kind.DEVICE].c, work.scope)
    return (("device", await in_use.tags_in_use(work.db, Kind.DEVICE, visible)),)


async def _of_ports(work: Work, _request: Request) -> Found:
    visible = visible_in(listed[Kind.DEVICE].c, work.scope)
    return (("device interface", await in_use.port_tags_in_use(work.db, Kind.DEVICE, visible)),)


async def _of_netinsts(work: Work, _request: Request) -> Found:
    visible = visible_in(listed[Kind.NETINST].c, work.scope)
    ports = await in_use.port_tags_in_use(work.db, Kind.NETINST, visible)
    return (
        ("network instance", await in_use.tags_in_use(work.db, Kind.NETINST, visible)),
        ("interface of a network instance", ports),
    )


async def _of_projects(work: Work, request: Request) -> Found:
    """Of one project where the request names it.  Raises Problem(404)."""
    wanted_id = request.query_params.get("filter.objId", "")
    name = request.query_params.get("filter.objName", "")
    if wanted_id or name:
        project = await crud.find(work, catalog.PROJECTS, object_id=wanted_id, name=name)
        return (("project", (project.tags,)),)
    projects = await records.list_all(work.db, work.scope, records.PROJECT)
    return (("project", [project.tags for project in projects]),)


def _tags(read: Callable[[Work, Request], Awaitable[Found]]) -> Endpoint:
    async def endpoint(context: Context, request: Request) -> Response:
        query = read_list_query(request.query_params)
        async with context.reading(request) as work:
            found = await read(work, request)
        tags = sorted(
            {
                (key, value, noun)
                for noun, maps in found
                for one in maps
                for key, value in one.items()
            }
        )
        shown, cursor = _page(tags, query)
        listed = tuple(ObjectTag(key=k, value=v, description=noun) for k, v, noun in shown)
        return JSONResponse(ObjectTagsList(object_tags=listed, next=cursor).to_json())

    return endpoint


R = TypeVar("R")


def _page(rows: Sequence[R], query: ListQuery) -> tuple[Sequence[R], Cursor]:
    start = (query.page_num - 1) * query.page_size
    cursor = Cursor(
        page_size=query.page_size,
        page_num=query.page_num,
        order_by=query.order_by,
        total_pages=math.ceil(len(rows) / query.page_size),
    )
    return rows[start : start + query.page_size], cursor


async def locations(context: Context, request: Request) -> Response:
    query = read_list_query(request.query_params)
    async with context.reading(request) as work:
        source = device_states(work.scope, work.now, limits_in(context))
        try:
            plan = plan_of(source, query, work.db.dialect.name)
        except NoPlanError:
            raise refuse(
                "places cannot be told apart by one of these: "
                f"{', '.join(sorted(query.filters)) or ', '.join(query.order_by)}; filter by "
                "runState, adminState, projectName, deviceName, tags or a part of a name",
                next(iter(query.filters), "next.orderBy"),
            ) from None
        found = await in_use.places(work.db, (source.visible, *plan.conditions))
        shown, cursor = _page(found, query)
        names = await _names(work, shown)
    places = tuple(DeviceLocation(location=place, count=count) for place, count, _ in shown)
    made = DeviceLocations(device_locations=places, next=cursor).to_json()
    for row in made["deviceLocations"]:
        if name := names.get(row["location"]):
            row["name"] = name
    return JSONResponse(made)


async def _names(work: Work, found: Sequence[tuple[str, int, str]]) -> Mapping[str, str]:
    """What one device of each place calls it, of the first places that are positions only."""
    bare = [(place, one) for place, _, one in found if not any(map(str.isalpha, place))]
    wanted = {one: place for place, one in bare[:NAMED]}
    stored = await find_objects(work.db, work.scope, Kind.DEVICE, wanted.keys())
    named = {wanted[one.id]: name_of_place(json.loads(one.body)) for one in stored.values()}
    return {place: name for place, name in named.items() if name != place}


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/devices/tags", _tags(_of_devices), READ_DEVICES),
    Route("GET", "/v1/devices/interfaces/tags", _tags(_of_ports), READ_DEVICES),
    Route("GET", "/v1/netinsts/tags", _tags(_of_netinsts), READ_DEVICES),
    Route("GET", "/v1/projects/tags", _tags(_of_projects), READ_DEVICES),
    Route("GET", "/v1/devices/status/locations", locations, READ_DEVICES),
)
