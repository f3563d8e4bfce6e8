"""Keep the narrow rows that lists read beside the objects."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import cast

from eaves.controller.store.dialect import upsert_many
from eaves.controller.store.tables import Kind
from eaves.controller.store.tables_lists import MEMBERS, listed
from eaves.controller.store.unit import Db


def listed_row(kind: Kind, row: Mapping[str, object]) -> dict[str, object]:
    """The narrow row of an object.

    `row`: `id`, `enterprise_id`, `project_id`, `device_id`, `name`, `title`, `body`, and, where
    they are to be set, `created_at`, `created_by`, `updated_at`.
    """
    members = MEMBERS[kind]
    body = cast("dict[str, object]", json.loads(str(row["body"])))
    narrow: dict[str, object] = {
        name: row[name]
        for name in (
            *("id", "enterprise_id", "project_id", "device_id", "name", "title"),
            *("created_at", "created_by", "updated_at"),
        )
    }
    for name in (members.state, *members.words):
        narrow[name] = str(body.get(name) or "")
    for name in members.numbers:
        narrow[name] = _number(body.get(name))
    narrow["tags"] = json.dumps(body.get("tags") or {}, separators=(",", ":"), sort_keys=True)
    return narrow


def _number(value: object) -> int:
    if isinstance(value, int):
        return int(value)
    return int(value) if isinstance(value, str) and value.isdecimal() else 0


async def put_listed(
    db: Db, kind: Kind, row: Mapping[str, object], *, at: datetime, by: str
) -> None:
    """Call it with every write of an object; `created_*` of an object that is there stay."""
    table = listed.get(kind)
    if table is None:
        return
    narrow = listed_row(kind, {**row, "created_at": at, "created_by": by, "updated_at": at})
    await upsert_many(db, table, [narrow], keep=("created_at", "created_by"))
