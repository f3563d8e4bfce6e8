"""One table: what went wrong -> HTTP status and fine code; and the envelope that says so."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.exceptions import HTTPException as StarletteHTTPException
from structlog.stdlib import get_logger

from eaves.controller.domain.admission import Refusal, http_status
from eaves.controller.domain.contract.base import JsonObject, rfc3339
from eaves.controller.domain.contract.envelope import (
    ObjectType,
    ZcOpsStatus,
    ZcOpsType,
    ZsrvError,
    ZsrvErrorCode,
    ZsrvResponse,
)
from eaves.controller.northbound.conflicts import unavailable
from eaves.controller.northbound.later import reason_for
from eaves.controller.northbound.operations import Operation, Operations
from eaves.controller.store.content_files import NoRoom
from eaves.controller.store.devices import CertificateTaken, SerialTaken
from eaves.controller.store.objects import (
    NameTaken,
    NoSuchObject,
    StillReferenced,
    UnknownReference,
    VersionConflict,
)
from eaves.errors import EavesError, Rejected, Transient

log = get_logger(__name__)

FINE_CODES: Mapping[int, ZsrvErrorCode] = {
    400: ZsrvErrorCode.BAD_REQ_BODY,
    401: ZsrvErrorCode.UNAUTHORIZED,
    403: ZsrvErrorCode.FORBIDDEN,
    404: ZsrvErrorCode.NOT_FOUND,
    405: ZsrvErrorCode.FUNCTION_UNSUPPORTED,
    409: ZsrvErrorCode.CONFLICT,
    412: ZsrvErrorCode.PRE_CONDITION_FAILED,
    413: ZsrvErrorCode.RANGE_ERROR,
    415: ZsrvErrorCode.BAD_REQ_BODY,
    429: ZsrvErrorCode.RANGE_ERROR,
    500: ZsrvErrorCode.INTERNAL_SERVER_ERROR,
    501: ZsrvErrorCode.FUNCTION_UNSUPPORTED,
    503: ZsrvErrorCode.DATA_BASE_CONNECTION,
}

REJECTIONS: Mapping[type[Rejected], tuple[int, ZsrvErrorCode]] = {
    NoSuchObject: (404, ZsrvErrorCode.NOT_FOUND),
    NameTaken: (409, ZsrvErrorCode.ALREADY_EXISTS),
    VersionConflict: (409, ZsrvErrorCode.VERSION_MISMATCH),
    StillReferenced: (409, ZsrvErrorCode.DEPENDENCY_CONFLICT),
    UnknownReference: (409, ZsrvErrorCode.CONFLICT),
    SerialTaken: (409, ZsrvErrorCode.CONFLICT),
    CertificateTaken: (409, ZsrvErrorCode.CONFLICT),
    NoRoom: (413, ZsrvErrorCode.RANGE_ERROR),
}

SECRET_PARTS = frozenset({"token", "code"})  # of paths, as the routes name them
OPERATIONS_BY_METHOD = {
    "POST": ZcOpsType.CREATE,
    "PUT": ZcOpsType.UPDATE,
    "DELETE": ZcOpsType.DELETE,
    "GET": ZcOpsType.READ,
}


@dataclass(frozen=True)
class Target:
    """The object that an envelope speaks of."""

    kind: str = ""  # as in paths: devices, apps/instances
    object_type: ObjectType = ObjectType.UNSPECIFIED
    id: str = ""
    name: str = ""
    revision: str = ""


class Problem(EavesError):
    """An answer that is not success; the text is for the caller."""

    def __init__(
        self,
        status: int,
        details: str,
        *,
        code: ZsrvErrorCode | None = None,
        location: str = "",
        target: Target | None = None,
        retry_after_s: int = 0,
    ) -> None:
        super().__init__(details)
        self.status = status
        self.retry_after_s = retry_after_s
        self.target = target or Target()
        fine = code or FINE_CODES.get(status, ZsrvErrorCode.INTERNAL_SERVER_ERROR)
        self.errors: tuple[ZsrvError, ...] = (
            ZsrvError(ec=fine, details=details, location=location),
        )

    @classmethod
    def of_refusals(cls, refusals: Sequence[Refusal], target: Target | None = None) -> "Problem":
        """Every reason of an admission in one answer."""
        problem = cls(http_status(refusals), refusals[0].details, target=target)
        problem.errors = tuple(
            ZsrvError(ec=refusal.code, details=refusal.details, location=refusal.member)
            for refusal in refusals
        )
        return problem


def not_found(kind: str, reference: str) -> Problem:
    return Problem(
        404, f"there is no {kind} {reference!r} that you may see; list them to find the right one"
    )


def of_validation(error: ValidationError) -> Problem:
    """Every fault of a body, one entry each."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    problem = Problem(400, "the body does not fit the contract")
    problem.errors = tuple(
        ZsrvError(
            ec=ZsrvErrorCode.INVALID_FIELD_FORMAT,
            details=f"{_member(fault['loc'])}: {fault['msg']}",
            location=_member(fault["loc"]),
        )
        for fault in faults[:100]
    )
    return problem


def _member(location: Sequence[int | str]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "body"


@dataclass(frozen=True)
class Envelopes:
    """Makes result envelopes; every non-read and every failure answers with one."""

    clock: Callable[[], datetime]
    statuses: Mapping[int, str] = field(
        default_factory=lambda: {status.value: status.phrase for status in HTTPStatus}
    )

    def success(
        self, target: Target, *, operation: ZcOpsType, user: str, status: int = 200, job: str = ""
    ) -> Response:
        return self._answer(status, target, operation=operation, user=user, errors=(), job=job)

    def failure(
        self, problem: Problem, *, operation: ZcOpsType = ZcOpsType.UNSPECIFIED, user: str = ""
    ) -> Response:
        told = self._answer(
            problem.status, problem.target, operation=operation, user=user, errors=problem.errors
        )
        if problem.retry_after_s:
            told.headers["Retry-After"] = str(problem.retry_after_s)
        return told

    def body(self, problem: Problem) -> JsonObject:
        """The envelope of a failure, for an answer that says more beside it."""
        return self._envelope(problem.status, problem.target, errors=problem.errors).to_json()

    def _answer(
        self,
        status: int,
        target: Target,
        *,
        operation: ZcOpsType,
        user: str,
        errors: tuple[ZsrvError, ...],
        job: str = "",
    ) -> Response:
        envelope = self._envelope(
            status, target, errors=errors, operation=operation, user=user, job=job
        )
        return JSONResponse(envelope.to_json(), status_code=status)

    def _envelope(
        self,
        status: int,
        target: Target,
        *,
        errors: tuple[ZsrvError, ...],
        operation: ZcOpsType = ZcOpsType.UNSPECIFIED,
        user: str = "",
        job: str = "",
    ) -> ZsrvResponse:
        now = rfc3339(self.clock())
        return ZsrvResponse(
            http_status_code=status,
            http_status_msg=self.statuses.get(status, "Error"),
            error=errors,
            object_id=target.id,
            object_name=target.name,
            object_kind=target.kind,
            object_revision=target.revision,
            object_type=target.object_type,
            operation_type=operation,
            operation_status=ZcOpsStatus.COMPLETE,
            operation_time=now,
            start_time=now,
            end_time=now,
            user=user,
            job_id=job,
        )


def _status_of(error: Rejected) -> tuple[int, ZsrvErrorCode]:
    for kind, answer in REJECTIONS.items():
        if isinstance(error, kind):
            return answer
    return 400, ZsrvErrorCode.INVALID_DATA


def _user_of(request: Request) -> str:
    return str(getattr(request.state, "user", ""))


def told_path(request: Request) -> str:
    """The path for the log, without what opens something."""
    parts = request.url.path
    for name in SECRET_PARTS & request.path_params.keys():
        parts = parts.replace(str(request.path_params[name]), f"{{{name}}}")
    return parts


def _not_served(operation: Operation) -> str:
    reason = reason_for(operation)
    named = f"{operation.name} ({operation.method} {operation.path})"
    return f"{named} is not served by this release{f'; {reason}' if reason else ''}"


def install(app: FastAPI, envelopes: Envelopes, operations: Operations) -> None:
    """Give every failure of the app the form of the contract."""

    def answer(request: Request, problem: Problem) -> Response:
        operation = OPERATIONS_BY_METHOD.get(request.method, ZcOpsType.UNSPECIFIED)
        return envelopes.failure(problem, operation=operation, user=_user_of(request))

    async def problem_raised(request: Request, error: Exception) -> Response:
        if isinstance(error, Problem):
            return answer(request, error)
        if isinstance(error, ValidationError):
            return answer(request, of_validation(error))
        if isinstance(error, Rejected):
            status, code = _status_of(error)
            return answer(request, Problem(status, str(error), code=code))
        return answer(request, Problem(503, f"{error}; try again in a moment"))

    async def no_route(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, StarletteHTTPException) else 404
        method, path = request.method, request.url.path
        known = operations.find(method, path)
        if status in (404, 405) and known is not None:
            return answer(
                request,
                Problem(501, _not_served(known)),
            )
        if status == 404:
            return answer(
                request,
                Problem(
                    404,
                    f"the API has no {method} {path}; see docs/reference/api-coverage.md",
                    code=ZsrvErrorCode.URL_NOT_FOUND,
                ),
            )
        return answer(request, Problem(status, f"{method} {path} is not allowed"))

    async def unforeseen(request: Request, error: Exception) -> Response:
        log.error("request_failed", method=request.method, path=told_path(request), exc_info=error)
        return answer(
            request,
            Problem(
                500,
                "the controller failed on this request; its log has the cause under the request id",
            ),
        )

    async def value_unfit(request: Request, error: BaseException) -> Response:
        """No type of the contract says how large a number is that a database takes."""
        why = str(error).partition("\n")[0]
        log.warning("value_unfit", path=request.url.path, why=why, exc_info=error)
        return answer(
            request,
            Problem(
                400,
                "a value cannot be stored or looked for: a number is too large, or a text has "
                f"the character NUL ({why}); send another",
                code=ZsrvErrorCode.INVALID_DATA,
            ),
        )

    async def database_failed(request: Request, error: Exception) -> Response:
        if isinstance(error, DataError):
            return await value_unfit(request, error.orig or error)
        if not isinstance(error, SQLAlchemyError) or not unavailable(error):
            return await unforeseen(request, error)
        log.warning("database_unavailable", path=told_path(request), why=str(error))
        return answer(
            request, Problem(503, "the database cannot be reached now; try again in a moment")
        )

    app.add_exception_handler(SQLAlchemyError, database_failed)
    app.add_exception_handler(OverflowError, value_unfit)
    for kind in (Problem, Rejected, Transient, ValidationError):
        app.add_exception_handler(kind, problem_raised)
    app.add_exception_handler(StarletteHTTPException, no_route)
    app.add_exception_handler(Exception, unforeseen)
