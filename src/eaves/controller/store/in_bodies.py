"""What stands somewhere inside the bodies of objects, found by the database: there may be many."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    func,
    literal,
    null,
    select,
)
from sqlalchemy import cast as sql_cast

from eaves.controller.store.tables import Kind, objects
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.unit import Db

Column = ColumnElement[Any]

PLACES: Final = (("devLocation", "loc"), ("devLocation", "latlong"), ("location",))
"""Where a device says it is; the first that is there counts."""
TOWN: Final = (("devLocation", "city"), ("devLocation", "country"))


async def tags_in_use(
    db: Db, kind: Kind, visible: ColumnElement[bool]
) -> tuple[Mapping[str, str], ...]:
    """Every different map of tags; `visible` is of the narrow rows that lists read."""
    query = select(listed[kind].c.tags).where(visible).distinct()
    rows = await db.execute(query)
    found = (json.loads(str(row[0])) for row in rows if row[0])
    return tuple(cast("Mapping[str, str]", one) for one in found if one)


async def maps_in_use(
    db: Db, kind: Kind, visible: ColumnElement[bool], *, array: str = "", member: str = "tags"
) -> tuple[Mapping[str, str], ...]:
    """Every different map of texts that objects of a kind have as `member`.

    With `array` the map stands in each element of that list, for example in each of `interfaces`.
    """
    query = _of_elements(db, kind, array, member) if array else _of_objects(db, kind, member)
    rows = await db.execute(query.where(visible))
    texts = [str(row[0]) for row in rows if row[0]]
    found = (json.loads(text) for text in texts)
    return tuple(cast("Mapping[str, str]", one) for one in found if isinstance(one, dict) and one)


def _of_objects(db: Db, kind: Kind, member: str) -> Select[tuple[str]]:
    table = objects[kind]
    if db.dialect.name == "sqlite":
        return select(func.json_extract(table.c.body, f"$.{member}")).distinct()
    found = func.json_extract_path_text(sql_cast(table.c.body, JSON), *member.split("."))
    return select(found).distinct().select_from(table)


def _of_elements(db: Db, kind: Kind, array: str, member: str) -> Select[tuple[str]]:
    table = objects[kind]
    if db.dialect.name == "sqlite":
        each = func.json_each(table.c.body, f"$.{array}").table_valued(
            "value", joins_implicitly=True
        )
        found = func.json_extract(each.c.value, f"$.{member}")
        return select(found).distinct().select_from(table, each)
    inside = func.json_extract_path(sql_cast(table.c.body, JSON), array)
    each_of = func.json_array_elements(inside).table_valued("value", joins_implicitly=True)
    found = func.json_extract_path_text(each_of.c.value, *member.split("."))
    return select(found).distinct().select_from(table, each_of)


async def places(db: Db, conditions: Sequence[ColumnElement[bool]]) -> tuple[tuple[str, int], ...]:
    """How many devices are where, the most first; those of which nobody said it are left out.

    `conditions` are of the narrow rows that lists read.
    """
    table, narrow = objects[Kind.DEVICE], listed[Kind.DEVICE]
    place = _place(db, table.c.body).label("place")
    inner = (
        select(place)
        .select_from(narrow.join(table, table.c.id == narrow.c.id))
        .where(*conditions)
        .subquery()
    )
    count = func.count().label("count")
    query = (
        select(inner.c.place, count)
        .where(inner.c.place.is_not(None))
        .group_by(inner.c.place)
        .order_by(count.desc(), inner.c.place)
    )
    return tuple((row[0], row[1]) for row in await db.execute(query))


def _place(db: Db, body: Column) -> Column:
    city, country = (func.coalesce(_text(db, body, path), "") for path in TOWN)
    town = case(
        (and_(city != "", country != ""), city + literal(", ") + country),
        (city != "", city),
        (country != "", country),
        else_=null(),
    )
    return func.coalesce(*(func.nullif(_text(db, body, path), "") for path in PLACES), town)


def _text(db: Db, body: Column, path: tuple[str, ...]) -> Column:
    if db.dialect.name == "sqlite":
        return func.json_extract(body, "$." + ".".join(path), type_=Text)
    return func.json_extract_path_text(sql_cast(body, JSON), *path, type_=Text)
