"""Tags and places that are in use, found by the database in the narrow rows: there may be many."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, func, select

from eaves.controller.store.tables import Kind
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.unit import Db


async def tags_in_use(
    db: Db, kind: Kind, visible: ColumnElement[bool]
) -> tuple[Mapping[str, str], ...]:
    """Every different map of tags."""
    return tuple(_maps(await _different(db, listed[kind].c.tags, visible)))


async def port_tags_in_use(
    db: Db, kind: Kind, visible: ColumnElement[bool]
) -> tuple[Mapping[str, str], ...]:
    """Every different map of tags of ports, of those that have some."""
    return tuple(_maps(await _different(db, listed[kind].c.port_tags, visible)))


async def _different(
    db: Db, column: ColumnElement[Any], visible: ColumnElement[bool]
) -> Sequence[object]:
    query = select(column).where(visible, column != "").distinct()
    return [json.loads(str(row[0])) for row in await db.execute(query)]


def _maps(found: Sequence[object]) -> Iterator[Mapping[str, str]]:
    for one in found:
        if isinstance(one, list):
            yield from _maps(cast("list[object]", one))
        elif one:
            yield cast("Mapping[str, str]", one)


async def places(
    db: Db, conditions: Sequence[ColumnElement[bool]]
) -> tuple[tuple[str, int, str], ...]:
    """How many devices are where, the most first, and the id of one of them.

    Those of which nobody said it are left out.
    """
    c = listed[Kind.DEVICE].c
    place = c.place
    count = func.count().label("count")
    query = (
        select(place, count, func.min(c.id))
        .where(*conditions, place != "")
        .group_by(place)
        .order_by(count.desc(), place)
    )
    return tuple((row[0], row[1], row[2]) for row in await db.execute(query))
