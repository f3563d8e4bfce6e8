"""Machines and records of devices: which had one before, who holds a serial or a certificate."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from eaves.controller.store.tables import (
    Kind,
    device_bindings,
    objects,
    onboarding_claims,
)
from eaves.controller.store.tables_devices import machines_before
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that has, or had, the record of a device."""

    onboarding_key: str
    serial: str
    certificate_hash: bytes  # SHA-256 of the DER
    bound_at: datetime | None
    left_at: datetime | None = None
    user_name: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """A device of whichever enterprise."""

    device_id: DeviceId
    enterprise_id: str
    name: str
    project_id: str


async def find_machine(db: Db, device_id: DeviceId) -> Machine | None:
    """The one that has the record now; None before the first registered."""
    c = device_bindings.c
    query = select(device_bindings).where(c.device_id == device_id, ~c.gone)
    row = (await db.execute(query)).one_or_none()
    if row is None:
        return None
    return Machine(row.onboarding_key, row.serial, row.certificate_hash, row.bound_at)


async def note_left(
    db: Db, enterprise_id: str, device_id: DeviceId, why: str, by: str, now: datetime
) -> Machine | None:
    """Remember the machine that has the record now, which it is about to lose; None: there is
    none.
    """
    machine = await find_machine(db, device_id)
    if machine is not None:
        await db.execute(
            insert(machines_before).values(
                enterprise_id=enterprise_id,
                device_id=device_id,
                left_at=now,
                bound_at=machine.bound_at,
                onboarding_key=machine.onboarding_key,
                serial=machine.serial,
                certificate_hash=machine.certificate_hash,
                user_name=by,
                why=why,
            )
        )
    return machine


async def list_before(db: Db, enterprise_id: str, device_id: DeviceId) -> tuple[Machine, ...]:
    """The last one first."""
    c = machines_before.c
    query = (
        select(machines_before)
        .where(c.enterprise_id == enterprise_id, c.device_id == device_id)
        .order_by(c.left_at.desc())
    )
    return tuple(
        Machine(
            row.onboarding_key,
            row.serial,
            row.certificate_hash,
            row.bound_at,
            row.left_at,
            row.user_name,
            row.why,
        )
        for row in await db.execute(query)
    )


async def holder_of_serial(db: Db, onboarding_key: str, serial: str) -> Holder | None:
    """Who reserved this pair."""
    if not (onboarding_key and serial):
        return None
    claims = onboarding_claims.c
    found = await db.execute(
        select(claims.device_id).where(
            claims.onboarding_key == onboarding_key, claims.serial == serial
        )
    )
    return await _holder(db, found.scalar_one_or_none())


async def holder_of_certificate(db: Db, digest: bytes) -> Holder | None:
    """Whose device has this certificate; SHA-256 of its DER."""
    c = device_bindings.c
    found = await db.execute(select(c.device_id).where(c.certificate_hash == digest, ~c.gone))
    return await _holder(db, found.scalar_one_or_none())


async def _holder(db: Db, device_id: str | None) -> Holder | None:
    if device_id is None:
        return None
    c = objects[Kind.DEVICE].c
    row = (
        await db.execute(select(c.enterprise_id, c.name, c.project_id).where(c.id == device_id))
    ).one_or_none()
    if row is None:
        return None
    return Holder(DeviceId(device_id), row.enterprise_id, row.name, row.project_id)


def shown(machine: Machine) -> Mapping[str, str]:
    """The parts that tell machines apart."""
    return {
        "onboardingKey": machine.onboarding_key,
        "serialno": machine.serial,
        "certificateSha256": machine.certificate_hash.hex(),
    }
