"""The audit log: read along its chain and against it, exported as lines, and checked.

An export and a check are about all of a log, so they need a role that holds in all projects.
Nothing here changes or deletes a row.  Damage that was found can be acknowledged, by a row of its
own; a check says so for ever.
"""

import json
from collections.abc import AsyncIterator
from typing import Final

import structlog
from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.domain.admission.refusal import Refusal, invalid
from eaves.controller.domain.audit import (
    ACKNOWLEDGED,
    AuditEntry,
    Fault,
    Head,
    Link,
    fault_at_end,
    fault_of_acknowledged,
    fault_of_anchor,
    fault_of_head,
    follow,
    line_of,
    moment_text,
    read_anchor,
    sealed_line,
)
from eaves.controller.domain.authz import Area, Rule, Verb
from eaves.controller.domain.contract.base import Contract, JsonObject
from eaves.controller.northbound import crud
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.periods import check_searched, read_period, read_stretch
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import Route
from eaves.controller.northbound.work import Work
from eaves.controller.store.audit_chain import (
    BEFORE_ALL,
    MOST_ROWS,
    AuditFilter,
    acknowledge,
    audit_key,
    find_digest,
    find_head,
    list_audit,
    note_audit,
    read_rows,
)
from eaves.controller.store.unit import Db, snapshot

log = structlog.get_logger()

READ_AUDIT: Final = Rule(Area.USER, Verb.READ)
ACKNOWLEDGE: Final = Rule(Area.ENTERPRISE, Verb.UPDATE)
ROWS_AT_ONCE: Final = 100
BY_TIME: Final = ("at", "number")
CHECKED_AT_ONCE: Final = 20_000  # rows, in one request; who checks asks for the next ones
LINES: Final = "application/x-ndjson"
ATTEMPTS: Final = 3
MOST_DIGITS: Final = 18
MOST_REASON: Final = 1000


async def many(context: Context, request: Request) -> Response:
    """One page, newest first unless `next.orderBy=at`; its token is the row to go on from."""
    params, period = request.query_params, read_period(request)
    check_searched(request, "userPattern", "verbPattern", "objectNamePattern")
    wanted = AuditFilter(
        user_name=params.get("user", ""),
        verb=params.get("verb", ""),
        object_kind=params.get("objectKind", ""),
        object_id=params.get("objectId", ""),
        object_name=params.get("objectName", ""),
        user_part=params.get("userPattern", ""),
        verb_part=params.get("verbPattern", ""),
        object_part=params.get("objectNamePattern", ""),
        start=period.start,
        end=period.end,
    )
    page = read_stretch(request, ROWS_AT_ONCE, BY_TIME)
    async with context.reading(request) as work:
        told = await list_audit(
            work.db,
            work.scope,
            wanted,
            behind=page.behind,
            oldest_first=page.oldest_first,
            offset=page.offset,
            limit=page.size + 1,
        )
    found = told[: page.size]
    return JSONResponse(
        {
            "list": [line_of(row.number, row.entry) for row in found],
            "next": page.next(found[-1].number if len(told) > len(found) else 0).to_json(),
        }
    )


def _number(text: str, member: str) -> int:
    if text and not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS):
        raise Problem(400, f"{member} is {text!r}; give the number of a row", location=member)
    return int(text or 0)


def _whole_log(work: Work) -> str:
    """The enterprise.  Raises Problem(403) for a role that holds in some projects only."""
    if work.scope.projects is not None:
        raise Problem(
            403,
            f"role {work.principal.rights.role_name!r} holds in some projects only, and the audit "
            "log can be exported and checked as a whole only; ask for a role without project "
            "filter, or read the list",
        )
    return work.scope.enterprise


async def export(context: Context, request: Request) -> Response:
    """Lines of JSON from row `from` on; the last line is the head, so that a cut is noticed."""
    after = max(_number(request.query_params.get("from", ""), "from") - 1, 0)
    async with context.reading(request) as work:
        enterprise = _whole_log(work)
        head = await find_head(work.db, enterprise)

    lines = export_lines(context.engine, head, after)
    name = 'attachment; filename="audit.jsonl"'
    return StreamingResponse(lines, media_type=LINES, headers={"Content-Disposition": name})


async def export_lines(
    engine: AsyncEngine, head: Head | None, after: int, at_once: int = MOST_ROWS
) -> AsyncIterator[str]:
    """From behind row `after` up to the newest row that `head` names.

    Rows that are moved to a file before they were read end it without its last line: whoever reads
    it exports again, and does not take them for missing.
    """
    row = after if head is None else max(after, head.archived.number)
    while head is not None and row < head.newest.number:
        async with snapshot(engine) as db:  # not one for hours
            rows = await read_rows(db, head.enterprise_id, row, at_once)
            now = await find_head(db, head.enterprise_id)
        if now is not None and now.archived.number > row:
            log.info("audit_export_overtaken", enterprise_id=head.enterprise_id, row=row)
            return
        if not rows:
            break
        kept = [one for one in rows if one.number <= head.newest.number]
        yield "".join(json.dumps(sealed_line(one)) + "\n" for one in kept)
        row = rows[-1].number
    yield json.dumps({"head": None if head is None else _shown(head)}) + "\n"


def _shown(head: Head) -> JsonObject:
    return {
        "enterpriseId": head.enterprise_id,
        "number": head.newest.number,
        "digest": head.newest.digest.hex(),
        "archivedNumber": head.archived.number,
        "archivedDigest": head.archived.digest.hex(),
        "acknowledged": str(head.acknowledged) if head.acknowledged.number else "",
        "sealedFrom": head.sealed_from,
        "seal": head.seal.hex(),
    }


async def verify(context: Context, request: Request) -> Response:
    """Check rows from `from` on, some thousands at once; `next` is where to go on, 0 at the end.

    `anchor` is the number and digest of a row that was seen before.
    """
    params = request.query_params
    first = _number(params.get("from", ""), "from")
    text = params.get("anchor", "")
    anchor = read_anchor(text)
    if text and anchor is None:
        raise Problem(
            400, f"anchor is {text!r}; give NUMBER:DIGEST as a check told it", location="anchor"
        )
    async with context.reading(request) as work:
        enterprise = _whole_log(work)
    told = await _checked_now(context, enterprise, first, anchor)
    for _ in range(ATTEMPTS):
        async with snapshot(context.engine) as db:
            head = await find_head(db, enterprise)
        if told["intact"] or head is None or told["archived"] == str(head.archived):
            break
        # rows that were moved to a file meanwhile are not missing
        told = await _checked_now(context, enterprise, first, anchor)
    return JSONResponse(told)


async def _checked_now(
    context: Context, enterprise: str, first: int, anchor: Link | None
) -> JsonObject:
    async with snapshot(context.engine) as db:
        return await _checked(db, enterprise, first, anchor)


async def _checked(db: Db, enterprise: str, first: int, anchor: Link | None) -> JsonObject:
    head, key = await find_head(db, enterprise), audit_key(db)
    if head is None:
        gone = Fault(0, "the audit log is gone, and yet somebody signed in to ask for it")
        return {"intact": False, "checked": 0, "next": 0, "archived": "", **_faulty(gone)}
    begin = await _before(db, head, first)
    fault: Fault | None = fault_of_head(key, head)
    if fault is None and head.begin.number > head.archived.number:
        digest = await find_digest(db, enterprise, head.begin.number)
        fault = None if digest == head.begin.digest else fault_of_acknowledged(head)
    if fault is None and anchor is not None and anchor.number > head.archived.number:
        found = await find_digest(db, enterprise, anchor.number)
        fault = fault_of_anchor(anchor, found, head.newest.number)
    elif fault is None and anchor is not None and anchor.number == head.archived.number:
        fault = fault_of_anchor(anchor, head.archived.digest, head.newest.number)
    last, end, unsealed = begin, False, 0
    while not end and last.number - begin.number < CHECKED_AT_ONCE:
        rows = await read_rows(db, enterprise, last.number)
        inside = [row for row in rows if row.number <= head.newest.number]
        end = len(inside) < len(rows) or not rows or inside[-1].number == head.newest.number
        reached = follow(key, head, last, inside)
        if isinstance(reached, Fault):
            fault, end = _first(fault, reached), True
            break
        last = reached
        unsealed += sum(row.number < head.sealed_from for row in inside)
        if end:
            fault = _first(fault, fault_at_end(head, last) or await _stray(db, head))
    told: JsonObject = {
        "intact": fault is None,
        "checked": last.number - begin.number,
        "first": begin.number + 1,
        "last": last.number,
        "digest": last.digest.hex(),
        "next": 0 if end or fault is not None else last.number + 1,
        "newest": str(head.newest),
        "archived": str(head.archived),
        "acknowledged": str(head.acknowledged) if head.acknowledged.number else "",
        "unsealed": unsealed,
    }
    if unsealed:
        told["unsealedUntil"] = await _moment_of(db, enterprise, head.sealed_from - 1)
    return told if fault is None else {**told, **_faulty(fault)}


def _first(one: Fault | None, other: Fault | None) -> Fault | None:
    """A row that does not fit says more than the head does."""
    return other or one


def _faulty(fault: Fault) -> JsonObject:
    return {"fault": {"number": fault.number, "why": fault.why}}


async def _before(db: Db, head: Head, first: int) -> Link:
    """The place before row `first`, as it was checked by the request before."""
    if first <= head.begin.number + 1:
        return head.begin
    digest = await find_digest(db, head.enterprise_id, first - 1)
    if digest is None:
        raise Problem(404, f"there is no row {first - 1} to go on from; check from the beginning")
    return Link(first - 1, digest)


async def _stray(db: Db, head: Head) -> Fault | None:
    """A row that lies outside of the chain; one that was appended while we looked does not."""
    before = await read_rows(db, head.enterprise_id, BEFORE_ALL, 1)
    if before and before[0].number <= head.archived.number:
        number = before[0].number
        return Fault(number, f"row {number} stands before the beginning: it was put there")
    behind = await read_rows(db, head.enterprise_id, head.newest.number)
    now = await find_head(db, head.enterprise_id)
    newest = head.newest.number if now is None else now.newest.number
    for row in behind:
        if row.number > newest:
            return Fault(row.number, f"row {row.number} stands behind the end: it was put there")
    return None


async def _moment_of(db: Db, enterprise: str, number: int) -> str:
    rows = await read_rows(db, enterprise, number - 1, 1)
    return moment_text(rows[0].entry.at) if rows else ""


class Acknowledgement(Contract):
    anchor: str = ""
    reason: str = ""


async def acknowledge_damage(context: Context, request: Request) -> Response:
    """`anchor`: the row up to which the log is taken as it is; `reason`: what was found out."""
    sent = await crud.read_body(request, Acknowledgement)
    anchor, reason = read_anchor(sent.anchor), sent.reason.strip()
    faults: list[Refusal] = []
    if anchor is None:
        faults.append(invalid("anchor", "give NUMBER:DIGEST of a row, as a check told it"))
    if not 0 < len(reason) <= MOST_REASON:
        told = f"say in up to {MOST_REASON:,} letters what was found out about the damage"
        faults.append(invalid("reason", told))
    if anchor is None or faults:
        raise Problem.of_refusals(faults)
    async with context.writing(request) as work:
        enterprise = _whole_log(work)
        head = await acknowledge(work.db, enterprise, anchor, audit_key(work.db))
        if head is None:
            raise Problem(
                409,
                f"{anchor} is no row of the log that was neither moved to a file nor acknowledged "
                "yet; check the log, and take the newest row that the check names",
                location="anchor",
            )
        who = work.principal
        note_audit(
            work.db,
            AuditEntry(
                at=work.now,
                enterprise_id=enterprise,
                verb=ACKNOWLEDGED,
                result=f"rows up to {anchor.number} are taken as they are",
                user_id=who.user_id,
                user_name=who.user_name,
                client=who.client,
                request_id=work.request_id,
                object_kind="audit",
                changes=json.dumps({"row": str(anchor), "reason": reason}),
            ),
        )
    return JSONResponse(_shown(head))


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/eaves/audit", many, READ_AUDIT),
    Route("GET", "/v1/eaves/audit/export", export, READ_AUDIT),
    Route("GET", "/v1/eaves/audit/verify", verify, READ_AUDIT),
    Route("POST", "/v1/eaves/audit/acknowledge", acknowledge_damage, ACKNOWLEDGE, Acknowledgement),
)
