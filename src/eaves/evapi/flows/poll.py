"""One configuration poll, from the question to what the device is to do.  Section 7."""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.errors import EavesError
from eaves.evapi.envelope import Sender, seal
from eaves.evapi.flows.steps import Clock, Flow, NoConnection, Send, explain, sent
from eaves.evapi.flows.trust import Failed, Opened, Trust, ask
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.evapi.poll import PollRequest, decode_poll_response, encode_poll_request
from eaves.ids import DeviceId


@dataclass(frozen=True, slots=True)
class Unchanged:
    """What was received last still holds."""


@dataclass(frozen=True, slots=True)
class NewConfig:
    """A complete configuration: what it leaves out is to be removed."""

    config: bytes = field(repr=False)  # a serialized EdgeDevConfig
    config_hash: str
    container: bytes = field(repr=False)  # the envelope as received, for the checkpoint


@dataclass(frozen=True, slots=True)
class AttestFirst:
    """403: the integrity token is missing or stale."""

    reason: str


@dataclass(frozen=True, slots=True)
class DeviceUnknown:
    """400 or 404: deleted, or under another UUID now.  Keep the old configuration, look it up."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No usable answer.  `temporary`: a device that tests a new base OS goes on waiting."""

    reason: str
    temporary: bool


PollAnswer = Unchanged | NewConfig | AttestFirst | DeviceUnknown | Unreachable


@dataclass(frozen=True, slots=True)
class Polled:
    answer: PollAnswer
    trust: Trust


def poll(
    device: Sender,
    device_id: DeviceId,
    trust: Trust,
    now: Clock,
    *,
    config_hash: str = "",
    integrity_token: bytes = b"",
) -> Flow[Polled]:
    """`config_hash`: of the last answer since this process started, empty before the first."""
    send = _request(Endpoint.CONFIG, device, device_id, config_hash, integrity_token)
    asked = yield from ask(send, trust, now)
    match asked.outcome:
        case Opened(payload=payload, container=container):
            answer = _answer(payload, container, config_hash)
        case Failed(reason=reason, status=403):
            answer = AttestFirst(reason)
        case Failed(reason=reason, status=400 | 404):
            answer = DeviceUnknown(reason)
        case Failed(reason=reason, temporary=temporary):
            answer = Unreachable(reason, temporary)
        case empty if empty.status == 304:
            answer = Unchanged()
        case empty:
            answer = Unreachable(f"config: status {empty.status} without a body", temporary=False)
    return Polled(answer, asked.trust)


def _answer(payload: bytes, container: bytes, config_hash: str) -> PollAnswer:
    try:
        response = decode_poll_response(payload)
    except EavesError as error:
        return Unreachable(f"config: {error}", temporary=False)
    if response.config_hash == config_hash:
        # Also an empty hash after a start: it equals the initial value, as on every EVE device.
        return Unchanged()
    if response.config is None:
        return Unreachable("config: a new hash but no configuration", temporary=False)
    return NewConfig(response.config, response.config_hash, container)


def _request(
    endpoint: Endpoint, device: Sender, device_id: DeviceId, config_hash: str, token: bytes
) -> Send:
    request = PollRequest(config_hash=config_hash, integrity_token=token)
    body = seal(encode_poll_request(request), device)
    return Send(endpoint, "POST", endpoint_path(endpoint, device_id), body)


def is_obsolete(offered: datetime | None, applied: datetime | None) -> bool:
    """Is a configuration older, by `config_timestamp`, than the one in force?  Such is ignored."""
    return offered is not None and applied is not None and offered < applied


@dataclass(frozen=True, slots=True)
class PollNow:
    """The hash in force differs: ask for the configuration."""


@dataclass(frozen=True, slots=True)
class NothingNew:
    """Ask to be woken again."""


@dataclass(frozen=True, slots=True)
class NotServed:
    """No place, no such path, or no connection: poll by the timer."""

    reason: str
    temporary: bool


def await_change(
    device: Sender, device_id: DeviceId, config_hash: str, integrity_token: bytes = b""
) -> Flow[PollNow | AttestFirst | NothingNew | NotServed]:
    """Ask the controller to answer when the configuration changes, or when this device has to
    attest again, as a poll would tell it; an extension of Eaves.

    The request is that of a poll; it is answered at once or after about 50 s.
    """
    endpoint = Endpoint.WAIT
    send = _request(endpoint, device, device_id, config_hash, integrity_token)
    reply = yield from sent(send)
    if isinstance(reply, NoConnection):
        # Also a connection that broke: the controller was restarted and serves again soon.
        return NotServed(explain(endpoint, reply), temporary=True)
    match reply.status:
        case 200:
            return PollNow()
        case 304:
            return NothingNew()
        case 403:
            return AttestFirst(explain(endpoint, reply))
        case status:
            return NotServed(explain(endpoint, reply), temporary=status in (429, 503))
