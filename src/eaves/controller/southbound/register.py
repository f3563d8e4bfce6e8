"""POST register: a device and its onboarding key.  EVE API v2, sections 3.4 and 6.1.

The envelope proves the onboarding key, not the device key; so the first device certificate that
comes with a reserved serial is bound to it for ever, and another one is a security event.
"""

from datetime import datetime
from typing import assert_never

import structlog

from eaves.controller.domain.onboarding import (
    AlreadyRegistered,
    Conflict,
    RegisterNew,
    Registration,
    UnknownOnboarding,
    UnknownSerial,
)
from eaves.controller.southbound.context import Southbound, host_of
from eaves.controller.southbound.http import Answer
from eaves.controller.southbound.registering import Asked, Decided
from eaves.errors import Rejected
from eaves.evapi.envelope import Sealed, device_hash, onboarding_certificate
from eaves.evapi.errors import BadSignature, WrongSenderCertificate
from eaves.evapi.pem import certificate_der, certificate_key, load_certificate
from eaves.evapi.register import decode_z_register_msg, device_certificate_of
from eaves.ids import DeviceId

log = structlog.get_logger()

# an empty answer without the type is logged as a failed registration by real devices
NEW = Answer(201, typed=True)
AGAIN = Answer(200, typed=True)
REFUSED = Answer(403)
CONFLICT = Answer(409)
UNKNOWN = Answer(401)
UNPROCESSABLE = Answer(422)
LATER = Answer(429, retry_after_s=30)


async def answer(context: Southbound, sealed: Sealed, client: str) -> Answer:
    now = context.clock()
    # each stranger has a rate of its own, so that garbage does not hold up real devices
    if not context.registrations.admits(("client", host_of(client)), now):
        return LATER
    try:
        asked = _verified(sealed, now)
    except (BadSignature, WrongSenderCertificate) as error:
        log.warning("registration_refused", client=client, why=str(error))
        return UNKNOWN
    except Rejected as error:
        log.warning("registration_malformed", client=client, why=str(error))
        return UNPROCESSABLE
    if not context.registrations.admits(("key", asked.onboarding_hash.hex()), now):
        return LATER
    decided = await context.registering.accept(asked, len(asked.certificate_der))
    return await _answered(context, asked, decided, client)


def _verified(sealed: Sealed, now: datetime) -> Asked:
    pem = onboarding_certificate(sealed)
    certificate = load_certificate(pem, "onboarding certificate")
    message = decode_z_register_msg(
        sealed.verify(certificate_key(certificate, "onboarding certificate"))
    )
    device_pem = device_certificate_of(message)
    certificate_key(load_certificate(device_pem, "device certificate"), "device certificate")
    return Asked(
        pem,
        device_hash(pem),
        certificate_der(device_pem),
        Registration(message.serial.strip(), message.soft_serial.strip(), device_hash(device_pem)),
        now,
    )


async def _answered(context: Southbound, asked: Asked, decided: Decided, client: str) -> Answer:
    serial = asked.registration.serial or asked.registration.soft_serial
    match decided.answer:
        case RegisterNew(device_id=device_id):
            log.info("device_registered", device_id=device_id, serial=serial)
            if decided.render:
                context.render_wanted(device_id)
            await _known_at_once(context, device_id)
            return NEW
        case AlreadyRegistered(device_id=device_id):
            await _known_at_once(context, device_id)
            return AGAIN
        case UnknownOnboarding(reason=reason) | UnknownSerial(reason=reason):
            log.info("registration_unknown", serial=serial, client=client, why=reason)
            return REFUSED
        case Conflict(device_id=device_id, reason=reason):
            log.warning("serial_clash", device_id=device_id, client=client, why=reason)
            return CONFLICT
    assert_never(decided.answer)


async def _known_at_once(context: Southbound, device_id: DeviceId) -> None:
    """`uuid` follows within milliseconds and decides whether registering succeeded."""
    await context.refresh(device_id)
