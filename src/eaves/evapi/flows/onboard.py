"""From a fresh device to one that knows its controller's keys and its own UUID.

certs -> register -> uuid, until uuid succeeds.  The answer to register decides nothing (a device
registered out of band never needs it), so it only explains why uuid fails.  Sections 3.4 and 6.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from eaves.errors import EavesError
from eaves.evapi.envelope import Sender, seal
from eaves.evapi.flows.steps import Clock, Flow, Jitter, Received, Send, Wait, explain, sent
from eaves.evapi.flows.trust import Failed, Opened, Trust, ask, fetch_trust
from eaves.evapi.paths import Endpoint, endpoint_path
from eaves.evapi.register import encode_z_register_msg, registration
from eaves.evapi.uuid import UUID_REQUEST, UuidResponse, decode_uuid_response, device_id_of
from eaves.ids import DeviceId

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who wants to be onboarded."""

    device: Sender
    device_cert_pem: bytes = field(repr=False)
    onboarding: Sender | None  # None: no onboarding key on the device, registered otherwise
    serial: str = ""
    soft_serial: str = ""

    def headers(self) -> tuple[tuple[str, str], ...]:
        """What names a device that has no UUID yet."""
        named = (("X-Serial-Number", self.serial), ("X-Soft-Serial", self.soft_serial))
        return tuple((name, value) for name, value in named if value)


@dataclass(frozen=True, slots=True)
class Onboarded:
    device_id: DeviceId
    trust: Trust
    response: UuidResponse


def onboard(
    applicant: Applicant, roots_pem: bytes, now: Clock, jitter: Jitter, known: Trust | None = None
) -> Flow[Onboarded]:
    """Runs until it succeeds; whoever drives it closes it to give up.

    `known`: certificates verified before, tried first.
    """
    waits = back_off(jitter)
    trust = known
    while trust is None:
        fetched = yield from fetch_trust(roots_pem, now, applicant.headers())
        if isinstance(fetched, Failed):
            yield Wait(next(waits), fetched.reason)
        else:
            trust = fetched
    waits = back_off(jitter)
    while True:
        registered = yield from register(applicant)
        found = yield from look_up_uuid(applicant.device, trust, now, applicant.headers())
        trust = found.trust
        if found.response is not None and found.device_id is not None:
            return Onboarded(found.device_id, trust, found.response)
        yield Wait(next(waits), "; ".join(filter(None, (found.reason, registered))))


def register(applicant: Applicant) -> Flow[str]:
    """One registration; why it was not accepted, or nothing."""
    if applicant.onboarding is None:
        return ""
    message = registration(applicant.device_cert_pem, applicant.serial, applicant.soft_serial)
    body = seal(encode_z_register_msg(message), applicant.onboarding)
    endpoint = Endpoint.REGISTER
    reply = yield from sent(
        Send(endpoint, "POST", endpoint_path(endpoint), body, applicant.headers())
    )
    if isinstance(reply, Received) and reply.status in (200, 201):
        return ""
    return explain(endpoint, reply)


@dataclass(frozen=True, slots=True)
class UuidLookup:
    """`device_id` and `response` are None together, and `reason` says why."""

    trust: Trust
    device_id: DeviceId | None = None
    response: UuidResponse | None = None
    reason: str = ""


def look_up_uuid(
    device: Sender, trust: Trust, now: Clock, headers: tuple[tuple[str, str], ...] = ()
) -> Flow[UuidLookup]:
    """One question for the UUID: while onboarding, and when a known device is told 400 or 404."""
    endpoint = Endpoint.UUID
    send = Send(endpoint, "POST", endpoint_path(endpoint), seal(UUID_REQUEST, device), headers)
    asked = yield from ask(send, trust, now, onboarding=True)
    match asked.outcome:
        case Opened(payload=payload):
            try:
                response = decode_uuid_response(payload)
                return UuidLookup(asked.trust, device_id_of(response), response)
            except EavesError as error:
                return UuidLookup(asked.trust, reason=f"uuid: {error}")
        case Failed(reason=reason):
            return UuidLookup(asked.trust, reason=reason)
        case empty:
            return UuidLookup(asked.trust, reason=f"uuid: status {empty.status} without a body")


def back_off(jitter: Jitter) -> Iterator[float]:
    """1, 2, 4 ... 600 seconds, each cut by up to a tenth so that a fleet does not step in time."""
    wait = FIRST_WAIT_S
    while True:
        yield wait * (1 - 0.1 * jitter())
        wait = min(2 * wait, LONGEST_WAIT_S)
