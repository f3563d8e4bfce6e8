"""Service `job` of the contract, and what is ours: abort a job, page through its results."""

from collections import Counter
from dataclasses import replace
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from eaves.controller.domain.authz import Area, Rule, Verb
from eaves.controller.domain.contract.base import JsonObject, rfc3339
from eaves.controller.domain.contract.envelope import (
    ObjectRevision,
    ObjectType,
    ZcOpsType,
    ZsrvErrorCode,
)
from eaves.controller.domain.contract.jobs import (
    BulkConfig,
    BulkService,
    JobConfig,
    JobConfigList,
    JobStatus,
    SelectionCriteria,
)
from eaves.controller.domain.numerals import number_of
from eaves.controller.northbound import crud, records
from eaves.controller.northbound.bulk import asking
from eaves.controller.northbound.bulk.asking import NOUN, note, require_all, target_of
from eaves.controller.northbound.bulk.operations import BY_SERVICE
from eaves.controller.northbound.bulk.selecting import read_selection
from eaves.controller.northbound.bulk.trial import try_out
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.global_hardware import IMPORT
from eaves.controller.northbound.paging import Page, Row, page_of, project, summary_from
from eaves.controller.northbound.problems import Problem, not_found
from eaves.controller.northbound.routes import (
    CHANGE_DEVICES,
    READ_DEVICES,
    RUN_DEVICES,
    RUN_INSTANCES,
    Endpoint,
    Route,
)
from eaves.controller.northbound.work import Work
from eaves.controller.store import bulk_jobs
from eaves.controller.store.bulk_jobs import BulkJob, JobObject, Outcome, State
from eaves.controller.store.tables import Kind

STATUS: Final = "JOB_STATUS_"
PAGE: Final = 1000


def shown(job: BulkJob, objects: tuple[JobObject, ...] = ()) -> JobConfig:
    """The job as the contract says; lists leave the objects out."""
    selection = read_selection(job.selection, Kind.DEVICE) if job.selection else None
    return JobConfig(
        id=job.id,
        name=job.name,
        title=job.title,
        description=job.description,
        object_type=ObjectType(job.object_type),
        operation_type=BulkService(job.operation),
        project_id=job.project_id,
        status=JobStatus(STATUS + job.state),
        start_time=rfc3339(job.started_at) if job.started_at is not None else "",
        finish_time=rfc3339(job.finished_at) if job.finished_at is not None else "",
        error_detail_of_job=_errors(job),
        object_list=tuple(one.object_id for one in objects),
        individual_op_status={one.object_id: _told(one) for one in objects},
        selection_criteria=SelectionCriteria(
            project_id=selection.project_id,
            bundle_id=selection.bundle_id,
            device_id_list=tuple(sorted(selection.devices)) if objects else (),
        )
        if selection is not None
        else None,
        revision=ObjectRevision(
            curr=str(job.revision),
            prev=str(job.revision - 1) if job.revision > 1 else "",
            created_at=rfc3339(job.created_at),
            created_by=job.user_name,
            updated_at=rfc3339(job.updated_at),
            updated_by=job.updated_by,
        ),
    )


def _told(one: JobObject) -> str:
    return one.result if one.state is Outcome.FAILED else one.state.value


def _errors(job: BulkJob) -> str:
    if job.detail or not job.failed:
        return job.detail
    return f"{job.failed:,} of {job.total:,} objects failed; individualOpStatus says why"


async def _find(work: Work, *, job_id: str = "", name: str = "", object_type: str = "") -> BulkJob:
    """Raises Problem(404)."""
    job = await bulk_jobs.find_job(
        work.db, work.scope, work.principal.user_id, job_id=job_id, name=name
    )
    if job is None:
        raise not_found(NOUN, job_id or name)
    wanted = ObjectType(object_type)
    if not wanted.known:
        raise Problem(
            400,
            f"{object_type!r} is no object type; give one such as {ObjectType.EDGE_NODE}",
            code=ZsrvErrorCode.BAD_REQ_PARAM,
            location="objectType",
        )
    if wanted not in (ObjectType.UNSPECIFIED, ObjectType(job.object_type)):
        raise not_found(f"{NOUN} about {wanted.value}", job_id or name)
    return job


async def read(context: Context, request: Request) -> Response:
    params = request.path_params
    async with context.reading(request) as work:
        job = await _find(
            work,
            job_id=params.get("id", ""),
            name=params.get("name", ""),
            object_type=params.get("objectType", ""),
        )
        objects = await bulk_jobs.objects_of_job(work.db, work.scope, job)
    return JSONResponse(shown(job, objects).to_json())


async def listing(context: Context, request: Request) -> Response:
    query = crud.list_query(request)
    async with context.reading(request) as work:
        jobs = await bulk_jobs.list_jobs(work.db, work.scope, work.principal.user_id)
        projects = await records.names_of(work.db, work.scope, Kind.PROJECT)
    rows = [
        Row(
            shown(job),
            {
                "projectName": projects.get(job.project_id, ""),
                "startedBy": job.user_name,
            },
        )
        for job in jobs
    ]
    page = page_of(rows, query)
    if query.summary:
        page = Page((), page.next, page.total)
    made = JobConfigList(
        list=tuple(row.item for row in page.rows),
        next=page.next,
        summary_by_state=summary_from(
            Counter(STATUS + job.state for job in jobs), "Jobs by their state"
        ),
    ).to_json()
    if query.fields:
        made["list"] = [project(one, query.fields) for one in made["list"]]
    return JSONResponse({**made, "totalCount": page.total})


async def create(context: Context, request: Request) -> Response:
    sent = await crud.read_body(request, JobConfig)
    async with context.writing(request) as work:
        job = await asking.create(work, sent)
    return context.envelopes.success(
        target_of(job), operation=ZcOpsType.CREATE, user=work.principal.user_name, job=job.id
    )


async def replace_texts(context: Context, request: Request) -> Response:
    """Name, title and description; what a job does stays as it was asked for."""
    sent = await crud.read_body(request, JobConfig)
    async with context.writing(request) as work:
        job = await _lock(work, await _find(work, job_id=request.path_params["id"]))
        await require_all(work, job)
        asking.refuse_change(sent, job)
        changed = replace(
            job,
            name=sent.name or job.name,
            title=sent.title or job.title,
            description=sent.description,
        )
        await bulk_jobs.update_texts(work.db, changed, work.now, work.principal.user_name)
        await note(
            work,
            changed,
            "changed",
            **{
                member: [getattr(job, member), getattr(changed, member)]
                for member in ("name", "title", "description")
                if getattr(job, member) != getattr(changed, member)
            },
        )
    return context.envelopes.success(
        target_of(replace(changed, revision=job.revision + 1)),
        operation=ZcOpsType.UPDATE,
        user=work.principal.user_name,
    )


async def _lock(work: Work, job: BulkJob) -> BulkJob:
    """As it is now, and no batch begins before this transaction ends."""
    locked = await bulk_jobs.lock_job(work.db, job.enterprise_id, job.id)
    if locked is None:
        raise not_found(NOUN, job.id)
    return locked


async def delete(context: Context, request: Request) -> Response:
    """A job that runs is ended by that: nothing more is begun."""
    params = request.path_params
    async with context.writing(request) as work:
        job = await _find(work, job_id=params["id"], object_type=params["objectType"])
        job = await _lock(work, job)
        await require_all(work, job)
        await bulk_jobs.delete_job(work.db, job)
        await note(work, job, "deleted", state=job.state, done=job.done, total=job.total)
    return context.envelopes.success(
        target_of(job), operation=ZcOpsType.DELETE, user=work.principal.user_name
    )


async def abort(context: Context, request: Request) -> Response:
    """Once this is answered, nothing more is begun."""
    async with context.writing(request) as work:
        job = await _lock(work, await _find(work, job_id=request.path_params["id"]))
        await require_all(work, job)
        if job.ended:
            raise Problem(409, f"job {job.name!r} is {job.state} already", target=target_of(job))
        detail = (
            f"aborted by {work.principal.user_name} after {job.done:,} of {job.total:,} objects"
        )
        await bulk_jobs.finish(work.db, job, State.ABORTED, work.now, detail)
        await note(work, job, "aborted", done=job.done, total=job.total)
    return context.envelopes.success(
        target_of(job), operation=ZcOpsType.UPDATE, user=work.principal.user_name
    )


async def results(context: Context, request: Request) -> Response:
    """A page of objects in the order in which they are done; `state` narrows."""
    query = crud.list_query(request)
    words = query.filters.get("state", ())
    strangers = [word for word in words if word not in Outcome.__members__]
    if strangers or number_of(query.page_token or "0") is None:
        raise Problem(
            400,
            f"state is one of {', '.join(Outcome)}, next.pageToken that of the page before",
            code=ZsrvErrorCode.BAD_REQ_PARAM,
            location="state" if strangers else "next.pageToken",
        )
    size = min(query.page_size, PAGE)
    async with context.reading(request) as work:
        job = await _find(work, job_id=request.path_params["id"])
        counts = await bulk_jobs.count_objects(work.db, work.scope, job)
        found = await bulk_jobs.objects_of_job(
            work.db,
            work.scope,
            job,
            after=int(query.page_token or "0"),
            limit=size + 1,
            states=[Outcome(word) for word in words],
        )
    page = found[:size]
    more = str(page[-1].number) if len(found) > size else ""
    return JSONResponse(
        {
            "job": {**shown(job).to_json(), "total": job.total},
            "list": [_row(one) for one in page],
            "next": {"pageToken": more, "pageSize": size},
            "summaryByState": summary_from(
                {state.value: count for state, count in counts.items()}, "Objects by their state"
            ).to_json(),
            "totalCount": sum(counts.values()),
        }
    )


def _row(one: JobObject) -> JsonObject:
    return {
        "objectId": one.object_id,
        "objectName": one.object_name,
        "state": one.state.value,
        "result": one.result,
        **({"madeId": one.made_id} if one.made_id else {}),
        **({"doneAt": rfc3339(one.done_at)} if one.done_at is not None else {}),
    }


def asks(service: BulkService) -> Endpoint:
    async def endpoint(context: Context, request: Request) -> Response:
        """With `dryRun=true` nothing is done, and told what would come of the first objects."""
        config = await crud.read_body(request, BulkConfig)
        if request.query_params.get("dryRun", "").lower() in ("true", "1"):
            return await try_out(context, request, BY_SERVICE[service], config)
        async with context.writing(request) as work:
            job = await asking.ask(work, BY_SERVICE[service], config)
        return context.envelopes.success(
            target_of(job), operation=ZcOpsType.CREATE, user=work.principal.user_name, job=job.id
        )

    return endpoint


def _bulk(path: str, service: BulkService, needs: Rule) -> Route:
    return Route("PUT", f"/v1/jobs/{path}", asks(service), needs)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/jobs", listing, READ_DEVICES),
    Route("POST", "/v1/jobs", create, READ_DEVICES),
    Route("GET", "/v1/jobs/id/{id}", read, READ_DEVICES),
    Route("PUT", "/v1/jobs/id/{id}", replace_texts, READ_DEVICES),
    Route("GET", "/v1/jobs/id/{id}/objectType/{objectType}", read, READ_DEVICES),
    Route("DELETE", "/v1/jobs/id/{id}/objectType/{objectType}", delete, READ_DEVICES),
    Route("GET", "/v1/jobs/name/{name}/objectType/{objectType}", read, READ_DEVICES),
    _bulk("devices/baseos/upgrade", BulkService.BASEOS_UPDATE, CHANGE_DEVICES),
    _bulk("devices/baseos/upgrade/retry", BulkService.BASEOS_UPDATE_RETRY, RUN_DEVICES),
    _bulk("devices/tags", BulkService.DEVICE_TAG_UPDATE, CHANGE_DEVICES),
    _bulk("devices/deployment/tags", BulkService.DEVICE_TAG_DEPLOYMENT_UPDATE, CHANGE_DEVICES),
    _bulk("devices/project/target", BulkService.DEVICE_PROJECT_AND_TARGET_UPDATE, CHANGE_DEVICES),
    _bulk(
        "apps/instances/create",
        BulkService.APPINSTANCE_DEPLOY,
        Rule(Area.APP_INSTANCE, Verb.CREATE),
    ),
    _bulk("apps/instances/refresh", BulkService.APPINSTANCE_REFRESH, RUN_INSTANCES),
    _bulk("apps/instances/refresh/purge", BulkService.APPINSTANCE_PURGE, RUN_INSTANCES),
    _bulk("models/import", BulkService.MODEL_IMPORT, IMPORT),
    _bulk(
        "apps/bundles/import",
        BulkService.BUNDLE_IMPORT,
        Rule(Area.EDGE_APP, Verb.CREATE),
    ),
    Route("PUT", "/v1/eaves/jobs/id/{id}/abort", abort, READ_DEVICES),
    Route("GET", "/v1/eaves/jobs/id/{id}/objects", results, READ_DEVICES),
)
