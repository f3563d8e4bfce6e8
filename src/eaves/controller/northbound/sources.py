"""Where the lists of what devices are and carry come from, and which columns their names mean."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

from sqlalchemy import ColumnElement, case, exists, func, literal, or_

from eaves.controller.domain.contract.base import Contract, OpenEnum
from eaves.controller.domain.contract.statuses import RunState
from eaves.controller.domain.scope import Scope
from eaves.controller.domain.status.devices import DEVICE_STATES
from eaves.controller.domain.status.liveness import Limits
from eaves.controller.northbound import records
from eaves.controller.northbound.listing import Column, Field, Source
from eaves.controller.northbound.records import KindOf
from eaves.controller.store.dialect import micros_in
from eaves.controller.store.tables import (
    Kind,
    device_bindings,
    objects,
)
from eaves.controller.store.tables_lists import MEMBERS, listed

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

NOTHING: Mapping[str, str] = {  # facts of what is not served, by name
    "clusterName": "",
    "load": "",
    "eveLtsSupportType": "",
    "patchEnvelopeName": "",
    "patchEnvelopeReference": "NOT_REFERENCING_PATCH",
}
SERVED_NOT: Mapping[Kind, tuple[str, ...]] = {
    Kind.DEVICE: ("clusterName", "load", "eveLtsSupportType"),
    Kind.APP_INSTANCE: ("patchEnvelopeName", "patchEnvelopeReference"),
}


def source_of(of: KindOf[Any], scope: Scope) -> Source | None:
    """None: a kind of which there are few."""
    if of.kind not in listed:
        return None
    table = listed[of.kind]
    members = MEMBERS[of.kind]
    types = _types(of.contract)
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
    # only where nothing was heard: to look for a registration costs more than the rest
    silent = case((registered, RunState.PROVISIONED.value), else_=RunState.UNPROVISIONED.value)
    state: Column = case(
        (last.is_(None), silent),
        (last < micros(now - limits.offline), RunState.OFFLINE.value),
        (last < micros(now - limits.suspect), RunState.SUSPECT.value),
        (c.reported_state.is_(None), RunState.PROVISIONED.value),
        else_=case(words, value=c.reported_state, else_=RunState.ONLINE.value),
    )
    seen = Field(func.coalesce(last, 0), int)
    fields = {**source.fields, "runState": Field(state, RunState), "lastUpdate": seen}
    return replace(source, fields=fields)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def summed_by(kind: Kind) -> Column:
    """What the list of a kind is summed up by."""
    return listed[kind].c[MEMBERS[kind].summed_by]


def visible_in(columns: Any, scope: Scope) -> ColumnElement[bool]:
    inside: ColumnElement[bool] = columns.enterprise_id == scope.enterprise
    if scope.projects is None:
        return inside
    return inside & or_(columns.project_id == "", columns.project_id.in_(scope.projects))


def _named(ours: Column, kind: Kind, scope: Scope) -> Field:
    """The name of another object, found by the id that a column of ours holds."""
    other = (listed[kind] if kind in listed else objects[kind]).alias()
    visible = other.c.enterprise_id == scope.enterprise
    join = (other, (other.c.id == ours) & visible)
    column = func.coalesce(other.c.name, "")
    inside = (ours, other.c.id, other.c.name, visible)
    return Field(column, inside=inside, join=join, few=kind not in listed)


def _types(contract: type[Contract]) -> Mapping[str, type[Any]]:
    """The types of the members that have a column, by JSON name."""
    found: dict[str, type[Any]] = {}
    for name, about in contract.model_fields.items():
        kind: Any = about.annotation
        kinds = [k for k in (kind, *get_args(kind)) if isinstance(k, type)]
        known = [k for k in kinds if k in (str, int, bool) or issubclass(k, OpenEnum)]
        if known:
            found[about.serialization_alias or about.alias or name] = known[0]
    return found
