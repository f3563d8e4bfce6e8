"""One batch of a bulk job: find its objects, change some of them, tell what came of each.

The transaction is the caller's.  Each object has a savepoint of its own, so that one that fails
leaves nothing behind and does not stop the others.  Devices are rendered together at the end; where
that fails the caller undoes all and asks again for each object by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from eaves.controller.domain.contract.jobs import BulkConfig, BulkService
from eaves.controller.northbound import policies, rendering
from eaves.controller.northbound.bulk import deploying
from eaves.controller.northbound.bulk.acting import Errand, Means, acting_for, work_of
from eaves.controller.northbound.bulk.made import Made
from eaves.controller.northbound.bulk.operations import BY_SERVICE, BulkOperation
from eaves.controller.northbound.bulk.selecting import read_selection, selected_kind
from eaves.controller.northbound.problems import Problem, of_validation
from eaves.controller.northbound.work import Principal, Work
from eaves.controller.store.audit_chain import savepoint
from eaves.controller.store.bulk_jobs import (
    FOUND_AT_ONCE,
    BulkJob,
    Found,
    JobCannotRun,
    JobObject,
    Result,
)
from eaves.controller.store.bulk_selection import find_selected
from eaves.controller.store.objects import VersionConflict
from eaves.controller.store.unit import Db
from eaves.errors import EavesError, Rejected, Transient
from eaves.ids import DeviceId

log = structlog.get_logger()

ATTEMPTS = 3  # at an object that somebody else changed at the same moment
LEAST = 5  # objects of a batch: to begin, render and commit it costs as much as some of them
MAX_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of some objects; `changed`: devices that have another configuration."""

    results: tuple[Result, ...]
    changed: frozenset[DeviceId]


class Carrier:
    """Knows the operations; keeps what running jobs were asked for."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._configs: dict[str, BulkConfig] = {}

    async def find(self, db: Db, job: BulkJob) -> tuple[tuple[Found, ...], str | None]:
        """The next objects of a job that looks for them; up to which id it did, None: all."""
        operation = _operation(job)
        principal = await acting_for(db, _errand(job), operation.rule)
        config = self._config(job)
        if operation.listed is not None:
            return tuple(operation.listed(config)), None
        selection = read_selection(job.selection, selected_kind(operation))
        found = await find_selected(
            db, principal.scope, selection, after=job.found_to or "", limit=FOUND_AT_ONCE
        )
        to = found[-1].object_id if len(found) == FOUND_AT_ONCE else None
        if operation.service is BulkService.APPINSTANCE_DEPLOY:
            parts, template = deploying.parts_of(config), deploying.template_of(config)
            found = tuple(
                Found(one.object_id, one.object_name, one.project_id, part)
                for one in found
                if (part := parts.get(one.object_id, template)) is not None
            )
        return found, to

    async def carry_out(
        self,
        db: Db,
        job: BulkJob,
        objects: Sequence[JobObject],
        now: datetime,
        *,
        until: float,
        singly: bool,
    ) -> Batch:
        """Change some of these objects, and begin no more after `until` of `perf_counter`.

        Raises JobCannotRun where nothing can come of any object, and what rendering raises unless
        the objects are done `singly`.
        """
        operation = _operation(job)
        principal = await acting_for(db, _errand(job), operation.rule)
        whole = work_of(db, principal, _errand(job), self._means, now, later=not singly)
        together: Mapping[int, Result] = {}
        if not singly:
            together = await self._together(job, operation, objects, whole)
        results = list(together.values())
        for one in objects:
            if one.number in together:
                continue
            if perf_counter() >= until and len(results) >= LEAST:
                break
            results.append(
                await self._one(db, job, operation, principal, one, now, whole, singly=singly)
            )
        read = await policies.touch_left(whole)
        changed = whole.changed | whole.told
        if not singly and changed:
            await rendering.render_all(db, self._means.keys, sorted(changed), now, read)
        return Batch(tuple(results), frozenset(changed))

    def forget(self, job: BulkJob) -> None:
        self._configs.pop(job.id, None)

    async def _together(
        self, job: BulkJob, operation: BulkOperation, objects: Sequence[JobObject], whole: Work
    ) -> Mapping[int, Result]:
        """What came, by number, of those objects that are changed by the same statements.

        Where one of them hinders that, nothing is left of it, and each is done by itself.
        """
        if operation.apply_all is None:
            return {}
        work = work_of(whole.db, whole.principal, _errand(job), self._means, whole.now, later=True)
        try:
            async with savepoint(whole.db):
                made = await operation.apply_all(work, objects, self._config(job))
        except JobCannotRun:
            raise
        except (EavesError, ValidationError) as error:
            log.info("bulk_job_one_by_one", job=job.id, why=text_of(error))
            return {}
        return {
            one.number: _done(one, made[one.number], work, whole)
            for one in objects
            if one.number in made
        }

    async def _one(
        self,
        db: Db,
        job: BulkJob,
        operation: BulkOperation,
        principal: Principal,
        one: JobObject,
        now: datetime,
        whole: Work,
        *,
        singly: bool,
    ) -> Result:
        """What it changes is added to `whole`."""
        for attempt in range(1, ATTEMPTS + 1):
            work = work_of(db, principal, _errand(job), self._means, now, later=not singly)
            try:
                async with savepoint(db):
                    made = await operation.apply(work, one, self._config(job))
            except VersionConflict as error:
                if attempt == ATTEMPTS:
                    return Result(one.number, ok=False, text=text_of(error))
            except (EavesError, ValidationError) as error:
                return Result(one.number, ok=False, text=text_of(error))
            except SQLAlchemyError:
                raise
            except Exception:
                if not singly:
                    raise
                log.exception("bulk_job_object_failed", job=job.id, object=one.object_id)
                text = "the controller failed on this object; its log has the cause"
                return Result(one.number, ok=False, text=text)
            else:
                return _done(one, made, work, whole)
        raise AssertionError("the last attempt returns")

    def _config(self, job: BulkJob) -> BulkConfig:
        """Raises JobCannotRun."""
        config = self._configs.get(job.id)
        if config is None:
            if job.payload is None:
                return BulkConfig()
            try:
                clear = self._means.keys.open(purpose_of(job.id), job.payload)
            except Rejected as error:
                raise JobCannotRun(f"what this job was given cannot be read: {error}") from error
            config = self._configs[job.id] = BulkConfig.from_json_text(clear)
        return config


def _done(one: JobObject, made: Made, work: Work, whole: Work) -> Result:
    whole.changed.update(work.changed)
    whole.told.update(work.told)
    whole.touched.update(work.touched)
    return Result(one.number, ok=True, text=made.text, made_id=made.made_id)


def purpose_of(job_id: str) -> str:
    """What the payload of a job is sealed for."""
    return f"bulk_jobs/{job_id}"


def _errand(job: BulkJob) -> Errand:
    return Errand(job.enterprise_id, job.user_id, job.user_name, f"job {job.name}")


def _operation(job: BulkJob) -> BulkOperation:
    """Raises JobCannotRun."""
    operation = BY_SERVICE.get(BulkService(job.operation))
    if operation is None:
        raise JobCannotRun(f"{job.operation} is not an operation that this release does")
    return operation


def text_of(error: EavesError | ValidationError) -> str:
    """Every reason, as one text."""
    problem = of_validation(error) if isinstance(error, ValidationError) else error
    if isinstance(problem, Problem):
        return "; ".join(one.details for one in problem.errors)[:MAX_TEXT]
    hint = "; try again in a moment" if isinstance(problem, Transient) else ""
    return f"{problem}{hint}"[:MAX_TEXT]
