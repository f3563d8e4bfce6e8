"""Signatures of ten thousand keys in turn, at the cost of one key that signs all the time.

An object of OpenSSL for each device does not fit into the caches, and a signature through it costs
three to five times the arithmetic.  Of a signature with ECDSA only two products depend on the key;
the rest, a secret random point of the curve, is made by OpenSSL with an object that all share:

    r = x(kG)        s = (digest + r * scalar) / k

The products are not made in constant time, so this is for devices that are simulated.
"""

import _ssl
import ctypes
from ctypes import POINTER, byref, c_int, c_void_p
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from eaves.evapi.keys import KeySigner, Signer

_P256: Final = 415  # how OpenSSL numbers the curve
_N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # its points
_BYTES: Final = 32


class Nonces:
    """Makes random points.  Not for several threads."""

    def __init__(self, crypto: Any) -> None:
        """`crypto`: the library, with the types of its functions set."""
        self._crypto = crypto
        self._key = crypto.EC_KEY_new_by_curve_name(_P256)
        if not self._key or not crypto.EC_KEY_generate_key(self._key):
            raise OSError("OpenSSL makes no key on P-256; its random source may not be ready")
        self._room = crypto.BN_CTX_new()
        self._inverse, self._r = c_void_p(), c_void_p()  # made by the first call, freed by the next
        self._bytes = ctypes.create_string_buffer(_BYTES)

    def next(self) -> tuple[int, int]:
        """1/k and r."""
        crypto = self._crypto
        made = crypto.ECDSA_sign_setup(self._key, self._room, byref(self._inverse), byref(self._r))
        if made != 1:
            raise OSError("OpenSSL makes no random point; its random source may have failed")
        return self._number(self._inverse), self._number(self._r)

    def _number(self, number: c_void_p) -> int:
        self._crypto.BN_bn2binpad(number, self._bytes, _BYTES)
        return int.from_bytes(self._bytes.raw, "big")


@cache
def shared_nonces() -> Nonces | None:
    """None: the OpenSSL of this Python has no such functions."""
    try:
        # what the `ssl` module is linked with is searched as well
        crypto: Any = ctypes.CDLL(_ssl.__file__)
        for name, result, takes in (
            ("EC_KEY_new_by_curve_name", c_void_p, [c_int]),
            ("EC_KEY_generate_key", c_int, [c_void_p]),
            ("BN_CTX_new", c_void_p, []),
            ("BN_bn2binpad", c_int, [c_void_p, c_void_p, c_int]),
            (
                "ECDSA_sign_setup",
                c_int,
                [c_void_p, c_void_p, POINTER(c_void_p), POINTER(c_void_p)],
            ),
        ):
            function = getattr(crypto, name)
            function.restype, function.argtypes = result, takes
    except (AttributeError, OSError):
        return None
    return Nonces(crypto)


class ManySigner:
    """The signer of one of many keys on P-256."""

    __slots__ = ("_nonces", "_scalar")

    def __init__(self, key: ec.EllipticCurvePrivateKey, nonces: Nonces) -> None:
        self._scalar = key.private_numbers().private_value
        self._nonces = nonces

    def sign_digest(self, digest: bytes) -> bytes:
        while True:
            inverse, r = self._nonces.next()
            s = inverse * (int.from_bytes(digest, "big") + r * self._scalar) % _N
            if s:
                return r.to_bytes(_BYTES, "big") + s.to_bytes(_BYTES, "big")


def signer_of(key: ec.EllipticCurvePrivateKey) -> Signer:
    """The cheapest there is."""
    nonces = shared_nonces()
    if nonces is None or not isinstance(key.curve, ec.SECP256R1):
        return KeySigner(key)
    return ManySigner(key, nonces)
