"""What the device side asks: who is this certificate, may it register, which are its keys.

These functions take no Scope: a device proves itself by its key, and its row says whose it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from eaves.controller.store.changes import DEVICES, note_change
from eaves.controller.store.contacts import put_contacts
from eaves.controller.store.dialect import is_one_of, upsert, upsert_many
from eaves.controller.store.listed import forget_contact, note_seen
from eaves.controller.store.owners import enterprise_of, enterprises_of
from eaves.controller.store.registering import Binding, CertificateTaken, register_binding
from eaves.controller.store.tables import (
    attestations,
    device_bindings,
    device_certificates,
    device_seen,
    onboarding_certificates,
    onboarding_claims,
    rendered_configs,
)
from eaves.controller.store.tables_shared import silent_devices
from eaves.controller.store.unclaimed import UNCLAIMED_KEPT, note_unclaimed
from eaves.controller.store.unit import Db
from eaves.controller.store.wanted import want_render
from eaves.errors import Rejected
from eaves.ids import ConfigHash, DeviceId

# also asked for here: to register, and who knocked
__all__ = [
    "UNCLAIMED_KEPT",
    "Binding",
    "CertificateTaken",
    "note_unclaimed",
    "register_binding",
]


class SerialTaken(Rejected):
    def __init__(self, onboarding_key: str, serial: str) -> None:
        super().__init__(
            f"a device with onboarding key {onboarding_key!r} and serial {serial!r} exists; "
            "each pair belongs to one device, whichever enterprise it is in: check the serial"
        )


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """What the memory of the hot path keeps of a device that has registered."""

    device_id: DeviceId
    enterprise_id: str
    certificate_hash: bytes
    certificate_der: bytes = field(repr=False)
    config_hash: ConfigHash
    integrity_token: bytes = field(repr=False)
    attestation_required: bool
    gone: bool
    config_timestamp: datetime | None = None  # None: nothing rendered yet


@dataclass(frozen=True, slots=True)
class EdgeNodeCertificate:
    type: int  # ZCertType
    certificate_hash: bytes
    pem: bytes
    received_at: datetime
    mutable: bool = False  # its device may replace it


def _of_device(table: Table) -> ColumnElement[bool]:
    b = device_bindings.c
    return and_(table.c.enterprise_id == b.enterprise_id, table.c.device_id == b.device_id)


def _device_rows() -> Select[*tuple[Any, ...]]:
    b = device_bindings.c
    return (
        select(
            b.device_id,
            b.enterprise_id,
            b.certificate_hash,
            b.certificate_der,
            func.coalesce(rendered_configs.c.config_hash, ""),
            attestations.c.integrity_token,
            # who is blocked has to attest, and cannot
            or_(b.attestation_required, func.coalesce(attestations.c.blocked, "") != ""),
            b.gone,
            rendered_configs.c.config_timestamp,
        )
        .outerjoin_from(device_bindings, rendered_configs, _of_device(rendered_configs))
        .outerjoin(attestations, _of_device(attestations))
    )


def _device_row(row: Sequence[object]) -> DeviceRow:
    device, enterprise, digest, der, config, token, required, gone, at = row
    return DeviceRow(
        device,  # type: ignore[arg-type]  # a row's columns have the types of the table
        enterprise,  # type: ignore[arg-type]  # as above
        digest,  # type: ignore[arg-type]  # as above
        der,  # type: ignore[arg-type]  # as above
        config,  # type: ignore[arg-type]  # as above
        token or b"",  # type: ignore[arg-type]  # as above
        required,  # type: ignore[arg-type]  # as above
        gone,  # type: ignore[arg-type]  # as above
        at,  # type: ignore[arg-type]  # as above
    )


async def all_devices(db: Db) -> tuple[DeviceRow, ...]:
    """Every device that ever registered, gone ones too: read once, when the controller starts."""
    return tuple(_device_row(row) for row in (await db.execute(_device_rows())).all())


async def bound_devices(db: Db) -> tuple[DeviceId, ...]:
    """The ids of all that `all_devices` reads."""
    return tuple(
        DeviceId(row.device_id) for row in await db.execute(select(device_bindings.c.device_id))
    )


async def read_devices(db: Db, device_ids: Sequence[DeviceId]) -> tuple[DeviceRow, ...]:
    """These devices, without those that never registered."""
    query = _device_rows().where(is_one_of(db, device_bindings.c.device_id, device_ids))
    return tuple(_device_row(row) for row in (await db.execute(query)).all())


# --- onboarding -------------------------------------------------------------------------------


async def put_onboarding_certificate(
    db: Db, certificate_hash: bytes, onboarding_key: str, pem: str, now: datetime
) -> None:
    """`certificate_hash`: SHA-256 of the DER; `onboarding_key`: what device records name."""
    await upsert(
        db,
        onboarding_certificates,
        {
            "certificate_hash": certificate_hash,
            "onboarding_key": onboarding_key,
            "pem": pem,
            "created_at": now,
        },
        keep=("created_at",),
    )


async def find_onboarding_pem(db: Db, onboarding_key: str) -> str | None:
    row = (
        await db.execute(
            select(onboarding_certificates.c.pem)
            .where(onboarding_certificates.c.onboarding_key == onboarding_key)
            .limit(1)
        )
    ).one_or_none()
    return None if row is None else row.pem


async def claim_serial(db: Db, device_id: DeviceId, onboarding_key: str, serial: str) -> None:
    """Reserve (key, serial) for a device record; call it with every write of the record.

    Empty parts release the claim.  Raises SerialTaken.
    """
    held = (
        await db.execute(
            select(onboarding_claims.c.device_id).where(
                onboarding_claims.c.onboarding_key == onboarding_key,
                onboarding_claims.c.serial == serial,
            )
        )
    ).one_or_none()
    if held is not None and held.device_id == device_id:
        return
    if held is not None:
        raise SerialTaken(onboarding_key, serial)
    await db.execute(delete(onboarding_claims).where(onboarding_claims.c.device_id == device_id))
    if not (onboarding_key and serial):
        return
    try:
        await db.execute(
            insert(onboarding_claims).values(
                onboarding_key=onboarding_key, serial=serial, device_id=device_id
            )
        )
    except IntegrityError as error:
        raise SerialTaken(onboarding_key, serial) from error


async def mark_gone(db: Db, device_id: DeviceId) -> None:
    """The device was deleted or off-boarded: its envelope gets 404; what it said is dropped.

    So is what was rendered for it, since that holds secrets encrypted to its certificate.
    """
    await db.execute(
        update(device_bindings).where(device_bindings.c.device_id == device_id).values(gone=True)
    )
    for table in (attestations, device_certificates, rendered_configs, device_seen, silent_devices):
        await db.execute(delete(table).where(table.c.device_id == device_id))
    await forget_contact(db, device_id)
    note_change(db, DEVICES, (device_id,))


async def set_attestation_required(
    db: Db, device_ids: Sequence[DeviceId], *, required: bool
) -> frozenset[DeviceId]:
    """Put a policy in force: on devices that have registered, and on records that wait.

    Those for which it was otherwise; the rows of the rest are not written.
    """
    changed: set[DeviceId] = set()
    for table in (onboarding_claims, device_bindings):  # in the order of a registration
        done = await db.execute(
            update(table)
            .where(
                is_one_of(db, table.c.device_id, device_ids),
                table.c.attestation_required != required,
            )
            .values(attestation_required=required)
            .returning(table.c.device_id)
        )
        changed.update(map(DeviceId, done.scalars()))
    if changed:  # without ids it would be a change too
        note_change(db, DEVICES, changed)
    return frozenset(changed)


# --- certificates of the device ------------------------------------------------------------------


async def put_device_certificates(
    db: Db, device_id: DeviceId, certificates: Sequence[EdgeNodeCertificate]
) -> bool:
    """Store what a device uploaded and may; True when its ECDH certificate (type 13) changed."""
    owner = await enterprise_of(db, device_id)
    if owner is None:
        return False  # deleted meanwhile
    before = {c.type: c.pem for c in await find_device_certificates(db, device_id)}
    await upsert_many(
        db,
        device_certificates,
        [
            {
                "enterprise_id": owner,
                "device_id": device_id,
                "type": c.type,
                "certificate_hash": c.certificate_hash,
                "pem": c.pem,
                "mutable": c.mutable,
                "received_at": c.received_at,
            }
            for c in certificates
        ],
    )
    changed = [c for c in certificates if c.type == ECDH_TYPE and before.get(c.type) != c.pem]
    for c in changed:  # its secrets are to be encrypted to this one
        request = f"certificate {c.received_at.isoformat()} {c.certificate_hash.hex()}"
        await want_render(db, device_id, request, c.received_at)
    return bool(changed)


ECDH_TYPE = 13  # ZCertType.CERT_TYPE_DEVICE_ECDH_EXCHANGE
ATTESTATION_TYPE = 11  # ZCertType.CERT_TYPE_DEVICE_RESTRICTED_SIGNING
ENDORSEMENT_TYPE = 12  # ZCertType.CERT_TYPE_DEVICE_ENDORSEMENT_RSA


async def find_device_certificates(db: Db, device_id: DeviceId) -> tuple[EdgeNodeCertificate, ...]:
    c = device_certificates.c
    query = select(device_certificates).where(c.device_id == device_id).order_by(c.type)
    return tuple(
        EdgeNodeCertificate(row.type, row.certificate_hash, row.pem, row.received_at, row.mutable)
        for row in await db.execute(query)
    )


# --- liveness -----------------------------------------------------------------------------------

_SEEN_AT_ONCE: Final = 250  # rows in one statement


async def put_last_seen(db: Db, seen: Mapping[DeviceId, datetime]) -> None:
    """Note when devices were heard of; of what several processes note, the latest stays.

    On SQLite the loop that serves devices gets its turn after each `_SEEN_AT_ONCE` of them.
    """
    if db.dialect.name == "postgresql":
        await put_contacts(db, seen)
        return
    ordered = iter(sorted(seen.items()))
    while some := dict(islice(ordered, _SEEN_AT_ONCE)):
        owners = await enterprises_of(db, some)
        rows = [
            {"enterprise_id": owners[device_id], "device_id": device_id, "last_seen_at": at}
            for device_id, at in some.items()
            if device_id in owners
        ]
        await upsert_many(db, device_seen, rows, newest="last_seen_at")
        if rows:
            await note_seen(db, {one: at for one, at in some.items() if one in owners})


async def find_last_seen(db: Db, device_ids: Sequence[DeviceId]) -> Mapping[DeviceId, datetime]:
    c = device_seen.c
    rows = await db.execute(select(device_seen).where(c.device_id.in_(device_ids)))
    return {DeviceId(row.device_id): row.last_seen_at for row in rows}


async def find_bound_at(db: Db, device_ids: Sequence[DeviceId]) -> Mapping[DeviceId, datetime]:
    """When each of these devices registered; those that never did are left out."""
    c = device_bindings.c
    query = select(c.device_id, c.bound_at).where(c.device_id.in_(device_ids), ~c.gone)
    return {DeviceId(row.device_id): row.bound_at for row in await db.execute(query)}
