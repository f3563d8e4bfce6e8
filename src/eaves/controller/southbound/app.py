"""From a request to an endpoint: bounds, envelope, sender, path.  EVE API v2, sections 3 and 4.

The order is that of the trust: bound the body, parse the envelope, find who signed it, verify,
only then read what it says.  What each refusal means to a device stands in section 3.3: 404 and
400 make it ask for its UUID again, 401 and 403 do not, 503 says "the controller is not sure, keep
everything and come back".  So whatever is not known for certain is 503.
"""

import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from eaves.controller.live import LiveDevice
from eaves.controller.southbound import config, uuid, wait
from eaves.controller.southbound.bodies import NoRoom, Share, TooSlow, limit_of
from eaves.controller.southbound.context import (
    DOUBT,
    FORBIDDEN,
    NOT_FOUND,
    NOT_MODIFIED,
    TOO_MANY,
    Call,
    Southbound,
    host_of,
)
from eaves.controller.southbound.http import Answer, BodyTooLarge, Request
from eaves.controller.telemetry.pipeline import Busy
from eaves.errors import Rejected, Transient
from eaves.evapi.envelope import Signed, parse_envelope, parse_signed
from eaves.evapi.errors import BadSignature, TooLarge
from eaves.evapi.paths import METHODS, Endpoint, Route, parse_path

log = structlog.get_logger()

Handler = Callable[[Southbound, Call], Awaitable[Answer]]

HANDLERS: Mapping[Endpoint, Handler] = {
    Endpoint.UUID: uuid.answer,
    Endpoint.CONFIG: config.answer,
    Endpoint.WAIT: wait.answer,
}

# Loaded at first use: a controller that starts again answers polls before anything else, and the
# messages that these read take longer to load than all the rest.
LATER: Mapping[Endpoint, str] = {
    Endpoint.REGISTER: "register",
    Endpoint.ATTEST: "attest",
    Endpoint.INFO: "info",
    Endpoint.METRICS: "metrics",
    Endpoint.NEWLOGS: "newlogs",
    Endpoint.APP_NEWLOGS: "newlogs",
    Endpoint.FLOWLOG: "flowlog",
    Endpoint.HARDWAREHEALTH: "hardwarehealth",
    Endpoint.SCEP: "scep",
}


async def _module(endpoint: Endpoint) -> Any:
    name = f"eaves.controller.southbound.{LATER[endpoint]}"
    module = sys.modules.get(name)
    if module is None or getattr(module.__spec__, "_initializing", False):
        # in a thread: polls go on; the import lock waits for one that is under way
        return await asyncio.to_thread(importlib.import_module, name)
    return module


async def _loaded(endpoint: Endpoint) -> Handler | None:
    if endpoint not in LATER:
        return None
    handler: Handler = (await _module(endpoint)).answer
    return handler


_BODY_MISSING = Answer(422)
_UNPARSABLE = Answer(400)
_UNPROCESSABLE = Answer(422)
_UNKNOWN = Answer(401)
_TOO_LARGE = Answer(413)
_TOO_SLOW = Answer(408)
_WRONG_METHOD = Answer(405)


_ASKED = {word: word for word in (*(e.value for e in Endpoint), "wait")}  # as a path ends


def endpoints(context: Southbound) -> Callable[[Request], Awaitable[Answer]]:
    """The device-facing API as one function from request to answer; it never raises."""

    async def answer(request: Request) -> Answer:
        began, given = perf_counter(), DOUBT
        try:
            given = await _answer(context, request)
        except (Transient, SQLAlchemyError, OSError) as error:
            log.warning("request_in_doubt", path=request.path, error=str(error))
        except Exception:
            # the device keeps what it sent and comes back; the traceback tells us what to mend
            log.exception("request_failed", path=request.path)
        context.meters.devices.note(
            _ASKED.get(request.path.rpartition("/")[2], "other"),
            given.status,
            perf_counter() - began,
        )
        return given

    return answer


async def _answer(context: Southbound, request: Request) -> Answer:
    route = parse_path(request.path)
    if route is None:
        return NOT_FOUND
    endpoint = route.endpoint
    if request.method not in METHODS[endpoint]:
        return _WRONG_METHOD
    if endpoint in _OPEN:
        return _open(context, request, endpoint)
    gate = context.gate
    if gate.refuses_endpoint(endpoint) or gate.refuses_address(lambda: host_of(request.client)):
        return _later(endpoint)
    limit = limit_of(endpoint, context.settings.bounds.body_bytes)
    if request.content_length is not None and request.content_length > limit:
        return _TOO_LARGE
    share = context.bodies.one()
    try:
        body = await _body(context, request, limit, share)
        if not body:
            return _BODY_MISSING
        if endpoint is Endpoint.REGISTER:
            return await _registered(context, request, body)
        opened = _opened(context, request, route, body, certain=False)
        if opened is None:
            await context.catch_up()  # another process may have let it in since our last look
            opened = _opened(context, request, route, body, certain=True) or _UNKNOWN
        return opened if isinstance(opened, Answer) else await _handled(context, opened)
    except BodyTooLarge:
        return _TOO_LARGE
    except NoRoom:
        log.warning("bodies_fill_memory", held=context.bodies.held, client=request.client)
        return DOUBT
    except TooSlow:
        return _TOO_SLOW
    finally:
        share.give_back()


_OPEN = frozenset({Endpoint.PING, Endpoint.CERTS})
_PONG = Answer(200)


def _open(context: Southbound, request: Request, endpoint: Endpoint) -> Answer:
    """What anybody may ask for, at the rate of its address."""
    if not context.gate.admits_stranger(host_of(request.client)):
        return TOO_MANY
    return _PONG if endpoint is Endpoint.PING else context.certs.answer()


_RATE_LIMITED = frozenset({Endpoint.NEWLOGS, Endpoint.APP_NEWLOGS})


def _later(endpoint: Endpoint) -> Answer:
    """Come back: 429 makes a device upload logs less often, 503 makes it keep everything else."""
    return TOO_MANY if endpoint in _RATE_LIMITED else DOUBT


async def _body(context: Southbound, request: Request, limit: int, share: Share) -> bytes:
    """Raises BodyTooLarge, NoRoom or TooSlow."""
    reader = context.readers.begin()
    try:
        body = await request.read_body(limit, share.add)
    except asyncio.CancelledError:
        if context.readers.end(reader):
            raise TooSlow from None
        raise
    finally:
        late = context.readers.end(reader)
    if late:  # it came in the moment in which it was given up
        raise TooSlow
    return body


async def _registered(context: Southbound, request: Request, body: bytes) -> Answer:
    try:
        sealed = parse_envelope(body)
    except Rejected as error:
        return _malformed(request, error)
    register = await _module(Endpoint.REGISTER)
    answer: Answer = await register.answer(context, sealed, request.client)
    return answer


def _opened(
    context: Southbound, request: Request, route: Route, body: bytes, *, certain: bool
) -> Call | Answer | None:
    """Who asks, proven, or the answer to somebody who is not.

    None while the memory is not `certain` that there is no such device.
    """
    signed = parse_signed(body)
    try:
        sender_hash = parse_envelope(body).sender_hash if signed is None else signed.sender_hash
    except Rejected as error:
        return _malformed(request, error)
    device = context.live.find_by_hash(sender_hash)
    if (device is None or device.gone) and not certain:
        return None
    if device is None:
        return _stranger(context, request, sender_hash)
    if signed is None:
        log.warning("envelope_refused", device_id=device.device_id, why="it is encrypted")
        return _UNPARSABLE
    if context.gate.over(device):
        return _later(route.endpoint)
    refused = _refusal(context, request, route, signed, device)
    if refused is not None:
        return refused
    if not context.gate.admits(device):
        return _later(route.endpoint)
    context.seen.note(device.device_id, context.clock())
    if route.endpoint is Endpoint.CONFIG and config.unchanged(device, signed.payload):
        return NOT_MODIFIED  # nearly all that is ever asked
    return Call(device, route, signed.payload, request)


def _stranger(context: Southbound, request: Request, sender_hash: bytes) -> Answer:
    if context.live.in_doubt:
        return DOUBT  # a change that could not be read yet may be this very device
    context.gate.admits_stranger(host_of(request.client))
    log.info("sender_unknown", sender_hash=sender_hash.hex(), client=request.client)
    return _UNKNOWN


def _malformed(request: Request, error: Rejected) -> Answer:
    log.info("envelope_malformed", path=request.path, client=request.client, why=str(error))
    return _UNPARSABLE


def _refusal(
    context: Southbound, request: Request, route: Route, signed: Signed, device: LiveDevice
) -> Answer | None:
    """Why the sender does not get what it asks for; None when it is who it says."""
    try:
        # dates of device certificates do not count: a device clock may be anywhere
        fits = device.verifier.fits(signed.signature, signed.payload)
    except Rejected as error:
        log.warning("envelope_refused", device_id=device.device_id, why=str(error))
        return _UNPARSABLE
    if not fits:
        # counted for the address: anybody may claim to be this device
        context.gate.admits_stranger(host_of(request.client))
        why = str(BadSignature(signed.sender_hash))
        log.warning("signature_refused", device_id=device.device_id, why=why)
        return _UNKNOWN
    if device.gone:
        return NOT_FOUND
    if route.device_id is not None and route.device_id != device.device_id:
        log.warning("foreign_path", device_id=device.device_id, path=request.path)
        return FORBIDDEN
    return None


async def _handled(context: Southbound, call: Call) -> Answer:
    endpoint = call.route.endpoint
    handler = HANDLERS.get(endpoint) or await _loaded(endpoint)
    if handler is None:
        return FORBIDDEN  # of the API, but not offered here; 404 would say "you were deleted"
    try:
        return await handler(context, call)
    except Busy:
        return _later(endpoint)
    except TooLarge as error:
        log.warning("message_too_large", device_id=call.device.device_id, why=str(error))
        return _TOO_LARGE
    except Rejected as error:
        log.warning(
            "message_refused",
            device_id=call.device.device_id,
            endpoint=str(endpoint),
            why=str(error),
        )
        return _UNPROCESSABLE
