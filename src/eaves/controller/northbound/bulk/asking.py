"""How a bulk job is asked for: what is checked, and what is kept of the request."""

import json
from dataclasses import replace
from typing import Final

from eaves.controller.domain.admission.refusal import (
    NAME,
    Refusal,
    conflict,
    invalid,
)
from eaves.controller.domain.audit import AuditEntry
from eaves.controller.domain.contract.envelope import ObjectType, ZsrvErrorCode
from eaves.controller.domain.contract.jobs import BulkConfig, BulkService, JobConfig
from eaves.controller.northbound import crud
from eaves.controller.northbound.bulk.carrying import purpose_of
from eaves.controller.northbound.bulk.operations import BY_SERVICE, BulkOperation
from eaves.controller.northbound.bulk.selecting import (
    check_selection,
    read_selection,
    selection_of,
    write_selection,
)
from eaves.controller.northbound.context import scope_for
from eaves.controller.northbound.problems import Problem, Target, not_found
from eaves.controller.northbound.routes import CHANGE_DEVICES
from eaves.controller.northbound.work import Work
from eaves.controller.store import bulk_jobs
from eaves.controller.store.bulk_jobs import BulkJob, State
from eaves.controller.store.bulk_selection import Selection
from eaves.controller.store.events import Event, insert_audit, insert_event

KIND: Final = "jobs"
NOUN: Final = "job"


def target_of(job: BulkJob) -> Target:
    return Target(KIND, ObjectType(job.object_type), job.id, job.name, str(job.revision))


async def note(work: Work, job: BulkJob, what: str, **told: object) -> None:
    """An event for people, an audit row for proof."""
    who = work.principal
    await insert_event(
        work.db,
        Event(
            at=work.now,
            enterprise_id=job.enterprise_id,
            event_type=f"JOB_{what.upper().replace(' ', '_')}",
            description=f"{NOUN} {job.name}: {what} by {who.user_name}",
            severity="SEVERITY_INFO",
            source="USER",
            project_id=job.project_id,
            user_name=who.user_name,
            object_kind=KIND,
            object_id=job.id,
            object_name=job.name,
            data=json.dumps(told),
        ),
    )
    await insert_audit(
        work.db,
        AuditEntry(
            at=work.now,
            enterprise_id=job.enterprise_id,
            verb=what,
            result="done",
            project_id=job.project_id,
            user_id=who.user_id,
            user_name=who.user_name,
            client=who.client,
            request_id=work.request_id,
            object_kind=KIND,
            object_id=job.id,
            object_name=job.name,
            changes=json.dumps(told),
        ),
    )


def _admit_name(name: str, at: str) -> tuple[Refusal, ...]:
    if NAME.fullmatch(name):
        return ()
    return (
        invalid(
            at,
            f"job name {name!r} does not fit: 3 to 256 letters, digits, '-', '_' or '.', the "
            "first a letter or digit",
        ),
    )


def _made_up_name(work: Work, operation: BulkOperation) -> str:
    word = operation.service.value.removeprefix("BULK_SERVICE_").lower().replace("_", "-")
    return f"{word}-{work.now:%Y%m%d-%H%M%S}-{work.random(4).hex()}"


async def ask(work: Work, operation: BulkOperation, config: BulkConfig) -> BulkJob:
    """Make the job of a bulk request, or give its task to the job that it names.

    Raises Problem with every reason against it.
    """
    waiting = await _waiting(work, operation, config) if config.job_id else None
    name = config.job_name or _made_up_name(work, operation)
    selection = selection_of(operation, config)
    if waiting is not None and selection.empty:
        selection = read_selection(waiting.selection, operation.selects)
    refusals = () if waiting is not None else _admit_name(name, "jobName")
    refusals += await operation.check(work, config)
    if operation.listed is None:
        refusals += await check_selection(work, selection)
    if refusals:
        raise Problem.of_refusals(refusals)
    if waiting is None:
        return await ask_about(work, operation, config, selection, name)
    job = _with_task(work, waiting, config, selection)
    await bulk_jobs.start_waiting(work.db, job, work.now, work.principal.user_name)
    await note(work, job, "given its task", operation=job.operation)
    return replace(job, revision=job.revision + 1)


async def ask_about(
    work: Work, operation: BulkOperation, config: BulkConfig, selection: Selection, name: str = ""
) -> BulkJob:
    """Make a job about objects that the caller has checked."""
    job = _new_job(work, operation, name or _made_up_name(work, operation))
    job = _with_task(work, job, config, selection)
    await bulk_jobs.insert_job(work.db, job)
    await note(work, job, "created", operation=job.operation, selection=selection_told(selection))
    return job


def _with_task(work: Work, job: BulkJob, config: BulkConfig, selection: Selection) -> BulkJob:
    return replace(
        job,
        user_id=work.principal.user_id,
        user_name=work.principal.user_name,
        found_to="",
        payload=work.keys.seal(purpose_of(job.id), config.to_json_text().encode()),
        selection=write_selection(selection),
        project_id=selection.project_id,
    )


def selection_told(selection: Selection) -> dict[str, object]:
    return {
        "project": selection.project_id,
        "bundle": selection.bundle_id,
        "devices": len(selection.devices),
        "objects": len(selection.ids),
    }


def _new_job(work: Work, operation: BulkOperation, name: str) -> BulkJob:
    return BulkJob(
        enterprise_id=work.scope.enterprise,
        id=work.new_id(),
        name=name,
        title=name,
        object_type=operation.object_type.value,
        operation=operation.service.value,
        user_id=work.principal.user_id,
        user_name=work.principal.user_name,
        created_at=work.now,
        updated_at=work.now,
        updated_by=work.principal.user_name,
    )


async def _waiting(work: Work, operation: BulkOperation, config: BulkConfig) -> BulkJob:
    """The job that waits for its task.  Raises Problem."""
    job = await bulk_jobs.find_job(
        work.db, work.scope, work.principal.user_id, job_id=config.job_id
    )
    if job is None:
        raise not_found(NOUN, config.job_id)
    job = await bulk_jobs.lock_job(work.db, job.enterprise_id, job.id) or job
    await require_all(work, job)
    if job.state is not State.INITIALIZED or job.found_to is not None:
        raise Problem.of_refusals(
            [
                conflict(
                    "jobId",
                    f"job {job.name!r} is {job.state} and has its task already; make another job",
                )
            ],
            target_of(job),
        )
    if job.operation != operation.service.value:
        raise Problem.of_refusals(
            [conflict("jobId", f"job {job.name!r} is for {job.operation}; use its operation")],
            target_of(job),
        )
    return job


async def require_all(work: Work, job: BulkJob) -> None:
    """Who changes a job may do what it does, with all that it is about.  Raises Problem(403)."""
    operation = BY_SERVICE.get(BulkService(job.operation))
    rule = CHANGE_DEVICES if operation is None else operation.rule
    who = work.principal
    scope = scope_for(who, rule)
    if not await bulk_jobs.all_inside(work.db, scope, who.user_id, job):
        raise Problem(
            403,
            f"job {job.name!r} is about projects in which role {who.rights.role_name!r} of user "
            f"{who.user_name!r} does not grant {rule.verb} in {rule.area}; ask somebody who has it "
            "in all of them",
            target=target_of(job),
        )


async def create(work: Work, sent: JobConfig) -> BulkJob:
    """A job with a list of objects.  What needs no more than these begins at once; another one
    waits for the bulk request that names it as `jobId`.
    """
    operation = BY_SERVICE.get(sent.operation_type)
    if operation is None or not operation.by_itself:
        done = ", ".join(service.value for service, one in BY_SERVICE.items() if one.by_itself)
        raise Problem(
            400,
            f"operationType {sent.operation_type.value!r} is none that a job does; give one of "
            f"{done}",
            code=ZsrvErrorCode.INVALID_DATA,
            location="operationType",
        )
    scope = scope_for(work.principal, operation.rule)
    work = replace(work, principal=replace(work.principal, scope=scope))
    refusals = _admit_name(sent.name, "name")
    if sent.object_type not in (ObjectType.UNSPECIFIED, operation.object_type):
        refusals += (
            invalid(
                "objectType",
                f"{operation.service} is about {operation.object_type}, not {sent.object_type}",
            ),
        )
    criteria = BulkConfig(selection_criteria=sent.selection_criteria)
    selection = replace(
        selection_of(operation, criteria),
        ids=frozenset(sent.object_list),
        project_id=sent.project_id or selection_of(operation, criteria).project_id,
    )
    if not operation.told or not selection.empty:
        refusals += await check_selection(work, selection)
    if refusals:
        raise Problem.of_refusals(refusals, Target(KIND, sent.object_type, "", sent.name))
    job = replace(
        _new_job(work, operation, sent.name),
        title=sent.title or sent.name,
        description=sent.description,
        project_id=selection.project_id,
        selection=write_selection(selection),
    )
    if not operation.told:
        job = replace(job, found_to="")
    await bulk_jobs.insert_job(work.db, job)
    await note(work, job, "created", operation=job.operation, selection=selection_told(selection))
    return job


def refuse_change(sent: JobConfig, job: BulkJob) -> None:
    """What a job does is not changed.  Raises Problem with every reason."""
    refusals = _admit_name(sent.name, "name") if sent.name != job.name else ()
    revision = crud.expected_revision(sent)
    if revision is not None and revision != job.revision:
        refusals += (
            Refusal(
                ZsrvErrorCode.VERSION_MISMATCH,
                "revision.curr",
                f"job {job.name!r} is at revision {job.revision}, the change was made from "
                f"revision {revision}; read it again and repeat the change",
            ),
        )
    kept: dict[str, tuple[str, str]] = {
        "objectType": (sent.object_type.value, job.object_type),
        "operationType": (sent.operation_type.value, job.operation),
        "projectId": (sent.project_id, job.project_id),
    }
    refusals += tuple(
        invalid(
            member, f"job {job.name!r}: {member} is {now!r} and does not change; make a new job"
        )
        for member, (wanted, now) in kept.items()
        if wanted and not wanted.endswith("_UNSPECIFIED") and wanted != now
    )
    if refusals:
        raise Problem.of_refusals(refusals, target_of(job))
