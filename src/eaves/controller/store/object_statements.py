"""Statements about single objects, each built once: to build one takes longer than to run it."""

from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, Update, and_, bindparam, or_, select, update

from eaves.controller.domain.scope import Scope
from eaves.controller.store.dialect import as_one, in_parameter
from eaves.controller.store.tables import Kind, objects

COLUMNS: Final = (
    *("project_id", "name", "title", "device_id", "state", "updated_at", "updated_by", "body"),
)
"""What a version of an object sets beside its revision."""


def given(dialect: str, scope: Scope) -> dict[str, object]:
    """What every statement here asks for of who looks."""
    narrow = {} if scope.projects is None else {"seen": as_one(dialect, scope.projects)}
    return {"owner": scope.enterprise, **narrow}


def _visible(table: Table, kind: Kind, dialect: str, *, narrow: bool) -> ColumnElement[bool]:
    if kind is Kind.ENTERPRISE:
        return table.c.id == bindparam("owner")
    inside = table.c.enterprise_id == bindparam("owner")
    if not narrow:
        return inside
    if kind is Kind.PROJECT:
        return and_(inside, in_parameter(dialect, table.c.id, "seen"))
    own = in_parameter(dialect, table.c.project_id, "seen")
    return and_(inside, or_(table.c.project_id == "", own))


@lru_cache
def find_one(kind: Kind, column: str, dialect: str, *, narrow: bool) -> Select[*tuple[Any, ...]]:
    """The object whose `column` is `of`.  `narrow`: the scope is of some projects only."""
    table = objects[kind]
    visible = _visible(table, kind, dialect, narrow=narrow)
    return select(table).where(table.c[column] == bindparam("of"), visible)


@lru_cache
def put_one(kind: Kind, dialect: str, *, narrow: bool) -> Update:
    """A new version of object `of`, which is at revision `made_from`; each of `COLUMNS` as
    `new_COLUMN`.
    """
    c = objects[kind].c
    values = {name: bindparam(f"new_{name}", type_=c[name].type) for name in COLUMNS}
    return _next_version(kind, dialect, narrow=narrow).values(values)


@lru_cache
def put_body(kind: Kind, dialect: str, *, narrow: bool) -> Update:
    """As `put_one`, of `body` and who changed it only."""
    c = objects[kind].c
    names = ("updated_at", "updated_by", "body")
    values = {name: bindparam(f"new_{name}", type_=c[name].type) for name in names}
    return _next_version(kind, dialect, narrow=narrow).values(values)


def _next_version(kind: Kind, dialect: str, *, narrow: bool) -> Update:
    table = objects[kind]
    return (
        update(table)
        .where(table.c.id == bindparam("of"), table.c.revision == bindparam("made_from"))
        .where(_visible(table, kind, dialect, narrow=narrow))
        .values(revision=table.c.revision + 1, revision_before=table.c.revision)
    )
