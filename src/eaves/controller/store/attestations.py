"""What devices attest: nonce, token, what was measured last, keys in escrow.

These functions take no Scope: a device proves itself by its key, and its row says whose it is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select, update

from eaves.controller.domain.scope import Scope
from eaves.controller.store.changes import DEVICES, note_change
from eaves.controller.store.devices import (
    ATTESTATION_TYPE,
    ENDORSEMENT_TYPE,
    find_device_certificates,
)
from eaves.controller.store.dialect import upsert
from eaves.controller.store.owners import enterprise_of
from eaves.controller.store.tables import Kind, attestations, objects
from eaves.controller.store.unit import Db
from eaves.ids import DeviceId


@dataclass(frozen=True, slots=True)
class Quoted:
    """The last genuine quote of a device, as far as it is kept."""

    at: datetime
    eve_version: str
    firmware_version: str
    pcrs: Mapping[int, bytes]
    event_log: bytes = field(repr=False)  # gzip, as it came; empty: none came
    counters: tuple[int, ...]  # resets, restarts, clock (ms), firmware of the TPM
    key: bytes  # hash of the certificate of the attestation key
    template: str  # that it fits, or the nearest
    differences: tuple[str, ...]
    place: tuple[float, float] | None = None  # latitude, longitude; what the device itself says


@dataclass(frozen=True, slots=True)
class Standing:
    """What a new quote of a device is judged by."""

    certificate_pem: bytes  # of its attestation key; empty: it has sent none
    certificate_hash: bytes
    had_tpm: bool
    counters: tuple[int, ...]  # empty: no genuine quote of this key is known
    blocked: str


async def _put_attestation(db: Db, device_id: DeviceId, values: Mapping[str, object]) -> None:
    owner = await enterprise_of(db, device_id)
    if owner is not None:  # else deleted meanwhile
        key = {"enterprise_id": owner, "device_id": device_id}
        await upsert(db, attestations, {**key, **values})


async def find_attestation(db: Db, device_id: DeviceId) -> tuple[str, str, datetime | None]:
    """State, detail and the time of the last success; all empty before the first quote."""
    c = attestations.c
    row = (
        await db.execute(select(c.state, c.detail, c.token_at).where(c.device_id == device_id))
    ).one_or_none()
    return ("", "", None) if row is None else (row.state, row.detail, row.token_at)


@dataclass(frozen=True, slots=True)
class Attested:
    """`at`: of the last success; None: there was none."""

    state: str
    detail: str = ""
    at: datetime | None = None


async def find_attested(db: Db, device_ids: Sequence[str]) -> Mapping[str, Attested]:
    """Those that ever tried."""
    c = attestations.c
    query = select(c.device_id, c.state, c.detail, c.token_at).where(c.device_id.in_(device_ids))
    rows = await db.execute(query)
    return {row.device_id: Attested(row.state, row.detail, row.token_at) for row in rows}


async def note_stale(
    db: Db, older_than: datetime, limit: int
) -> tuple[tuple[str, DeviceId, datetime], ...]:
    """Enterprise, device and time of attestations that became too old, each once; some of them."""
    c = attestations.c
    query = select(c.enterprise_id, c.device_id, c.token_at).where(
        c.token_at < older_than, ~c.stale_told
    )
    rows = (await db.execute(query.order_by(c.device_id).limit(limit))).all()
    found = tuple((row.enterprise_id, DeviceId(row.device_id), row.token_at) for row in rows)
    if found:
        ids = [device_id for _, device_id, _ in found]
        await db.execute(
            update(attestations)
            .where(c.device_id.in_(ids), c.token_at < older_than)
            .values(stale_told=True)
        )
    return found


async def find_quoted(db: Db, device_id: DeviceId) -> Quoted | None:
    query = select(attestations).where(attestations.c.device_id == device_id)
    row = (await db.execute(query)).one_or_none()
    if row is None or row.quoted_at is None:
        return None
    eve_version, firmware_version = json.loads(row.versions)
    return Quoted(
        at=row.quoted_at,
        eve_version=eve_version,
        firmware_version=firmware_version,
        pcrs={int(n): bytes.fromhex(value) for n, value in json.loads(row.pcrs).items()},
        event_log=row.event_log or b"",
        counters=tuple(json.loads(row.counters or "[]")),  # none: its keys were renewed
        key=row.counted_by,
        template=row.template,
        differences=tuple(json.loads(row.differences)),
        place=_place(row.place),
    )


def _place(stored: str) -> tuple[float, float] | None:
    if not stored:
        return None
    latitude, longitude = json.loads(stored)
    return float(latitude), float(longitude)


async def find_standing(db: Db, device_id: DeviceId) -> Standing:
    certificates = {c.type: c for c in await find_device_certificates(db, device_id)}
    certificate = certificates.get(ATTESTATION_TYPE)
    c = attestations.c
    columns = (c.had_tpm, c.counters, c.counted_by, c.blocked)
    row = (await db.execute(select(*columns).where(c.device_id == device_id))).one_or_none()
    digest = b"" if certificate is None else certificate.certificate_hash
    same_key = row is not None and row.counted_by == digest and bool(row.counters)
    return Standing(
        certificate_pem=b"" if certificate is None else certificate.pem,
        certificate_hash=digest,
        had_tpm=ENDORSEMENT_TYPE in certificates or (row is not None and row.had_tpm),
        counters=tuple(json.loads(row.counters)) if row is not None and same_key else (),
        blocked="" if row is None else row.blocked,
    )


async def block(db: Db, device_id: DeviceId, why: str) -> None:
    """No token and no configuration until this is called with an empty `why`."""
    await _put_attestation(db, device_id, {"blocked": why, "integrity_token": b""})
    note_change(db, DEVICES, (device_id,))


async def drop_token(db: Db, device_id: DeviceId) -> bool:
    """The device has to attest again; False: it holds no token."""
    c = attestations.c
    done = await db.execute(
        update(attestations)
        .where(c.device_id == device_id, func.length(c.integrity_token) > 0)
        .values(integrity_token=b"")
    )
    note_change(db, DEVICES, (device_id,))
    return done.rowcount > 0


async def drop_tokens(db: Db, scope: Scope, project_id: str) -> tuple[DeviceId, ...]:
    """As `drop_token`, for all devices of a project or, without one, of the scope: those that
    held one.
    """
    c, device = attestations.c, objects[Kind.DEVICE].c
    change = update(attestations).where(
        c.enterprise_id == scope.enterprise, func.length(c.integrity_token) > 0
    )
    if project_id or scope.projects is not None:
        projects = {project_id} if project_id else set(scope.projects or ())
        seen = select(device.id).where(
            device.enterprise_id == scope.enterprise, device.project_id.in_(projects)
        )
        change = change.where(c.device_id.in_(seen))
    done = await db.execute(change.values(integrity_token=b"").returning(c.device_id))
    dropped = tuple(DeviceId(one) for one in done.scalars())
    if dropped:
        note_change(db, DEVICES, dropped)
    return dropped


async def open_certificates(db: Db, device_id: DeviceId) -> None:
    """The next upload may replace certificates that are not mutable, once: by a person's order."""
    await _put_attestation(db, device_id, {"certificates_open": True, "counters": ""})


async def take_certificates_open(db: Db, device_id: DeviceId) -> bool:
    """Was that ordered?  It is used up by this call."""
    c = attestations.c
    done = await db.execute(
        update(attestations)
        .where(c.device_id == device_id, c.certificates_open)
        .values(certificates_open=False)
    )
    return done.rowcount > 0


async def note_refused(db: Db, device_id: DeviceId, digest: bytes) -> bool:
    """A certificate that was not taken; True when it is another one than the last time."""
    c = attestations.c
    await _put_attestation(db, device_id, {})
    done = await db.execute(
        update(attestations)
        .where(c.device_id == device_id, c.refused_certificate.is_distinct_from(digest))
        .values(refused_certificate=digest)
    )
    return done.rowcount > 0
