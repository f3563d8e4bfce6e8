"""Many devices that look like one: rows copied in the database, as if each was made by REST."""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import insert, select
from support.rest_objects import World

from eaves.controller.domain.secrets import SecretName
from eaves.controller.keys import KeyStore
from eaves.controller.store.devices import ECDH_TYPE
from eaves.controller.store.listed import listed_row
from eaves.controller.store.sealed import find_secrets
from eaves.controller.store.tables import (
    Kind,
    device_bindings,
    device_certificates,
    object_ids,
    object_references,
    objects,
    secrets,
)
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.unit import Db

CARRIED = {"netinst": Kind.NETINST, "volume": Kind.VOLUME, "instance": Kind.APP_INSTANCE}
BATCH = 500


def device_id_of(number: int) -> str:
    return str(uuid.UUID(int=(0xE0 << 120) | (number * 0x9E3779B97F4A7C15 % (1 << 64))))


def part_id_of(number: int, what: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{what} {number}"))


async def copy_device(
    db: Db,
    world: World,
    keys: KeyStore | None,
    numbers: Sequence[int],
    *,
    carried: bool = True,
) -> tuple[str, ...]:
    """Copy the device of the world, and with `carried` what it carries; the ids of the copies.

    `keys`: needed where what is copied has secrets.
    """
    kinds: dict[str, Kind] = {"device": Kind.DEVICE, **(CARRIED if carried else {})}
    originals = {word: getattr(world, word) for word in kinds}
    rows = {
        word: (await db.execute(select(objects[kind]).where(objects[kind].c.id == originals[word])))
        .one()
        ._asdict()
        for word, kind in kinds.items()
    }
    references = {
        word: (
            await db.execute(
                select(object_references.c.to_id).where(object_references.c.from_id == one)
            )
        )
        .scalars()
        .all()
        for word, one in originals.items()
    }
    sealed = await find_secrets(db, tuple(originals.values()))
    for start in range(0, len(numbers), BATCH):
        await _copy(db, keys, kinds, rows, references, sealed, numbers[start : start + BATCH])
    return tuple(device_id_of(number) for number in numbers)


async def _copy(
    db: Db,
    keys: KeyStore | None,
    kinds: Mapping[str, Kind],
    rows: Mapping[str, Mapping[str, object]],
    references: Mapping[str, Sequence[str]],
    sealed: Mapping[SecretName, bytes],
    numbers: Sequence[int],
) -> None:
    for word, kind in kinds.items():
        copies: list[dict[str, object]] = []
        refers: list[dict[str, str]] = []
        hidden: list[dict[str, object]] = []
        for number in numbers:
            new = {w: part_id_of(number, w) for w in kinds} | {"device": device_id_of(number)}
            named = {str(rows[w]["id"]): new[w] for w in kinds}
            row = dict(rows[word])
            name = f"{row['name']}-{number:06d}"
            body = json.loads(str(row["body"]))
            body |= {"name": name, "id": new[word]}
            if word == "device":
                body["serialno"] = f"serial-{number * 7919 % 1_000_003:07d}"
            else:
                body["deviceId"] = new["device"]
                row["device_id"] = new["device"]
            copies.append({**row, "id": new[word], "name": name, "body": json.dumps(body)})
            refers += [
                {"from_id": new[word], "to_id": named.get(to, to)} for to in references[word]
            ]
            for secret, value in sealed.items():
                if secret.object_id == rows[word]["id"]:
                    assert keys is not None, "secrets are sealed anew"
                    own = SecretName(new[word], secret.field)
                    clear = keys.open(secret.purpose, value)
                    hidden.append(
                        {
                            "object_id": own.object_id,
                            "field": own.field,
                            "sealed": keys.seal(own.purpose, clear),
                        }
                    )
        ids = [
            {"id": c["id"], "kind": kind.value, "enterprise_id": c["enterprise_id"]} for c in copies
        ]
        await db.execute(insert(object_ids), ids)
        await db.execute(insert(objects[kind]), copies)
        await db.execute(insert(listed[kind]), [listed_row(kind, copy) for copy in copies])
        await db.execute(insert(object_references), refers)
        if hidden:
            await db.execute(insert(secrets), hidden)


async def bind_devices(
    db: Db, enterprise_id: str, device_ids: Sequence[str], ecdh_pem: bytes, now: datetime
) -> None:
    """As if each of these had registered and sent its ECDH certificate (here one for all)."""
    bindings = [
        {
            "device_id": one,
            "enterprise_id": enterprise_id,
            "certificate_hash": uuid.UUID(one).bytes * 2,
            "certificate_der": ecdh_pem,
            "gone": False,
            "attestation_required": False,
            "onboarding_key": "key",
            "serial": one,
            "bound_at": now,
        }
        for one in device_ids
    ]
    certificates = [
        {
            "enterprise_id": enterprise_id,
            "device_id": one,
            "type": ECDH_TYPE,
            "certificate_hash": uuid.UUID(one).bytes,
            "pem": ecdh_pem,
            "received_at": now,
        }
        for one in device_ids
    ]
    for start in range(0, len(device_ids), BATCH):
        await db.execute(insert(device_bindings), bindings[start : start + BATCH])
        await db.execute(insert(device_certificates), certificates[start : start + BATCH])


def public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
