"""The one pattern of every resource: create, read, list, replace, delete.

A write is one transaction: the object, what it refers to, its secrets, the configuration of every
device it touches, the event and the audit row.  Whatever fails undoes all of it; only then does the
device side hear which devices changed.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from fastapi import Request
from fastapi.responses import Response

from eaves.controller.domain.admission import Refusal
from eaves.controller.domain.authz import Area
from eaves.controller.domain.contract.base import Contract, JsonObject
from eaves.controller.domain.contract.envelope import ObjectRevision, ObjectType, ZsrvErrorCode
from eaves.controller.domain.numerals import number_of
from eaves.controller.domain.unused_secrets import without_unused_secrets
from eaves.controller.northbound import journal, records, rendering
from eaves.controller.northbound.answers import ListResponse
from eaves.controller.northbound.buckets import both_ways
from eaves.controller.northbound.listing import NoPlanError, find_page, plan_of
from eaves.controller.northbound.paging import (
    Facts,
    ListQuery,
    Page,
    Row,
    page_of,
    project,
    read_list_query,
)
from eaves.controller.northbound.problems import Problem, Target, not_found
from eaves.controller.northbound.records import KindOf
from eaves.controller.northbound.routes import AREAS
from eaves.controller.northbound.sealing import keep_secrets
from eaves.controller.northbound.sources import counts_by, source_of
from eaves.controller.northbound.work import Prepared, Work
from eaves.controller.store import objects
from eaves.controller.store.objects import Draft, StoredObject
from eaves.controller.store.roles import people_id
from eaves.controller.store.tables import Kind
from eaves.controller.store.tables_lists import MEMBERS
from eaves.ids import DeviceId

T = TypeVar("T", bound=Contract)

Prepare = Callable[[Work, T, T | None], Awaitable[Prepared[T]]]
AfterWrite = Callable[[Work, T, T | None], Awaitable[None]]
BeforeCreate = Callable[[Work], Awaitable[None]]
Present = Callable[[Work, T], Awaitable[T]]
OfThisMoment = Callable[[Work, tuple[T, ...]], Awaitable[tuple[T, ...]]]
ListFacts = Callable[[Work, tuple[T, ...]], Awaitable[Mapping[str, Facts]]]
MakeList = Callable[[Page[T], tuple[Row[T], ...]], JsonObject]


async def _nothing(_work: Work, _wanted: T, _current: T | None) -> None:
    return None


async def _create_freely(_work: Work) -> None:
    return None


async def _as_stored(_work: Work, item: T) -> T:
    return item


async def _as_they_are(_work: Work, items: tuple[T, ...]) -> tuple[T, ...]:
    return items


def _always(_wanted: object, _current: object | None) -> bool:
    return True


async def _no_facts(_work: Work, _items: tuple[T, ...]) -> Mapping[str, Facts]:
    return {}


def name_of(item: Contract) -> str:
    """Users have a `username` instead of a name."""
    return str(getattr(item, "name", "") or getattr(item, "username", ""))


@dataclass(frozen=True)
class Told(Generic[T]):
    """Secrets that a read tells to a token that was made for it; nobody else ever sees one."""

    fields: frozenset[str]  # as they are sealed
    put_in: Callable[[T, Mapping[str, str]], T]  # the object with them, by field


@dataclass(frozen=True)
class Resource(Generic[T]):
    """What one kind of object adds to the pattern."""

    path: str  # below the base path
    of: KindOf[T]
    object_type: ObjectType
    prepare: Prepare[T]
    make_list: MakeList[T]
    make_counted: Callable[[Page[T], Mapping[str, int]], JsonObject] | None = None
    present: Present[T] = field(default=_as_stored)
    told: Told[T] | None = None
    of_this_moment: OfThisMoment[T] = field(default=_as_they_are)  # in lists
    facts: ListFacts[T] = field(default=_no_facts)
    before_create: BeforeCreate = field(default=_create_freely)
    before_delete: AfterWrite[T] = field(default=_nothing)
    before_replace: AfterWrite[T] = field(default=_nothing)
    after_write: AfterWrite[T] = field(default=_nothing)
    after_delete: AfterWrite[T] = field(default=_nothing)
    before_edit: AfterWrite[T] = field(default=_nothing)  # of a PUT, not of a verb
    reaches: Callable[[T, T | None], bool] = field(default=_always)  # devices, with this change
    stored_name: Callable[[T], str] = field(default=name_of)  # unique in the enterprise

    def target(self, item: T, revision: str = "") -> Target:
        return Target(
            kind=self.path.removeprefix("/v1/").removeprefix("/v2/"),
            object_type=self.object_type,
            id=str(getattr(item, "id", "")),
            name=name_of(item),
            revision=revision,
        )


def revision_in(item: Contract) -> ObjectRevision | None:
    revision: object = getattr(item, "revision", None)
    return revision if isinstance(revision, ObjectRevision) else None


async def read_body(request: Request, contract: type[T]) -> T:
    """The body as a contract value.  Raises Problem with every fault."""
    raw = await request.body()
    if not raw.strip():
        raise Problem(400, "the request has no body; send the object as JSON")
    return checked(contract.from_json_text(raw))


def checked(item: T) -> T:
    """Raises Problem with every enum that holds a word it does not have."""
    strangers = tuple(
        Refusal(ZsrvErrorCode.INVALID_DATA, text.partition(":")[0], text)
        for text in item.strangers()
    )
    if strangers:
        raise Problem.of_refusals(strangers)
    return item


async def find(work: Work, resource: Resource[T], *, object_id: str = "", name: str = "") -> T:
    """Raises Problem(404)."""
    stored = await find_stored(work, resource, object_id=object_id, name=name)
    return resource.of.read(stored)


async def find_stored(
    work: Work, resource: Resource[T], *, object_id: str = "", name: str = ""
) -> StoredObject:
    kind = resource.of.kind
    if object_id:
        stored = await objects.find_object(work.db, work.scope, kind, object_id)
    else:
        stored = await objects.find_object_by_name(work.db, work.scope, kind, name)
    narrowed = work.scope.projects is not None
    if stored is None or (narrowed and not records.in_sight(work.scope, resource.of.read(stored))):
        raise not_found(resource.of.noun, object_id or name)
    return stored


def draft_of(resource: Resource[T], work: Work, prepared: Prepared[T]) -> Draft:
    wanted = prepared.wanted
    return Draft(
        kind=resource.of.kind,
        id=str(getattr(wanted, "id", "")),
        enterprise_id=work.scope.enterprise,
        project_id=prepared.project_id,
        name=resource.stored_name(wanted),
        title=str(getattr(wanted, "title", "")),
        device_id=prepared.device_id,
        state=prepared.state,
        references=prepared.references,
        body=stored_text(wanted),
    )


def stored_text(wanted: Contract) -> str:
    """An object as its row holds it: the revision stands beside it."""
    return wanted.model_copy(update={"revision": None}).to_json_text()


def new_id(work: Work, resource: Resource[T]) -> str:
    if AREAS[resource.of.kind] in (Area.USER, Area.ENTERPRISE):
        return people_id(work.random)
    return work.new_id()


async def create(work: Work, resource: Resource[T], sent: T) -> Target:
    wanted = sent.model_copy(update={"id": new_id(work, resource), "revision": None})
    wanted = without_unused_secrets(wanted)
    prepared = await resource.prepare(work, wanted, None)
    refusals = prepared.refusals + await _refuse_taken_name(work, resource, wanted)
    if refusals:
        raise Problem.of_refusals(refusals, resource.target(sent))
    await resource.before_create(work)
    stored = await objects.insert_object(
        work.db, work.scope, draft_of(resource, work, prepared), work.stamp
    )
    await _finish(work, resource, prepared, None, "created")
    return resource.target(prepared.wanted, str(stored.revision.curr))


async def _refuse_taken_name(work: Work, resource: Resource[T], wanted: T) -> tuple[Refusal, ...]:
    name = name_of(wanted)
    there = await objects.find_object_by_name(
        work.db, work.scope, resource.of.kind, resource.stored_name(wanted)
    )
    if there is None:
        return ()
    return (
        Refusal(
            ZsrvErrorCode.ALREADY_EXISTS,
            "name",
            f"{resource.of.noun} {name!r} exists already; choose another name or change that one",
        ),
    )


async def replace(work: Work, resource: Resource[T], object_id: str, sent: T) -> Target:
    """Store a whole new version; the revision that was sent must be the one in force."""
    stored = await find_stored(work, resource, object_id=object_id)
    current = resource.of.read(stored)
    wanted = sent.model_copy(update={"id": stored.id, "revision": None})
    await resource.before_edit(work, wanted, current)
    return await store_version(work, resource, wanted, current, expected=expected_revision(sent))


def expected_revision(sent: Contract) -> int | None:
    revision = revision_in(sent)
    if revision is None or not revision.curr:
        return None
    number = number_of(revision.curr)
    if number is None:
        raise Problem(
            400,
            f"revision.curr is {revision.curr[:40]!r}; send the revision as it was read",
            code=ZsrvErrorCode.INVALID_FIELD_FORMAT,
            location="revision.curr",
        )
    return number


async def store_version(
    work: Work,
    resource: Resource[T],
    wanted: T,
    current: T,
    *,
    expected: int | None = None,
    what: str = "changed",
) -> Target:
    prepared = await resource.prepare(work, without_unused_secrets(wanted), current)
    if prepared.refusals:
        raise Problem.of_refusals(prepared.refusals, resource.target(current))
    return await store_prepared(work, resource, prepared, current, expected=expected, what=what)


async def store_prepared(
    work: Work,
    resource: Resource[T],
    prepared: Prepared[T],
    current: T,
    *,
    expected: int | None = None,
    what: str = "changed",
) -> Target:
    if prepared.device_id:  # it may move: the device that has it now changes too
        work.changed.update(await rendering.devices_of(work, prepared.wanted))
    await resource.before_replace(work, prepared.wanted, current)
    stored = await objects.replace_object(
        work.db,
        work.scope,
        draft_of(resource, work, prepared),
        work.stamp,
        expected=expected,
        made_from=expected_revision(current),  # else what changed meanwhile would be undone
    )
    await _finish(work, resource, prepared, current, what)
    return resource.target(prepared.wanted, str(stored.revision.curr))


async def _finish(
    work: Work, resource: Resource[T], prepared: Prepared[T], current: T | None, what: str
) -> None:
    wanted = prepared.wanted
    object_id = str(getattr(wanted, "id", ""))
    secrets = await keep_secrets(work, object_id, prepared)
    await resource.after_write(work, wanted, current)
    if prepared.after is not None:
        await prepared.after()
    if resource.reaches(wanted, current):
        work.changed.update(await rendering.devices_of(work, wanted))
    await rendering.render_changed(work, resource.of.kind.value, resource.target(wanted))
    await journal.note(
        work,
        entry_of(
            resource,
            wanted,
            current,
            what,
            project_id=prepared.project_id,
            device_id=prepared.device_id,
            secrets=secrets,
        ),
    )


def entry_of(
    resource: Resource[T],
    wanted: T,
    current: T | None,
    what: str,
    *,
    project_id: str,
    device_id: str,
    secrets: JsonObject | None = None,
) -> journal.Entry:
    """What is written down of an object that was made or changed."""
    object_id = str(getattr(wanted, "id", ""))
    return journal.Entry(
        kind=resource.of.kind,
        noun=resource.of.noun,
        object_id=object_id,
        object_name=name_of(wanted),
        project_id=project_id,
        device_id=device_id or (object_id if resource.of is records.DEVICE else ""),
        what=what,
        before=current,
        after=wanted,
        secrets=secrets or {},
    )


async def delete(work: Work, resource: Resource[T], object_id: str) -> Target:
    stored = await find_stored(work, resource, object_id=object_id)
    current = resource.of.read(stored)
    work.changed.update(await rendering.devices_of(work, current, every=True))
    await resource.before_delete(work, current, current)
    await objects.delete_object(work.db, work.scope, resource.of.kind, stored.id)
    await resource.after_delete(work, current, current)
    if resource.of is records.DEVICE:
        work.changed.add(DeviceId(stored.id))
    await rendering.render_changed(work, resource.of.kind.value, resource.target(current))
    await journal.note(
        work,
        journal.Entry(
            kind=resource.of.kind,
            noun=resource.of.noun,
            object_id=stored.id,
            object_name=name_of(current),
            project_id=stored.project_id,
            device_id=stored.device_id,
            what="deleted",
            before=current,
            after=None,
        ),
    )
    return resource.target(current, str(stored.revision.curr))


async def listing(work: Work, resource: Resource[T], query: ListQuery) -> Response:
    answer = await _listing_in_sql(work, resource, query)
    if answer is None:
        items = await records.list_all(work.db, work.scope, resource.of)
        items = await resource.of_this_moment(work, items)
        facts = await resource.facts(work, items)
        rows = tuple(Row(item, facts.get(str(getattr(item, "id", "")), {})) for item in items)
        page = page_of(rows, query)
        if query.summary:
            page = Page((), page.next, page.total)
        made = resource.make_list(page, rows)
        made["totalCount"] = page.total
        answer = made
    for name in ("list", "cfgList"):
        if query.fields and isinstance(answer.get(name), list):
            answer[name] = [project(item, query.fields) for item in answer[name]]
    return ListResponse(answer)


async def _listing_in_sql(work: Work, resource: Resource[T], query: ListQuery) -> JsonObject | None:
    """None: few objects, or a question that only `paging` can answer."""
    source = source_of(resource.of, work.scope)
    if source is None or resource.make_counted is None:
        return None
    try:
        plan = plan_of(source, query, work.db.dialect.name)
    except NoPlanError:
        return None
    kind = resource.of.kind
    by_project = await counts_by(work.db, work.scope, kind)
    counts, projects = both_ways(by_project)
    by_name = {MEMBERS[kind].summed_by: counts, "projectName": projects, "projectId": projects}
    found = await find_page(work.db, plan, query, sum(counts.values()), by_name)
    if kind is Kind.APP_INSTANCE:
        counts = {"ACTIVE" if on == "1" else "INACTIVE": n for on, n in counts.items()}
    items = (
        () if query.summary else await records.in_order(work.db, work.scope, resource.of, found.ids)
    )
    page = Page(tuple(Row(item, {}) for item in items), found.next, found.total)
    return {**resource.make_counted(page, counts), "totalCount": found.total}


def list_query(request: Request) -> ListQuery:
    return read_list_query(request.query_params)
