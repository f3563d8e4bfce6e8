"""A fleet that has attested: of one model with a template, under ENFORCE, with keys in escrow."""

import asyncio
import hashlib
import json
import os
import random
import sqlite3
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import insert, update
from support.devices import Device, make_devices, now, prepare_state, put_bindings
from support.objects import put_devices, put_shared
from support.person import enterprise_of
from support.rest import put_token
from support.server import Server

from eaves.controller.domain.measured import captured
from eaves.controller.domain.quotes import measured
from eaves.controller.first_start import ADMIN
from eaves.controller.jobs.rendering import render_devices
from eaves.controller.keys import KeyStore, open_keys
from eaves.controller.settings import Settings
from eaves.controller.southbound.attesting import escrow_purpose
from eaves.controller.store.devices import ATTESTATION_TYPE, ECDH_TYPE
from eaves.controller.store.people import find_user_for_login
from eaves.controller.store.tables import (
    Kind,
    attestations,
    device_bindings,
    device_certificates,
    object_ids,
    objects,
)
from eaves.controller.store.unit import Db, open_engine, unit_of_work
from eaves.evapi.attest import (
    AttestStorageKeys,
    AttestVolumeKey,
    AttestVolumeKeyType,
    ZAttestReq,
    encode_z_attest_req,
)
from eaves.evapi.certs import ZCertType
from eaves.evapi.device_certs import Chance, edge_node_certificate
from eaves.evapi.pem import load_certificate
from eaves.fleet.identities import KeptDevice, KeptFleet, save_fleet
from eaves.fleet.measured import SoftTpm

_AT_ONCE: Final = 500  # rows in one statement
_VSK: Final = AttestVolumeKeyType.ATTEST_VOLUME_KEY_TYPE_VSK


@dataclass(frozen=True)
class Measured:
    """A device with the certificates that it has uploaded, and the token that it holds."""

    device: Device
    token: bytes = field(repr=False)
    ecdh_key: bytes = field(repr=False)  # PKCS#8, as the next
    quote_key: bytes = field(repr=False)
    ecdh_pem: bytes = field(repr=False)
    quote_pem: bytes = field(repr=False)


def make_measured(count: int) -> tuple[Measured, ...]:
    """About 1 ms each."""
    chance = Chance(now(), os.urandom)
    return tuple(_measured(device, chance) for device in make_devices(count))


def _measured(device: Device, chance: Chance) -> Measured:
    own = load_certificate(device.certificate_pem)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    kinds = (
        ZCertType.CERT_TYPE_DEVICE_ECDH_EXCHANGE,
        ZCertType.CERT_TYPE_DEVICE_RESTRICTED_SIGNING,
    )
    pems = [
        edge_node_certificate(kind, key.public_key(), device.key, own, chance)
        for kind, key in zip(kinds, keys, strict=True)
    ]
    return Measured(device, os.urandom(32), _der(keys[0]), _der(keys[1]), *pems)


def _der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def prepare(
    state_dir: Path, fleet: Sequence[Measured], free: Sequence[Device] = (), *, real: bool = False
) -> Settings:
    """A controller that knows them, with a token of `support.rest` for its user.

    `free`: more devices, which need not attest.  `real`: devices have objects as people make them,
    from which they can be rendered again.
    """
    devices = [one.device for one in fleet]
    settings = prepare_state(state_dir, free if real else [*devices, *free])
    asyncio.run(_put(settings, fleet, enterprise_of(settings), real=real))
    return settings


async def _put(
    settings: Settings, fleet: Sequence[Measured], enterprise_id: str, *, real: bool
) -> None:
    keys = open_keys(settings, clock=now, random=os.urandom)
    seed = random.Random(3)  # noqa: S311 - the same fleet every time
    ids = [one.device.device_id for one in fleet]
    engine = open_engine(settings.database)
    async with unit_of_work(engine) as db:
        admin = await find_user_for_login(db, ADMIN)
        if admin is None:
            raise SystemExit(f"{settings.state_dir}: there is no user {ADMIN}")
        await put_token(db, admin.id, enterprise_id)
        if real:
            shared = await put_shared(db, enterprise_id, seed)
            await put_devices(db, shared, ids, seed, with_app=False)
            for begin in range(0, len(fleet), _AT_ONCE):
                some = [one.device for one in fleet[begin : begin + _AT_ONCE]]
                await put_bindings(db, some, enterprise_id)
        else:
            await _put_model(db, enterprise_id)
        for begin in range(0, len(fleet), _AT_ONCE):
            await _put_attested(db, keys, fleet[begin : begin + _AT_ONCE], enterprise_id)
    if real:
        done = await render_devices(engine, keys, ids, now())
        if len(done.changed) != len(ids):
            raise SystemExit(f"{len(done.failed)} devices could not be rendered")
    await engine.dispose()


async def _put_model(db: Db, enterprise_id: str) -> None:
    """Of all devices, with the template that an administrator made of a golden one."""
    model_id = str(uuid.uuid4())
    tpm = SoftTpm()
    tpm.boot()
    covered = {n: tpm.pcrs[n] for n in range(16)}
    log = tpm.quote(b"nonce").tpm_binary_event_log
    golden = captured(measured(tpm.eve_version, tpm.firmware_version, covered, log), "golden")
    stamp = {"created_at": now(), "updated_at": now(), "created_by": "bench", "updated_by": "bench"}
    ids = {"id": model_id, "kind": Kind.MODEL.value, "enterprise_id": enterprise_id}
    await db.execute(insert(object_ids).values(**ids))
    model = {"name": "box", "title": "box", "body": json.dumps({"PCRTemplates": [golden]})}
    common = {"id": model_id, "enterprise_id": enterprise_id, "revision": 1, "revision_before": 0}
    await db.execute(insert(objects[Kind.MODEL]).values(**common, **model, **stamp))
    body = json.dumps({"modelId": model_id})
    await db.execute(update(objects[Kind.DEVICE]).values(body=body))


async def _put_attested(
    db: Db, keys: KeyStore, some: Sequence[Measured], enterprise_id: str
) -> None:
    def of(one: Measured) -> dict[str, Any]:
        return {"enterprise_id": enterprise_id, "device_id": one.device.device_id}

    def certificate(one: Measured, kind: int, pem: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(pem).digest()[:16]
        told = {"type": kind, "certificate_hash": digest, "pem": pem, "received_at": now()}
        return {**of(one), **told}

    await db.execute(
        insert(device_certificates),
        [
            certificate(one, kind, pem)
            for one in some
            for kind, pem in ((ECDH_TYPE, one.ecdh_pem), (ATTESTATION_TYPE, one.quote_pem))
        ],
    )
    some_ids = [one.device.device_id for one in some]
    required = update(device_bindings).where(device_bindings.c.device_id.in_(some_ids))
    await db.execute(required.values(attestation_required=True))
    await db.execute(
        insert(attestations),
        [
            {
                **of(one),
                "integrity_token": one.token,
                "token_at": now(),
                "state": "ATTEST_STATE_PASS",
                "detail": "fits template 'golden'",
                "escrow": keys.seal(escrow_purpose(one.device.device_id), _escrow(one)),
            }
            for one in some
        ],
    )


def _escrow(one: Measured) -> bytes:
    """What the simulated device sends again with each attestation."""
    key = AttestVolumeKey(key_type=_VSK, key=hashlib.sha256(one.device.serial.encode()).digest())
    return encode_z_attest_req(ZAttestReq(storage_keys=AttestStorageKeys(keys=(key,))))


def write_measured(path: Path, fleet: Sequence[Measured], server: Server) -> None:
    """Identities for `eaves fleet run`, of devices that go on running with tokens in force."""
    tokens, hashes = tokens_in(server.state_dir), config_hashes_in(server.state_dir)
    devices = [
        KeptDevice(
            serial=one.device.serial,
            key=_der(one.device.key),
            ecdh_key=one.ecdh_key,
            quote_key=one.quote_key,
            certs=[one.device.certificate_pem, one.ecdh_pem, one.quote_pem],
            device_id=one.device.device_id,
            token=tokens[one.device.device_id],
            config_hash=hashes[one.device.device_id],
        )
        for one in fleet
    ]
    root = server.root_certificate.read_bytes()
    at = f"localhost:{server.device_port}"
    save_fleet(path, KeptFleet(server=at, root_pem=root, devices=devices))


def _read(state_dir: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    database = sqlite3.connect(f"file:{state_dir / 'eaves.db'}?mode=ro", uri=True)
    try:
        return database.execute(query, values).fetchall()
    finally:
        database.close()


def tokens_in(state_dir: Path) -> dict[str, bytes]:
    """In force now, by device; empty where one was dropped."""
    return dict(_read(state_dir, "SELECT device_id, integrity_token FROM attestations"))


def config_hashes_in(state_dir: Path) -> dict[str, str]:
    return dict(_read(state_dir, "SELECT device_id, config_hash FROM rendered_configs"))


def attested_in(state_dir: Path) -> int:
    """How many hold a token."""
    query = "SELECT count(*) FROM attestations WHERE length(integrity_token) > 0"
    return int(_read(state_dir, query)[0][0])


def until_all_seen(state_dir: Path, since_s: float, most_s: float) -> None:
    """Until all that have to attest have polled since a moment (Unix time): fleets prepare
    themselves before they begin, and another one may have polled as the same devices.
    """
    end = time.monotonic() + most_s
    unseen = (
        "SELECT count(*) FROM device_bindings b LEFT JOIN device_seen s"
        " ON s.device_id = b.device_id WHERE b.attestation_required"
        " AND (s.device_id IS NULL OR s.last_seen_at < ?)"
    )
    while left := int(_read(state_dir, unseen, int(since_s * 1_000_000))[0][0]):
        if time.monotonic() > end:
            raise SystemExit(f"{left} devices did not poll within {most_s:.0f} s")
        time.sleep(1)
