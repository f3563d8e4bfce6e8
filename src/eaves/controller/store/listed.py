"""Keep the narrow rows that lists read beside the objects."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import cast

from sqlalchemy import bindparam, or_, update

from eaves.controller.store.dialect import upsert_many
from eaves.controller.store.tables import Kind
from eaves.controller.store.tables_lists import MEMBERS, listed
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId


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
    narrow["tags"] = _json(body.get("tags") or {})
    if kind is Kind.DEVICE:
        narrow["place"] = place_of(body)
        narrow["port_tags"] = _maps(_tags_of_ports(body))
    elif kind is Kind.NETINST:
        narrow["port_tags"] = _maps([body.get("portTags")])
    return narrow


def place_of(body: Mapping[str, object]) -> str:
    """Where a device says it is; the first that is there counts."""
    at = _object(body.get("devLocation"))
    town = ", ".join(filter(None, (_text(at.get("city")), _text(at.get("country")))))
    return _text(at.get("loc")) or _text(at.get("latlong")) or _text(body.get("location")) or town


def _tags_of_ports(body: Mapping[str, object]) -> list[object]:
    found = [port.get("tags") for port in _objects(body.get("interfaces"))]
    for name in ("vlanAdapters", "bondAdapter"):
        found += [_object(one.get("interface")).get("tags") for one in _objects(body.get(name))]
    return found


def _maps(found: Iterable[object]) -> str:
    """A list of the different ones, as JSON; empty where there is none."""
    texts = sorted({_json(one) for one in found if _object(one)})
    return f"[{','.join(texts)}]" if texts else ""


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _object(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def _objects(value: object) -> list[Mapping[str, object]]:
    return [_object(one) for one in cast("list[object]", value)] if isinstance(value, list) else []


async def note_reported(db: Db, states: Mapping[DeviceId, int | None]) -> None:
    """What devices say of themselves: ZDeviceState; None: what they said was dropped."""
    c = listed[Kind.DEVICE].c
    now = bindparam("now", type_=c.reported_state.type)
    await db.execute(
        update(listed[Kind.DEVICE])
        .where(c.id == bindparam("of"), c.reported_state.is_distinct_from(now))
        .values(reported_state=now),
        [{"of": device_id, "now": state} for device_id, state in states.items()],
    )


async def note_seen(db: Db, seen: Mapping[DeviceId, datetime]) -> None:
    """When devices were last heard of, as `device_seen` keeps it; a later moment stays."""
    c = listed[Kind.DEVICE].c
    at = bindparam("at", type_=c.last_seen_at.type)
    await db.execute(
        update(listed[Kind.DEVICE])
        .where(c.id == bindparam("of"), or_(c.last_seen_at.is_(None), c.last_seen_at < at))
        .values(last_seen_at=at),
        [{"of": device_id, "at": moment} for device_id, moment in sorted(seen.items())],
    )


async def forget_contact(db: Db, device_id: DeviceId) -> None:
    """The device is gone: what it said does not count any more."""
    table = listed[Kind.DEVICE]
    await db.execute(
        update(table).where(table.c.id == device_id).values(last_seen_at=None, reported_state=None)
    )


def _number(value: object) -> int:
    if isinstance(value, int):
        return int(value)
    return int(value) if isinstance(value, str) and value.isdecimal() else 0


async def put_listed(
    db: Db, kind: Kind, row: Mapping[str, object], *, at: datetime, by: str
) -> None:
    """Call it with every write of an object; `created_*` of an object that is there stay."""
    await put_all_listed(db, kind, (row,), at=at, by=by)


async def put_all_listed(
    db: Db, kind: Kind, rows: Iterable[Mapping[str, object]], *, at: datetime, by: str
) -> None:
    """As `put_listed`, for many."""
    table = listed.get(kind)
    if table is None:
        return
    stamp = {"created_at": at, "created_by": by, "updated_at": at}
    narrow = [listed_row(kind, {**row, **stamp}) for row in rows]
    await upsert_many(db, table, narrow, keep=("created_at", "created_by"))
