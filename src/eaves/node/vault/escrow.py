"""The share that the controller keeps, in the form of EVE: opaque to whoever keeps it.  Pure.

Source: EVE API v2, attest.proto, AttestVolumeKeyData of version 0.  The wrapping key is SHA-256(X
|| Y) of the device's ECDH key with the public key of its own device certificate, the cipher
AES-256-CFB with 16 zero bytes as IV, and the SHA-256 of the share says whether it opened.

The wrapping key never changes, and a cipher block alone would give the difference of the first
halves of two shares away; so nobody but the controller may see both, which holds what it is given.
"""

import hashlib
import hmac

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from eaves.errors import EavesError, Rejected
from eaves.evapi.attest import (
    AttestVolumeKey,
    AttestVolumeKeyData,
    AttestVolumeKeyType,
    AttestVolumeKeyVersion,
    decode_attest_volume_key_data,
    encode_attest_volume_key_data,
)
from eaves.evapi.cipher import cipher_key
from eaves.evapi.keys import KeyAgreement

SHARE_BYTES = 32
_ZERO_IV = bytes(16)


class EscrowUnusable(Rejected):
    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the key that the controller gave back does not open: {reason}; the recovery key"
            " opens the vault, if one was printed"
        )


def escrowed(share: bytes, own: KeyAgreement, device: ec.EllipticCurvePublicKey) -> AttestVolumeKey:
    """What STORE_KEYS sends."""
    encryptor = Cipher(AES(cipher_key(own, device)), CFB(_ZERO_IV)).encryptor()
    data = AttestVolumeKeyData(
        encrypted_key=encryptor.update(share) + encryptor.finalize(),
        digest_sha256=hashlib.sha256(share).digest(),
        version=AttestVolumeKeyVersion.ATTEST_VOLUME_KEY_VERSION_LEGACY,
    )
    return AttestVolumeKey(
        key_type=AttestVolumeKeyType.ATTEST_VOLUME_KEY_TYPE_VSK,
        key=encode_attest_volume_key_data(data),
    )


def given_back(
    key: AttestVolumeKey, own: KeyAgreement, device: ec.EllipticCurvePublicKey
) -> bytes | None:
    """The share in what a quote's answer returned; None when there is none in it.

    Raises EscrowUnusable.
    """
    if key.key_type != AttestVolumeKeyType.ATTEST_VOLUME_KEY_TYPE_VSK or not key.key:
        return None
    try:
        data = decode_attest_volume_key_data(key.key)
    except EavesError as error:
        raise EscrowUnusable(str(error)) from error
    if data.version != AttestVolumeKeyVersion.ATTEST_VOLUME_KEY_VERSION_LEGACY:
        raise EscrowUnusable(f"its version {int(data.version)} is not 0")
    if len(data.encrypted_key) != SHARE_BYTES:
        raise EscrowUnusable(f"it has {len(data.encrypted_key)} bytes, not {SHARE_BYTES}")
    decryptor = Cipher(AES(cipher_key(own, device)), CFB(_ZERO_IV)).decryptor()
    share = decryptor.update(data.encrypted_key) + decryptor.finalize()
    if not hmac.compare_digest(hashlib.sha256(share).digest(), data.digest_sha256):
        raise EscrowUnusable("another TPM wrapped it, or it was altered")
    return share
