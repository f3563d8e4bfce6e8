"""Incidents of alert rules as a list, and who took care of them.

Whoever acknowledges one says that it is known: it needs no other person any more.  It goes on until
it is over, and its end is told as that of others.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field as Member
from sqlalchemy import ColumnElement, case, func

from eaves.controller.domain.admission.refusal import invalid
from eaves.controller.domain.alerts.messages import Incident, shown
from eaves.controller.domain.audit import AuditEntry
from eaves.controller.domain.contract.alerts import AlertCondition
from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.contract.envelope import ZsrvErrorCode
from eaves.controller.domain.contract.statuses import Severity
from eaves.controller.domain.scope import Scope
from eaves.controller.northbound import crud
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.listing import (
    Column,
    Field,
    NoPlanError,
    Plan,
    Source,
    find_page,
    plan_of,
)
from eaves.controller.northbound.paging import PATTERN, ListQuery, refuse
from eaves.controller.northbound.periods import check_searched, page_size
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import CHANGE_DEVICES, READ_DEVICES, Route
from eaves.controller.northbound.work import Work
from eaves.controller.store import alerts
from eaves.controller.store.dialect import is_one_of, micros_in
from eaves.controller.store.events import Event, insert_audit, insert_events
from eaves.controller.store.tables_alerts import incidents

AT_ONCE: Final = 100
MOST_ACKNOWLEDGED: Final = 10_000  # as many as are chosen at the console
NAMED: Final = 10
NEWEST_FIRST: Final = ("openedAt:desc",)
FLAGS: Final = ("open", "acknowledged")
WORDS: Final = ("notice", "warning", "error")  # as stored, the lowest first
TEXTS: Final = {
    "id": "id",
    "ruleId": "rule_id",
    "ruleName": "rule_name",
    "projectId": "project_id",
    "deviceId": "device_id",
    "deviceName": "device_name",
    "objectId": "object_id",
    "objectKind": "object_kind",
    "objectName": "object_name",
    "text": "text",
    "closedWhy": "closed_why",
    "acknowledgedBy": "acknowledged_by",
}


def source_of(scope: Scope) -> Source:
    c = incidents.c
    severity = {f"SEVERITY_{word.upper()}": word for word in WORDS}
    # the rank stands before the word, so that the order of these texts is that of what they mean
    ranked = {word: f"{n} SEVERITY_{word.upper()}" for n, word in enumerate(WORDS, 1)}
    fields = {
        **{name: Field(c[column]) for name, column in TEXTS.items()},
        "condition": Field(c.condition, AlertCondition),
        "severity": Field(
            case(ranked, value=c.severity, else_=""),
            Severity,
            words={name: c.severity == word for name, word in severity.items()},
        ),
        "open": _flag(c.closed_at.is_(None), c.closed_at.is_not(None)),
        "acknowledged": _flag(c.acknowledged_at.is_not(None), c.acknowledged_at.is_(None)),
        "openedAt": Field(micros_in(c.opened_at), int),
        "closedAt": _moment(c.closed_at),
        "acknowledgedAt": _moment(c.acknowledged_at),
    }
    return Source(incidents, c.id, alerts.visible_incidents(scope), fields)


def _flag(true: ColumnElement[bool], false: ColumnElement[bool]) -> Field:
    return Field(case((true, 1), else_=0), bool, words={"true": true, "false": false})


def _moment(column: Column) -> Field:
    return Field(func.coalesce(micros_in(column), 0), int)


async def listing(context: Context, request: Request) -> Response:
    """Newest first, unless another order is asked for."""
    query = _read_query(request)
    async with context.reading(request) as work:
        source, total = source_of(work.scope), None
        known = {name: said for name, said in query.filters.items() if _of_ascii(name, said)}
        if len(known) < len(query.filters):
            conditions = _plan(source, replace(query, filters=known), work).conditions
            ids = await _with_parts(work, query.filters, known, conditions)
            source = replace(source, visible=source.visible & is_one_of(work.db, source.id, ids))
            query, total = replace(query, filters=known), len(ids)
        plan = _plan(source, query, work)
        if total is None:
            total = await alerts.count_incidents(work.db, work.scope)
        page = await find_page(work.db, plan, query, total)
        found = await alerts.find_incidents(work.db, work.scope, page.ids)
    rows = [shown(found[id_]) for id_ in page.ids if id_ in found]  # some were just forgotten
    return JSONResponse({"list": rows, "next": page.next.to_json(), "totalCount": page.total})


def _plan(source: Source, query: ListQuery, work: Work) -> Plan:
    try:
        return plan_of(source, query, work.db.dialect.name)
    except NoPlanError as error:
        raise refuse(
            "incidents are filtered and ordered by "
            f"{', '.join(sorted(source.fields))} alone, with Pattern behind those of text",
            "next.orderBy",
        ) from error


def _read_query(request: Request) -> ListQuery:
    check_searched(request, *(f"{name}{PATTERN}" for name in TEXTS))
    query = crud.list_query(request)
    for name in FLAGS:
        for word in query.filters.get(name, ()):
            if word.lower() not in ("true", "false"):
                raise Problem(
                    400,
                    f"{name} is {word[:40]!r}; give true or false",
                    code=ZsrvErrorCode.BAD_REQ_PARAM,
                    location=name,
                )
    return replace(
        query, page_size=page_size(request, AT_ONCE), order_by=query.order_by or NEWEST_FIRST
    )


def _of_ascii(name: str, said: Collection[str]) -> bool:
    """Whether the database finds it whatever its case."""
    text = name.removesuffix(PATTERN) if name.endswith(PATTERN) else ""
    return text not in TEXTS or all(part.isascii() for part in said)


async def _with_parts(
    work: Work,
    filters: Mapping[str, tuple[str, ...]],
    known: Collection[str],
    conditions: Iterable[ColumnElement[bool]],
) -> frozenset[str]:
    """Ids of those that have a part of each text in it that is not in `known`."""
    wanted = {
        TEXTS[name.removesuffix(PATTERN)]: [part.lower() for part in said]
        for name, said in filters.items()
        if name not in known
    }
    return frozenset(
        one.id
        for one in await alerts.all_incidents(work.db, work.scope, conditions)
        if all(
            any(part in str(getattr(one, member)).lower() for part in parts)
            for member, parts in wanted.items()
        )
    )


class Acknowledgement(Contract):
    """`acknowledged` false takes it back."""

    acknowledged: bool = True
    ids: tuple[str, ...] = Member(default=(), max_length=MOST_ACKNOWLEDGED)


async def acknowledge(context: Context, request: Request) -> Response:
    """All of these or, where one is not there, none."""
    sent = await crud.read_body(request, Acknowledgement)
    ids = frozenset(sent.ids)
    if not ids:
        raise Problem.of_refusals([invalid("ids", "name the incidents that are meant")])
    async with context.writing(request) as work:
        there = await alerts.find_incidents(work.db, work.scope, ids)
        if missing := sorted(ids - there.keys()):
            named = ", ".join(repr(id_[:40]) for id_ in missing[:NAMED])
            raise Problem(
                404,
                f"of these incidents {len(missing)} are not there or not yours to change: {named}; "
                "nothing was changed",
                location="ids",
            )
        changed = await alerts.acknowledge_incidents(
            work.db,
            work.scope,
            ids,
            at=work.now if sent.acknowledged else None,
            by=work.principal.user_name if sent.acknowledged else "",
        )
        await _note(work, changed, "acknowledged" if sent.acknowledged else "not acknowledged")
    return JSONResponse({"changed": len(changed)})


async def _note(work: Work, changed: Collection[Incident], what: str) -> None:
    await insert_events(work.db, [_event(work, one, what, work.now) for one in changed])
    who = work.principal
    for one in changed:
        await insert_audit(
            work.db,
            AuditEntry(
                at=work.now,
                enterprise_id=one.enterprise_id,
                verb=what,
                result="done",
                project_id=one.project_id,
                user_id=who.user_id,
                user_name=who.user_name,
                client=who.client,
                request_id=work.request_id,
                object_kind="incidents",
                object_id=one.id,
                object_name=one.rule_name,
                changes=json.dumps({"about": one.about, "text": one.text}),
            ),
        )


def _event(work: Work, one: Incident, what: str, now: datetime) -> Event:
    return Event(
        at=now,
        enterprise_id=one.enterprise_id,
        event_type=f"ALERT_{what.upper().replace(' ', '_')}",
        description=f"alert {one.rule_name}: {one.about}: {what} by {work.principal.user_name}",
        source="USER",
        project_id=one.project_id,
        device_id=one.device_id,
        user_name=work.principal.user_name,
        object_kind=one.object_kind,
        object_id=one.object_id,
        object_name=one.object_name,
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/eaves/incidents", listing, READ_DEVICES),
    Route(
        "PUT", "/v1/ext/incidents/acknowledge", acknowledge, CHANGE_DEVICES, takes=Acknowledgement
    ),
)
