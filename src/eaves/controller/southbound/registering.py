"""Registrations become durable: all that come while a commit is under way, by the next one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from eaves.controller.domain.onboarding import (
    AlreadyRegistered,
    Conflict,
    RegisterAnswer,
    RegisterNew,
    Registration,
    UnknownSerial,
    decide_in_turn,
)
from eaves.controller.keys import KeyStore
from eaves.controller.southbound.events import device_event
from eaves.controller.store import devices, registering
from eaves.controller.store.events import Event, insert_events
from eaves.controller.store.objects import names_of
from eaves.controller.store.owners import enterprises_of
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import Db
from eaves.controller.telemetry.changes import Change, Severity
from eaves.controller.telemetry.writer import Writer
from eaves.evapi.pem import load_certificate
from eaves.ids import DeviceId

TOLD_EVERY: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Asked:
    """A registration whose envelope was verified."""

    onboarding_pem: bytes
    onboarding_hash: bytes
    certificate_der: bytes = field(repr=False)
    registration: Registration
    at: datetime


@dataclass(frozen=True, slots=True)
class Decided:
    answer: RegisterAnswer
    render: bool = False  # nothing is rendered for the device


@dataclass(frozen=True, slots=True)
class Registrations:
    """Commits registrations by the writer of the main database."""

    writer: Writer
    keys: KeyStore

    async def commit(self, batch: Sequence[Asked], /) -> Sequence[Decided]:
        return await self.writer.write(lambda db: register_all(db, self.keys, batch))


async def register_all(db: Db, keys: KeyStore, batch: Sequence[Asked]) -> Sequence[Decided]:
    """Decide one after the other, as if each had come alone; what was decided is written."""
    known = await _onboarding_keys(db, keys, batch)
    pairs = {
        (known[asked.onboarding_hash], serial)
        for asked in batch
        if asked.onboarding_hash in known
        for serial in (asked.registration.serial, asked.registration.soft_serial)
        if serial
    }
    answers = decide_in_turn(
        [(asked.onboarding_hash, asked.registration) for asked in batch],
        known,
        await registering.find_claims(db, sorted(pairs)),
        await registering.find_bound_devices(
            db, [asked.registration.certificate_hash for asked in batch]
        ),
    )
    bare = await _bind(db, list(zip(batch, answers, strict=True)))
    for asked, answer in zip(batch, answers, strict=True):
        await _note(db, asked, answer)
    return [
        Decided(answer, isinstance(answer, RegisterNew) and answer.device_id in bare)
        for answer in answers
    ]


async def _bind(db: Db, decided: Sequence[tuple[Asked, RegisterAnswer]]) -> frozenset[DeviceId]:
    new = [(asked, answer) for asked, answer in decided if isinstance(answer, RegisterNew)]
    if not new:
        return frozenset()
    bindings = [
        registering.Binding(
            device_id=answer.device_id,
            enterprise_id=answer.enterprise_id,
            certificate_hash=asked.registration.certificate_hash,
            certificate_der=asked.certificate_der,
            onboarding_key=answer.onboarding_key,
            serial=answer.serial,
            bound_at=asked.at,
            attestation_required=answer.attestation_required,
        )
        for asked, answer in new
    ]
    bare = await registering.register_bindings(db, bindings)
    named = await names_of(db, Kind.DEVICE, [binding.device_id for binding in bindings])
    told = [
        _registered(one, *named.get((one.enterprise_id, one.device_id), (one.device_id, "")))
        for one in bindings
    ]
    await insert_events(db, told)
    return bare


def _registered(binding: registering.Binding, name: str, project_id: str) -> Event:
    return Event(
        at=binding.bound_at,
        enterprise_id=binding.enterprise_id,
        project_id=project_id,
        device_id=binding.device_id,
        event_type="EDGE_NODE_REGISTERED",
        description=f"registered with serial {binding.serial}",
        severity=Severity.NOTICE,
        object_kind=Kind.DEVICE.value,
        object_id=binding.device_id,
        object_name=name,
    )


async def _note(db: Db, asked: Asked, answer: RegisterAnswer) -> None:
    """What a refusal leaves behind for whoever asks why a device does not come up."""
    wanted = asked.registration
    if isinstance(answer, UnknownSerial):
        await _tell_of_unknown(db, answer.onboarding_key, asked)
        await devices.note_unclaimed(
            db,
            answer.onboarding_key,
            wanted.serial,
            wanted.soft_serial,
            wanted.certificate_hash,
            asked.at,
        )
    elif isinstance(answer, AlreadyRegistered) and answer.clashes_with is not None:
        await _tell_of_copy(db, answer.device_id, answer.clashes_with, asked)
    elif isinstance(answer, Conflict):
        change = Change("EDGE_NODE_SERIAL_CLASH", Severity.ERROR, answer.reason)
        for row in await devices.read_devices(db, (answer.device_id,)):
            await device_event(db, row.enterprise_id, answer.device_id, change, asked.at)


async def _tell_of_unknown(db: Db, onboarding_key: str, asked: Asked) -> None:
    """To every enterprise that has records with this key, now and then: who has stolen it may try
    any number of serials.
    """
    certificate, since = asked.registration.certificate_hash, asked.at - TOLD_EVERY
    if not await registering.is_first_of_late(db, onboarding_key, certificate, since):
        return
    serial = asked.registration.serial or asked.registration.soft_serial
    what = (
        f"a machine with serial {serial!r} came with onboarding key {onboarding_key!r} and has no "
        "record; if it is not yours, somebody has the key: make a new one for the devices to come"
    )
    await insert_events(
        db,
        [
            Event(
                at=asked.at,
                enterprise_id=enterprise_id,
                event_type="EDGE_NODE_SERIAL_UNKNOWN",
                description=what,
                severity=Severity.WARNING,
            )
            for enterprise_id in await registering.enterprises_with_key(db, onboarding_key)
        ],
    )


async def _tell_of_copy(db: Db, bound: DeviceId, waiting: DeviceId, asked: Asked) -> None:
    """In the enterprise of each side; neither learns of the other."""
    serial = asked.registration.serial or asked.registration.soft_serial
    told = {
        bound: f"its certificate came with serial {serial!r}, for which another record waits; the "
        "machine may have been cloned",
        waiting: f"a machine with serial {serial!r} came with the certificate of another device; "
        "it was not let in as this one",
    }
    for device_id, enterprise in (await enterprises_of(db, tuple(told))).items():
        change = Change("EDGE_NODE_CERTIFICATE_CLASH", Severity.ERROR, told[device_id])
        await device_event(db, enterprise, device_id, change, asked.at)


async def _onboarding_keys(db: Db, keys: KeyStore, batch: Sequence[Asked]) -> dict[bytes, str]:
    """What is known of the onboarding certificates; one that this controller issued is remembered.

    It is known by its issuer; its name is the key.
    """
    by_hash = {asked.onboarding_hash: asked for asked in batch}
    known = dict(await registering.find_onboarding_keys(db, sorted(by_hash)))
    for digest in by_hash.keys() - known.keys():
        asked = by_hash[digest]
        certificate = load_certificate(asked.onboarding_pem, "onboarding certificate")
        key = _common_name(certificate) if keys.is_own_onboarding(certificate) else ""
        if key:
            pem = certificate.public_bytes(Encoding.PEM).decode()  # nothing of the sender beside it
            await devices.put_onboarding_certificate(db, digest, key, pem, asked.at)
            known[digest] = key
    return known


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""
