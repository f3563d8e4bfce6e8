"""What a conversation with a controller is made of.

A flow is a generator: it yields a `Send` or a `Wait`, is sent what came of it, and returns a
result.  It owns no socket and no clock, so a node, a simulated fleet and a test drive the same one:

    flow = poll(...)
    step = next(flow)
    while True:
        reply = perform(step)  # Received or NoConnection for a Send, None for a Wait
        step = flow.send(reply)  # StopIteration.value is the result

The driver adds `X-Request-Id`, walks uplinks (section 2.3) and closes the generator to give up.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from eaves.evapi.paths import PROTOBUF, Endpoint, Method

Clock = Callable[[], datetime]
Jitter = Callable[[], float]
"""Uniform in [0, 1)."""

SUCCESS = frozenset({200, 201, 204, 304})
_ONBOARDING_TYPES = frozenset({PROTOBUF, "application/json", "text/plain"})


@dataclass(frozen=True, slots=True)
class Send:
    endpoint: Endpoint
    method: Method
    path: str
    body: bytes = field(default=b"", repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    stop_on_refusal: bool = False  # do not repeat on another uplink after 4xx or 5xx

    @property
    def content_type(self) -> str | None:
        return PROTOBUF if self.method == "POST" else None


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float
    because: str  # for a person: what is being waited for, and what went wrong


@dataclass(frozen=True, slots=True)
class Received:
    status: int
    content_type: str | None = None
    body: bytes = field(default=b"", repr=False)


class Cause(StrEnum):
    """What a driver can tell apart about a connection that was not made."""

    REFUSED = "connection refused"
    TIME_INVALID = "certificate outside its validity"
    UNKNOWN_CA = "certificate of an unknown authority"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class NoConnection:
    reason: str
    cause: Cause = Cause.OTHER


Reply = Received | NoConnection
Step = Send | Wait
T = TypeVar("T")
Flow = Generator[Step, Reply | None, T]


def sent(send: Send) -> Flow[Reply]:
    """Yield one request; what came of it."""
    reply = yield send
    if reply is None:
        raise TypeError("the driver of a flow answered a Send with None")
    return reply


def unusable(reply: Received, *, onboarding: bool = False) -> str | None:
    """Why a successful answer with a body cannot be read, by its content type.  Section 2.2."""
    if not reply.body:
        return None
    media = (reply.content_type or "").partition(";")[0].strip().lower()
    if media in (_ONBOARDING_TYPES if onboarding else (PROTOBUF,)):
        return None
    return f"content type {media or 'missing'}, {PROTOBUF} is needed"


_STATUS = {
    400: "the controller does not know this device, or could not read the request",
    401: "the controller does not know this device's certificate",
    403: "the controller knows this device but does not allow this",
    404: "the controller does not know this device",
    409: "another device certificate is registered under this onboarding certificate and serial",
    422: "the controller could not use the request",
    429: "the controller asks for fewer requests",
    503: "the controller is being upgraded",
}


def explain(endpoint: Endpoint, reply: Reply) -> str:
    """What came back, in words for a person."""
    match reply:
        case NoConnection(reason=reason):
            return f"{endpoint}: no connection: {reason}"
        case Received(status=status):
            words = _STATUS.get(status)
            return f"{endpoint}: status {status}" + (f", {words}" if words else "")


def is_temporary(reply: Reply) -> bool:
    """Would a device that tests a new base OS be right to wait rather than to fall back?"""
    match reply:
        case NoConnection(cause=cause):
            return cause in (Cause.REFUSED, Cause.TIME_INVALID)
        case Received(status=status):
            return status in (400, 403, 404, 503)
