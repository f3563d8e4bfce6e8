"""The recovery key: printed once, kept on paper, typed in when nothing else opens the vault.  Pure.

It is a seed of 160 bits.  The node keeps only the X25519 public key that follows from it, so a
new share can be put under the same printed key at any time, and what is on the disk opens nothing.

    ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ23-4567-CCCC     8 groups of the seed, 1 of its check
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from eaves.errors import Rejected

SEED_BYTES = 20
_GROUP = 4
_CHECK_CHARACTERS = 4  # of 5 bits
_NONCE_BYTES = 12


class RecoveryKeyUnusable(Rejected):
    def __init__(self, reason: str) -> None:
        super().__init__(f"the recovery key cannot be used: {reason}")


class Enclosed(msgspec.Struct, frozen=True):
    """A share that only the recovery key opens."""

    ephemeral: bytes  # X25519 public key made for this one share
    nonce: bytes
    data: bytes


def recovery_text(seed: bytes) -> str:
    """As it is printed: groups of four letters and digits, the last one a check of the others."""
    text = base64.b32encode(seed).decode() + _check(seed)
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def recovery_seed(text: str) -> bytes:
    """From what a person typed; case, spaces and dashes do not matter, nor 0 for O and 1 for I."""
    plain = "".join(c for c in text.upper() if c.isalnum()).replace("0", "O").replace("1", "I")
    length = SEED_BYTES * 8 // 5
    if len(plain) != length + _CHECK_CHARACTERS:
        raise RecoveryKeyUnusable(
            f"it has {length + _CHECK_CHARACTERS} letters and digits, {len(plain)} were given"
        )
    try:
        seed = base64.b32decode(plain[:length])
    except binascii.Error:
        raise RecoveryKeyUnusable("it holds only A to Z and 2 to 7") from None
    if not hmac.compare_digest(plain[length:], _check(seed)):
        raise RecoveryKeyUnusable("its last group does not fit the others: a typing error")
    return seed


def public_key(seed: bytes) -> bytes:
    return _private(seed).public_key().public_bytes_raw()


def enclose(share: bytes, public: bytes, vault: bytes, random: Callable[[int], bytes]) -> Enclosed:
    """Put a share under the recovery key whose public half is `public`; `vault` is bound in."""
    own = X25519PrivateKey.from_private_bytes(random(32))
    ephemeral = own.public_key().public_bytes_raw()
    key = _wrapping_key(own.exchange(X25519PublicKey.from_public_bytes(public)), ephemeral, public)
    nonce = random(_NONCE_BYTES)
    return Enclosed(ephemeral, nonce, AESGCM(key).encrypt(nonce, share, vault))


def disclose(enclosed: Enclosed, seed: bytes, vault: bytes) -> bytes:
    """Raises RecoveryKeyUnusable when it is the key of another vault, or of an earlier time."""
    own = _private(seed)
    try:
        shared = own.exchange(X25519PublicKey.from_public_bytes(enclosed.ephemeral))
        public = own.public_key().public_bytes_raw()
        key = _wrapping_key(shared, enclosed.ephemeral, public)
        return AESGCM(key).decrypt(enclosed.nonce, enclosed.data, vault)
    except (InvalidTag, ValueError):
        raise RecoveryKeyUnusable(
            "it belongs to another vault, or a newer one replaced it"
        ) from None


def _check(seed: bytes) -> str:
    return base64.b32encode(hashlib.sha256(b"eaves recovery key" + seed).digest()).decode()[
        :_CHECK_CHARACTERS
    ]


def _private(seed: bytes) -> X25519PrivateKey:
    derived = HKDF(hashes.SHA256(), 32, None, b"eaves recovery key, X25519").derive(seed)
    return X25519PrivateKey.from_private_bytes(derived)


def _wrapping_key(shared: bytes, ephemeral: bytes, public: bytes) -> bytes:
    info = b"eaves recovery share" + ephemeral + public
    return HKDF(hashes.SHA256(), 32, None, info).derive(shared)
