"""Which nodes a selector means, which it does not, and by which of its terms."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import QueryParams

from eaves.controller.domain.contract.base import Contract, JsonObject
from eaves.controller.domain.numerals import number_of
from eaves.controller.domain.policies.entries import asset_term
from eaves.controller.domain.policies.selectors import (
    Deployed,
    Explained,
    InProject,
    Selector,
    Tagged,
    explain,
)
from eaves.controller.northbound import catalog, crud, deployments, policies, records
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.crud import Resource
from eaves.controller.northbound.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, refuse
from eaves.controller.northbound.problems import Problem, not_found
from eaves.controller.northbound.routes import READ_DEVICES, Route
from eaves.controller.northbound.work import Work
from eaves.controller.store.policy_sites import load_policies

T = TypeVar("T", bound=Contract)

KINDS = ("project", "deployment", "assetgroup", "profiledeployment")
ONLY = ("", "matching", "missing")


async def endpoint(context: Context, request: Request) -> Response:
    """`kind` and `id` (or `name`) of what selects, with `policy` one part of it; or a selector of
    its own: `project`, `deploymentTag`, and `tag` (KEY=VALUE) as often as needed.

    `only`: `matching` or `missing` nodes; `pageSize` of them, from behind the name `after`.
    """
    params = request.query_params
    only, size = params.get("only", ""), _size(params)
    if only not in ONLY:
        raise refuse(f"only is {only!r}; say matching or missing, or leave it out", "only")
    async with context.reading(request) as work:
        selector = await _asked(work, params)
        nodes = await policies.nodes_of(work, "")
    told = explain(selector, nodes)
    return JSONResponse(_answer(selector, told, only, size, params.get("after", "")))


def _size(params: QueryParams) -> int:
    text = params.get("pageSize", "") or str(DEFAULT_PAGE_SIZE)
    size = number_of(text, MAX_PAGE_SIZE)
    if not size:
        raise refuse(f"pageSize is {text[:40]!r}; give 1 to {MAX_PAGE_SIZE}", "pageSize")
    return size


def _answer(
    selector: Selector, told: Sequence[Explained], only: str, size: int, after: str
) -> JsonObject:
    matching = sum(1 for one in told if one.matches)
    alone = Counter(one.fails[0].text for one in told if len(one.fails) == 1)
    shown = [
        one
        for one in told
        if one.node.name > after and (not only or one.matches == (only == "matching"))
    ]
    page = shown[:size]
    return {
        "selector": [
            {
                "term": term.text,
                "fails": sum(1 for one in told if term in one.fails),
                "failsAlone": alone[term.text],
            }
            for term in selector
        ],
        "nodes": len(told),
        "matching": matching,
        **_warning(selector, told, matching, alone),
        "list": [
            {
                "id": one.node.id,
                "name": one.node.name,
                "matches": one.matches,
                "reasons": list(one.reasons),
            }
            for one in page
        ],
        **({"next": page[-1].node.name} if len(shown) > len(page) else {}),
    }


def _warning(
    selector: Selector, told: Sequence[Explained], matching: int, alone: Mapping[str, int]
) -> JsonObject:
    """Nobody is meant: said aloud, with the term that alone keeps most nodes away."""
    if matching:
        return {}
    if not told:
        return {"warning": "no node matches: there is none that you may see"}
    nearest = max(selector, key=lambda term: alone.get(term.text, 0), default=None)
    if nearest is None or not alone.get(nearest.text):
        return {"warning": "no node matches, and none misses only one term; see the reasons"}
    count = alone[nearest.text]
    return {"warning": f"no node matches; {count:,} would, but for one term: {nearest.text}"}


async def _asked(work: Work, params: QueryParams) -> Selector:
    kind = params.get("kind", "")
    if params.get("policy") and kind != "deployment":
        text = (
            "policy names a part of a deployment: say which one by kind and name, or leave it out"
        )
        raise refuse(text, "policy")
    if not kind:
        return await _own(work, params)
    match kind:
        case "project":
            project = await _found(work, catalog.PROJECTS, params)
            return (InProject(project.id, project.name),)
        case "deployment":
            item = await _found(work, deployments.DEPLOYMENTS, params)
            project = await crud.find(work, catalog.PROJECTS, object_id=item.project_id)
            every: Selector = (
                InProject(project.id, project.name),
                Deployed(item.deployment_tag),
            )
            return await _part(work, params, item.id, project.id, every)
        case "assetgroup":
            group = await _found(work, catalog.ASSET_GROUPS, params)
            inside: Selector = (InProject(group.project_id),) if group.project_id else ()
            return (*inside, asset_term(group))
        case "profiledeployment":
            profiled = await _found(work, catalog.PROFILE_DEPLOYMENTS, params)
            target = profiled.target_asset_group
            group_id = target.group_id if target is not None else ""
            of = await crud.find(work, catalog.ASSET_GROUPS, object_id=group_id)
            return (InProject(profiled.project_id), asset_term(of))
        case _:
            raise refuse(f"kind is {kind!r}; it is one of {', '.join(KINDS)}", "kind")


async def _found(work: Work, resource: Resource[T], params: QueryParams) -> T:
    object_id, name = params.get("id", ""), params.get("name", "")
    if not object_id and not name:
        raise refuse("give the id or the name of what selects", "id")
    if object_id or resource.stored_name is crud.name_of:
        return await crud.find(work, resource, object_id=object_id, name=name)
    for item in await records.list_all(work.db, work.scope, resource.of):
        if crud.name_of(item) == name:
            return item
    raise not_found(resource.of.noun, name)


async def _part(
    work: Work, params: QueryParams, source_id: str, project_id: str, every: Selector
) -> Selector:
    """Of a deployment as a whole, or of the policy in it of that name."""
    name = params.get("policy", "")
    if not name:
        return every
    found = await load_policies(work.db, work.scope.enterprise, {project_id})
    mine = {
        entry.alias: entry.selector
        for one in found.values()
        for entry in one.entries
        if entry.source.id == source_id
    }
    if name not in mine:
        names = ", ".join(sorted(mine)) or "none"
        text = f"the deployment has no policy {name!r}; its policies are: {names}"
        raise Problem(404, text, location="policy")
    return mine[name]


async def _own(work: Work, params: QueryParams) -> Selector:
    selector: list[InProject | Deployed | Tagged] = []
    if name := params.get("project", ""):
        found = await crud.find(work, catalog.PROJECTS, name=name)
        selector.append(InProject(found.id, found.name))
    if "deploymentTag" in params:
        selector.append(Deployed(params["deploymentTag"]))
    for text in params.getlist("tag"):
        key, equals, value = text.partition("=")
        if not key.strip() or not equals:
            raise refuse(f"tag is {text!r}; write KEY=VALUE", "tag")
        selector.append(Tagged(key.strip(), value.strip()))
    if not selector:
        raise refuse(
            "nothing selects: give kind and name of what does, or project, deploymentTag, tag",
            "kind",
        )
    return tuple(selector)


ROUTES: tuple[Route, ...] = (Route("GET", "/v1/eaves/explain", endpoint, READ_DEVICES),)
