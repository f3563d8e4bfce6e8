"""Where the lists of what devices are and carry come from, and which columns their names mean."""

import functools
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

from sqlalchemy import (
    ColumnElement,
    FromClause,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    true,
)

from eaves.controller.domain.contract.base import Contract, OpenEnum
from eaves.controller.domain.contract.device_status import AttestState
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.statuses import RunState
from eaves.controller.domain.contract.stored import read_members
from eaves.controller.domain.scope import Scope
from eaves.controller.domain.status.devices import DEVICE_STATES
from eaves.controller.domain.status.liveness import Limits
from eaves.controller.northbound import records
from eaves.controller.northbound.listing import Column, Field, Source
from eaves.controller.northbound.records import KindOf
from eaves.controller.store.dialect import micros_in
from eaves.controller.store.loose import counts_of_pairs
from eaves.controller.store.tables import (
    Kind,
    attestations,
    device_bindings,
    objects,
)
from eaves.controller.store.tables_lists import MEMBERS, listed
from eaves.controller.store.unit import Db

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

NOTHING: Mapping[str, str] = {  # facts of what is not served, by name
    "clusterName": "",
    "load": "",
    "eveLtsSupportType": "",
}
SERVED_NOT: Mapping[Kind, tuple[str, ...]] = {
    Kind.DEVICE: ("clusterName", "load", "eveLtsSupportType"),
}


def source_of(of: KindOf[Any], scope: Scope) -> Source | None:
    """None: a kind of which there are few."""
    if of.kind not in listed:
        return None
    table = listed[of.kind]
    members = MEMBERS[of.kind]
    types = _types(of)
    fields = {
        name: Field(table.c[name], types.get(name, str))
        for name in (members.state, *members.words, *members.numbers)
    }
    fields |= {
        "id": Field(table.c.id),
        "name": Field(table.c.name),
        "title": Field(table.c.title),
        "projectId": Field(table.c.project_id),
        "createdBy": Field(table.c.created_by),
        "tags": Field(table.c.tags, dict),
        "projectName": _named(table.c.project_id, Kind.PROJECT, scope),
    }
    fields |= {name: Field(literal(NOTHING[name])) for name in SERVED_NOT.get(of.kind, ())}
    if of.kind is Kind.DEVICE:
        fields["modelName"] = _named(table.c.modelId, Kind.MODEL, scope)
    else:
        fields["deviceId"] = Field(table.c.device_id)
        fields["deviceName"] = _named(table.c.device_id, Kind.DEVICE, scope)
    if of.kind is Kind.APP_INSTANCE:
        fields["appName"] = _named(table.c.appId, Kind.APP, scope)
    return Source(table, table.c.id, visible_in(table.c, scope), fields)


def device_states(scope: Scope, now: datetime, limits: Limits) -> Source:
    """Devices with the run state of this moment.

    The same decision as `device_run_state` makes of one device, which a test compares.
    """
    source = source_of(records.DEVICE, scope)
    assert source is not None  # noqa: S101 - there are many devices
    c, bound = listed[Kind.DEVICE].c, device_bindings.c
    last = micros_in(c.last_seen_at)
    registered = exists().where(bound.device_id == c.id, ~bound.gone)
    words = {int(number): state.value for number, state in DEVICE_STATES.items()}
    offline, suspect = micros(now - limits.offline), micros(now - limits.suspect)
    # only where nothing was heard: to look for a registration costs more than the rest
    silent = case((registered, RunState.PROVISIONED.value), else_=RunState.UNPROVISIONED.value)
    state: Column = case(
        (last.is_(None), silent),
        (last < offline, RunState.OFFLINE.value),
        (last < suspect, RunState.SUSPECT.value),
        (c.reported_state.is_(None), RunState.PROVISIONED.value),
        else_=case(words, value=c.reported_state, else_=RunState.ONLINE.value),
    )
    of_word = {
        RunState.UNPROVISIONED.value: and_(last.is_(None), ~registered),
        RunState.OFFLINE.value: last < offline,
        RunState.SUSPECT.value: and_(last >= offline, last < suspect),
        RunState.PROVISIONED.value: or_(
            and_(last >= suspect, c.reported_state.is_(None)), and_(last.is_(None), registered)
        ),
        **_alive_by_word(words, last >= suspect, c.reported_state),
    }
    seen = Field(func.coalesce(last, 0), int)
    run_state = Field(state, RunState, words=of_word)
    fields = {
        **source.fields,
        "runState": run_state,
        "lastUpdate": seen,
        "attestState": _attested(c),
    }
    return replace(source, fields=fields)


def _attested(c: Any) -> Field:
    """By the last quote; none: it never tried."""
    kept = attestations.c
    of_device = and_(kept.enterprise_id == c.enterprise_id, kept.device_id == c.id)
    told = select(kept.state).where(of_device, kept.state != "").scalar_subquery()
    never = AttestState.UNSPECIFIED
    words = {
        word.value: exists().where(of_device, kept.state == word.value)
        for word in AttestState
        if word is not never
    }
    return Field(func.coalesce(told, never.value), AttestState, words=words)


def _alive_by_word(
    words: Mapping[int, str], alive: ColumnElement[bool], reported: Column
) -> Mapping[str, ColumnElement[bool]]:
    """Those that are there are in the state that they report; a state without a word is ONLINE."""
    online = RunState.ONLINE.value
    found = {
        word: and_(alive, reported.in_([number for number, w in words.items() if w == word]))
        for word in words.values()
        if word != online
    }
    others = [number for number, word in words.items() if word != online]
    # NULL is in no list, and not outside of one either
    return {**found, online: and_(alive, reported.not_in(others))}


async def listed_devices(db: Db, scope: Scope, ids: Sequence[str]) -> tuple[DeviceConfig, ...]:
    """What their status tells of these devices, in this order: no other members are set."""
    c = listed[Kind.DEVICE].c
    found: dict[str, DeviceConfig] = {}
    for start in range(0, len(ids), records.IDS_AT_ONCE):
        some = ids[start : start + records.IDS_AT_ONCE]
        query = select(c.id, c.name, c.title, c.project_id, c.adminState, c.tags)
        for row in await db.execute(query.where(visible_in(c, scope), c.id.in_(some))):
            members = {
                "id": row.id,
                "name": row.name,
                "title": row.title,
                "projectId": row.project_id,
                "adminState": row.adminState,
                "tags": json.loads(row.tags or "{}"),
            }
            found[row.id] = read_members(DeviceConfig, members)
    return tuple(found[one] for one in ids if one in found)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


async def counts_by(db: Db, scope: Scope, kind: Kind) -> Mapping[str, Mapping[str, int]]:
    """How many of all there are with each value that their list is summed up by, by project id."""
    table, column = listed[kind], MEMBERS[kind].summed_by
    if db.dialect.name == "sqlite":
        pairs, query = counts_of_pairs(table, scope.enterprise, column, "project_id", true())
        query = query.where(in_projects(pairs.c.second, scope))
    else:
        c = table.c
        query = select(c[column], c.project_id, func.count()).where(visible_in(c, scope))
        query = query.group_by(c[column], c.project_id)
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for value, project, count in await db.execute(query):
        if count:
            counts[project][str(value)] = count
    return counts


def visible_in(columns: Any, scope: Scope) -> ColumnElement[bool]:
    inside: ColumnElement[bool] = columns.enterprise_id == scope.enterprise
    return inside & in_projects(columns.project_id, scope)


def in_projects(project_id: Column, scope: Scope) -> ColumnElement[bool]:
    """What belongs to no project is seen by everybody."""
    if scope.projects is None:
        return true()
    return or_(project_id == "", project_id.in_(scope.projects))


def _named(ours: Column, kind: Kind, scope: Scope) -> Field:
    """The name of another object, found by the id that a column of ours holds."""
    other = _other(kind)
    visible = other.c.enterprise_id == scope.enterprise
    join = (other, (other.c.id == ours) & visible)
    column = func.coalesce(other.c.name, "")
    inside = (ours, other.c.id, other.c.name, visible)
    return Field(column, inside=inside, join=join, few=kind not in listed)


@functools.cache
def _other(kind: Kind) -> FromClause:
    """Beside the table that is listed, which may be the same."""
    return (listed[kind] if kind in listed else objects[kind]).alias()


@functools.cache
def _types(of: KindOf[Any]) -> Mapping[str, type[Any]]:
    """The types of the members that have a column, by JSON name."""
    found: dict[str, type[Any]] = {}
    contract: type[Contract] = of.contract
    for name, about in contract.model_fields.items():
        kind: Any = about.annotation
        kinds = [k for k in (kind, *get_args(kind)) if isinstance(k, type)]
        known = [k for k in kinds if k in (str, int, bool) or issubclass(k, OpenEnum)]
        if known:
            found[about.serialization_alias or about.alias or name] = known[0]
    return found
