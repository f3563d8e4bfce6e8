"""Secrets at rest: AES-256-GCM under a key that lives outside the database.

A sealed value is one byte of version, 12 bytes of nonce, then ciphertext and tag.  The purpose
is authenticated with it, so a value cannot be moved to another column or object.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from eaves.errors import Rejected

VERSION: Final = b"\x01"
NONCE_BYTES: Final = 12
KEY_BYTES: Final = 32


class SecretUnreadable(Rejected):
    """A sealed value that this key or this purpose does not open."""


class SecretBox:
    """Seals and opens secrets; `random(n)` gives n unpredictable bytes."""

    def __init__(self, key: bytes, random: Callable[[int], bytes]) -> None:
        if len(key) != KEY_BYTES:
            raise Rejected(f"secret key has {len(key)} bytes, {KEY_BYTES} are needed")
        self._cipher = AESGCM(key)
        self._key = key
        self._random = random

    def derived(self, purpose: str) -> bytes:
        """Another key of 32 bytes, the same for the same purpose."""
        return hmac.digest(self._key, f"eaves key for {purpose}".encode(), hashlib.sha256)

    def code(self, purpose: str, text: str) -> str:
        """A code that only who has the key can make, the same each time: 43 letters of URLs."""
        made = hmac.digest(self.derived(purpose), text.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(made).decode().rstrip("=")

    def seal(self, purpose: str, clear: bytes) -> bytes:
        nonce = self._random(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, clear, purpose.encode())

    def open(self, purpose: str, sealed: bytes) -> bytes:
        if sealed[:1] != VERSION:
            raise SecretUnreadable(
                f"sealed value for {purpose!r} has version {sealed[:1].hex() or 'none'}, "
                "this release reads 01; check that the database belongs to this state folder"
            )
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, body, purpose.encode())
        except (InvalidTag, ValueError) as error:
            raise SecretUnreadable(
                f"sealed value for {purpose!r} does not open with secret.key; "
                "restore the secret.key that the database was written with"
            ) from error
