"""Objects of every kind: one set of statements, since all kinds have the same columns.

What an object says stands in `body` (JSON of its contract type); the columns beside it are what
queries need.  Every function takes the Scope of the caller, and what lies outside of it is as if
it were not there.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Row,
    Table,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.exc import IntegrityError

from eaves.controller.domain.scope import Scope
from eaves.controller.store.dialect import is_one_of
from eaves.controller.store.listed import put_listed
from eaves.controller.store.object_statements import find_one, given, put_one
from eaves.controller.store.tables import Kind, object_ids, object_references, objects
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.unit import Db
from eaves.errors import Rejected

MAX_PAGE: Final = 10_000


class NoSuchObject(Rejected):
    """Not there, or not for this caller to know of."""

    def __init__(self, kind: Kind, key: str) -> None:
        super().__init__(f"there is no {kind.noun} {key!r}; look at the list for its name or id")
        self.kind, self.key = kind, key


class NameTaken(Rejected):
    def __init__(self, kind: Kind, name: str) -> None:
        super().__init__(f"{kind.noun}: the name {name!r} is taken; choose another one")
        self.kind, self.name = kind, name


class VersionConflict(Rejected):
    def __init__(self, kind: Kind, name: str, expected: int, current: int) -> None:
        super().__init__(
            f"{kind.noun} {name!r} is at revision {current}, the change was made from revision "
            f"{expected}; read it again and repeat the change"
        )
        self.kind, self.name, self.expected, self.current = kind, name, expected, current


class Overtaken(VersionConflict):
    """Nobody asked for a revision, and another transaction changed the object while ours was at
    work on it; ours may be done again.
    """


@dataclass(frozen=True, slots=True)
class ObjectRef:
    kind: Kind
    id: str
    name: str


class StillReferenced(Rejected):
    def __init__(self, kind: Kind, name: str, dependants: Sequence[ObjectRef], total: int) -> None:
        named = ", ".join(f"{d.kind.noun} {d.name!r}" for d in dependants)
        more = f" and {total - len(dependants)} more" if total > len(dependants) else ""
        super().__init__(
            f"{kind.noun} {name!r} is still needed by {named or 'another object'}{more}; "
            "delete or change them first"
        )
        self.kind, self.name, self.dependants, self.total = kind, name, tuple(dependants), total


class UnknownReference(Rejected):
    """An object refers to another that is not there (any more)."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who changes something, and when."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Revision:
    curr: int
    prev: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


@dataclass(frozen=True, slots=True)
class StoredObject:
    kind: Kind
    id: str
    enterprise_id: str
    project_id: str
    name: str
    title: str
    device_id: str
    state: str
    revision: Revision
    body: str = field(repr=False)  # JSON


@dataclass(frozen=True, slots=True)
class Draft:
    """An object as it should be stored.  `references` are the ids of all objects it needs; None,
    of one that is there already: those that it had.

    `state` sums up lists; a network that is the default of its enterprise has the state `default`.
    """

    kind: Kind
    id: str
    enterprise_id: str
    name: str
    body: str = field(repr=False)
    project_id: str = ""
    title: str = ""
    device_id: str = ""
    state: str = ""
    references: frozenset[str] | None = frozenset()


@dataclass(frozen=True, slots=True)
class Filter:
    """Which objects a list is about; empty means all."""

    name_part: str = ""  # whatever its case
    title_part: str = ""
    project_id: str = ""
    device_id: str = ""
    states: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()


ALL: Final = Filter()


def _visible(table: Table, kind: Kind, scope: Scope) -> ColumnElement[bool]:
    if kind is Kind.ENTERPRISE:
        return table.c.id == scope.enterprise
    inside = table.c.enterprise_id == scope.enterprise
    if scope.projects is None:
        return inside
    if kind is Kind.PROJECT:
        return and_(inside, table.c.id.in_(scope.projects))
    return and_(inside, or_(table.c.project_id == "", table.c.project_id.in_(scope.projects)))


def _like(column: ColumnElement[str], part: str) -> ColumnElement[bool]:
    return func.lower(column).contains(part.lower(), autoescape=True)


def _matches(table: Table, wanted: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.name_part:
        conditions.append(_like(table.c.name, wanted.name_part))
    if wanted.title_part:
        conditions.append(_like(table.c.title, wanted.title_part))
    if wanted.project_id:
        conditions.append(table.c.project_id == wanted.project_id)
    if wanted.device_id:
        conditions.append(table.c.device_id == wanted.device_id)
    if wanted.states:
        conditions.append(table.c.state.in_(wanted.states))
    if wanted.ids:
        conditions.append(table.c.id.in_(wanted.ids))
    if wanted.names:
        conditions.append(table.c.name.in_(wanted.names))
    return conditions


def stored_from_row(kind: Kind, row: Row[tuple[object, ...]]) -> StoredObject:
    return StoredObject(
        kind=kind,
        id=row.id,
        enterprise_id=row.enterprise_id,
        project_id=row.project_id,
        name=row.name,
        title=row.title,
        device_id=row.device_id,
        state=row.state,
        revision=Revision(
            row.revision,
            row.revision_before,
            row.created_at,
            row.created_by,
            row.updated_at,
            row.updated_by,
        ),
        body=row.body,
    )


async def insert_object(db: Db, scope: Scope, draft: Draft, stamp: Stamp) -> StoredObject:
    """Raises NameTaken, UnknownReference; NoSuchObject for a project outside of the scope."""
    table = objects[draft.kind]
    _require_inside(scope, draft)
    taken = await db.execute(
        select(table.c.id).where(
            table.c.enterprise_id == draft.enterprise_id, table.c.name == draft.name
        )
    )
    if taken.first() is not None:
        raise NameTaken(draft.kind, draft.name)
    try:
        await db.execute(
            insert(object_ids).values(
                id=draft.id, kind=draft.kind.value, enterprise_id=draft.enterprise_id
            )
        )
        await db.execute(
            insert(table).values(
                id=draft.id,
                enterprise_id=draft.enterprise_id,
                revision=1,
                revision_before=0,
                created_at=stamp.at,
                created_by=stamp.by,
                **_columns(draft, stamp),
            )
        )
    except IntegrityError as error:
        raise NameTaken(draft.kind, draft.name) from error
    await _refer(db, draft)
    await _list(db, draft, stamp)
    return await get_object(db, scope, draft.kind, draft.id)


async def _list(db: Db, draft: Draft, stamp: Stamp) -> None:
    row = {"id": draft.id, "enterprise_id": draft.enterprise_id, **_columns(draft, stamp)}
    await put_listed(db, draft.kind, row, at=stamp.at, by=stamp.by)


def _is_inside(scope: Scope, draft: Draft) -> bool:
    return draft.kind is Kind.ENTERPRISE or scope.sees(draft.enterprise_id, draft.project_id)


def _require_inside(scope: Scope, draft: Draft) -> None:
    if not _is_inside(scope, draft):
        raise NoSuchObject(Kind.PROJECT, draft.project_id or draft.enterprise_id)


def _columns(draft: Draft, stamp: Stamp) -> dict[str, object]:
    """The `COLUMNS` of a row."""
    return {
        "project_id": draft.project_id,
        "name": draft.name,
        "title": draft.title,
        "device_id": draft.device_id,
        "state": draft.state,
        "updated_at": stamp.at,
        "updated_by": stamp.by,
        "body": draft.body,
    }


async def _refer(db: Db, draft: Draft) -> None:
    """Make the references of an object exactly those of the draft."""
    if draft.references is None:
        return
    await db.execute(delete(object_references).where(object_references.c.from_id == draft.id))
    wanted = sorted(draft.references - {"", draft.id})
    if not wanted:
        return
    try:
        await db.execute(
            insert(object_references), [{"from_id": draft.id, "to_id": to} for to in wanted]
        )
    except IntegrityError as error:
        raise UnknownReference(
            f"{draft.kind}: {draft.name!r} refers to an object that is not there any more "
            f"(one of {', '.join(wanted)}); read the objects again"
        ) from error


async def find_object(db: Db, scope: Scope, kind: Kind, object_id: str) -> StoredObject | None:
    return await _found(db, scope, kind, "id", object_id)


async def _found(db: Db, scope: Scope, kind: Kind, column: str, value: str) -> StoredObject | None:
    query = find_one(kind, column, db.dialect.name, narrow=scope.projects is not None)
    row = (await db.execute(query, {"of": value, **given(db.dialect.name, scope)})).one_or_none()
    return None if row is None else stored_from_row(kind, row)


async def names_of(
    db: Db, kind: Kind, object_ids: Collection[str]
) -> Mapping[tuple[str, str], tuple[str, str]]:
    """Name and project by enterprise and identifier; what is not there is left out.

    At most some hundred at once.
    """
    c = objects[kind].c
    query = select(c.enterprise_id, c.id, c.name, c.project_id).where(c.id.in_(object_ids))
    return {(row[0], row[1]): (row[2], row[3]) for row in (await db.execute(query)).all()}


async def references_of(db: Db, object_id: str) -> frozenset[str]:
    """The ids of what an object refers to, as they are stored."""
    c = object_references.c
    return frozenset((await db.execute(select(c.to_id).where(c.from_id == object_id))).scalars())


async def find_object_by_name(db: Db, scope: Scope, kind: Kind, name: str) -> StoredObject | None:
    return await _found(db, scope, kind, "name", name)


async def get_object(db: Db, scope: Scope, kind: Kind, object_id: str) -> StoredObject:
    """Raises NoSuchObject."""
    found = await find_object(db, scope, kind, object_id)
    if found is None:
        raise NoSuchObject(kind, object_id)
    return found


async def list_objects(
    db: Db, scope: Scope, kind: Kind, wanted: Filter = ALL, *, after: str = "", limit: int = 1000
) -> tuple[StoredObject, ...]:
    """At most `limit` objects in the order of their names, from behind the name `after`.

    Names are unique in an enterprise, so the last name of a page is the cursor to the next.
    """
    table = objects[kind]
    query = (
        select(table)
        .where(_visible(table, kind, scope), table.c.name > after, *_matches(table, wanted))
        .order_by(table.c.name)
        .limit(min(limit, MAX_PAGE))
    )
    return tuple(stored_from_row(kind, row) for row in await db.execute(query))


async def find_objects(
    db: Db, scope: Scope, kind: Kind, ids: Collection[str]
) -> Mapping[str, StoredObject]:
    """These by id, at most some hundreds; those that are not there are left out."""
    table = objects[kind]  # no order and no limit: either would lead over all names
    query = select(table).where(table.c.id.in_(ids), _visible(table, kind, scope))
    return {row.id: stored_from_row(kind, row) for row in await db.execute(query)}


async def hold_objects(
    db: Db, scope: Scope, kind: Kind, ids: Collection[str]
) -> Mapping[str, StoredObject]:
    """As `find_objects`; nobody else changes them before the end of the transaction."""
    table = objects[kind]
    query = (
        select(table)
        .where(is_one_of(db, table.c.id, ids), _visible(table, kind, scope))
        .order_by(table.c.id)  # whoever holds several takes them in this order
        .with_for_update()  # SQLite has one writer anyway
    )
    return {row.id: stored_from_row(kind, row) for row in await db.execute(query)}


async def list_names(db: Db, scope: Scope, kind: Kind) -> tuple[ObjectRef, ...]:
    """However many there are."""
    table = listed.get(kind, objects[kind])  # narrow rows where there are any
    query = select(table.c.id, table.c.name).where(_visible(table, kind, scope))
    return tuple(ObjectRef(kind, *row) for row in await db.execute(query))


async def ids_in_project(db: Db, scope: Scope, kind: Kind, project_id: str) -> tuple[str, ...]:
    """However many there are, sorted."""
    c = objects[kind].c
    query = (
        select(c.id)
        .where(_visible(objects[kind], kind, scope), c.project_id == project_id)
        .order_by(c.id)
    )
    return tuple((await db.execute(query)).scalars())


async def count_by_state(
    db: Db, scope: Scope, kind: Kind, wanted: Filter = ALL
) -> Mapping[str, int]:
    """How many objects are in each state; the sum is the total."""
    table = objects[kind]
    query = (
        select(table.c.state, func.count())
        .where(_visible(table, kind, scope), *_matches(table, wanted))
        .group_by(table.c.state)
        .order_by(table.c.state)
    )
    return {row[0]: row[1] for row in await db.execute(query)}


async def replace_object(
    db: Db,
    scope: Scope,
    draft: Draft,
    stamp: Stamp,
    *,
    expected: int | None,
    made_from: int | None = None,
) -> StoredObject:
    """Store a new version of an object.

    `expected`: the revision that somebody asks to change, None for any; `made_from`: the one that
    the draft was made of.  Raises NoSuchObject, VersionConflict, Overtaken, UnknownReference.
    """
    surely = made_from if expected in (None, made_from) and _is_inside(scope, draft) else None
    if surely is None or not await _put_version(db, scope, draft, stamp, surely):
        before = await get_object(db, scope, draft.kind, draft.id)
        _require_inside(scope, draft)
        current = before.revision.curr
        if expected is not None and expected != current:
            raise VersionConflict(draft.kind, before.name, expected, current)
        if made_from is not None and made_from != current:
            raise Overtaken(draft.kind, before.name, made_from, current)
        if not await _put_version(db, scope, draft, stamp, current):
            # another transaction was between our read and our write
            kind_of_conflict = Overtaken if expected is None else VersionConflict
            raise kind_of_conflict(draft.kind, before.name, current, current + 1)
    await _refer(db, draft)
    await _list(db, draft, stamp)
    return await get_object(db, scope, draft.kind, draft.id)


async def _put_version(db: Db, scope: Scope, draft: Draft, stamp: Stamp, current: int) -> bool:
    """False: its revision is another one, or it is not there."""
    statement = put_one(draft.kind, db.dialect.name, narrow=scope.projects is not None)
    values = {f"new_{name}": value for name, value in _columns(draft, stamp).items()}
    told = {"of": draft.id, "made_from": current, **given(db.dialect.name, scope), **values}
    try:
        done = await db.execute(statement, told)
    except IntegrityError as error:
        raise NameTaken(draft.kind, draft.name) from error
    return bool(done.rowcount == 1)


async def delete_object(db: Db, scope: Scope, kind: Kind, object_id: str) -> StoredObject:
    """Delete what nothing refers to, and give it back.  Raises NoSuchObject, StillReferenced."""
    table = objects[kind]
    gone = await get_object(db, scope, kind, object_id)
    total = await _reference_count(db, object_id)
    if total:
        raise StillReferenced(kind, gone.name, await dependants(db, object_id), total)
    await db.execute(delete(table).where(table.c.id == object_id))
    try:
        await db.execute(delete(object_ids).where(object_ids.c.id == object_id))
    except IntegrityError as error:  # a reference made by a transaction beside ours
        raise StillReferenced(kind, gone.name, (), 1) from error
    return gone


async def _reference_count(db: Db, object_id: str) -> int:
    query = (
        select(func.count())
        .select_from(object_references)
        .where(object_references.c.to_id == object_id)
    )
    return (await db.execute(query)).scalar_one()


async def dependants(db: Db, object_id: str, *, limit: int = 10) -> tuple[ObjectRef, ...]:
    """What refers to this object, by name: for the sentence that refuses to delete it."""
    query = (
        select(object_ids.c.id, object_ids.c.kind)
        .join(object_references, object_references.c.from_id == object_ids.c.id)
        .where(object_references.c.to_id == object_id)
        .order_by(object_ids.c.kind, object_ids.c.id)
        .limit(limit)
    )
    rows = (await db.execute(query)).all()
    return tuple([await _named(db, Kind(row.kind), row.id) for row in rows])


async def _named(db: Db, kind: Kind, object_id: str) -> ObjectRef:
    table = objects[kind]
    row = (await db.execute(select(table.c.name).where(table.c.id == object_id))).one_or_none()
    return ObjectRef(kind, object_id, "" if row is None else row.name)
