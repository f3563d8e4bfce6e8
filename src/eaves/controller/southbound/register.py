"""POST register: a device and its onboarding key.  EVE API v2, sections 3.4 and 6.1.

The envelope proves the onboarding key, not the device key; so the first device certificate that
comes with a reserved serial is bound to it for ever, and another one is a security event.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

import structlog
from cryptography import x509
from cryptography.x509.oid import NameOID

from eaves.controller.domain.onboarding import (
    AlreadyRegistered,
    Conflict,
    RegisterAnswer,
    RegisterNew,
    Registration,
    UnknownOnboarding,
    UnknownSerial,
    decide_register,
)
from eaves.controller.southbound.context import Southbound, host_of
from eaves.controller.southbound.events import device_event
from eaves.controller.southbound.http import Answer
from eaves.controller.store import devices
from eaves.controller.store.unit import Db
from eaves.controller.telemetry.changes import Change, Severity
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


@dataclass(frozen=True, slots=True)
class _Asked:
    """A registration whose envelope was verified."""

    onboarding_pem: bytes
    onboarding_hash: bytes
    certificate_der: bytes = field(repr=False)
    registration: Registration


async def answer(context: Southbound, sealed: Sealed, client: str) -> Answer:
    now = context.clock()
    # each stranger has a rate of its own, so that garbage does not hold up real devices
    if not context.registrations.admits(("client", host_of(client)), now):
        return LATER
    try:
        asked = _verified(sealed)
    except (BadSignature, WrongSenderCertificate) as error:
        log.warning("registration_refused", client=client, why=str(error))
        return UNKNOWN
    except Rejected as error:
        log.warning("registration_malformed", client=client, why=str(error))
        return UNPROCESSABLE
    if not context.registrations.admits(("key", asked.onboarding_hash.hex()), now):
        return LATER
    decided = await context.writer.write(lambda db: _register(context, db, asked, now))
    return await _answered(context, asked, decided, client)


def _verified(sealed: Sealed) -> _Asked:
    pem = onboarding_certificate(sealed)
    certificate = load_certificate(pem, "onboarding certificate")
    message = decode_z_register_msg(
        sealed.verify(certificate_key(certificate, "onboarding certificate"))
    )
    device_pem = device_certificate_of(message)
    certificate_key(load_certificate(device_pem, "device certificate"), "device certificate")
    return _Asked(
        pem,
        device_hash(pem),
        certificate_der(device_pem),
        Registration(message.serial.strip(), message.soft_serial.strip(), device_hash(device_pem)),
    )


async def _register(context: Southbound, db: Db, asked: _Asked, now: datetime) -> RegisterAnswer:
    await _remember_own(context, db, asked, now)
    wanted = asked.registration
    known = await devices.known_for_register(
        db, asked.onboarding_hash, wanted.serial, wanted.soft_serial, wanted.certificate_hash
    )
    decided = decide_register(wanted, known)
    match decided:
        case RegisterNew():
            binding = devices.Binding(
                device_id=decided.device_id,
                enterprise_id=decided.enterprise_id,
                certificate_hash=wanted.certificate_hash,
                certificate_der=asked.certificate_der,
                onboarding_key=decided.onboarding_key,
                serial=decided.serial,
                bound_at=now,
                attestation_required=decided.attestation_required,
            )
            await devices.register_binding(db, binding)
            text = f"registered with serial {decided.serial}"
            change = Change("EDGE_NODE_REGISTERED", Severity.NOTICE, text)
            await device_event(db, decided.enterprise_id, decided.device_id, change, now)
        case UnknownSerial():
            await devices.note_unclaimed(
                db,
                decided.onboarding_key,
                wanted.serial,
                wanted.soft_serial,
                wanted.certificate_hash,
                now,
            )
        case Conflict():
            change = Change("EDGE_NODE_SERIAL_CLASH", Severity.ERROR, decided.reason)
            for row in await devices.read_devices(db, (decided.device_id,)):
                await device_event(db, row.enterprise_id, decided.device_id, change, now)
        case AlreadyRegistered() | UnknownOnboarding():
            pass
    return decided


async def _remember_own(context: Southbound, db: Db, asked: _Asked, now: datetime) -> None:
    """A certificate that this controller issued is known by its issuer; its name is the key."""
    if await devices.find_onboarding_key(db, asked.onboarding_hash) is not None:
        return
    certificate = load_certificate(asked.onboarding_pem, "onboarding certificate")
    if not context.keys.is_own_onboarding(certificate):
        return
    key = _common_name(certificate)
    if key:
        await devices.put_onboarding_certificate(
            db, asked.onboarding_hash, key, asked.onboarding_pem.decode("ascii", "replace"), now
        )


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


async def _answered(
    context: Southbound, asked: _Asked, decided: RegisterAnswer, client: str
) -> Answer:
    serial = asked.registration.serial or asked.registration.soft_serial
    match decided:
        case RegisterNew(device_id=device_id):
            log.info("device_registered", device_id=device_id, serial=serial)
            # a record that was off-boarded has nothing rendered any more
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
    assert_never(decided)


async def _known_at_once(context: Southbound, device_id: DeviceId) -> None:
    """`uuid` follows within milliseconds and decides whether registering succeeded."""
    await context.refresh(device_id)
