"""Changes that touch many devices: how far each has come, and which a device still waits for."""

import dataclasses

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.contract.base import JsonObject, rfc3339
from eaves.controller.domain.why import Cause, Why
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.problems import not_found
from eaves.controller.northbound.routes import READ_DEVICES, Route
from eaves.controller.northbound.work import Work
from eaves.controller.store import render_jobs
from eaves.controller.store.render_jobs import RenderJob
from eaves.controller.store.tables import Kind


def shown(job: RenderJob) -> JsonObject:
    return {
        "id": job.id,
        "objectKind": job.object_kind,
        "objectId": job.object_id,
        "objectName": job.object_name,
        "user": job.user_name,
        "createdAt": rfc3339(job.created_at),
        **({"finishedAt": rfc3339(job.finished_at)} if job.finished_at is not None else {}),
        "total": job.total,
        "rendered": job.rendered,
        "failed": job.failed,
    }


async def many(context: Context, request: Request) -> Response:
    async with context.reading(request) as work:
        jobs = await render_jobs.list_jobs(work.db, work.scope.enterprise)
    return JSONResponse({"list": [shown(job) for job in jobs], "totalCount": len(jobs)})


async def one(context: Context, request: Request) -> Response:
    job_id = request.path_params["id"]
    async with context.reading(request) as work:
        found = await render_jobs.list_jobs(work.db, work.scope.enterprise, job_id=job_id)
    if not found:
        raise not_found("render job", job_id)
    return JSONResponse(shown(found[0]))


async def with_waiting(work: Work, device_id: str, told: Why) -> Why:
    """A device that lacks a change is not as it should be, whatever else is said of it."""
    jobs = await render_jobs.jobs_waiting_for(work.db, work.scope.enterprise, device_id)
    if not jobs:
        return told
    waiting = tuple(_cause(job) for job in jobs)
    return dataclasses.replace(told, met=False, causes=waiting + (() if told.met else told.causes))


def _cause(job: RenderJob) -> Cause:
    noun = Kind(job.object_kind).noun
    failed = f", {job.failed} failed and are tried again by themselves" if job.failed else ""
    return Cause(
        f"config not rendered yet: {noun} {job.object_name!r} was changed, "
        f"job {job.id} {job.rendered:,}/{job.total:,}{failed}",
        since=job.created_at,
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/eaves/render-jobs", many, READ_DEVICES),
    Route("GET", "/v1/eaves/render-jobs/id/{id}", one, READ_DEVICES),
)
