"""Where EVE keeps what in a TPM, and the public templates of its keys.  Pure.

A template is a TPMT_PUBLIC in its wire form (TPM 2.0 Part 2, section 12.2.4).  A device that ran
EVE before keeps its keys: what stands at a handle is used, never made again.

Two things are stricter than EVE's: every key is bound to its TPM and parent, so that no policy can
ever duplicate it, and the template of the ECDH key has a word of its own, because primaries with
the same template are the same key, and one key should not both decrypt and be the identity.
"""

import hashlib
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Handle(IntEnum):
    DEVICE = 0x817FFFFF  # P-256, signs and agrees; needs the credential
    EK = 0x81000001  # RSA 2048, restricted decryption
    SRK = 0x81000002  # RSA 2048, parent of what is sealed
    QUOTE = 0x81000004  # P-256, restricted signing: signs quotes only
    ECDH = 0x81000005  # P-256, signs and agrees


class Nv(IntEnum):
    DEVICE_CERT = 0x1500000  # PEM
    CREDENTIAL = 0x1600000  # what authorises the device key
    SEALED_PRIVATE = 0x1800000  # of the vault's key, without the size of its TPM2B
    SEALED_PUBLIC = 0x1900000


DEFAULT_SEAL_PCRS: Final = (0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14)
"""5 changes by itself, 15 belongs to the running system."""
QUOTED_PCRS: Final = tuple(range(16))
TPM_PCRS: Final = 24

SHA256: Final = 0x000B
NULL: Final = 0x0010
ECDSA: Final = 0x0018
_RSA, _KEYEDHASH, _ECC = 0x0001, 0x0008, 0x0023
_AES_128_CFB: Final = struct.pack(">HHH", 0x0006, 128, 0x0043)
_P256: Final = 0x0003
_EK_POLICY: Final = bytes.fromhex(
    "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa"
)

FIXED_TPM, FIXED_PARENT, OWN_SECRET = 1 << 1, 1 << 4, 1 << 5
USER_WITH_AUTH, ADMIN_WITH_POLICY, NO_DA = 1 << 6, 1 << 7, 1 << 10
RESTRICTED, DECRYPT, SIGN = 1 << 16, 1 << 17, 1 << 18
_HERE: Final = FIXED_TPM | FIXED_PARENT
_OPEN: Final = _HERE | OWN_SECRET | USER_WITH_AUTH | NO_DA


@dataclass(frozen=True, slots=True)
class KeyTemplate:
    public: bytes  # TPMT_PUBLIC
    must_have: int  # attributes; a key without them at the handle is not used

    @property
    def kind(self) -> int:
        return int.from_bytes(self.public[:2], "big")


def _sized(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def _ecc(attributes: int, *, scheme: bytes = struct.pack(">H", NULL), word: bytes = b"") -> bytes:
    x = hashlib.sha256(word).digest() if word else bytes(32)
    return b"".join(
        (
            struct.pack(">HHI", _ECC, SHA256, attributes),
            _sized(b""),
            struct.pack(">H", NULL),  # a symmetric algorithm is for parents
            scheme,
            struct.pack(">HH", _P256, NULL),
            _sized(x),
            _sized(bytes(32)),
        )
    )


def _rsa_parent(attributes: int, policy: bytes = b"") -> bytes:
    return b"".join(
        (
            struct.pack(">HHI", _RSA, SHA256, attributes),
            _sized(policy),
            _AES_128_CFB,
            struct.pack(">HHI", NULL, 2048, 0),
            _sized(bytes(256)),
        )
    )


TEMPLATES: Final = {
    Handle.DEVICE: KeyTemplate(_ecc(_OPEN | SIGN | DECRYPT), SIGN | OWN_SECRET),
    Handle.ECDH: KeyTemplate(_ecc(_OPEN | SIGN | DECRYPT, word=b"ECDH"), DECRYPT | OWN_SECRET),
    Handle.QUOTE: KeyTemplate(
        _ecc(_OPEN | SIGN | RESTRICTED, scheme=struct.pack(">HH", ECDSA, SHA256)),
        SIGN | RESTRICTED | OWN_SECRET,
    ),
    Handle.EK: KeyTemplate(
        _rsa_parent(
            _HERE | OWN_SECRET | ADMIN_WITH_POLICY | RESTRICTED | DECRYPT, policy=_EK_POLICY
        ),
        RESTRICTED | DECRYPT,
    ),
    Handle.SRK: KeyTemplate(_rsa_parent(_OPEN | RESTRICTED | DECRYPT), RESTRICTED | DECRYPT),
}


def sealed_template(policy: bytes) -> bytes:
    """Data that only `policy` opens: no password does."""
    attributes = _HERE | NO_DA
    return (
        struct.pack(">HHI", _KEYEDHASH, SHA256, attributes)
        + _sized(policy)
        + struct.pack(">H", NULL)
        + _sized(b"")
    )
