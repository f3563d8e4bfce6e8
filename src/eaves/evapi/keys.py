"""Keys as the API needs them: what signs an envelope, what agrees on a cipher key.

Both are Protocols, because a private key may live in a TPM or another process and never be seen.
"""

import hashlib
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from eaves.evapi.errors import UnusableKey

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
VerifyingKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_SHA256 = hashes.SHA256()
_PREHASHED = Prehashed(_SHA256)
_ECDSA = ec.ECDSA(_PREHASHED)
_PKCS1 = padding.PKCS1v15()


class Signer(Protocol):
    def sign_digest(self, digest: bytes) -> bytes:
        """Sign a SHA-256 digest in the form of an envelope: r || s padded, or PKCS#1 v1.5."""
        ...


class KeyAgreement(Protocol):
    def shared_point(self, peer: ec.EllipticCurvePublicKey) -> tuple[bytes, bytes]:
        """Both coordinates, 32 bytes each, of own private scalar times the peer's P-256 point."""
        ...


def coordinate_bytes(key: ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) -> int:
    """Length of r and of s; devices refuse curves whose size is not whole bytes (P-521)."""
    if key.curve.key_size % 8:
        raise UnusableKey(f"EC key on {key.curve.name}", "the curve size is not whole bytes")
    return key.curve.key_size // 8


class KeySigner:
    """Signs with a private key held in this process."""

    __slots__ = ("_coordinate", "_key")

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self._coordinate = (
            coordinate_bytes(key) if isinstance(key, ec.EllipticCurvePrivateKey) else 0
        )

    def sign_digest(self, digest: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(digest, _PKCS1, _PREHASHED)
        r, s = decode_dss_signature(self._key.sign(digest, _ECDSA))
        return r.to_bytes(self._coordinate, "big") + s.to_bytes(self._coordinate, "big")


class Verifier:
    """Checks the signatures of one key; made once for a key that signs often.

    Raises UnusableKey for a curve that no envelope is signed with.
    """

    __slots__ = ("_coordinate", "_ec", "_rsa")

    def __init__(self, key: VerifyingKey) -> None:
        self._rsa = key if isinstance(key, rsa.RSAPublicKey) else None
        self._ec = None if isinstance(key, rsa.RSAPublicKey) else key
        self._coordinate = 0 if self._ec is None else coordinate_bytes(self._ec)

    def fits(self, signature: bytes, data: bytes) -> bool:
        """Is this the key's signature over SHA-256 of `data`?

        An EC signature of exactly twice the coordinate length is r || s; any other length is tried
        as DER, which some controllers send.  So a raw value that looks like DER is never misread.
        """
        digest = hashlib.sha256(data).digest()
        try:
            if self._ec is not None:
                size = self._coordinate
                if len(signature) == 2 * size:
                    r = int.from_bytes(signature[:size], "big")
                    s = int.from_bytes(signature[size:], "big")
                    signature = encode_dss_signature(r, s)
                self._ec.verify(signature, digest, _ECDSA)
            elif self._rsa is not None:
                self._rsa.verify(signature, digest, _PKCS1, _PREHASHED)
        except InvalidSignature:
            return False
        return True


def signature_fits(key: VerifyingKey, signature: bytes, data: bytes) -> bool:
    """As `Verifier.fits`, for a key that is asked once."""
    return Verifier(key).fits(signature, data)


# P-256: y^2 = x^3 - 3x + b over the field of _P; _N points.
_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class SoftKeyAgreement:
    """Key agreement with a private key held in this process.

    The library returns only x of a shared point, but the key derivation of the API needs y too.
    x(dQ) leaves two candidates for y; the one for which dQ + Q has x((d+1)Q) is right.  So the
    secret scalar is only multiplied inside the library.
    """

    __slots__ = ("_key", "_next")

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        if not isinstance(key.curve, ec.SECP256R1):
            raise UnusableKey(f"ECDH key on {key.curve.name}", "the key exchange is on P-256")
        scalar = key.private_numbers().private_value
        if scalar in (1, _N - 1):
            raise UnusableKey("ECDH key", "its scalar gives the key away")
        self._key = key
        self._next = ec.derive_private_key(scalar + 1, ec.SECP256R1())

    def shared_point(self, peer: ec.EllipticCurvePublicKey) -> tuple[bytes, bytes]:
        if not isinstance(peer.curve, ec.SECP256R1):
            raise UnusableKey(f"ECDH key on {peer.curve.name}", "the key exchange is on P-256")
        x_bytes = self._key.exchange(ec.ECDH(), peer)
        x, x_of_next = int.from_bytes(x_bytes, "big"), self._x_of_next(peer)
        numbers = peer.public_numbers()
        y = pow((x * x * x - 3 * x + _B) % _P, (_P + 1) // 4, _P)
        # scalars 1 and n-1 are refused above, so dQ is neither Q nor -Q and the slope exists
        slope = (y - numbers.y) * pow(x - numbers.x, -1, _P) % _P
        if (slope * slope - x - numbers.x) % _P != x_of_next:
            y = _P - y
        return x_bytes, y.to_bytes(32, "big")

    def _x_of_next(self, peer: ec.EllipticCurvePublicKey) -> int:
        return int.from_bytes(self._next.exchange(ec.ECDH(), peer), "big")
