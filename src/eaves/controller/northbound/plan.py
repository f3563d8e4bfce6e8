"""What a change would do, node by node, before it is made; nothing is written.

Every object is written in a transaction that is undone, which tells each reason to refuse it; see
`trials`.  Of a policy every node that it reaches, or that the policy in force reaches, is then
settled in memory: by the same decision that carries the change out.  Who asks needs the right of
the write itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.authz import Anybody, Rule, Verb
from eaves.controller.domain.contract.base import Contract, JsonObject
from eaves.controller.domain.contract.deployments import Deployment
from eaves.controller.domain.contract.profiles import AssetGroupRead, ProfileDeployment
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.planned import Both
from eaves.controller.domain.policies.entries import (
    Entry,
    Profiled,
    entries_of_deployment,
    entries_of_profile,
    entries_of_project,
)
from eaves.controller.domain.policies.preview import NodePlan, preview
from eaves.controller.domain.policies.settle import settle_in_turn
from eaves.controller.domain.render.enrolment import profile_id_of
from eaves.controller.northbound import catalog, crud, deployments, policies, records
from eaves.controller.northbound.context import Context, scope_for
from eaves.controller.northbound.crud import Resource
from eaves.controller.northbound.problems import Problem, Target
from eaves.controller.northbound.routes import AREAS, READ_DEVICES, Route
from eaves.controller.northbound.trials import MOST, Tried, planned, reasons_against, try_write
from eaves.controller.northbound.work import Principal, Work
from eaves.controller.store import objects
from eaves.controller.store.inputs import load_all_inputs
from eaves.controller.store.policy_sites import (
    NONE,
    ProjectPolicies,
    complete_sites,
    find_version,
    load_policies,
    load_sites,
    with_seals,
)
from eaves.controller.store.unit import snapshot
from eaves.ids import DeviceId

T = TypeVar("T", bound=Contract)

AT_ONCE = 200  # nodes read together
MOST_SHOWN = 1000
POLICIES: Mapping[str, Resource[Any]] = {
    "project": catalog.PROJECTS,
    "deployment": deployments.DEPLOYMENTS,
    "profiledeployment": catalog.PROFILE_DEPLOYMENTS,
    "assetgroup": catalog.ASSET_GROUPS,
}
TRIED: Mapping[str, Resource[Any]] = {
    "model": catalog.MODELS,
    "network": catalog.NETWORKS,
    "datastore": catalog.DATASTORES,
    "image": catalog.IMAGES,
    "app": catalog.APPS,
    "appprofile": catalog.APP_PROFILES,
    "cep": catalog.CEPS,
    "patchenvelope": catalog.PATCH_ENVELOPES,
    "device": catalog.DEVICES,
    "netinst": catalog.NETINSTS,
    "volume": catalog.VOLUMES,
    "instance": catalog.INSTANCES,
}
RESOURCES: Mapping[str, Resource[Any]] = {**POLICIES, **TRIED}


class PlanRequest(Contract):
    """`object` as it would be sent to its own path; with `delete` only its `id` counts."""

    delete: bool = False
    kind: str = ""
    object: JsonObject | None = None


@dataclass(frozen=True)
class Change:
    """A policy as it would be (None: gone), and as it is (None: new)."""

    wanted: Contract | None
    current: Contract | None

    @property
    def projects(self) -> tuple[str, ...]:
        """Whose nodes it may reach."""
        found = {
            item.id if isinstance(item, Tag) else str(getattr(item, "project_id", ""))
            for item in (self.wanted, self.current)
            if item is not None
        }
        return tuple(sorted(found - {""}))


async def endpoint(context: Context, request: Request) -> Response:
    """What a change would do to each node that it reaches; nothing is written.

    `kind` is one of the words of the command line; `object` is as it would be sent to its own path.
    """
    sent = await crud.read_body(request, PlanRequest)
    resource = RESOURCES.get(sent.kind)
    if resource is None:
        raise Problem(
            400, f"kind is {sent.kind!r}; it is one of {', '.join(RESOURCES)}", location="kind"
        )
    wanted = crud.checked(resource.of.contract.from_json(sent.object or {}))
    request.state.needs = await _needs(context, request, resource, sent, wanted)
    write = partial(_write, resource, sent, wanted)
    if sent.kind in TRIED:
        return JSONResponse(_answer(await try_write(context, request, write)))
    refused = await reasons_against(context, request, write)
    if refused:
        return JSONResponse(_answer(Tried(refused)))
    async with context.reading(request) as work:
        change = await _change(work, resource, sent, wanted)
        plans: list[NodePlan] = []
        for project_id in change.projects:
            plans += await _plans(work, change, project_id)
        settings, beyond = await _settings(work, change, plans)
    tried = await planned(context.keys, settings, 0)
    answer = _answer(Tried(tried.refused, _with_settings(plans, tried.plans)))
    return JSONResponse(answer | ({"settingsNotLookedAt": beyond} if beyond else {}))


async def _needs(
    context: Context, request: Request, resource: Resource[T], sent: PlanRequest, wanted: T
) -> Rule:
    """What the write needs: another right for what is there already.  Raises Problem(403)."""
    principal: Principal = request.state.principal
    verb = Verb.DELETE if sent.delete else Verb.UPDATE
    if not sent.delete and not (sent.object or {}).get("id"):
        name = resource.stored_name(wanted)
        async with snapshot(context.engine) as db:
            there = await objects.find_object_by_name(db, principal.scope, resource.of.kind, name)
        verb = Verb.UPDATE if there is not None else Verb.CREATE
    needs = Rule(AREAS[resource.of.kind], verb)
    scope_for(principal, needs)
    return needs


async def _write(resource: Resource[T], sent: PlanRequest, wanted: T, work: Work) -> Target:
    current = await _current(work, resource, sent, wanted)
    if sent.delete:
        return await crud.delete(work, resource, str(getattr(current, "id", "")))
    if current is None:
        return await crud.create(work, resource, wanted)
    return await crud.replace(work, resource, str(getattr(current, "id", "")), wanted)


async def _current(work: Work, resource: Resource[T], sent: PlanRequest, wanted: T) -> T | None:
    """What is there under the id or the name that was sent.  Raises Problem(404)."""
    object_id = str((sent.object or {}).get("id") or "")
    name = resource.stored_name(wanted)
    if not object_id and not name:
        if sent.delete:
            raise Problem(400, "what is to go? send its id or its name", location="object")
        return None
    try:
        return await crud.find(work, resource, object_id=object_id, name="" if object_id else name)
    except Problem:
        if object_id or sent.delete:
            raise
    return None


async def _change(work: Work, resource: Resource[T], sent: PlanRequest, wanted: T) -> Change:
    current = await _current(work, resource, sent, wanted)
    if sent.delete:
        return Change(None, current)
    id_ = str(getattr(current, "id", "")) or work.new_id()
    prepared = await resource.prepare(
        work, wanted.model_copy(update={"id": id_, "revision": None}), current
    )
    return Change(prepared.wanted, current)


async def _plans(work: Work, change: Change, project_id: str) -> list[NodePlan]:
    """Of a project whose nodes the caller may read; it hears of no other."""
    seen = work.principal.rights.projects(READ_DEVICES)
    if seen is not None and project_id not in seen:
        return []
    enterprise = work.scope.enterprise
    now = (await load_policies(work.db, enterprise, {project_id})).get(project_id, NONE)
    then = replace(now, entries=await _entries(work, now, change, project_id))
    nodes = await policies.nodes_of(work, project_id)
    found: list[NodePlan] = []
    for start in range(0, len(nodes), AT_ONCE):
        ids = [DeviceId(node.id) for node in nodes[start : start + AT_ONCE]]
        for sites in await load_sites(work.db, ids):
            complete = await complete_sites(work.db, enterprise, sites.sites, {project_id: then})
            each = [(site, then.entries) for site in complete.sites]
            settled = settle_in_turn(each, work.new_id, work.now)
            found += map(preview, complete.sites, settled)
    return found


async def _entries(
    work: Work, now: ProjectPolicies, change: Change, project_id: str
) -> tuple[Entry, ...]:
    """Those in force, with the ones of the policy as it would be in place of its own."""
    name = now.project.name if now.project is not None else ""
    match change.wanted or change.current:
        case Tag(id=id_) | Deployment(id=id_) | ProfileDeployment(id=id_):
            kept = [entry for entry in now.entries if entry.source.id != id_]
        case AssetGroupRead() as group:
            return await _regrouped(work, now, group, name)
        case _:
            return now.entries
    match change.wanted:
        case Tag() as project:
            kept += await with_seals(work.db, entries_of_project(project))
        case Deployment() as deployment if deployment.project_id == project_id:
            kept += await with_seals(work.db, entries_of_deployment(deployment, name))
        case ProfileDeployment() as given if given.project_id == project_id:
            one = await _profiled(work, given)
            kept += entries_of_profile(one, name) if one is not None else ()
        case _:
            pass
    return tuple(kept)


async def _regrouped(
    work: Work, now: ProjectPolicies, group: AssetGroupRead, name: str
) -> tuple[Entry, ...]:
    """With another group in the profile deployments that are aimed at it."""
    kept = list(now.entries)
    for given in await records.list_all(work.db, work.scope, catalog.PROFILE_DEPLOYMENTS.of):
        target = given.target_asset_group
        if target is None or target.group_id != group.id:
            continue
        if now.project is None or given.project_id != now.project.id:
            continue
        one = await _profiled(work, given)
        if one is not None:
            kept = [entry for entry in kept if entry.source.id != given.id]
            kept += entries_of_profile(replace(one, group=group), name)
    return tuple(kept)


async def _profiled(work: Work, given: ProfileDeployment) -> Profiled | None:
    info, target = given.app_profile_info, given.target_asset_group
    if info is None or target is None:
        return None
    version = await find_version(work.db, work.scope.enterprise, info.app_profile_id, info.version)
    group = await records.find(work.db, work.scope, catalog.ASSET_GROUPS.of, target.group_id)
    if version is None or group is None:
        return None
    return Profiled(given, version[0], group, version[1])


async def _settings(
    work: Work, change: Change, plans: Sequence[NodePlan]
) -> tuple[list[Both], int]:
    """What a project says of its nodes beside what policies make: of some of them, and how many
    more there are.
    """
    wanted, current = change.wanted, change.current
    if not isinstance(wanted, Tag) or not isinstance(current, Tag):
        return [], 0
    ids = [DeviceId(plan.node_id) for plan in plans[:MOST]]
    profile = await records.find(work.db, work.scope, records.CEP, profile_id_of(wanted))
    enrolments = {} if profile is None else {profile.id: profile}
    each = [
        Both(one, replace(one, project=wanted, enrolments={**one.enrolments, **enrolments}))
        for one in (await load_all_inputs(work.db, ids) if ids else ())
    ]
    return each, max(0, len(plans) - MOST)


def _with_settings(plans: Sequence[NodePlan], settings: Sequence[NodePlan]) -> tuple[NodePlan, ...]:
    of = {one.node_id: one for one in settings}
    return tuple(
        replace(
            plan,
            created=(*plan.created, *of[plan.node_id].created),
            changed=(*plan.changed, *of[plan.node_id].changed),
            restarted=(*plan.restarted, *of[plan.node_id].restarted),
            deleted=(*plan.deleted, *of[plan.node_id].deleted),
            lacks=of[plan.node_id].lacks,
            locked=of[plan.node_id].locked,
        )
        if plan.node_id in of
        else plan
        for plan in plans
    )


def _answer(tried: Tried) -> JsonObject:
    plans = tried.plans
    busy = [plan for plan in plans if not plan.quiet]
    nobody = not plans and not tried.refused
    return {
        "refused": [{"location": where, "details": text} for where, text in tried.refused],
        "nodes": len(plans) + tried.beyond,
        "unchanged": len(plans) - len(busy),
        "notLookedAt": tried.beyond,
        "created": sum(len(plan.created) for plan in plans),
        "changed": sum(len(plan.changed) for plan in plans),
        "restarted": sum(len(plan.restarted) for plan in plans),
        "purged": sum(len(plan.purged) for plan in plans),
        "deleted": sum(len(plan.deleted) for plan in plans),
        "refusedOnNodes": sum(1 for plan in plans if plan.refused),
        "tooFull": sum(1 for plan in plans if plan.too_full),
        "pullBytes": sum(plan.pull_bytes for plan in plans),
        **({"warning": "no node is reached by this"} if nobody else {}),
        "list": [_shown(plan) for plan in busy[:MOST_SHOWN]],
        "more": max(0, len(busy) - MOST_SHOWN),
    }


def _shown(plan: NodePlan) -> JsonObject:
    return {
        "id": plan.node_id,
        "name": plan.node_name,
        "created": list(plan.created),
        "changed": list(plan.changed),
        "restarted": list(plan.restarted),
        "purged": list(plan.purged),
        "deleted": list(plan.deleted),
        "pullBytes": plan.pull_bytes,
        "peakBytes": plan.peak_bytes,
        **({"diskBytes": plan.disk_bytes} if plan.disk_bytes is not None else {}),
        "tooFull": plan.too_full,
        "refused": [
            {"policy": one.source, "object": f"{one.makes.noun} {one.name}", "reasons": one.reasons}
            for one in plan.refused
        ],
        "lacks": list(plan.lacks),
        "locked": plan.locked,
    }


ROUTES: tuple[Route, ...] = (Route("POST", "/v1/eaves/plan", endpoint, Anybody.USER, PlanRequest),)
