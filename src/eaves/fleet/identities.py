"""The identities of a fleet in a file, so that the same devices can run again.

The file holds private keys: it is made for its owner only.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from eaves.errors import Rejected
from eaves.evapi.certs import ZCertType
from eaves.evapi.device_certs import (
    Chance,
    device_certificate,
    edge_node_certificate,
    edge_node_certs,
)
from eaves.evapi.envelope import device_sender
from eaves.evapi.flows.steps import Clock
from eaves.evapi.flows.trust import Trust, trust_from
from eaves.evapi.keys import SoftKeyAgreement
from eaves.evapi.pem import load_certificate
from eaves.fleet.device import Identity, Onboarding, Standing
from eaves.fleet.signing import signer_of
from eaves.ids import DeviceId


class UnusableState(Rejected):
    """A file of identities that cannot be used."""


class KeptDevice(msgspec.Struct, kw_only=True):
    """Keys are PKCS#8 in DER, certificates PEM; `device_id` is empty before onboarding."""

    serial: str
    key: bytes
    ecdh_key: bytes
    certs: list[bytes]  # device, ECDH, attestation; the last two may be missing
    device_id: str = ""
    token: bytes = b""
    restarts: int = 0
    reboots: int | None = None  # counter of the last reboot that was carried out
    config_hash: str = ""  # of a device that goes on running; empty after a start
    quote_key: bytes = b""  # of a TPM in software; empty: it says that it has none

    def __repr__(self) -> str:
        return f"KeptDevice({self.serial!r}, {self.device_id!r})"


class KeptFleet(msgspec.Struct, kw_only=True):
    """`trust`: certificates of the controller as listed; empty before the first onboarding."""

    server: str
    root_pem: bytes
    onboard_cert_pem: bytes = b""
    onboard_key_pem: bytes = b""
    trust: bytes = b""
    devices: list[KeptDevice] = []

    def __repr__(self) -> str:
        return f"KeptFleet({self.server!r}, {len(self.devices)} devices)"


def new_device(serial: str, chance: Chance) -> KeptDevice:
    """Fresh keys; about 1 ms."""
    device, ecdh, quote = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    pem = device_certificate(device, chance)
    certificate = load_certificate(pem)
    others = [
        edge_node_certificate(kind, key.public_key(), device, certificate, chance)
        for kind, key in (
            (ZCertType.CERT_TYPE_DEVICE_ECDH_EXCHANGE, ecdh),
            (ZCertType.CERT_TYPE_DEVICE_RESTRICTED_SIGNING, quote),
        )
    ]
    return KeptDevice(serial=serial, key=_der(device), ecdh_key=_der(ecdh), certs=[pem, *others])


def _der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


class LaterAgreement:
    """A key that is read when it is first used: few devices of a fleet ever decrypt anything."""

    __slots__ = ("_agreement", "_der")

    def __init__(self, der: bytes) -> None:
        self._der = der
        self._agreement: SoftKeyAgreement | None = None

    def shared_point(self, peer: ec.EllipticCurvePublicKey) -> tuple[bytes, bytes]:
        if self._agreement is None:
            self._agreement = SoftKeyAgreement(_private_key(self._der))
        return self._agreement.shared_point(peer)


def _private_key(der: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_der_private_key(der, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise UnusableState("a key of the fleet's state is not on an elliptic curve")
    return key


def identity_of(kept: KeptDevice) -> Identity:
    certs = edge_node_certs(*kept.certs[1:3]) if len(kept.certs) == 3 else ()
    return Identity(
        sender=device_sender(signer_of(_private_key(kept.key)), kept.certs[0]),
        device_cert_pem=kept.certs[0],
        agreement=LaterAgreement(kept.ecdh_key),
        certs=certs,
        serial=kept.serial,
        soft_serial=kept.serial,
        quote_key=kept.quote_key,
    )


def onboarding_of(fleet: KeptFleet) -> Onboarding:
    return Onboarding(fleet.root_pem, fleet.onboard_cert_pem, fleet.onboard_key_pem)


@dataclass(frozen=True, slots=True)
class Known:
    """What devices that run again share: verified once, not by each."""

    trust: Trust | None = field(repr=False)

    def standing(self, kept: KeptDevice) -> Standing | None:
        """None: the device has to onboard."""
        if self.trust is None or not kept.device_id:
            return None
        return Standing(
            DeviceId(kept.device_id),
            self.trust,
            integrity_token=kept.token,
            config_hash=kept.config_hash,
        )


def known_of(fleet: KeptFleet, now: Clock) -> Known:
    """Raises CertificateError when the kept certificates are not valid any more."""
    return Known(trust_from(fleet.trust, fleet.root_pem, now) if fleet.trust else None)


def load_fleet(path: Path) -> KeptFleet | None:
    """None when there is no such file.  Raises UnusableState."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(data, type=KeptFleet)
    except msgspec.DecodeError as error:
        raise UnusableState(
            f"{path} is no state of a fleet ({error}); delete it to begin with new devices"
        ) from error


def save_fleet(path: Path, fleet: KeptFleet) -> None:
    temporary = path.with_name(path.name + ".tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(fleet))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load_folder(folder: Path) -> KeptFleet:
    """From an onboarding folder, as `eaves onboarding` writes it.  Raises UnusableState."""
    names: Sequence[str] = (
        "server",
        "root-certificate.pem",
        "onboard.cert.pem",
        "onboard.key.pem",
    )
    try:
        server, root, cert, key = ((folder / name).read_bytes() for name in names)
    except OSError as error:
        raise UnusableState(
            f"{folder} is no onboarding folder: {error.filename}: {error.strerror};"
            " `eaves onboarding DEVICE --out FOLDER` writes one"
        ) from error
    return KeptFleet(
        server=server.decode("utf-8", "replace").strip(),
        root_pem=root,
        onboard_cert_pem=cert,
        onboard_key_pem=key,
    )
