"""Status of projects: how many of their devices and apps are in which state."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.contract.base import Contract, JsonObject
from eaves.controller.domain.contract.project_status import (
    TagConfigStatus,
    TagStatus,
    TagStatusMsg,
)
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.northbound import catalog, crud, records
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.fleet_states import States, device_counts
from eaves.controller.northbound.paging import Row, page_of, project, summary_of
from eaves.controller.northbound.reports import read_fleet
from eaves.controller.northbound.routes import READ_DEVICES, Route
from eaves.controller.northbound.status import INSTANCES, limits_in
from eaves.controller.northbound.work import Work
from eaves.controller.store.policies import Progress, progress_by_project


@dataclass(frozen=True)
class Counted:
    """Ours, beside the members of the contract: a client that does not know them ignores them."""

    devices: Mapping[str, States]  # by project id
    apps: Mapping[str, States]
    policies: Mapping[str, Progress]

    def of(self, project_id: str) -> JsonObject:
        return {
            "devicesByState": dict(self.devices.get(project_id, {})),
            "appInstancesByState": dict(self.apps.get(project_id, {})),
        }


async def _count(context: Context, work: Work) -> Counted:
    limits = limits_in(context)
    apps = await records.list_all(work.db, work.scope, INSTANCES.resource.of)
    fleet = await read_fleet(work, limits, (app.device_id for app in apps))
    return Counted(
        devices=await device_counts(work.db, work.scope, work.now, limits),
        apps=_by_project(await INSTANCES.statuses(work, fleet, apps)),
        policies=await progress_by_project(work.db, work.scope.enterprise),
    )


def _by_project(statuses: Iterable[Contract]) -> Mapping[str, States]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for status in statuses:
        counts[str(getattr(status, "project_id", ""))][str(getattr(status, "run_state", ""))] += 1
    return counts


def state_of(progress: Progress | None) -> TagStatus:
    """In use, unless its nodes are still to be brought to its policies, or lack some of it."""
    if progress is None:
        return TagStatus.ACTIVE
    if not progress.done:
        return TagStatus.INITIALIZED
    return TagStatus.FAILED if progress.faulty else TagStatus.ACTIVE


def status_of(item: Tag, progress: Progress | None) -> TagStatusMsg:
    state = state_of(progress)
    return TagStatusMsg(id=item.id, name=item.name, status=state, type=item.type)


def config_status_of(item: Tag, progress: Progress | None) -> TagConfigStatus:
    policy = item.attestation_policy
    attestation = policy.attestation_policy if policy is not None else None
    changes = {"attest_policy_type": attestation.type} if attestation is not None else {}
    return TagConfigStatus(
        id=item.id,
        name=item.name,
        status=state_of(progress),
        type=item.type,
        tags=item.tags,
        **_policies(item),
    ).model_copy(update=changes)


def _policies(item: Tag) -> dict[str, Any]:
    """Which policies there are, and whether they bring a default network."""
    apps, network = item.app_policy, item.network_policy
    said = network.network_policy if network is not None else None
    netinsts = said.net_instance_config if said is not None else ()
    return {
        "app_policy_id": apps.id if apps is not None else "",
        "app_policy_name": apps.name if apps is not None else "",
        "network_policy_id": network.id if network is not None else "",
        "network_device_default": str(any(one.device_default for one in netinsts)).lower(),
    }


async def one(context: Context, request: Request) -> Response:
    params = request.path_params
    async with context.reading(request) as work:
        item = await crud.find(
            work,
            catalog.PROJECTS,
            object_id=params.get("id", ""),
            name=params.get("name", ""),
        )
        counted = await _count(context, work)
    status = status_of(item, counted.policies.get(item.id))
    return JSONResponse({**status.to_json(), **counted.of(item.id)})


async def many(context: Context, request: Request) -> Response:
    return await _listing(context, request, status_of)


async def many_with_config(context: Context, request: Request) -> Response:
    return await _listing(context, request, config_status_of)


async def _listing(
    context: Context,
    request: Request,
    make: Callable[[Tag, Progress | None], TagStatusMsg | TagConfigStatus],
) -> Response:
    query = crud.list_query(request)
    async with context.reading(request) as work:
        items = await records.list_all(work.db, work.scope, records.PROJECT)
        counted = await _count(context, work)
    statuses = tuple(make(item, counted.policies.get(item.id)) for item in items)
    rows = (Row(status, {}, item) for status, item in zip(statuses, items, strict=True))
    page = page_of(rows, query)
    shown = () if query.summary else page.rows
    listed: list[JsonObject] = [{**row.item.to_json(), **counted.of(row.item.id)} for row in shown]
    return JSONResponse(
        {
            "list": [project(one, query.fields) for one in listed],
            "next": page.next.to_json(),
            "totalCount": page.total,
            "summaryByState": summary_of((s.status for s in statuses), "state").to_json(),
            "summaryByType": summary_of((s.type for s in statuses), "type").to_json(),
        }
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/projects/status", many, READ_DEVICES),
    Route("GET", "/v1/projects/status-config", many_with_config, READ_DEVICES),
    Route("GET", "/v1/projects/id/{id}/status", one, READ_DEVICES),
    Route("GET", "/v1/projects/name/{name}/status", one, READ_DEVICES),
)
