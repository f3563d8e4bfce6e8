"""Object-level encryption: secrets inside a configuration that only one device can read.

K = SHA-256(X || Y) of the ECDH point between a controller and a device certificate, then
AES-256-CFB128 with a fresh IV for each block: K is the same for every block of a context, and CFB
with a repeated IV leaks.  Nothing authenticates the ciphertext but the SHA-256 of the plaintext.

The messages (CipherContext, CipherBlock, EncryptionBlock) stand in `evecommon`.
"""

import hashlib
import hmac
from collections.abc import Callable

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from eaves.evapi.errors import BadCipherBlock, UnusableCipherContext
from eaves.evapi.evecommon import (
    CipherBlock,
    CipherContext,
    EncryptionScheme,
    HashAlgorithm,
    KeyExchangeScheme,
)
from eaves.evapi.keys import KeyAgreement
from eaves.ids import name_based_uuid

RandomBytes = Callable[[int], bytes]
"""`os.urandom` in production; a seeded source in a test."""

IV_BYTES = 16  # another length crashes the decrypting service of EVE-OS


def cipher_key(own: KeyAgreement, peer: ec.EllipticCurvePublicKey) -> bytes:
    """The AES-256 key that both ends of a context derive: SHA-256(X || Y)."""
    x, y = own.shared_point(peer)
    return hashlib.sha256(x + y).digest()


def cipher_context(controller_cert_hash: bytes, device_cert_hash: bytes) -> CipherContext:
    """The context of one pair of ECDH certificates, named by their 16-byte hashes.

    The id follows from the pair: a new certificate on either side is a new context.
    """
    pair = hashlib.sha256(controller_cert_hash + device_cert_hash).digest()
    return CipherContext(
        context_id=name_based_uuid(pair),
        hash_scheme=HashAlgorithm.HASH_ALGORITHM_SHA256_16BYTES,
        key_exchange_scheme=KeyExchangeScheme.KEA_ECDH,
        encryption_scheme=EncryptionScheme.SA_AES_256_CFB,
        device_cert_hash=device_cert_hash,
        controller_cert_hash=controller_cert_hash,
    )


def check_context(context: CipherContext) -> None:
    """Raises UnusableCipherContext unless the schemes are the only ones the API defines."""
    if not context.context_id:
        raise UnusableCipherContext("", "it has no id")
    if context.key_exchange_scheme != KeyExchangeScheme.KEA_ECDH:
        raise UnusableCipherContext(
            context.context_id, f"key exchange {int(context.key_exchange_scheme)} is not 1 (ECDH)"
        )
    if context.encryption_scheme != EncryptionScheme.SA_AES_256_CFB:
        raise UnusableCipherContext(
            context.context_id,
            f"encryption {int(context.encryption_scheme)} is not 1 (AES-256-CFB)",
        )
    if context.hash_scheme != HashAlgorithm.HASH_ALGORITHM_SHA256_16BYTES:
        raise UnusableCipherContext(
            context.context_id, f"hash {int(context.hash_scheme)} is not 1 (SHA-256, 16 bytes)"
        )


def encrypt(plaintext: bytes, key: bytes, context_id: str, random: RandomBytes) -> CipherBlock:
    """Encrypt under a fresh IV.

    Raises BadCipherBlock for an empty plaintext, which no device opens.
    """
    if not plaintext:
        raise BadCipherBlock(context_id, "there is no plaintext")
    iv = random(IV_BYTES)
    encryptor = Cipher(AES(key), CFB(iv)).encryptor()
    return CipherBlock(
        cipher_context_id=context_id,
        initial_value=iv,
        cipher_data=encryptor.update(plaintext) + encryptor.finalize(),
        clear_text_sha256=hashlib.sha256(plaintext).digest(),
    )


def decrypt(block: CipherBlock, key: bytes) -> bytes:
    """The plaintext, checked against its SHA-256.  Raises BadCipherBlock."""
    context_id = block.cipher_context_id
    if not context_id:
        raise BadCipherBlock("", "it names no cipher context")
    if not block.cipher_data:
        raise BadCipherBlock(context_id, "it holds no data")
    if len(block.initial_value) != IV_BYTES:
        raise BadCipherBlock(
            context_id, f"initialValue has {len(block.initial_value)} bytes, it must have 16"
        )
    decryptor = Cipher(AES(key), CFB(block.initial_value)).decryptor()
    plaintext = decryptor.update(block.cipher_data) + decryptor.finalize()
    if not hmac.compare_digest(hashlib.sha256(plaintext).digest(), block.clear_text_sha256):
        raise BadCipherBlock(context_id, "what it opens to has another SHA-256 than it states")
    return plaintext
