"""What devices attest: nonce, token, what was measured last, keys in escrow.

These functions take no Scope: a device proves itself by its key, and its row says whose it is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

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


@dataclass(frozen=True, slots=True)
class Standing:
    """What a new quote of a device is judged by."""

    certificate_pem: bytes  # of its attestation key; empty: it has sent none
    certificate_hash: bytes
    had_tpm: bool
    counters: tuple[int, ...]  # empty: no genuine quote of this key is known
    blocked: str


async def put_nonce(db: Db, device_id: DeviceId, nonce: bytes, now: datetime) -> None:
    """A new nonce replaces the old one; the token stays valid until the next success."""
    await _put_attestation(db, device_id, {"nonce": nonce, "nonce_at": now})


async def take_nonce(db: Db, device_id: DeviceId) -> tuple[bytes, datetime] | None:
    """The outstanding nonce, which is used up by this call."""
    c = attestations.c
    row = (
        await db.execute(select(c.nonce, c.nonce_at).where(c.device_id == device_id))
    ).one_or_none()
    if row is None or row.nonce is None:
        return None
    done = await db.execute(
        update(attestations)
        .where(c.device_id == device_id, c.nonce == row.nonce)
        .values(nonce=None, nonce_at=None)
    )
    return (row.nonce, row.nonce_at) if done.rowcount == 1 else None


async def put_attestation(
    db: Db, device_id: DeviceId, state: str, detail: str, *, token: bytes | None, now: datetime
) -> None:
    """What the last quote came to; a token is given out with a success and replaces the old one."""
    values: dict[str, object] = {"state": state, "detail": detail}
    if token is not None:
        values |= {"integrity_token": token, "token_at": now}
        note_change(db, DEVICES, (device_id,))
    await _put_attestation(db, device_id, values)


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


async def find_attestation_states(db: Db, device_ids: Sequence[DeviceId]) -> Mapping[str, str]:
    """Those that ever attested."""
    c = attestations.c
    query = select(c.device_id, c.state).where(c.device_id.in_(device_ids))
    return {row.device_id: row.state for row in await db.execute(query)}


async def put_escrow(db: Db, device_id: DeviceId, keys: bytes) -> None:
    """Opaque key material of a device; the version before is kept, losing it loses data."""
    await _put_attestation(db, device_id, {})
    c = attestations.c
    await db.execute(
        update(attestations)
        .where(c.device_id == device_id, c.escrow.is_distinct_from(keys))
        .values(escrow_before=c.escrow, escrow=keys)
    )


async def find_escrow(db: Db, device_id: DeviceId) -> bytes | None:
    row = (
        await db.execute(select(attestations.c.escrow).where(attestations.c.device_id == device_id))
    ).one_or_none()
    return None if row is None else row.escrow


async def put_quoted(db: Db, device_id: DeviceId, quoted: Quoted) -> None:
    """Keep a genuine quote, whatever it came to: the next one is judged by it, people see it."""
    values = {
        "quoted_at": quoted.at,
        "versions": json.dumps([quoted.eve_version, quoted.firmware_version]),
        "pcrs": json.dumps({n: value.hex() for n, value in sorted(quoted.pcrs.items())}),
        "event_log": quoted.event_log,
        "counters": json.dumps(quoted.counters),
        "counted_by": quoted.key,
        "template": quoted.template,
        "differences": json.dumps(quoted.differences),
        "had_tpm": True,
    }
    await _put_attestation(db, device_id, values)


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
    )


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


async def templates_of(
    db: Db, device_id: DeviceId, known: Mapping[tuple[str, int], Any]
) -> tuple[tuple[str, int], Sequence[Mapping[str, Any]]]:
    """PCR templates (JSON of the contract) of the device's model, and which version of it this is.

    A version that is `known` is not read again: nothing is told for it.
    """
    device = objects[Kind.DEVICE].c
    body = (
        await db.execute(select(device.body).where(device.id == device_id))
    ).scalar_one_or_none()
    model_id = "" if body is None else str(json.loads(body).get("modelId") or "")
    model = objects[Kind.MODEL].c
    query = select(model.revision).where(model.id == model_id)
    revision = (await db.execute(query)).scalar_one_or_none()
    version = (model_id, revision or 0)
    if revision is None or version in known:
        return version, ()
    stored = (await db.execute(select(model.body).where(model.id == model_id))).scalar_one()
    return version, tuple(json.loads(stored).get("PCRTemplates") or ())


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
