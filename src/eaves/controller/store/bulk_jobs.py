"""Bulk jobs: which there are, what each has still to do, what came of each object.

An object's row says PENDING until the transaction that changes the object; whatever ends a process
leaves either both or neither, so nothing is repeated and nothing skipped.  A job finds its objects
some thousands at a time, in the order of their ids, before it begins with the first.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Row,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from eaves.controller.domain.scope import Scope
from eaves.controller.store.dialect import insert_missing
from eaves.controller.store.tables_jobs import bulk_job_objects, bulk_job_projects, bulk_jobs
from eaves.controller.store.unit import Db
from eaves.errors import Rejected

FOUND_AT_ONCE: Final = 2500
"""Objects that one transaction adds to a job."""
KEPT: Final = timedelta(days=90)  # a job that ended
MOST_LISTED: Final = 10_000


class State(StrEnum):
    """Of a job; the contract's words without their prefix."""

    INITIALIZED = "INITIALIZED"  # looks for its objects, or waits for what to do with them
    READY = "READY"
    INPROGRESS = "INPROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"


ENDED: Final = frozenset({State.COMPLETED, State.FAILED, State.ABORTED})


class Outcome(StrEnum):
    """Of one object."""

    PENDING = "PENDING"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"
    ABORTED = "ABORTED"  # not begun: the job was ended before


class JobNameTaken(Rejected):
    def __init__(self, name: str) -> None:
        super().__init__(f"a job {name!r} exists already; choose another name or delete that job")


class JobCannotRun(Rejected):
    """Nothing more can come of a job, whatever its objects are."""


@dataclass(frozen=True, slots=True)
class BulkJob:
    enterprise_id: str
    id: str
    name: str
    object_type: str
    operation: str
    user_id: str
    user_name: str
    created_at: datetime
    updated_at: datetime
    updated_by: str
    title: str = ""
    description: str = ""
    project_id: str = ""
    selection: str = ""  # JSON
    payload: bytes | None = field(default=None, repr=False)  # sealed
    state: State = State.INITIALIZED
    detail: str = ""
    total: int = 0
    done: int = 0
    failed: int = 0
    found_to: str | None = None
    revision: int = 1
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class Found:
    """An object that a job is about."""

    object_id: str
    object_name: str
    project_id: str
    part: int = 0  # which entry of the payload speaks of it


@dataclass(frozen=True, slots=True)
class JobObject:
    number: int
    object_id: str
    object_name: str
    project_id: str
    part: int
    state: Outcome
    result: str = ""
    made_id: str = ""
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one object."""

    number: int
    ok: bool
    text: str
    made_id: str = ""


def _is(enterprise_id: str, job_id: str) -> ColumnElement[bool]:
    return (bulk_jobs.c.enterprise_id == enterprise_id) & (bulk_jobs.c.id == job_id)


def _objects_of(enterprise_id: str, job_id: str) -> ColumnElement[bool]:
    c = bulk_job_objects.c
    return (c.enterprise_id == enterprise_id) & (c.job_id == job_id)


def _visible(scope: Scope, user_id: str) -> ColumnElement[bool]:
    """A job of which every object may be seen; who asked for it sees it always."""
    c, of = bulk_jobs.c, bulk_job_projects.c
    inside = c.enterprise_id == scope.enterprise
    if scope.projects is None:
        return inside
    hidden = exists().where(
        of.enterprise_id == c.enterprise_id, of.job_id == c.id, of.project_id.not_in(scope.projects)
    )
    selected = or_(c.project_id == "", c.project_id.in_(scope.projects))
    return inside & or_((c.user_id == user_id) & selected, selected & ~hidden)


def _job(row: Row[tuple[object, ...]]) -> BulkJob:
    told = dict(row._mapping)  # noqa: SLF001 - how SQLAlchemy gives a row by names
    told["state"] = State(str(told.pop("status")))
    return BulkJob(**told)


async def insert_job(db: Db, job: BulkJob) -> None:
    """Raises JobNameTaken."""
    c = bulk_jobs.c
    taken = select(c.id).where(c.enterprise_id == job.enterprise_id, c.name == job.name)
    if (await db.execute(taken)).first() is not None:
        raise JobNameTaken(job.name)
    values = {column.name: getattr(job, column.name) for column in c if column.name != "status"}
    try:
        await db.execute(insert(bulk_jobs).values(**values, status=job.state.value))
    except IntegrityError as error:
        raise JobNameTaken(job.name) from error


async def _add_objects(db: Db, job: BulkJob, found: Sequence[Found]) -> None:
    if not found:
        return
    common = {
        "enterprise_id": job.enterprise_id,
        "job_id": job.id,
        "state": Outcome.PENDING.value,
    }
    rows = [
        {
            "number": number,
            "object_id": one.object_id,
            "object_name": one.object_name,
            "project_id": one.project_id,
            "part": one.part,
            **common,
        }
        for number, one in enumerate(found, job.total + 1)
    ]
    await db.execute(insert(bulk_job_objects), rows)
    projects = sorted({one.project_id for one in found} - {""})
    await insert_missing(
        db,
        bulk_job_projects,
        [
            {"enterprise_id": job.enterprise_id, "job_id": job.id, "project_id": project}
            for project in projects
        ],
    )
    await db.execute(
        update(bulk_jobs)
        .where(_is(job.enterprise_id, job.id))
        .values(total=bulk_jobs.c.total + len(rows))
    )


async def put_found(db: Db, job: BulkJob, found: Sequence[Found], to: str | None) -> None:
    """Add what a job found behind `found_to`, up to the id `to`; None: it is ready to begin."""
    c = bulk_jobs.c
    changes: dict[str, object] = {"found_to": to}
    if to is None:
        changes["status"] = State.READY.value
    advanced = await db.execute(
        update(bulk_jobs)
        .where(_is(job.enterprise_id, job.id), c.found_to == job.found_to)
        .where(c.status == State.INITIALIZED.value)
        .values(**changes)
        .returning(c.id)
    )
    if advanced.first() is not None:
        await _add_objects(db, job, found)


async def jobs_with_work(db: Db, *, limit: int = 100) -> tuple[BulkJob, ...]:
    """The oldest of each enterprise, then the second of each, and so on."""
    c = bulk_jobs.c
    turn = func.row_number().over(partition_by=c.enterprise_id, order_by=(c.created_at, c.id))
    looks = (c.status == State.INITIALIZED.value) & c.found_to.is_not(None)
    query = (
        select(bulk_jobs)
        .where(or_(looks, c.status.in_([State.READY.value, State.INPROGRESS.value])))
        .order_by(turn, c.created_at)
        .limit(limit)
    )
    return tuple(_job(row) for row in await db.execute(query))


async def lock_job(db: Db, enterprise_id: str, job_id: str) -> BulkJob | None:
    """The job as it is until the end of this transaction; None: it is gone."""
    query = select(bulk_jobs).where(_is(enterprise_id, job_id)).with_for_update()
    row = (await db.execute(query)).one_or_none()
    return None if row is None else _job(row)


async def begin(db: Db, job: BulkJob, now: datetime) -> None:
    await db.execute(
        update(bulk_jobs)
        .where(_is(job.enterprise_id, job.id))
        .values(status=State.INPROGRESS.value, started_at=now)
    )


async def pending_objects(db: Db, job: BulkJob, limit: int) -> tuple[JobObject, ...]:
    """The next ones that nothing was done with, in their order."""
    c = bulk_job_objects.c
    query = (
        select(bulk_job_objects)
        .where(_objects_of(job.enterprise_id, job.id), c.state == Outcome.PENDING.value)
        .order_by(c.number)
        .limit(limit)
    )
    return tuple(_object(row) for row in await db.execute(query))


def _object(row: Row[tuple[object, ...]]) -> JobObject:
    return JobObject(
        row.number,
        row.object_id,
        row.object_name,
        row.project_id,
        row.part,
        Outcome(row.state),
        row.result,
        row.made_id,
        row.done_at,
    )


async def note_results(db: Db, job: BulkJob, results: Sequence[Result], now: datetime) -> None:
    """In the transaction that changed the objects."""
    if not results:
        return
    c = bulk_job_objects.c
    await db.execute(
        update(bulk_job_objects)
        .where(_objects_of(job.enterprise_id, job.id), c.number == bindparam("of"))
        .values(
            state=bindparam("became"),
            result=bindparam("told"),
            made_id=bindparam("made"),
            done_at=bindparam("at", type_=c.done_at.type),
        ),
        [
            {
                "of": one.number,
                "became": (Outcome.COMPLETE if one.ok else Outcome.FAILED).value,
                "told": one.text,
                "made": one.made_id,
                "at": now,
            }
            for one in results
        ],
    )
    failed = sum(not one.ok for one in results)
    jobs = bulk_jobs.c
    await db.execute(
        update(bulk_jobs)
        .where(_is(job.enterprise_id, job.id))
        .values(done=jobs.done + len(results), failed=jobs.failed + failed)
    )


async def finish(db: Db, job: BulkJob, state: State, now: datetime, detail: str = "") -> None:
    """What is still pending stays undone and says so.  What the job was given is forgotten."""
    c = bulk_job_objects.c
    await db.execute(
        update(bulk_jobs)
        .where(_is(job.enterprise_id, job.id))
        .values(
            status=state.value,
            detail=detail,
            finished_at=now,
            started_at=func.coalesce(
                bulk_jobs.c.started_at, bindparam("n", now, bulk_jobs.c.created_at.type)
            ),
            found_to=None,
            payload=None,
        )
    )
    if state is not State.COMPLETED:
        await db.execute(
            update(bulk_job_objects)
            .where(_objects_of(job.enterprise_id, job.id), c.state == Outcome.PENDING.value)
            .values(state=Outcome.ABORTED.value)
        )


async def start_waiting(db: Db, job: BulkJob, now: datetime, by: str) -> None:
    """A job that was made without what to do has it now."""
    await db.execute(
        update(bulk_jobs)
        .where(_is(job.enterprise_id, job.id))
        .values(
            payload=job.payload,
            selection=job.selection,
            project_id=job.project_id,
            user_id=job.user_id,
            user_name=job.user_name,
            found_to=job.found_to,
            updated_at=now,
            updated_by=by,
            revision=bulk_jobs.c.revision + 1,
        )
    )


async def update_texts(db: Db, job: BulkJob, now: datetime, by: str) -> None:
    """Raises JobNameTaken."""
    c = bulk_jobs.c
    taken = select(c.id).where(
        c.enterprise_id == job.enterprise_id, c.name == job.name, c.id != job.id
    )
    if (await db.execute(taken)).first() is not None:
        raise JobNameTaken(job.name)
    await db.execute(
        update(bulk_jobs)
        .where(_is(job.enterprise_id, job.id))
        .values(
            name=job.name,
            title=job.title,
            description=job.description,
            updated_at=now,
            updated_by=by,
            revision=c.revision + 1,
        )
    )


async def delete_job(db: Db, job: BulkJob) -> None:
    await db.execute(delete(bulk_jobs).where(_is(job.enterprise_id, job.id)))


async def forget_old(db: Db, now: datetime, limit: int = 10) -> None:
    """Jobs that ended long ago, some at a time: each has many rows."""
    c = bulk_jobs.c
    old = select(c.enterprise_id, c.id).where(
        c.status.in_([one.value for one in ENDED]), c.finished_at < now - KEPT
    )
    for enterprise_id, job_id in (await db.execute(old.limit(limit))).all():
        await db.execute(delete(bulk_jobs).where(_is(enterprise_id, job_id)))


async def find_job(
    db: Db, scope: Scope, user_id: str, *, job_id: str = "", name: str = ""
) -> BulkJob | None:
    c = bulk_jobs.c
    wanted = c.id == job_id if job_id else c.name == name
    row = (
        await db.execute(select(bulk_jobs).where(wanted, _visible(scope, user_id)))
    ).one_or_none()
    return None if row is None else _job(row)


async def all_inside(db: Db, scope: Scope, user_id: str, job: BulkJob) -> bool:
    """Whether a scope has all that a job is about, or may be about once it has looked.

    Its maker's rights bound what is found: until then it stands for nobody else's objects.
    """
    if scope.projects is None:
        return True
    of = bulk_job_projects.c
    outside = select(of.project_id).where(
        of.enterprise_id == job.enterprise_id,
        of.job_id == job.id,
        of.project_id.not_in(scope.projects),
    )
    if (await db.execute(outside.limit(1))).first() is not None:
        return False
    if job.user_id == user_id:
        return True
    if job.project_id:
        return job.project_id in scope.projects
    return job.state is not State.INITIALIZED


async def list_jobs(db: Db, scope: Scope, user_id: str) -> tuple[BulkJob, ...]:
    """The newest ones that this user may see."""
    query = (
        select(bulk_jobs)
        .where(_visible(scope, user_id))
        .order_by(bulk_jobs.c.created_at.desc())
        .limit(MOST_LISTED)
    )
    return tuple(_job(row) for row in await db.execute(query))


def _seen(scope: Scope) -> ColumnElement[bool]:
    c = bulk_job_objects.c
    if scope.projects is None:
        return c.number >= 0
    return or_(c.project_id == "", c.project_id.in_(scope.projects))


async def objects_of_job(
    db: Db,
    scope: Scope,
    job: BulkJob,
    *,
    after: int = 0,
    limit: int | None = None,
    states: Collection[Outcome] = (),
) -> tuple[JobObject, ...]:
    """Those that may be seen, in the order in which they are done, from behind a number."""
    c = bulk_job_objects.c
    query = (
        select(bulk_job_objects)
        .where(_objects_of(job.enterprise_id, job.id), c.number > after, _seen(scope))
        .order_by(c.number)
        .limit(limit)
    )
    if states:
        query = query.where(c.state.in_([one.value for one in states]))
    return tuple(_object(row) for row in await db.execute(query))


async def count_objects(db: Db, scope: Scope, job: BulkJob) -> Mapping[Outcome, int]:
    c = bulk_job_objects.c
    query = (
        select(c.state, func.count())
        .where(_objects_of(job.enterprise_id, job.id), _seen(scope))
        .group_by(c.state)
        .order_by(case((c.state == Outcome.PENDING.value, 0), else_=1), c.state)
    )
    return {Outcome(row[0]): row[1] for row in await db.execute(query)}
