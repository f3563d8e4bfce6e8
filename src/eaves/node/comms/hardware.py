"""Who this node is when it has a TPM: keys made in it at the first start, which never leave it.

The device certificate is in the TPM's NV and on disk, the other certificates on disk.  A disk
without device key is a disk of a TPM, and only of its own: on another machine it is nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from eaves.errors import Rejected
from eaves.evapi.certs import ZCert, ZCertType
from eaves.evapi.device_certs import (
    Chance,
    device_certificate,
    edge_node_certificate,
    edge_node_certs,
    endorsement_cert,
)
from eaves.node.host.files import atomic_write, read_or_none
from eaves.node.tpm.device import PublicKey, Tpm
from eaves.node.tpm.errors import TpmUnusable
from eaves.node.tpm.keys import TpmCertKey
from eaves.node.tpm.layout import Handle, Nv

log = structlog.get_logger(__name__)

_CREDENTIAL_BYTES: Final = 7  # as long as EVE's
_CERTS: Final = (
    ("ecdh", Handle.ECDH, ZCertType.CERT_TYPE_DEVICE_ECDH_EXCHANGE),
    ("attest", Handle.QUOTE, ZCertType.CERT_TYPE_DEVICE_RESTRICTED_SIGNING),
    ("ek", Handle.EK, ZCertType.CERT_TYPE_DEVICE_ENDORSEMENT_RSA),
)


class IdentityElsewhere(Rejected):
    """The disk is of a device whose keys are in a TPM, and not in this one."""

    def __init__(self, folder: Path, seen: str) -> None:
        super().__init__(
            f"{folder} belongs to a device whose keys are in a TPM, and {seen}; it does not go on"
            " as another device or with keys on disk. Start it with its own TPM (`--tpm`), or with"
            " a new state folder as a new device"
        )


@dataclass(frozen=True, slots=True)
class TpmIdentity:
    device_cert_pem: bytes
    auth: bytes = field(repr=False)  # opens the device key
    certs: tuple[ZCert, ...] = field(repr=False)  # what attestation uploads


def is_of_a_tpm(folder: Path) -> bool:
    """A device certificate without a key beside it: the key is in a TPM."""
    certificate = read_or_none(folder / "device.cert.pem")
    return bool(certificate) and not read_or_none(folder / "device.key.pem")


def take_keys(folder: Path, tpm: Tpm, chance: Callable[[], Chance]) -> TpmIdentity:
    """Find or make keys and certificates; idempotent at any interruption.

    Raises IdentityElsewhere for a disk of another TPM, else what the TPM raises.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    on_disk = read_or_none(folder / "device.cert.pem") or b""
    if on_disk and not tpm.has(Handle.DEVICE):
        raise IdentityElsewhere(folder, f"the TPM at {tpm.tcti} holds no device key")
    auth = _credential(tpm, chance())
    for handle in Handle:
        if tpm.ensure_key(handle, auth if handle is Handle.DEVICE else b""):
            log.info("key_made", tpm=tpm.tcti, handle=f"{handle:#x}", key=handle.name)
    device_key = TpmCertKey(tpm, Handle.DEVICE, auth)
    device_pem = _device_certificate(folder, tpm, device_key, chance, on_disk)
    device_cert = x509.load_pem_x509_certificate(device_pem)
    pems: list[bytes] = []
    for name, handle, kind in _CERTS:
        public = tpm.public_key(handle)
        path = folder / f"{name}.cert.pem"
        pem = read_or_none(path)
        if not pem or not _certifies(pem, public):
            pem = edge_node_certificate(kind, public, device_key, device_cert, chance())
            atomic_write(path, pem, 0o644)
        pems.append(pem)
    ek = endorsement_cert(pems[2], tpm.public_area(Handle.EK))
    return TpmIdentity(device_pem, auth, (*edge_node_certs(pems[0], pems[1]), ek))


def _credential(tpm: Tpm, chance: Chance) -> bytes:
    """What authorises the device key: in NV before there is a key that needs it."""
    known = tpm.nv_read(Nv.CREDENTIAL)
    if known:
        return known
    if tpm.has(Handle.DEVICE):
        raise TpmUnusable(
            f"the TPM at {tpm.tcti} holds a device key, and not the credential that opens it (NV"
            f" {Nv.CREDENTIAL:#x}); if nothing needs this key, `tpm2_evictcontrol -c"
            f" {Handle.DEVICE:#x}` removes it, and the node is a new device"
        )
    made = chance.random(_CREDENTIAL_BYTES).hex()[:_CREDENTIAL_BYTES].encode()
    tpm.nv_write(Nv.CREDENTIAL, made)
    return made


def _device_certificate(
    folder: Path, tpm: Tpm, key: TpmCertKey, chance: Callable[[], Chance], on_disk: bytes
) -> bytes:
    """That of NV; made once.  A new disk gets it from there, so the identity survives it."""
    public, path = key.public_key(), folder / "device.cert.pem"
    if on_disk and not _certifies(on_disk, public):
        raise IdentityElsewhere(folder, f"the TPM at {tpm.tcti} holds another device key")
    kept = tpm.nv_read(Nv.DEVICE_CERT)
    if kept and not _certifies(kept, public):
        raise TpmUnusable(
            f"the device certificate in the TPM at {tpm.tcti} (NV {Nv.DEVICE_CERT:#x}) is of"
            f" another key than the one at {Handle.DEVICE:#x}; `tpm2_nvundefine"
            f" {Nv.DEVICE_CERT:#x}` removes it, and the node is a new device"
        )
    pem = on_disk or kept or device_certificate(key, chance())
    if pem != kept:
        tpm.nv_write(Nv.DEVICE_CERT, pem)
    if pem != on_disk:
        atomic_write(path, pem, 0o644)
    return pem


def _certifies(pem: bytes, key: PublicKey) -> bool:
    try:
        certified = x509.load_pem_x509_certificate(pem).public_key()
    except ValueError:
        return False
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return certified.public_bytes(*form) == key.public_bytes(*form)
