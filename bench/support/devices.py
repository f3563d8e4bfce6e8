"""A state folder with thousands of devices that have keys of their own, ready to be polled.

Rows go in with plain bulk statements: what is measured is the controller, not the making of a
fleet.  Every device has a real key, a real certificate and a configuration of its own.
"""

import asyncio
import hashlib
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import insert

from eaves.controller.first_start import ADMIN, prepare_database
from eaves.controller.keys import open_keys
from eaves.controller.settings import Settings
from eaves.controller.store.marks import PUBLISHED, put_mark
from eaves.controller.store.people import find_user_for_login
from eaves.controller.store.tables import (
    Kind,
    device_bindings,
    object_ids,
    objects,
    onboarding_claims,
    rendered_configs,
    rendered_contents,
)
from eaves.controller.store.unit import Db, open_engine, unit_of_work
from eaves.evapi.config import EdgeDevConfig, UUIDandVersion, encode_edge_dev_config
from eaves.evapi.device_certs import Chance, device_certificate
from eaves.evapi.envelope import Sender, device_hash, device_sender, seal
from eaves.evapi.keys import KeySigner
from eaves.evapi.poll import PollRequest, encode_poll_request
from eaves.ids import ConfigHash, DeviceId

ONBOARDING_KEY: Final = "5d0767ee-0547-4569-b530-387e526f8cb9"
_AT_ONCE: Final = 500  # rows in one statement


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Device:
    """One device of the fleet; `sealed` signs as it does."""

    device_id: DeviceId
    serial: str
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    certificate_pem: bytes = field(repr=False)
    sender: Sender = field(repr=False)
    config: bytes = field(repr=False)
    config_hash: ConfigHash

    def sealed(self, payload: bytes) -> bytes:
        """An envelope around `payload`, signed now."""
        return seal(payload, self.sender)

    def poll(self, config_hash: str) -> bytes:
        """A signed poll of a device that holds the configuration of this hash."""
        return self.sealed(encode_poll_request(PollRequest(config_hash=config_hash)))

    @property
    def certificate_der(self) -> bytes:
        return x509.load_pem_x509_certificate(self.certificate_pem).public_bytes(Encoding.DER)


def make_devices(count: int, *, config_bytes: int = 4096) -> tuple[Device, ...]:
    """New keys and configurations; about 0.4 ms each.  `config_bytes`: of each configuration."""
    chance = Chance(now(), os.urandom)
    return tuple(_device(number, chance, config_bytes) for number in range(count))


def _device(number: int, chance: Chance, config_bytes: int) -> Device:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = device_certificate(key, chance)
    device_id = DeviceId(str(uuid.uuid4()))
    config = encode_edge_dev_config(
        EdgeDevConfig(id=UUIDandVersion(uuid=device_id, version=str(number)))
    )
    config += _padding(config_bytes - len(config))
    return Device(
        device_id=device_id,
        serial=f"BENCH-{number}",
        key=key,
        certificate_pem=pem,
        sender=device_sender(KeySigner(key), pem),
        config=config,
        config_hash=ConfigHash(hashlib.sha256(config).hexdigest()),
    )


def _padding(size: int) -> bytes:
    """An unknown field of about `size` bytes, which takes part in hash and signature."""
    content = os.urandom(max(size - 5, 0))
    length, encoded = len(content), bytearray()
    while length > 0x7F:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    encoded.append(length)
    tag = 2047 << 3 | 2
    return bytes((tag & 0x7F | 0x80, tag >> 7)) + bytes(encoded) + content


def prepare_state(
    state_dir: Path,
    devices: Sequence[Device],
    *,
    database_url: str = "",
    registered: bool = True,
) -> Settings:
    """Make the database of a controller that knows these devices.

    With `registered=False` they are records that wait for their device to register.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    settings = Settings(state_dir=state_dir, database_url=database_url)
    asyncio.run(_prepare(settings, devices, registered=registered))
    return settings


async def _prepare(settings: Settings, devices: Sequence[Device], *, registered: bool) -> None:
    await prepare_database(settings, clock=now, random=os.urandom)
    engine = open_engine(settings.database)
    async with unit_of_work(engine) as db:
        admin = await find_user_for_login(db, ADMIN)
        if admin is None:
            raise SystemExit(f"{settings.state_dir}: the first start made no user {ADMIN}")
        for begin in range(0, len(devices), _AT_ONCE):
            some = devices[begin : begin + _AT_ONCE]
            await _put_records(db, some, admin.enterprise_id)
            if registered:
                await put_bindings(db, some, admin.enterprise_id)
        # else the first start renders every device, while the row is measured
        keys = open_keys(settings, clock=now, random=os.urandom)
        await put_mark(db, PUBLISHED, keys.controllercert_confighash)
    await engine.dispose()


async def _put_records(db: Db, devices: Sequence[Device], enterprise_id: str) -> None:
    stamp = {"created_at": now(), "updated_at": now(), "created_by": "bench", "updated_by": "bench"}
    common = {"enterprise_id": enterprise_id, "revision": 1, "revision_before": 0, **stamp}
    await db.execute(
        insert(object_ids),
        [
            {"id": d.device_id, "kind": Kind.DEVICE.value, "enterprise_id": enterprise_id}
            for d in devices
        ],
    )
    await db.execute(
        insert(objects[Kind.DEVICE]),
        [
            {"id": d.device_id, "name": d.serial, "title": d.serial, "body": "{}", **common}
            for d in devices
        ],
    )
    await db.execute(
        insert(onboarding_claims),
        [
            {"device_id": d.device_id, "onboarding_key": ONBOARDING_KEY, "serial": d.serial}
            for d in devices
        ],
    )
    await db.execute(
        insert(rendered_configs),
        [
            {
                "enterprise_id": enterprise_id,
                "device_id": d.device_id,
                "config_hash": d.config_hash,
                "config_timestamp": now(),
                "missing": "[]",
            }
            for d in devices
        ],
    )
    await db.execute(
        insert(rendered_contents),
        [
            {"enterprise_id": enterprise_id, "device_id": d.device_id, "config": d.config}
            for d in devices
        ],
    )


async def put_bindings(db: Db, devices: Sequence[Device], enterprise_id: str) -> None:
    """They have registered."""
    common = {"enterprise_id": enterprise_id, "gone": False, "attestation_required": False}
    await db.execute(
        insert(device_bindings),
        [
            {
                "device_id": d.device_id,
                "certificate_hash": device_hash(d.certificate_pem),
                "certificate_der": d.certificate_der,
                "onboarding_key": ONBOARDING_KEY,
                "serial": d.serial,
                "bound_at": now(),
                **common,
            }
            for d in devices
        ],
    )
