"""Proof of identity to a NATS server by a credentials file: a JWT and the seed of an Ed25519 key.

The seed is base32 of two bytes that tell its kind, 32 bytes of key and a checksum (CRC-16/XMODEM).
It is read anew for each connection, so that a renewed file is used, and never kept.
"""

import base64
import binascii
import re
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from eaves.errors import Rejected

_SEED_KIND: Final = 18 << 3  # shows as the letter S
_BLOCK: Final = re.compile(r"-+BEGIN ([A-Z ]+)-+\s*(\S+)\s*-+END [A-Z ]+-+")


class BadCredentials(Rejected):
    """A credentials file that holds no JWT with its seed; its text is never part of the error."""


def user_jwt(path: Path) -> bytes:
    return _blocks(path)["NATS USER JWT"].encode()


def signature(path: Path, nonce: str) -> bytes:
    """Base64 of the signature over what the server sent."""
    key = Ed25519PrivateKey.from_private_bytes(
        _key_of_seed(_blocks(path)["USER NKEY SEED"], str(path))
    )
    return base64.b64encode(key.sign(nonce.encode()))


def _blocks(path: Path) -> dict[str, str]:
    try:
        found = dict(_BLOCK.findall(path.read_text(encoding="ascii")))
    except (OSError, UnicodeDecodeError) as error:
        raise BadCredentials(f"credentials file {path}: {error}") from error
    if not {"NATS USER JWT", "USER NKEY SEED"} <= set(found):
        raise BadCredentials(
            f"credentials file {path} holds no NATS USER JWT with a USER NKEY SEED; "
            "give the file that nsc wrote for the user"
        )
    return found


def _key_of_seed(text: str, name: str) -> bytes:
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error as error:
        raise BadCredentials(f"credentials file {name}: the seed is no base32") from error
    checksum = int.from_bytes(raw[-2:], "little")
    if len(raw) != 36 or raw[0] & 0xF8 != _SEED_KIND or binascii.crc_hqx(raw[:-2], 0) != checksum:
        raise BadCredentials(f"credentials file {name}: the seed is damaged")
    return raw[2:34]
