"""Who this node is: keys in its TPM, or without one three on disk, and their certificates.

Made once and kept.  A certificate may be written again from its key, a key never: losing one makes
another device.  What began with a TPM never goes on without it, see `hardware`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from eaves.errors import Rejected
from eaves.evapi.certs import ZCert, ZCertType
from eaves.evapi.device_certs import (
    Chance,
    device_certificate,
    edge_node_certificate,
    edge_node_certs,
)
from eaves.evapi.envelope import Sender, device_sender, onboarding_sender
from eaves.evapi.keys import KeyAgreement, KeySigner, SoftKeyAgreement
from eaves.node.comms.folder import ConfigFolder
from eaves.node.comms.hardware import IdentityElsewhere, is_of_a_tpm, take_keys
from eaves.node.host.files import atomic_write, read_or_none
from eaves.node.tpm.device import Tpm
from eaves.node.tpm.keys import TpmKeyAgreement, TpmSigner
from eaves.node.tpm.layout import Handle

log = structlog.get_logger(__name__)


class KeyUnusable(Rejected):
    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where} is no usable EC P-256 private key: {reason}")


@dataclass(frozen=True, slots=True)
class Identity:
    device_cert_pem: bytes = field(repr=False)
    sender: Sender = field(repr=False)
    ecdh: KeyAgreement = field(repr=False)
    certs: tuple[ZCert, ...] = field(repr=False)  # what attestation uploads
    in_tpm: bool = False  # then every signature waits for a TPM


def load_identity(folder: Path, chance: Callable[[], Chance], tpm: Tpm | None = None) -> Identity:
    """Find the keys, making what is missing; idempotent at any interruption.

    Keys that lie on disk already stay in use beside a TPM: the controller knows the device by
    them.  Raises IdentityElsewhere where the folder belongs to a TPM and that is not `tpm`.
    """
    if tpm is not None and not read_or_none(folder / "device.key.pem"):
        return _of_tpm(folder, chance, tpm)
    if is_of_a_tpm(folder):
        raise IdentityElsewhere(folder, "this node was started without a TPM")
    return _of_disk(folder, chance)


def _of_tpm(folder: Path, chance: Callable[[], Chance], tpm: Tpm) -> Identity:
    taken = take_keys(folder, tpm, chance)
    signer = TpmSigner(tpm, Handle.DEVICE, taken.auth)
    return Identity(
        taken.device_cert_pem,
        device_sender(signer, taken.device_cert_pem),
        TpmKeyAgreement(tpm),
        taken.certs,
        in_tpm=True,
    )


def _of_disk(folder: Path, chance: Callable[[], Chance]) -> Identity:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    device_key = _key(folder / "device.key.pem")
    device_pem = _cert(folder / "device.cert.pem", lambda: device_certificate(device_key, chance()))
    device_cert = x509.load_pem_x509_certificate(device_pem)
    pems: list[bytes] = []
    ecdh_key = _key(folder / "ecdh.key.pem")
    for name, key, kind in (
        ("ecdh", ecdh_key, ZCertType.CERT_TYPE_DEVICE_ECDH_EXCHANGE),
        ("attest", _key(folder / "attest.key.pem"), ZCertType.CERT_TYPE_DEVICE_RESTRICTED_SIGNING),
    ):

        def make(kind: ZCertType = kind, key: ec.EllipticCurvePrivateKey = key) -> bytes:
            return edge_node_certificate(kind, key.public_key(), device_key, device_cert, chance())

        pems.append(_cert(folder / f"{name}.cert.pem", make))
    return Identity(
        device_pem,
        device_sender(KeySigner(device_key), device_pem),
        SoftKeyAgreement(ecdh_key),
        edge_node_certs(pems[0], pems[1]),
    )


def onboarding_identity(folder: ConfigFolder) -> Sender | None:
    """The onboarding key pair of the folder as a sender; None when it has none."""
    if folder.onboard_cert is None or folder.onboard_key is None:
        return None
    key = _load(folder.onboard_key, "onboard.key.pem")
    return onboarding_sender(KeySigner(key), folder.onboard_cert)


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    data = read_or_none(path)
    if data:
        return _load(data, str(path))
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    atomic_write(path, pem, 0o600)
    log.info("key_made", file=path.name)
    return key


def _load(data: bytes, where: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(data, None)
    except ValueError as error:
        raise KeyUnusable(where, str(error)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyUnusable(where, f"it is a {type(key).__name__}")
    return key


def _cert(path: Path, make: Callable[[], bytes]) -> bytes:
    data = read_or_none(path)
    if data:
        return data
    pem = make()
    atomic_write(path, pem, 0o644)
    return pem
