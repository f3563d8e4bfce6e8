"""Versions of app profiles, and how far a profile deployment has come on each node."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import select

from eaves.controller.domain.authz import Area, Rule, Verb
from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.envelope import ObjectType
from eaves.controller.domain.contract.profiles import (
    AppProfileVersion,
    AppProfileVersionListResp,
    ProfileDeploymentPerDeviceStatus,
    ProfileDeploymentResourceDetailedStatus,
    ProfileDeploymentResourceDetailedStatusResp,
    ProfileDeploymentResourceObjectStatus,
)
from eaves.controller.domain.contract.statuses import RunState
from eaves.controller.northbound import catalog, crud, policies, records
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.paging import Row, page_of
from eaves.controller.northbound.reports import Fleet, read_fleet
from eaves.controller.northbound.routes import Route
from eaves.controller.northbound.status import INSTANCES, NETINSTS, VOLUMES, StatusOf, limits_in
from eaves.controller.northbound.work import Work
from eaves.controller.store import policies as rows
from eaves.controller.store.policy_sites import read_version
from eaves.controller.store.tables_policies import app_profile_versions

OBJECT_TYPES: Mapping[str, tuple[StatusOf[Any, Any], ObjectType]] = {
    "netinsts": (NETINSTS, ObjectType.NETWORK_INSTANCE),
    "volume_instances": (VOLUMES, ObjectType.VOLUME_INSTANCE),
    "app_instances": (INSTANCES, ObjectType.EDGE_APP_INSTANCE),
}


async def versions(context: Context, request: Request) -> Response:
    params = request.path_params
    sent = crud.list_query(request)
    async with context.reading(request) as work:
        profile = await crud.find(
            work,
            catalog.APP_PROFILES,
            object_id=params.get("id", ""),
            name=params.get("name", ""),
        )
        c = app_profile_versions.c
        found = await work.db.execute(
            select(c.version, c.body)
            .where(c.enterprise_id == work.scope.enterprise, c.profile_id == profile.id)
            .order_by(c.version)
        )
        items = [_version(profile.id, row.version, row.body) for row in found]
    # the contract repeats the other name of the profile as a parameter
    query = replace(sent, filters={}, order_by=sent.order_by or ("version",))
    page = page_of((Row(item, {}) for item in items), query)
    answer = AppProfileVersionListResp(
        version_list=tuple(row.item for row in page.rows), next=page.next
    )
    return JSONResponse(answer.to_json())


def _version(profile_id: str, version: int, body: str) -> AppProfileVersion:
    profile, _bundles = read_version(body)
    return AppProfileVersion(
        id=profile_id,
        name=profile.name,
        title=profile.title,
        version=version,
        app_policies=profile.app_policies,
        network_policies=profile.network_policies,
        volume_policies=profile.volume_policies,
    )


async def resource_status(context: Context, request: Request) -> Response:
    """One page of the nodes of the group that the caller may see, with what each carries."""
    sent = crud.list_query(request)
    query = replace(sent, filters={}, order_by=sent.order_by or ("assetId",))
    async with context.reading(request) as work:
        item = await crud.find(
            work, catalog.PROFILE_DEPLOYMENTS, object_id=request.path_params["id"]
        )
        made = await rows.owned_by(work.db, work.scope.enterprise, item.id)
        visible = {node.id for node in await policies.nodes_of(work, item.project_id)}
        nodes = tuple(
            Row(Asset(asset_id=one, id=one), {}) for one in sorted(made) if one in visible
        )
        page = page_of(nodes, query)
        ids = [row.item.asset_id for row in page.rows]
        fleet = await read_fleet(work, limits_in(context), ids)
        states = await _states(work, fleet, {one: made[one] for one in ids})
    detailed = ProfileDeploymentResourceDetailedStatus(
        id=item.id,
        name=item.name,
        title=item.title,
        description=item.description,
        project_id=item.project_id,
        app_profile_info=item.app_profile_info,
        target_asset_group=item.target_asset_group,
        asset_resource_status=tuple(
            ProfileDeploymentPerDeviceStatus(asset_id=one, object_status=states[one]) for one in ids
        ),
    )
    answer = ProfileDeploymentResourceDetailedStatusResp(resource_status=detailed, next=page.next)
    return JSONResponse(answer.to_json())


class Asset(Contract):
    """A node in the order of a page."""

    asset_id: str = ""
    id: str = ""


Objects = tuple[ProfileDeploymentResourceObjectStatus, ...]


async def _states(
    work: Work, fleet: Fleet, made: Mapping[str, list[tuple[str, str]]]
) -> Mapping[str, Objects]:
    found: dict[str, RunState] = {}
    for kind, (of, _type) in OBJECT_TYPES.items():
        ids = [id_ for some in made.values() for one, id_ in some if one == kind]
        found |= await _run_states(work, fleet, of, ids)
    return {
        device: tuple(
            ProfileDeploymentResourceObjectStatus(
                id=id_,
                object_type=OBJECT_TYPES[kind][1],
                object_run_state=found.get(id_, RunState.UNSPECIFIED),
            )
            for kind, id_ in some
        )
        for device, some in made.items()
    }


async def _run_states(
    work: Work, fleet: Fleet, of: StatusOf[Any, Any], ids: Sequence[str]
) -> Mapping[str, RunState]:
    items = await records.in_order(work.db, work.scope, of.resource.of, ids)
    statuses = await of.statuses(work, fleet, items)
    return {str(one.id): one.run_state for one in statuses}


READ_PROFILES = Rule(Area.EDGE_APP, Verb.READ)
ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/appprofiles/id/{id}/version", versions, READ_PROFILES),
    Route("GET", "/v1/appprofiles/name/{name}/version", versions, READ_PROFILES),
    Route(
        "GET",
        "/v1/profiledeployments/id/{id}/resourcestatus",
        resource_status,
        Rule(Area.APP_INSTANCE, Verb.READ),
    ),
)
