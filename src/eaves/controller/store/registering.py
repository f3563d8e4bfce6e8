"""Registrations: who may come in, and the certificate that is bound to a record.

Many are read and written by one statement each: a site that is switched on registers at once.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from eaves.controller.domain.onboarding import Claim
from eaves.controller.store.changes import DEVICES, note_change
from eaves.controller.store.dialect import insert_those_new
from eaves.controller.store.tables import (
    Kind,
    device_bindings,
    objects,
    onboarding_certificates,
    onboarding_claims,
    rendered_configs,
    unclaimed_devices,
)
from eaves.controller.store.unit import Db
from eaves.controller.store.wanted import want_renders
from eaves.errors import Rejected
from eaves.ids import DeviceId

Pair = tuple[str, str]
"""Onboarding key and serial."""


class CertificateTaken(Rejected):
    """The certificate belongs to another device that is not gone."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A device certificate, bound to a device record for ever (until it is off-boarded)."""

    device_id: DeviceId
    enterprise_id: str
    certificate_hash: bytes
    certificate_der: bytes = field(repr=False)
    onboarding_key: str
    serial: str
    bound_at: datetime
    attestation_required: bool = False


async def find_onboarding_keys(db: Db, certificates: Sequence[bytes]) -> Mapping[bytes, str]:
    """The keys of these onboarding certificates (SHA-256 of their DER), as far as known."""
    c = onboarding_certificates.c
    query = select(c.certificate_hash, c.onboarding_key).where(c.certificate_hash.in_(certificates))
    return {row.certificate_hash: row.onboarding_key for row in await db.execute(query)}


async def find_claims(db: Db, pairs: Sequence[Pair]) -> Mapping[Pair, Claim]:
    """Records that wait for these; nobody else registers with them until the commit."""
    if not pairs:
        return {}
    held, devices, bound = onboarding_claims.c, objects[Kind.DEVICE].c, device_bindings.c
    serials: defaultdict[str, list[str]] = defaultdict(list)
    for key, serial in pairs:
        serials[key].append(serial)
    # not as pairs: SQLite would look through all claims for them
    named = or_(
        *(and_(held.onboarding_key == key, held.serial.in_(some)) for key, some in serials.items())
    )
    # locked before they are read: what came before us (a change of policy, the same device at
    # another process) is seen, what comes after waits
    locked = select(held.device_id).where(named).order_by(held.onboarding_key, held.serial)
    if db.dialect.name != "sqlite":  # which has one writer anyway
        await db.execute(locked.with_for_update())
    query = (
        select(
            *(held.onboarding_key, held.serial, held.device_id, held.attestation_required),
            *(devices.enterprise_id, bound.certificate_hash, bound.gone),
        )
        .join_from(onboarding_claims, objects[Kind.DEVICE], devices.id == held.device_id)
        .outerjoin(device_bindings, bound.device_id == held.device_id)
        .where(named)
    )
    return {
        (row.onboarding_key, row.serial): Claim(
            row.serial,
            DeviceId(row.device_id),
            row.enterprise_id,
            b"" if row.gone else row.certificate_hash or b"",
            row.attestation_required,
        )
        for row in await db.execute(query)
    }


async def find_bound_devices(db: Db, certificates: Sequence[bytes]) -> Mapping[bytes, DeviceId]:
    """The living devices that these certificates (SHA-256 of their DER) are bound to."""
    b = device_bindings.c
    query = select(b.certificate_hash, b.device_id).where(
        b.certificate_hash.in_(certificates), ~b.gone
    )
    return {row.certificate_hash: DeviceId(row.device_id) for row in await db.execute(query)}


async def is_first_of_late(
    db: Db, onboarding_key: str, certificate: bytes, since: datetime
) -> bool:
    """Is this the first machine without a record that came with the key since then?"""
    c = unclaimed_devices.c
    query = select(c.certificate_hash).where(
        or_(
            c.certificate_hash == certificate,
            and_(c.onboarding_key == onboarding_key, c.first_at > since),
        )
    )
    return (await db.execute(query.limit(1))).first() is None


async def enterprises_with_key(db: Db, onboarding_key: str) -> tuple[str, ...]:
    """Those that have records which wait for it, or have it; some, when there are very many."""
    device = objects[Kind.DEVICE].c
    query = (
        select(device.enterprise_id)
        .join_from(
            onboarding_claims, objects[Kind.DEVICE], device.id == onboarding_claims.c.device_id
        )
        .where(onboarding_claims.c.onboarding_key == onboarding_key)
        .distinct()
        .limit(20)
    )
    return tuple((await db.execute(query)).scalars())


async def register_bindings(db: Db, bindings: Sequence[Binding]) -> frozenset[DeviceId]:
    """Bind certificates to devices that have none; those that are to be rendered again.

    A record has its configuration from when it was made; one that was off-boarded has lost it.
    Raises CertificateTaken: of two registrations at once one wins, the other sees the winner's row.
    """
    if not bindings:
        return frozenset()
    rows = [_values(binding) for binding in bindings]
    new = await insert_those_new(db, device_bindings, rows)
    for binding, values in zip(bindings, rows, strict=True):
        if binding.device_id not in new:
            await _bind_again(db, binding, values)
    certificates = [binding.certificate_hash for binding in bindings]
    await db.execute(
        delete(unclaimed_devices).where(unclaimed_devices.c.certificate_hash.in_(certificates))
    )
    ids = [binding.device_id for binding in bindings]
    c = rendered_configs.c
    there = {
        row.device_id for row in await db.execute(select(c.device_id).where(c.device_id.in_(ids)))
    }
    bare = [binding for binding in bindings if binding.device_id not in there]
    requests = {
        one.device_id: f"registered {one.bound_at.isoformat()} {one.certificate_hash.hex()}"
        for one in bare
    }
    if bare:
        await want_renders(db, requests, bare[0].bound_at)
    note_change(db, DEVICES, ids)
    return frozenset(requests)


async def register_binding(db: Db, binding: Binding) -> None:
    """As `register_bindings`, for one."""
    await register_bindings(db, (binding,))


def _values(binding: Binding) -> dict[str, object]:
    return {
        "device_id": binding.device_id,
        "enterprise_id": binding.enterprise_id,
        "certificate_hash": binding.certificate_hash,
        "certificate_der": binding.certificate_der,
        "gone": False,
        "attestation_required": binding.attestation_required,
        "onboarding_key": binding.onboarding_key,
        "serial": binding.serial,
        "bound_at": binding.bound_at,
    }


async def _bind_again(db: Db, binding: Binding, values: dict[str, object]) -> None:
    """To a record that was off-boarded.  Raises CertificateTaken."""
    b = device_bindings.c
    taken = CertificateTaken(
        f"device {binding.device_id}: another certificate is bound to it, or this certificate "
        "to another device; off-board the old one first"
    )
    again = update(device_bindings).where(b.device_id == binding.device_id, b.gone).values(values)
    try:
        done = await db.execute(again)
    except IntegrityError as error:
        raise taken from error
    if done.rowcount != 1:
        raise taken
