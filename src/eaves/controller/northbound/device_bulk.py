"""Many device records from a file: every row is checked, faults are told by line.

Unless `partial` is asked for, a file with a fault makes nothing.  `dryRun` never makes anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from eaves.controller.domain.authz import Area, Rule, Verb
from eaves.controller.domain.bulk_devices import (
    MAX_ROWS,
    MalformedFileError,
    Row,
    read_rows,
    with_ports,
)
from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.envelope import ZsrvError, ZsrvErrorCode
from eaves.controller.northbound import catalog, crud, problems, records
from eaves.controller.northbound.context import Context
from eaves.controller.northbound.problems import Problem
from eaves.controller.northbound.routes import Route
from eaves.controller.northbound.work import Work
from eaves.errors import Rejected

CREATE: Final = Rule(Area.DEVICE, Verb.CREATE)


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a row: an id, or what stands against it."""

    row: Row
    id: str = ""
    errors: tuple[ZsrvError, ...] = ()

    def shown(self) -> JsonObject:
        return {
            "line": self.row.line,
            "name": self.row.name,
            "id": self.id,
            "error": [error.to_json() for error in self.errors],
        }


class _UndoneError(Exception):
    """Leaves the transaction of a trial."""


async def create_many(context: Context, request: Request) -> Response:
    rows = _rows(await request.body(), request.headers.get("content-type", ""))
    dry_run, partial = (_flag(request, name) for name in ("dryRun", "partial"))
    made: list[Made] = []
    try:
        async with context.writing(request) as work:
            made += [await _make(work, row) for row in rows]
            _leave(unless=not dry_run and (partial or not any(one.errors for one in made)))
    except _UndoneError:
        pass
    if not dry_run and not partial and any(one.errors for one in made):
        raise _refused(made)
    shown = [one.shown() for one in made]
    if dry_run:
        shown = [{**one, "id": ""} for one in shown]
    failed = sum(bool(one.errors) for one in made)
    return JSONResponse(
        {
            "created": 0 if dry_run else len(made) - failed,
            "failed": failed,
            "dryRun": dry_run,
            "results": shown,
        }
    )


def _leave(*, unless: bool) -> None:
    if not unless:
        raise _UndoneError


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() in ("true", "1")


def _rows(body: bytes, content_type: str) -> Sequence[Row]:
    try:
        rows = read_rows(body, content_type)
    except MalformedFileError as error:
        raise Problem(400, str(error), location="body") from error
    if not rows:
        raise Problem(400, "the file holds no record; send at least one", location="body")
    if len(rows) > MAX_ROWS:
        raise Problem(
            413,
            f"the file has {len(rows):,} records, a request takes {MAX_ROWS}; send them in parts, "
            "as `eaves device create` does",
            location="body",
        )
    return rows


async def _make(work: Work, row: Row) -> Made:
    """What was begun of a row that is refused is undone alone."""
    if row.faults:
        return Made(row, errors=tuple(_error(fault) for fault in row.faults))
    try:
        async with work.db.begin_nested():
            target = await crud.create(work, catalog.DEVICES, await _device(work, row))
            work.changed.clear()  # it is rendered
    except Problem as problem:
        return Made(row, errors=problem.errors)
    except ValidationError as error:
        return Made(row, errors=problems.of_validation(error).errors)
    except Rejected as error:
        return Made(row, errors=(_error(str(error)),))
    return Made(row, id=target.id)


async def _device(work: Work, row: Row) -> DeviceConfig:
    """With ids instead of names.  Raises ValidationError."""
    device = dict(row.device)
    named = {
        member: str(device.pop(noun, "") or device.get(member, ""))
        for noun, member in (("model", "modelId"), ("project", "projectId"))
    }
    model = await records.find_named(work.db, work.scope, records.MODEL, named["modelId"])
    project = await records.find_named(work.db, work.scope, records.PROJECT, named["projectId"])
    device["modelId"] = model.id if model is not None else named["modelId"]
    device["projectId"] = project.id if project is not None else named["projectId"]
    device.setdefault("title", device.get("name", ""))
    return crud.checked(DeviceConfig.from_json(with_ports(device, model)))


def _error(details: str) -> ZsrvError:
    return ZsrvError(ec=ZsrvErrorCode.INVALID_DATA, details=details)


def _refused(made: Sequence[Made]) -> Problem:
    """Every fault of every row."""
    told = tuple(
        error.model_copy(
            update={
                "details": f"line {one.row.line} ({one.row.name}): {error.details}",
                "location": f"line {one.row.line}{': ' if error.location else ''}{error.location}",
            }
        )
        for one in made
        for error in one.errors
    )
    problem = Problem(400, told[0].details)
    problem.errors = told
    return problem


ROUTES: tuple[Route, ...] = (Route("POST", "/v1/eaves/devices/bulk", create_many, CREATE),)
