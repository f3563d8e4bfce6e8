"""A bulk request tried: what would come of each object, of which nothing stays.

Everything happens as the job would do it, in one transaction that is undone.  It holds up other
writers meanwhile, so it is of the first objects only; the job itself has no such bound.
"""

from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.domain.contract.jobs import BulkConfig, BulkService
from eaves.controller.northbound.bulk import deploying
from eaves.controller.northbound.bulk.carrying import text_of
from eaves.controller.northbound.bulk.operations import BulkOperation
from eaves.controller.northbound.bulk.selecting import check_selection, selection_of
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.work import Work
from eaves.controller.store.audit_chain import savepoint
from eaves.controller.store.bulk_jobs import Found, JobObject, Outcome
from eaves.controller.store.bulk_selection import find_selected
from eaves.errors import EavesError

MOST: Final = 50  # objects of one trial


class _UndoneError(Exception):
    """Leaves the transaction of a trial."""


async def try_out(
    context: Context, request: Request, operation: BulkOperation, config: BulkConfig
) -> Response:
    """`more`: there are objects beyond those that were tried.  Raises Problem."""
    told: list[JsonObject] = []
    more = False
    try:
        async with context.writing(request) as work:
            found = await _objects(work, operation, config)
            more = len(found) > MOST
            for number, one in enumerate(found[:MOST]):
                told.append(await _tried(work, operation, config, number, one))
            _leave()
    except _UndoneError:
        pass
    failed = sum(1 for one in told if not one["fits"])
    return JSONResponse({"dryRun": True, "failed": failed, "more": more, "list": told})


def _leave() -> None:
    raise _UndoneError


async def _objects(work: Work, operation: BulkOperation, config: BulkConfig) -> tuple[Found, ...]:
    """Raises Problem with every reason against the request as a whole."""
    refusals = await operation.check(work, config)
    selection = selection_of(operation, config)
    if operation.listed is None:
        refusals += await check_selection(work, selection)
    if refusals:
        raise Problem.of_refusals(refusals)
    if operation.listed is not None:
        return tuple(operation.listed(config))[: MOST + 1]
    found = await find_selected(work.db, work.scope, selection, limit=MOST + 1)
    if operation.service is not BulkService.APPINSTANCE_DEPLOY:
        return found
    parts, template = deploying.parts_of(config), deploying.template_of(config)
    return tuple(
        Found(one.object_id, one.object_name, one.project_id, part)
        for one in found
        if (part := parts.get(one.object_id, template)) is not None
    )


async def _tried(
    work: Work, operation: BulkOperation, config: BulkConfig, number: int, one: Found
) -> JsonObject:
    each = JobObject(
        number, one.object_id, one.object_name, one.project_id, one.part, Outcome.PENDING
    )
    fits, result = True, ""
    try:
        async with savepoint(work.db):
            result = (await operation.apply(work, each, config)).text
    except (EavesError, ValidationError) as error:
        fits, result = False, text_of(error)
    return {
        "objectId": one.object_id,
        "objectName": one.object_name,
        "fits": fits,
        "result": result,
    }
