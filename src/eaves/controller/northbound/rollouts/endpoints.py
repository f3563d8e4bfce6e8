"""Staged roll-outs through REST, below `/v1/eaves/rollouts`."""

import json
from dataclasses import replace
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.audit import AuditEntry
from eaves.controller.domain.contract.base import JsonObject, rfc3339
from eaves.controller.domain.contract.envelope import ObjectDetail, ZcOpsType, ZsrvErrorCode
from eaves.controller.domain.contract.rollouts import RolloutSpec
from eaves.controller.domain.rollouts import MOVES, Count, Move, Phase, Standing
from eaves.controller.northbound import crud
from eaves.controller.northbound.context import Context, scope_for
from eaves.controller.northbound.paging import Facts, Row, page_of
from eaves.controller.northbound.problems import Problem, Target, not_found
from eaves.controller.northbound.rollouts.specs import SERVICES, check, operation_of, plan_of
from eaves.controller.northbound.routes import READ_DEVICES, Endpoint, Route
from eaves.controller.northbound.work import Work
from eaves.controller.store import rollouts
from eaves.controller.store.events import Event, insert_audit, insert_event
from eaves.controller.store.rollouts import Rollout, RolloutObject

KIND: Final = "rollouts"
NOUN: Final = "roll-out"
PATH: Final = "/v1/eaves/rollouts"
PAGE: Final = 1000
DONE: Final = {
    Move.PAUSE: "paused",
    Move.RESUME: "resumed",
    Move.ABORT: "aborted",
    Move.UNDO: "undo asked",
}


def _target(one: Rollout) -> Target:
    return Target(KIND, id=one.id, name=one.name)


async def note(work: Work, one: Rollout, what: str, **told: object) -> None:
    who = work.principal
    await insert_event(
        work.db,
        Event(
            at=work.now,
            enterprise_id=one.enterprise_id,
            event_type=f"ROLLOUT_{what.upper().replace(' ', '_')}",
            description=f"{NOUN} {one.name}: {what} by {who.user_name}",
            severity="SEVERITY_INFO",
            source="USER",
            project_id=one.project_id,
            user_name=who.user_name,
            object_kind=KIND,
            object_id=one.id,
            object_name=one.name,
            data=json.dumps(told),
        ),
    )
    await insert_audit(
        work.db,
        AuditEntry(
            at=work.now,
            enterprise_id=one.enterprise_id,
            verb=what,
            result="done",
            project_id=one.project_id,
            user_id=who.user_id,
            user_name=who.user_name,
            client=who.client,
            request_id=work.request_id,
            object_kind=KIND,
            object_id=one.id,
            object_name=one.name,
            changes=json.dumps(told),
        ),
    )


def shown(one: Rollout, counts: tuple[Count, ...]) -> JsonObject:
    """The roll-out, how each wave stands, and why it stands where it stands."""
    return {
        "id": one.id,
        "name": one.name,
        "phase": one.phase.value,
        "wave": one.wave + 1,
        "reasons": list(one.reasons),
        "user": one.user_name,
        **({"undoUser": one.undo_user_name} if one.undo_user_name else {}),
        "createdAt": rfc3339(one.created_at),
        **({"endedAt": rfc3339(one.ended_at)} if one.ended_at is not None else {}),
        "spec": json.loads(one.spec),
        "waves": [
            {
                "wave": number,
                "total": count.total + count.undone,
                "waiting": count.waiting,
                "started": count.started,
                "succeeded": count.succeeded,
                "failed": count.failed,
                "undone": count.undone,
            }
            for number, count in enumerate(counts, 1)
        ],
    }


async def _find(work: Work, reference: str) -> Rollout:
    """By name or id.  Raises Problem(404)."""
    one = await rollouts.find(work.db, work.scope, work.principal.user_id, reference)
    if one is None:
        raise not_found(NOUN, reference)
    return one


async def _shown(work: Work, one: Rollout) -> JsonObject:
    waves = len(plan_of(RolloutSpec.from_json_text(one.spec)).waves)
    return shown(one, await rollouts.counts(work.db, one, waves))


def _facts(one: Rollout) -> Facts:
    """What a list of them is filtered and ordered by, beside id and name."""
    return {
        "phase": one.phase.value,
        "operationType": one.operation,
        "projectId": one.project_id,
        "user": one.user_name,
        "createdAt": rfc3339(one.created_at),
        "endedAt": "" if one.ended_at is None else rfc3339(one.ended_at),
    }


async def listing(context: Context, request: Request) -> Response:
    """The newest first, unless another order is asked for."""
    query = crud.list_query(request)
    query = replace(query, order_by=query.order_by or ("createdAt:desc",))
    async with context.reading(request) as work:
        found = await rollouts.listed(work.db, work.scope, work.principal.user_id)
        by_id = {one.id: one for one in found}
        rows = (Row(ObjectDetail(id=one.id, name=one.name), _facts(one)) for one in found)
        page = page_of(rows, query)
        told = [await _shown(work, by_id[row.item.id]) for row in page.rows]
    return JSONResponse({"list": told, "next": page.next.to_json(), "totalCount": page.total})


async def read(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        told = await _shown(work, await _find(work, request.path_params["id"]))
    return JSONResponse(told)


async def objects(context: Context, request: Request) -> Response:
    """A page of its objects; `standing` narrows."""
    query = crud.list_query(request)
    words = query.filters.get("standing", ())
    if strangers := [word for word in words if word not in Standing.__members__]:
        raise Problem(
            400,
            f"{strangers} are none of {', '.join(Standing)}",
            code=ZsrvErrorCode.BAD_REQ_PARAM,
            location="standing",
        )
    size = min(query.page_size, PAGE)
    async with context.reading(request) as work:
        one = await _find(work, request.path_params["id"])
        found = await rollouts.objects(
            work.db,
            one,
            scope=work.scope,
            standings=[Standing(word) for word in words],
            after=query.page_token,
            limit=size + 1,
        )
    more = found[size - 1].object_id if len(found) > size else ""
    return JSONResponse(
        {"list": [_row(each) for each in found[:size]], "next": {"pageToken": more}}
    )


def _row(each: RolloutObject) -> JsonObject:
    return {
        "objectId": each.object_id,
        "objectName": each.object_name,
        "deviceId": each.device_id,
        "wave": each.wave + 1,
        "group": each.group,
        "standing": each.standing.value,
        "result": each.result,
        **({"startedAt": rfc3339(each.started_at)} if each.started_at is not None else {}),
        **({"settledAt": rfc3339(each.settled_at)} if each.settled_at is not None else {}),
    }


async def create(context: Context, request: Request) -> Response:
    spec = await crud.read_body(request, RolloutSpec)
    async with context.writing(request) as work:
        if spec.operation_type in SERVICES:
            scope = scope_for(work.principal, operation_of(spec).rule)
            work = replace(work, principal=replace(work.principal, scope=scope))  # noqa: PLW2901 - with the scope of what is asked for
        refusals = await check(work, spec)
        if refusals:
            raise Problem.of_refusals(refusals, Target(KIND, name=spec.name))
        criteria = spec.selection_criteria
        one = Rollout(
            enterprise_id=work.scope.enterprise,
            id=work.new_id(),
            name=spec.name,
            operation=spec.operation_type.value,
            spec=spec.to_json_text(),
            user_id=work.principal.user_id,
            user_name=work.principal.user_name,
            created_at=work.now,
            updated_at=work.now,
            project_id=criteria.project_id if criteria is not None else "",
            reasons=("it looks for its objects",),
        )
        await rollouts.insert_rollout(work.db, one)
        await note(work, one, "created", operation=one.operation)
    return context.envelopes.success(
        _target(one), operation=ZcOpsType.CREATE, user=one.user_name, job=one.id
    )


def moves(move: Move) -> Endpoint:
    """Once this is answered, it holds: the row of the roll-out was locked for it."""

    async def endpoint(context: Context, request: Request) -> Response:
        async with context.writing(request) as work:
            found = await _find(work, request.path_params["id"])
            one = await rollouts.lock(work.db, found)
            if one is None:
                raise not_found(NOUN, found.id)
            await _require_all(work, one)
            phase = MOVES.get((one.phase, move))
            if phase is None:
                raise Problem(
                    409,
                    f"{NOUN} {one.name!r} is {one.phase}; {move.value} means nothing to it",
                    target=_target(one),
                )
            done = f"{DONE[move]} by {work.principal.user_name}"
            # who resumes after too few succeeded goes on with the next wave
            accepted = one.accepted
            if move is Move.RESUME and await _lost(work, one):
                accepted = max(accepted, one.wave + 1)
            who = work.principal
            undone_by = (who.user_id, who.user_name) if move is Move.UNDO else ("", "")
            await rollouts.put(
                work.db,
                replace(
                    one,
                    phase=phase,
                    reasons=(done,),
                    accepted=accepted,
                    updated_at=work.now,
                    ended_at=work.now if phase is Phase.ABORTED else None,
                    undo_user_id=undone_by[0],
                    undo_user_name=undone_by[1],
                ),
            )
            await note(work, one, DONE[move])
        return context.envelopes.success(
            _target(one), operation=ZcOpsType.UPDATE, user=work.principal.user_name
        )

    return endpoint


async def _require_all(work: Work, one: Rollout) -> None:
    """Who moves a roll-out may do what it does, with all that it is about.  Raises Problem(403)."""
    rule = operation_of(RolloutSpec.from_json_text(one.spec)).rule
    scope = scope_for(work.principal, rule)
    if not await rollouts.all_inside(work.db, scope, work.principal.user_id, one):
        raise Problem(
            403,
            f"{NOUN} {one.name!r} is about projects in which role "
            f"{work.principal.rights.role_name!r} of user {work.principal.user_name!r} does not "
            f"grant {rule.verb} in {rule.area}; ask somebody who has it in all of them",
            target=_target(one),
        )


async def _lost(work: Work, one: Rollout) -> bool:
    """Whether its wave cannot reach the threshold any more."""
    plan = plan_of(RolloutSpec.from_json_text(one.spec))
    counts = await rollouts.counts(work.db, one, len(plan.waves))
    return one.wave < len(counts) and counts[one.wave].lost(plan.threshold_percent)


ROUTES: tuple[Route, ...] = (
    Route("GET", PATH, listing, READ_DEVICES),
    Route("POST", PATH, create, READ_DEVICES, RolloutSpec),
    Route("GET", f"{PATH}/id/{{id}}", read, READ_DEVICES),
    Route("GET", f"{PATH}/id/{{id}}/objects", objects, READ_DEVICES),
    *(Route("PUT", f"{PATH}/id/{{id}}/{move.value}", moves(move), READ_DEVICES) for move in Move),
)
