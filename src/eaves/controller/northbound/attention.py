"""What may need a person now, in one answer, below `/v1/ext`: for a page that stays open all day.

Each part is the first of a list that has an operation of its own; `more` tells that it goes on
there.  Nothing is read object by object, so that a fleet of ten thousand is told as fast as ten.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.alerts.messages import shown as shown_incident
from eaves.controller.domain.attestation import PASS, PASS_NO_PCR
from eaves.controller.domain.contract.base import JsonObject, rfc3339
from eaves.controller.domain.contract.statuses import RunState
from eaves.controller.domain.rollouts import Phase
from eaves.controller.domain.status.liveness import Limits
from eaves.controller.northbound import records
from eaves.controller.northbound.buckets import both_ways
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.fleet_states import device_counts
from eaves.controller.northbound.periods import page_size
from eaves.controller.northbound.routes import READ_DEVICES, Route
from eaves.controller.northbound.status import limits_in
from eaves.controller.northbound.work import Work
from eaves.controller.store import alerts, attention, rollouts
from eaves.controller.store.attention import Troubled, Unattested, Unclaimed
from eaves.controller.store.rollouts import Rollout
from eaves.controller.store.tables import Kind
from eaves.controller.store.unclaimed import UNCLAIMED_KEPT
from eaves.evapi.info import ZDeviceState

T = TypeVar("T")
Names = Mapping[str, str]

OF_EACH: Final = 50  # unless next.pageSize says otherwise
HELD: Final = (Phase.PAUSED, Phase.UNDO_HELD)  # they go on when a person says so
PASSED: Final = (PASS, PASS_NO_PCR)
NOT_AT_WORK: Final = {ZDeviceState.ZDEVICE_STATE_MAINTENANCE_MODE: RunState.MAINTENANCE_MODE}


async def everything(context: Context, request: Request) -> Response:
    """Roll-outs that are held, open incidents that nobody acknowledged, nodes that are silent or
    not attested, machines that knock without a record: `next.pageSize` of each; `states` counts
    all nodes.
    """
    limit = page_size(request, OF_EACH)
    limits = limits_in(context)
    async with context.reading(request) as work:
        db, scope = work.db, work.scope
        projects = await records.names_of(db, scope, Kind.PROJECT)
        incidents = await alerts.unattended_incidents(db, scope, limit + 1)
        states, _ = both_ways(await device_counts(db, scope, work.now, limits))
        told: JsonObject = {
            "rollouts": _part([_rollout(one) for one in await _held(work)], limit),
            "incidents": _part([shown_incident(one) for one in incidents], limit),
            "nodes": _part(await _troubled(work, limits, projects, limit), limit),
            "unattested": _part(await _unattested(work, projects, limit), limit),
            "unclaimed": _part(await _unclaimed(work, limit), limit),
            "states": dict(states),
        }
    return JSONResponse(told)


async def unattested(context: Context, request: Request) -> Response:
    """Nodes that did not pass their last attestation, and those that have to and never did, by
    name; `next.pageSize` of them.
    """
    limit = page_size(request, OF_EACH)
    async with context.reading(request) as work:
        projects = await records.names_of(work.db, work.scope, Kind.PROJECT)
        told = await _unattested(work, projects, limit)
    return JSONResponse(_part(told, limit))


async def unclaimed(context: Context, request: Request) -> Response:
    """Machines that came with an onboarding key of a node that the caller sees, and have no record:
    the newest first.  A node with that serial and key lets one in.
    """
    limit = min(page_size(request, UNCLAIMED_KEPT), UNCLAIMED_KEPT)
    async with context.reading(request) as work:
        told = await _unclaimed(work, limit)
    return JSONResponse(_part(told, limit))


def _part(found: Sequence[T], limit: int) -> JsonObject:
    return {"list": list(found[:limit]), "more": len(found) > limit}


async def _held(work: Work) -> list[Rollout]:
    found = await rollouts.listed(work.db, work.scope, work.principal.user_id)
    return [one for one in found if one.phase in HELD]


async def _troubled(work: Work, limits: Limits, projects: Names, limit: int) -> list[JsonObject]:
    suspect = work.now - limits.suspect
    found = await attention.troubled_in(
        work.db, work.scope, suspect, [int(state) for state in NOT_AT_WORK], limit + 1
    )
    return [_node(one, _state(one, work, limits), projects) for one in found]


def _state(one: Troubled, work: Work, limits: Limits) -> RunState:
    """As `device_states` decides it."""
    if one.last_seen is not None and one.last_seen < work.now - limits.offline:
        return RunState.OFFLINE
    if one.last_seen is not None and one.last_seen < work.now - limits.suspect:
        return RunState.SUSPECT
    return NOT_AT_WORK[ZDeviceState(one.reported_state or 0)]


async def _unattested(work: Work, projects: Names, limit: int) -> list[JsonObject]:
    found = await attention.unattested_in(work.db, work.scope, PASSED, limit + 1)
    return [_not_attested(one, projects) for one in found]


async def _unclaimed(work: Work, limit: int) -> list[JsonObject]:
    found = await attention.unclaimed_in(work.db, work.scope, limit + 1)
    return [_knocking(one) for one in found]


def _rollout(one: Rollout) -> JsonObject:
    return {
        "id": one.id,
        "name": one.name,
        "phase": one.phase.value,
        "wave": one.wave + 1,
        "reasons": list(one.reasons),
        "createdAt": rfc3339(one.created_at),
    }


def _node(one: Troubled, state: RunState, projects: Names) -> JsonObject:
    return {
        "id": one.id,
        "name": one.name,
        "projectId": one.project_id,
        "projectName": projects.get(one.project_id, ""),
        "runState": state.value,
        **({} if one.last_seen is None else {"lastSeen": rfc3339(one.last_seen)}),
    }


def _not_attested(one: Unattested, projects: Names) -> JsonObject:
    return {
        "id": one.id,
        "name": one.name,
        "projectId": one.project_id,
        "projectName": projects.get(one.project_id, ""),
        "attestState": one.state or "ATTEST_STATE_NONE",
        "detail": one.detail,
        **({} if one.attested_at is None else {"attestedAt": rfc3339(one.attested_at)}),
    }


def _knocking(one: Unclaimed) -> JsonObject:
    return {
        "serialno": one.serial,
        "softSerial": one.soft_serial,
        "obkey": one.onboarding_key,
        "attempts": one.attempts,
        "firstAt": rfc3339(one.first_at),
        "lastAt": rfc3339(one.last_at),
    }


SIZE: Final = (("next.pageSize", "how many of each; 50 unless it is given"),)
ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/ext/attention", everything, READ_DEVICES, query=SIZE),
    Route("GET", "/v1/ext/attention/unattested", unattested, READ_DEVICES, query=SIZE),
    Route("GET", "/v1/ext/attention/unclaimed", unclaimed, READ_DEVICES, query=SIZE),
)
