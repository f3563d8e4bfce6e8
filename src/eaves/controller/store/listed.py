"""Keep the narrow rows that lists read beside the objects."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final, cast

import msgspec
from msgspec.structs import astuple
from sqlalchemy import bindparam, or_, update

from eaves.controller.store.dialect import upsert_many
from eaves.controller.store.tables import Kind
from eaves.controller.store.tables_lists import MEMBERS, listed
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId

_OF_ROW: Final = (
    *("id", "enterprise_id", "project_id", "device_id", "name", "title"),
    *("created_at", "created_by", "updated_at"),
)
_DEEP: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.DEVICE: ("devLocation", "interfaces", "vlanAdapters", "bondAdapter"),
    Kind.NETINST: ("portTags",),
}
_encode: Final = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


def listed_row(kind: Kind, row: Mapping[str, object]) -> dict[str, object]:
    """The narrow row of an object.

    `row`: `id`, `enterprise_id`, `project_id`, `device_id`, `name`, `title`, `body`, and, where
    they are to be set, `created_at`, `created_by`, `updated_at`.
    """
    members = MEMBERS[kind]
    body = _read(kind, str(row["body"]))
    narrow: dict[str, object] = {name: row[name] for name in _OF_ROW}
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


def _read(kind: Kind, body: str) -> Mapping[str, object]:
    """What narrow rows hold; an absent member is None."""
    names, decode = _reader(kind)
    return dict(zip(names, astuple(decode(body)), strict=True))


@cache
def _reader(kind: Kind) -> tuple[tuple[str, ...], Callable[[str], Any]]:
    """The other members, most of a body, are passed over."""
    members = MEMBERS[kind]
    own = (members.state, *members.words, *members.numbers, "tags", *_DEEP.get(kind, ()))
    names = tuple(dict.fromkeys(own))
    fields: list[tuple[str, Any, Any]] = [(f"m{number}", Any, None) for number in range(len(names))]
    rename = {field[0]: name for field, name in zip(fields, names, strict=True)}
    form = msgspec.defstruct("Narrow", fields, rename=rename, frozen=True)
    return names, msgspec.json.Decoder(form).decode


def place_of(body: Mapping[str, object]) -> str:
    """Where a device says it is; the first that is there counts."""
    at = _object(body.get("devLocation"))
    there = _text(at.get("loc")) or _text(at.get("latlong")) or _text(body.get("location"))
    return there or _town(at)


def name_of_place(body: Mapping[str, object]) -> str:
    """What a device calls its place: the town, else what a person wrote; empty: it does not."""
    return _town(_object(body.get("devLocation"))) or _text(body.get("location"))


def _town(at: Mapping[str, object]) -> str:
    return ", ".join(filter(None, (_text(at.get("city")), _text(at.get("country")))))


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
    return "{}" if value == {} else _encode(value)


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
