"""Lists in SQL: the same filters, orders and pages as `paging`, for kinds of many objects.

A kind has fields: columns by the names that filters and orders use.  A query that asks for
anything else (a member without a column, text that SQLite cannot compare without regard to case)
has no plan, and `paging` answers it over all objects.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    Select,
    UnaryExpression,
    and_,
    case,
    false,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.sql.operators import custom_op

from eaves.controller.domain.contract.base import OpenEnum
from eaves.controller.domain.contract.envelope import Cursor
from eaves.controller.domain.numerals import number_of
from eaves.controller.northbound.buckets import (
    Bucket,
    Counts,
    buckets_of,
    from_offset,
    from_value,
)
from eaves.controller.northbound.paging import (
    ALSO,
    PATTERN,
    Key,
    ListQuery,
    direction,
    read_token,
    write_token,
    wrong_token,
)
from eaves.controller.store.unit import Db

Column = ColumnElement[Any]
Join = tuple[FromClause, ColumnElement[bool]]

TOLD: Final = 50
"""Names in one query, at most."""
SOON: Final = 20
"""As many matches for each row up to the end of a page: then an index leads to them soon."""


class NoPlanError(Exception):
    """This query is for `paging`."""


@dataclass(frozen=True, slots=True)
class Field:
    """One name of filters and orders.

    `kind`: str, int, bool, dict (JSON text of a map of texts) or an OpenEnum.  `inside`: where a
    name of another object is looked for: (our column, its id, its name, where it is visible).
    `few`: there are so few of those others that their names may be read first.  `words`: of a
    computed enum or bool, what is true of the objects of each word; cheaper than the comparison.
    """

    column: Column
    kind: type[Any] = str
    inside: tuple[Column, Column, Column, ColumnElement[bool]] | None = None
    join: Join | None = None  # for its order
    few: bool = False
    words: Mapping[str, ColumnElement[bool]] | None = None
    told: Mapping[str, str] | None = None  # those names by id, once they are read


@dataclass(frozen=True)
class Source:
    """What is listed: `id` and the fields, where `visible`."""

    table: FromClause
    id: Column
    visible: ColumnElement[bool]
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Found:
    ids: tuple[str, ...]
    next: Cursor
    total: int


@dataclass(frozen=True)
class Plan:
    source: Source
    conditions: tuple[ColumnElement[bool], ...]
    order: tuple[tuple[Field, int], ...]
    first: str  # the name of the field that it is sorted by first


def plan_of(source: Source, query: ListQuery, dialect: str) -> Plan:
    """Raises NoPlanError, or Problem for a value that means nothing."""
    conditions = tuple(
        _filter(source, name, wanted, dialect) for name, wanted in query.filters.items()
    )
    order: list[tuple[Field, int]] = []
    asked = [direction(text) for text in query.order_by] or [("name", 1)]
    for name, sign in (*asked, ("id", 1)):
        known = source.fields.get(name)
        if known is None:
            raise NoPlanError
        order.append((known, sign))
    return Plan(source, conditions, tuple(order), asked[0][0])


def _filter(source: Source, name: str, wanted: Sequence[str], dialect: str) -> ColumnElement[bool]:
    if name.endswith(PATTERN):
        return or_(*(_contains(source, name.removesuffix(PATTERN), w, dialect) for w in wanted))
    return or_(*(_is(source, name, w) for w in wanted))


def _contains(source: Source, name: str, part: str, dialect: str) -> ColumnElement[bool]:
    known = source.fields.get(name)
    if known is None or not (known.kind is str or issubclass(known.kind, OpenEnum)):
        raise NoPlanError
    if not part.isascii():
        raise NoPlanError  # whatever its case: only Python knows all of them
    if known.inside is not None:
        ours, theirs, named, visible = known.inside
        return ours.in_(select(theirs).where(visible, _like(named, part, dialect)))
    return _like(known.column, part, dialect)


def _like(column: Column, part: str, dialect: str) -> ColumnElement[bool]:
    if dialect == "sqlite":  # LIKE has no regard to the case of ASCII there
        return column.contains(part, autoescape=True)
    return column.icontains(part, autoescape=True)


def _is(source: Source, name: str, wanted: str) -> ColumnElement[bool]:
    known = source.fields.get(name)
    if known is None:
        others = ALSO.get(name)
        if others is None:
            raise NoPlanError
        return or_(*(_is(source, other, wanted) for other in others))
    if wanted == "UNSPECIFIED" or wanted.endswith("_UNSPECIFIED"):
        return true()
    if known.inside is not None:
        ours, theirs, named, visible = known.inside
        return ours.in_(select(theirs).where(visible, named == wanted))
    if issubclass(known.kind, OpenEnum):
        return _is_word(known, known.kind, wanted)
    if known.kind is bool and known.words is not None:
        return known.words.get(wanted.lower(), false())
    if known.kind is bool:
        truth = {"true": 1, "false": 0}.get(wanted.lower())
        return false() if truth is None else known.column == truth
    if known.kind is int:
        number = number_of(wanted)
        return false() if number is None else known.column == number
    if known.kind is dict:
        return _has_tag(known.column, wanted)
    return known.column == wanted


def _is_word(known: Field, kind: type[OpenEnum], wanted: str) -> ColumnElement[bool]:
    if wanted == "0":
        return true()
    if (number := number_of(wanted)) is not None:
        member = kind._missing_(number)
        return false() if member is None else _is_any(known, (member.value,))
    return _is_any(known, (wanted, kind.prefix() + wanted))


def _is_any(known: Field, values: Sequence[str]) -> ColumnElement[bool]:
    if known.words is None:
        return known.column.in_(values)
    return or_(false(), *(known.words[value] for value in values if value in known.words))


def _has_tag(column: Column, wanted: str) -> ColumnElement[bool]:
    key, _, value = wanted.partition(":")
    return column.contains(
        json.dumps({key.strip(): value.strip()}, separators=(",", ":"))[1:-1], autoescape=True
    )


NOT_COUNTED: Final[Counts] = {}


async def find_page(
    db: Db, plan: Plan, query: ListQuery, total: int, counts: Counts = NOT_COUNTED
) -> Found:
    """The ids of a page in its order; `total` is how many objects there are without filters.

    `counts`: what is known of how many there are with each value of a field, without filters.
    """
    fields = [await _cheapest(db, known) for known, _ in plan.order]
    found = total
    if plan.conditions:
        counting = _from(plan.source, (), select(func.count()).select_from(plan.source.table))
        counting = counting.where(plan.source.visible, *plan.conditions)
        found = (await db.execute(counting)).scalar_one()
    key = _key_of(plan, query.page_token) if query.page_token else None
    reading = _Reading(db.dialect.name, plan, tuple(fields), key)
    offset = 0 if key is not None else (query.page_num - 1) * query.page_size
    buckets = None
    if not plan.conditions and db.dialect.name == "sqlite":
        buckets = _buckets(plan, fields[0], counts.get(plan.first))
    if buckets is None:
        statement = reading.page(query.page_size + 1, offset, found if plan.conditions else None)
        rows = (await db.execute(statement)).all()
    else:
        rows = await _read_buckets(db, reading, buckets, query.page_size + 1, offset)
    more, rows = len(rows) > query.page_size, rows[: query.page_size]
    token = ""
    if more:
        token = write_token(tuple(_part(rows[-1][n + 1]) for n in range(len(plan.order))))
    cursor = Cursor(
        page_size=query.page_size,
        page_num=query.page_num,
        page_token=token,
        order_by=query.order_by,
        total_pages=math.ceil(found / query.page_size),
    )
    return Found(tuple(row.id for row in rows), cursor, found)


@dataclass(frozen=True)
class _Reading:
    """How the rows of pages are read: `fields` of the order, behind the row of that key."""

    dialect: str
    plan: Plan
    fields: tuple[Field, ...]
    key: Key | None

    def page(
        self, limit: int, offset: int, matching: int | None, inside: Bucket | None = None
    ) -> Select[Any]:
        """The ids with what they are sorted by; `matching`: how many rows the conditions leave."""
        source, signs = self.plan.source, [sign for _, sign in self.plan.order]
        columns = [known.column for known in self.fields]
        joins = tuple(dict.fromkeys(one.join for one in self.fields if one.join is not None))
        if inside is not None:
            columns[0] = literal(inside.value)
        shown = [c.label(f"key_{n}") for n, c in enumerate(columns)]
        order: list[Column] = list(shown)  # by its label: what was bound twice is computed twice
        first = 0 if inside is None else 1  # all of a bucket have the same value
        if matching is not None and matching < SOON * (offset + limit - 1):
            order[first] = _unindexed(columns[first], self.dialect)
        page: Select[Any] = _from(source, joins, select(source.id.label("id"), *shown))
        page = page.where(source.visible, *self.plan.conditions).limit(limit)
        if inside is not None:
            page = page.where(inside.inside)
        page = page.order_by(
            *(
                c.asc() if s > 0 else c.desc()
                for c, s in list(zip(order, signs, strict=True))[first:]
            )
        )
        if self.key is not None:
            return page.where(_behind(self.plan, columns, self.key))
        return page.offset(offset)


def _buckets(plan: Plan, known: Field, counts: Mapping[str, int] | None) -> list[Bucket] | None:
    """None: the first field of the order has too many values, or nobody counted them."""
    if counts is None or len(plan.order) < 2:
        return None
    if known.words is not None:
        words = known.words
        return buckets_of(counts, lambda some: or_(*(words[word] for word in some)))
    if known.inside is not None:
        if known.told is None:
            return None
        ours = known.inside[0]
        return buckets_of(counts, ours.in_, known.told)
    if known.kind is str or issubclass(known.kind, OpenEnum):
        return buckets_of(counts, known.column.in_)
    return None


async def _read_buckets(
    db: Db, reading: _Reading, buckets: Sequence[Bucket], limit: int, offset: int
) -> Sequence[Row[Any]]:
    sign = reading.plan.order[0][1]
    if reading.key is not None:
        parts = from_value(buckets, sign, str(reading.key[0][1]))
    else:
        parts = from_offset(buckets, sign, offset)
    rows: list[Row[Any]] = []
    for bucket, before in parts:
        wanted = limit - len(rows)
        statement = reading.page(wanted, before, bucket.count, bucket)
        rows += (await db.execute(statement)).all()
        if len(rows) == limit:
            break
    return rows


def _unindexed(column: Column, dialect: str) -> Column:
    """To be sorted, not followed along its index: SQLite does not know how rare a match is.

    A row looked up along an index costs twenty times one passed by in their own order.
    """
    if dialect != "sqlite":
        return column
    plus: custom_op[Any] = custom_op("+")
    return UnaryExpression(column, operator=plus)


async def _cheapest(db: Db, known: Field) -> Field:
    """To look the name of another object up in each row costs more than all the rest; where there
    are few others, the query is told their names.
    """
    if known.inside is None or not known.few or db.dialect.name != "sqlite":
        return known  # PostgreSQL joins fast, and sorts a text of the query its own way
    ours, theirs, named, visible = known.inside
    query = select(theirs, named).where(visible).limit(TOLD + 1)
    names = {row[0]: row[1] for row in await db.execute(query)}
    if len(names) > TOLD:
        return known
    told = case(names, value=ours, else_="") if names else literal("")
    return replace(known, column=told, join=None, told=names)


def _from(source: Source, joins: Sequence[Join], query: Any) -> Any:  # of whatever columns
    joined: FromClause = source.table
    for other, on in joins:
        joined = joined.outerjoin(other, on)
    return query.select_from(joined)


def _part(value: object) -> tuple[int, float | str]:
    if isinstance(value, int | float):
        return 0, value
    return 1, str(value)


def _key_of(plan: Plan, token: str) -> Key:
    key: Key = read_token(token, len(plan.order))
    for (known, _), (_, value) in zip(plan.order, key, strict=True):
        if (known.kind in (int, bool)) != isinstance(value, int | float):
            raise wrong_token()
    return key


def _behind(plan: Plan, columns: Sequence[Column], key: Key) -> ColumnElement[bool]:
    """Rows behind the last one of the page before, whichever way each column runs."""
    ways: list[ColumnElement[bool]] = []
    for n, ((_, sign), (_, value)) in enumerate(zip(plan.order, key, strict=True)):
        same = [columns[m] == key[m][1] for m in range(n)]
        further = columns[n] > value if sign > 0 else columns[n] < value
        ways.append(and_(*same, further))
    return or_(*ways)


CONSTANT: Final = Field(literal(""))
"""What is not served: every object has the same, none."""
