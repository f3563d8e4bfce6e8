"""Brands and models that ship with the controller: read by every tenant, copied by those who use
them.

A copy remembers the version that it was made of.  To import a model again takes the newer version
of it, when the tenant wants.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.catalogue import Hardware, hardware
from eaves.controller.domain.authz import Area, Rule, Verb
from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.catalogue import SysModel
from eaves.controller.domain.contract.envelope import ObjectParentDetail, Origin
from eaves.controller.northbound import catalog, crud, lists, records
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.crud import MakeList
from eaves.controller.northbound.paging import Page, Row, page_of, project, read_list_query
from eaves.controller.northbound.problems import Problem, not_found
from eaves.controller.northbound.routes import READ_DEVICES, Endpoint, Route
from eaves.controller.northbound.work import Work

T = TypeVar("T", bound=Contract)

IMPORT: Final = Rule(Area.DEVICE, Verb.CREATE)
GLOBAL_MODEL: Final = "model of the global catalogue"
GLOBAL_BRAND: Final = "brand of the global catalogue"
OWN: Final = frozenset({"id", "name", "brand_id", "pcr_templates", "revision"})
"""What a copy keeps of itself when it takes a newer version."""


async def shipped() -> Hardware:
    return await asyncio.to_thread(hardware)


async def _answer_list(request: Request, items: tuple[T, ...], make: MakeList[T]) -> Response:
    query = read_list_query(request.query_params)
    rows = tuple(Row(item, {}) for item in items)
    page = page_of(rows, query)
    if query.summary:
        page = Page((), page.next, page.total)
    made = make(page, rows)
    made["totalCount"] = page.total
    if query.fields:
        made["list"] = [project(item, query.fields) for item in made["list"]]
    return JSONResponse(made)


async def brands(_context: Context, request: Request) -> Response:
    return await _answer_list(request, (await shipped()).brands, lists.brands)


async def models(_context: Context, request: Request) -> Response:
    return await _answer_list(request, (await shipped()).models, lists.models)


async def brand(_context: Context, request: Request) -> Response:
    params = request.path_params
    found = (await shipped()).find_brand(brand_id=params.get("id", ""), name=params.get("name", ""))
    if found is None:
        raise not_found(GLOBAL_BRAND, params.get("id") or params.get("name", ""))
    return JSONResponse(found.to_json())


async def model(_context: Context, request: Request) -> Response:
    params = request.path_params
    found = (await shipped()).find_model(model_id=params.get("id", ""), name=params.get("name", ""))
    if found is None:
        raise not_found(GLOBAL_MODEL, params.get("id") or params.get("name", ""))
    return JSONResponse(found.to_json())


async def import_endpoint(context: Context, request: Request) -> Response:
    catalogue = await shipped()
    async with context.writing(request) as work:
        copied = await import_model(work, catalogue, request.path_params["id"])
    return JSONResponse(copied.to_json())


async def import_model(
    work: Work,
    catalogue: Hardware,
    model_id: str,
    attr: Mapping[str, str] | None = None,
    *,
    name: str = "",
) -> SysModel:
    """Copy a model and, where the enterprise has none of that name, its brand.

    `attr` overrides figures of the copy, for example `memory`; `name` its name.  Raises Problem:
    404 for an id that is not of the catalogue, 409 where the enterprise has another model of that
    name.
    """
    of = catalogue.find_model(model_id=model_id)
    if of is None:
        raise not_found(GLOBAL_MODEL, model_id)
    brand_id = await _brand_of(work, catalogue, of)
    of = of.model_copy(update={"name": name or of.name})
    taken = await records.find_named(work.db, work.scope, records.MODEL, of.name)
    if taken is not None and not _is_copy(taken, of):
        raise Problem(
            409,
            f"there is a model {of.name!r} that was not imported from the catalogue; delete it, or "
            "go on with that one",
            target=catalog.MODELS.target(taken),
            location="name",
        )
    copy = of.model_copy(
        update={
            "attr": {**of.attr, **(attr or {})},
            "brand_id": brand_id,
            "origin_type": Origin.IMPORTED,
            "is_imported": True,
            "revision": None,
            "parent_detail": ObjectParentDetail(
                id_of_parent_object=of.id,
                reference_exists=True,
                update_available=False,
                version_of_parent_object=version_of(of),
            ),
        }
    )
    if taken is None:
        target = await crud.create(work, catalog.MODELS, copy)
        return await crud.find(work, catalog.MODELS, object_id=target.id)
    kept = {name: getattr(taken, name) for name in OWN}
    wanted = copy.model_copy(update=kept)
    await crud.store_version(work, catalog.MODELS, wanted, taken, what="imported again")
    return await crud.find(work, catalog.MODELS, object_id=taken.id)


def _is_copy(model: SysModel, of: SysModel) -> bool:
    parent = model.parent_detail
    return parent is not None and parent.id_of_parent_object == of.id


def version_of(model: SysModel) -> int:
    revision = model.revision
    return int(revision.curr) if revision is not None and revision.curr.isdecimal() else 0


async def _brand_of(work: Work, catalogue: Hardware, of: SysModel) -> str:
    """The id of the brand in this enterprise; made if it is not there."""
    brand = catalogue.find_brand(brand_id=of.brand_id)
    assert brand is not None  # noqa: S101 - every model that ships has its brand
    there = await records.find_named(work.db, work.scope, records.BRAND, brand.name)
    if there is not None:
        return there.id
    copy = brand.model_copy(update={"origin_type": Origin.IMPORTED, "revision": None})
    return (await crud.create(work, catalog.BRANDS, copy)).id


def _routes(path: str, listing: Endpoint, one: Endpoint) -> tuple[Route, ...]:
    return (
        Route("GET", f"{path}/global", listing, READ_DEVICES),
        Route("GET", f"{path}/global/id/{{id}}", one, READ_DEVICES),
        Route("GET", f"{path}/global/name/{{name}}", one, READ_DEVICES),
    )


ROUTES: tuple[Route, ...] = (
    *_routes("/v1/brands", brands, brand),
    *_routes("/v1/sysmodels", models, model),
    Route("PUT", "/v1/sysmodels/id/{id}/import", import_endpoint, IMPORT),
)
