"""Deployments below their project, and projects that come with one."""

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.authz import Area, Rule, Verb
from eaves.controller.domain.contract.app_policies import PolicyCommon
from eaves.controller.domain.contract.base import Contract, JsonObject
from eaves.controller.domain.contract.deployments import (
    Deployment,
    DeploymentConfigSummary,
    Deployments,
)
from eaves.controller.domain.contract.envelope import Cursor, ObjectType, ZcOpsType
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.northbound import catalog, crud, records
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.crud import Resource
from eaves.controller.northbound.paging import Page, Row, summary_of
from eaves.controller.northbound.problems import Target, not_found
from eaves.controller.northbound.resources import deployments
from eaves.controller.northbound.routes import Route
from eaves.controller.northbound.work import Work

BASE = "/v2/projects/id/{projectId}/deployments"


def _metas(policies: tuple[Contract, ...]) -> tuple[PolicyCommon, ...]:
    found = (getattr(policy, "meta_data", None) for policy in policies)
    return tuple(meta if isinstance(meta, PolicyCommon) else PolicyCommon() for meta in found)


def _common(part: JsonObject | None) -> PolicyCommon | None:
    """Two parts spell their members with capitals, one has them below `metaData`."""
    if part is None:
        return None
    inner = part.get("metaData") or {
        "id": part.get("Id") or part.get("id"),
        "name": part.get("Name") or part.get("name"),
        "title": part.get("title"),
    }
    return PolicyCommon.from_json(inner)


def summary(item: Deployment) -> DeploymentConfigSummary:
    return DeploymentConfigSummary(
        id=item.id,
        name=item.name,
        title=item.title,
        revision=item.revision,
        deployment_tag=item.deployment_tag,
        app_inst_policies=_metas(item.app_inst_policies),
        network_inst_policies=_metas(item.network_inst_policies),
        volume_inst_policies=_metas(item.volume_inst_policies),
        device_policies=_metas(item.device_policies),
        cluster_policy=_common(item.cluster_policy),
        edge_view_policy=_common(item.edgeview_policy),
        integration_policy=_common(item.integration_policy),
    )


def _list(page: Page[Deployment], rows: tuple[Row[Deployment], ...]) -> JsonObject:
    return Deployments(
        list=tuple(summary(row.item) for row in page.rows),
        next=page.next,
        summary_by_state=summary_of((row.item.deployment_tag for row in rows), "deployment tag"),
    ).to_json()


DEPLOYMENTS: Resource[Deployment] = Resource(
    "/v2/projects/deployments",
    records.DEPLOYMENT,
    ObjectType.DEPLOYMENT,
    deployments.prepare_deployment,
    _list,
    stored_name=deployments.stored_name,
    after_write=deployments.deployment_written,
    after_delete=deployments.deployment_written,
)


async def _of_project(work: Work, request: Request) -> Deployment:
    """The deployment of the path.  Raises Problem(404)."""
    params = request.path_params
    item = await crud.find(work, DEPLOYMENTS, object_id=params["id"])
    if item.project_id != params["projectId"]:
        raise not_found("deployment", params["id"])
    return item


async def many(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        project = await crud.find(
            work, catalog.PROJECTS, object_id=request.path_params["projectId"]
        )
        items = await deployments.of_project(work, project.id)
    rows = tuple(Row(item, {}) for item in items)
    page = Page(rows, Cursor(total_pages=1), len(rows))
    return JSONResponse({**_list(page, rows), "totalCount": len(rows)})


async def create(context: Context, request: Request) -> Response:
    sent = await crud.read_body(request, Deployment)
    project = {"project_id": request.path_params["projectId"]}
    async with context.writing(request) as work:
        await crud.find(work, catalog.PROJECTS, object_id=project["project_id"])
        target = await crud.create(work, DEPLOYMENTS, sent.model_copy(update=project))
    return _done(context, target, work, ZcOpsType.CREATE, 202)


def _done(
    context: Context, target: Target, work: Work, operation: ZcOpsType, status: int
) -> Response:
    return context.envelopes.success(
        target,
        operation=operation,
        user=work.principal.user_name,
        status=status,
        job=work.render_job,
    )


async def one(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        item = await _of_project(work, request)
    return JSONResponse(item.to_json())


async def replace(context: Context, request: Request) -> Response:
    """The client that makes a deployment where there is one takes it over under its own name."""
    sent = await crud.read_body(request, Deployment)
    async with context.writing(request) as work:
        current = await _of_project(work, request)
        wanted = sent.model_copy(
            update={
                "id": current.id,
                "project_id": current.project_id,
                "name": sent.name or current.name,
                "revision": None,
            }
        )
        expected = crud.expected_revision(sent)
        target = await crud.store_version(work, DEPLOYMENTS, wanted, current, expected=expected)
    return _done(context, target, work, ZcOpsType.UPDATE, 202)


async def delete(context: Context, request: Request) -> Response:
    async with context.writing(request) as work:
        item = await _of_project(work, request)
        target = await crud.delete(work, DEPLOYMENTS, item.id)
    return _done(context, target, work, ZcOpsType.DELETE, 200)


async def delete_all(context: Context, request: Request) -> Response:
    async with context.writing(request) as work:
        project = await crud.find(
            work, catalog.PROJECTS, object_id=request.path_params["projectId"]
        )
        for item in await deployments.of_project(work, project.id):
            await crud.delete(work, DEPLOYMENTS, item.id)
    return _done(context, catalog.PROJECTS.target(project), work, ZcOpsType.DELETE, 200)


async def create_project(context: Context, request: Request) -> Response:
    """As the first version does, and with the deployment that the body may bring."""
    sent = await crud.read_body(request, Tag)
    async with context.writing(request) as work:
        target = await crud.create(work, catalog.PROJECTS, sent)
        if sent.deployment:
            deployment = Deployment.from_json(sent.deployment)
            changes = {
                "project_id": target.id,
                "name": deployment.name or sent.name,
                "revision": None,
            }
            await crud.create(work, DEPLOYMENTS, deployment.model_copy(update=changes))
    return _done(context, target, work, ZcOpsType.CREATE, 200)


def _rule(verb: Verb) -> Rule:
    return Rule(Area.DEVICE, verb)


ROUTES: tuple[Route, ...] = (
    Route("POST", "/v2/projects", create_project, _rule(Verb.CREATE)),
    Route("GET", BASE, many, _rule(Verb.READ)),
    Route("POST", BASE, create, _rule(Verb.CREATE)),
    Route("DELETE", BASE, delete_all, _rule(Verb.DELETE)),
    Route("GET", BASE + "/id/{id}", one, _rule(Verb.READ)),
    Route("PUT", BASE + "/id/{id}", replace, _rule(Verb.UPDATE)),
    Route("DELETE", BASE + "/id/{id}", delete, _rule(Verb.DELETE)),
)
