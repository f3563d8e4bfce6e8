"""Projects that may use something; tags of interfaces; what an app tells of itself."""

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.contract.app_status import OpaqueAppInstanceStatus
from eaves.controller.domain.contract.apps import AppInstance, AppProjectList
from eaves.controller.domain.contract.base import Contract, rfc3339
from eaves.controller.domain.contract.datastores import DatastoreProjectList, ImageProjectList
from eaves.controller.domain.contract.envelope import ObjectDetail, ObjectTag, ObjectTagsList
from eaves.controller.northbound import catalog, crud, records
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.crud import Resource
from eaves.controller.northbound.paging import Page, Row, page_of, read_list_query
from eaves.controller.northbound.problems import not_found
from eaves.controller.northbound.routes import READ_INSTANCES, Endpoint, Route, reads
from eaves.controller.northbound.work import Work
from eaves.controller.store import reports
from eaves.controller.store.tables import Kind
from eaves.evapi.info import AppInstMetaDataType, ZInfoTypes, decode_z_info_msg
from eaves.ids import DeviceId

T = TypeVar("T", bound=Contract)

Shape = Callable[[Page[ObjectDetail]], Contract]


async def _projects_of(work: Work, items: Iterable[Contract]) -> tuple[ObjectDetail, ...]:
    """The projects in which any of these objects may be used, each once, those in sight.

    An object that names none is open to all of them.
    """
    wanted: set[str] = set()
    for item in items:
        listed: tuple[str, ...] = getattr(item, "project_access_list", ())
        if not listed:
            wanted |= {*(await records.names_of(work.db, work.scope, Kind.PROJECT))}
        wanted |= set(listed)
    found = await records.in_order(work.db, work.scope, records.PROJECT, sorted(wanted))
    return tuple(ObjectDetail(id=one.id, name=one.name) for one in found)


def _page(request: Request, details: Iterable[ObjectDetail]) -> Page[ObjectDetail]:
    query = read_list_query(request.query_params)
    # `ids` chose the objects; it is no filter of their projects
    filters = {name: values for name, values in query.filters.items() if name != "ids"}
    return page_of((Row(one, {}) for one in details), replace(query, filters=filters))


def projects_of_one(resource: Resource[T], shape: Shape) -> Endpoint:
    async def endpoint(context: Context, request: Request) -> Response:
        async with context.reading(request) as work:
            item = await crud.find(work, resource, object_id=request.path_params["id"])
            details = await _projects_of(work, (item,))
        return JSONResponse(shape(_page(request, details)).to_json())

    return endpoint


def projects_of_some(resource: Resource[T], shape: Shape) -> Endpoint:
    """Of the objects with the `ids` of the query; of all of them without."""

    async def endpoint(context: Context, request: Request) -> Response:
        given = request.query_params.getlist("ids")
        ids = [one for text in given for one in text.split(",") if one]
        async with context.reading(request) as work:
            if ids:
                items = await records.in_order(work.db, work.scope, resource.of, ids)
                lost = sorted({*ids} - {str(getattr(item, "id", "")) for item in items})
                if lost:
                    raise not_found(resource.of.noun, lost[0])
            else:
                items = await records.list_all(work.db, work.scope, resource.of)
            details = await _projects_of(work, items)
        return JSONResponse(shape(_page(request, details)).to_json())

    return endpoint


async def interface_tags(context: Context, request: Request) -> Response:
    """Each tag that an interface of some app instance in sight carries, once."""
    async with context.reading(request) as work:
        instances = await records.list_all(work.db, work.scope, records.APP_INSTANCE)
    found = sorted({pair for item in instances for pair in _tags_of(item)})
    rows = (
        Row(ObjectTag(key=key, value=value), {"name": key, "id": value}) for key, value in found
    )
    page = page_of(rows, read_list_query(request.query_params))
    tags = ObjectTagsList(object_tags=tuple(row.item for row in page.rows), next=page.next)
    return JSONResponse(tags.to_json())


def _tags_of(instance: AppInstance) -> Iterable[tuple[str, str]]:
    for interface in instance.interfaces:
        of_adapter: Mapping[str, str] = interface.io.tags if interface.io is not None else {}
        yield from of_adapter.items()
        yield from interface.netinsttag.items()


async def opaque_status(context: Context, request: Request) -> Response:
    """What the app itself told its device last, through the metadata service."""
    params = request.path_params
    async with context.reading(request) as work:
        instance = await crud.find(
            work,
            catalog.INSTANCES,
            object_id=params.get("id", ""),
            name=params.get("name", ""),
        )
        told = await reports.list_info(
            work.db, (DeviceId(instance.device_id),), (int(ZInfoTypes.ZiAppInstMetaData),)
        )
    status = OpaqueAppInstanceStatus(
        id=instance.id, name=instance.name, device_id=instance.device_id
    )
    for info in told:
        data = decode_z_info_msg(info.message).amdinfo
        if data is None or data.uuid != instance.id:
            continue
        if data.type is AppInstMetaDataType.APP_INST_META_DATA_TYPE_CUSTOM_STATUS:
            status = status.model_copy(
                update={
                    "opaque_app_instance_status": base64.b64encode(data.data).decode(),
                    "last_update_time": rfc3339(info.at or info.received_at),
                }
            )
    return JSONResponse(status.to_json())


def _details(page: Page[ObjectDetail]) -> tuple[ObjectDetail, ...]:
    return tuple(row.item for row in page.rows)


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/v1/apps/id/{id}/projects",
        projects_of_one(
            catalog.APPS,
            lambda page: AppProjectList(
                project_details=_details(page), next=page.next, total_count=page.total
            ),
        ),
        reads(Kind.APP),
    ),
    Route(
        "GET",
        "/v1/apps/images/projects",
        projects_of_some(
            catalog.IMAGES,
            lambda page: ImageProjectList(
                project_details=_details(page), next=page.next, total_count=page.total
            ),
        ),
        reads(Kind.IMAGE),
    ),
    Route(
        "GET",
        "/v1/datastores/projects",
        projects_of_some(
            catalog.DATASTORES,
            lambda page: DatastoreProjectList(
                project_details=_details(page), next=page.next, total_count=page.total
            ),
        ),
        reads(Kind.DATASTORE),
    ),
    Route("GET", "/v1/apps/instances/tags", interface_tags, READ_INSTANCES),
    Route("GET", "/v1/apps/instances/id/{id}/opaque-status", opaque_status, READ_INSTANCES),
    Route("GET", "/v1/apps/instances/name/{name}/opaque-status", opaque_status, READ_INSTANCES),
)
