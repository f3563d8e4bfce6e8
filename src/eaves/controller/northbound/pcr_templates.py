"""PCR templates: the values of measured boot that devices of a model are compared with.

They are a part of their model.  No configuration speaks of them, so a change renders nothing.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.admission.refusal import Refusal, invalid
from eaves.controller.domain.admission.templates import admit_template
from eaves.controller.domain.contract.catalogue import (
    PCRTemplate,
    PCRTemplatesInfo,
    PCRTemplatesReq,
    SysModel,
)
from eaves.controller.domain.contract.envelope import Cursor, ZcOpsType
from eaves.controller.northbound import catalog, crud, journal, records
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.paging import Row, page_of, read_list_query
from eaves.controller.northbound.problems import Problem, Target, not_found
from eaves.controller.northbound.routes import CHANGE_DEVICES, READ_DEVICES, Route
from eaves.controller.northbound.work import Work
from eaves.controller.store import objects
from eaves.controller.store.tables import Kind

Templates = tuple[PCRTemplate, ...]
NOUN = "PCR template"
ASKED_BY = {"eveImageVersion": "eveVersion", "eveImageVersionPattern": "eveVersionPattern"}


async def listing(context: Context, request: Request) -> Response:
    query = read_list_query(request.query_params)
    filters = {ASKED_BY.get(name, name): values for name, values in query.filters.items()}
    async with context.reading(request) as work:
        model = await crud.find(work, catalog.MODELS, object_id=request.path_params["id"])
    page = page_of(
        (Row(template, {}) for template in model.pcr_templates),
        dataclasses.replace(query, filters=filters),
    )
    shown = PCRTemplatesInfo(templates=tuple(row.item for row in page.rows), next=page.next)
    return JSONResponse(shown.to_json())


async def create(context: Context, request: Request) -> Response:
    """All of the request, or none of it."""
    asked = await crud.read_body(request, PCRTemplatesReq)
    async with context.writing(request) as work:
        model = await crud.find(work, catalog.MODELS, object_id=request.path_params["id"])
        refusals = _wrong_model(asked, model)
        added: list[PCRTemplate] = []
        for index, template in enumerate(asked.templates):
            complete = template.model_copy(update={"id": work.new_id()})
            others = (*model.pcr_templates, *added)
            refusals += admit_template(complete, others, at=f"templates[{index}].")
            added.append(complete)
        if not added:
            refusals.append(
                invalid("templates", "the request holds no template; send at least one")
            )
        if refusals:
            raise Problem.of_refusals(refusals, catalog.MODELS.target(model))
        kept = (*model.pcr_templates, *added)
        target = await store_templates(work, model, kept, f"{NOUN} added", added[0])
    return context.envelopes.success(
        target, operation=ZcOpsType.CREATE, user=work.principal.user_name
    )


def _wrong_model(asked: PCRTemplatesReq, model: SysModel) -> list[Refusal]:
    if asked.model_id in ("", model.id):
        return []
    return [
        invalid(
            "modelId",
            f"modelId is {asked.model_id!r}, the path names model {model.id}; send one of the two",
        )
    ]


async def one(context: Context, request: Request) -> Response:
    params = request.path_params
    async with context.reading(request) as work:
        if "name" in params:
            model = await crud.find(work, catalog.MODELS, object_id=params["modelId"])
            found = [one for one in model.pcr_templates if one.name == params["name"]]
            if not found:
                raise not_found(f"{NOUN} of model {model.name!r}", params["name"])
        else:
            model, template = await _find(work, request)
            found = [template]
    cursor = Cursor(page_size=len(found), page_num=1, total_pages=math.ceil(len(found) / 1))
    return JSONResponse(PCRTemplatesInfo(templates=tuple(found), next=cursor).to_json())


async def replace(context: Context, request: Request) -> Response:
    asked = await crud.read_body(request, PCRTemplate)

    def change(model: SysModel, current: PCRTemplate) -> tuple[PCRTemplate, Templates]:
        wanted = asked.model_copy(update={"id": current.id, "name": asked.name or current.name})
        others = tuple(one for one in model.pcr_templates if one.id != current.id)
        refusals = admit_template(wanted, others)
        if refusals:
            raise Problem.of_refusals(refusals)
        return wanted, tuple(wanted if one.id == current.id else one for one in model.pcr_templates)

    return await _write(context, request, change, f"{NOUN} changed", ZcOpsType.UPDATE)


async def delete(context: Context, request: Request) -> Response:
    def change(model: SysModel, current: PCRTemplate) -> tuple[PCRTemplate, Templates]:
        return current, tuple(one for one in model.pcr_templates if one.id != current.id)

    return await _write(context, request, change, f"{NOUN} deleted", ZcOpsType.DELETE)


Change = Callable[[SysModel, PCRTemplate], tuple[PCRTemplate, Templates]]


async def _write(
    context: Context, request: Request, change: Change, what: str, operation: ZcOpsType
) -> Response:
    async with context.writing(request) as work:
        model, current = await _find(work, request)
        template, kept = change(model, current)
        target = await store_templates(work, model, kept, what, template)
    return context.envelopes.success(target, operation=operation, user=work.principal.user_name)


async def _find(work: Work, request: Request) -> tuple[SysModel, PCRTemplate]:
    """By the id of the template; its model is known by `modelId`, or looked for."""
    template_id = request.path_params["id"]
    model_id = request.query_params.get("modelId", "")
    if model_id:
        models: Sequence[SysModel] = (await crud.find(work, catalog.MODELS, object_id=model_id),)
    else:
        models = await records.list_all(work.db, work.scope, records.MODEL)
    for model in models:
        for template in model.pcr_templates:
            if template.id == template_id:
                return model, template
    raise not_found(NOUN, template_id)


async def store_templates(
    work: Work, model: SysModel, templates: Templates, what: str, template: PCRTemplate
) -> Target:
    resource = catalog.MODELS
    wanted = model.model_copy(update={"pcr_templates": templates})
    stored = await crud.find_stored(work, resource, object_id=model.id)
    draft = objects.Draft(
        kind=Kind.MODEL,
        id=model.id,
        enterprise_id=stored.enterprise_id,
        name=stored.name,
        title=stored.title,
        state=stored.state,
        references=await records.references_of(work.db, model.id),
        body=wanted.model_copy(update={"revision": None}).to_json_text(),
    )
    now = await objects.replace_object(
        work.db,
        work.scope,
        draft,
        work.stamp,
        expected=None,
        made_from=crud.expected_revision(model),
    )
    await journal.note(
        work,
        journal.Entry(
            kind=Kind.MODEL,
            noun="model",
            object_id=model.id,
            object_name=model.name,
            what=f"{what}: {template.name or template.id}",
            before=model,
            after=wanted,
        ),
    )
    return Target(
        kind="pcrtemplates", id=template.id, name=template.name, revision=str(now.revision.curr)
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/sysmodels/id/{id}/pcrtemplates", listing, READ_DEVICES),
    Route("POST", "/v1/sysmodels/id/{id}/pcrtemplates", create, CHANGE_DEVICES),
    Route("GET", "/v1/sysmodels/id/{modelId}/pcrtemplates/name/{name}", one, READ_DEVICES),
    Route("GET", "/v1/pcrtemplates/id/{id}", one, READ_DEVICES),
    Route("PUT", "/v1/pcrtemplate/id/{id}", replace, CHANGE_DEVICES),
    Route("DELETE", "/v1/pcrtemplates/id/{id}", delete, CHANGE_DEVICES),
)
