"""PEM texts to certificates and keys, with one error for whatever is wrong with them."""

import functools
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from eaves.evapi.errors import UnreadableCertificate, UnusableKey
from eaves.evapi.keys import SigningKey, VerifyingKey

READ_LATELY: Final = 64  # texts
_BEGIN = b"-----BEGIN CERTIFICATE-----"


def load_certificates(pem: bytes, what: str) -> tuple[x509.Certificate, ...]:
    """Every certificate in the text, at least one.  Raises UnreadableCertificate."""
    try:
        return _read(pem)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, Warning) as error:
        # What the library only warns of is an error where the interpreter is told so.
        raise UnreadableCertificate(what, str(error)) from error


@functools.lru_cache(READ_LATELY)
def _read(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The library parses names and times when they are asked for; asked here, they fail here.

    Remembered: a registration is read for its key, its hash and its names, and a whole site comes
    with one onboarding certificate.
    """
    certificates = tuple(x509.load_pem_x509_certificates(pem))
    for certificate in certificates:
        _ = certificate.subject, certificate.issuer, certificate.version
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        _ = certificate.signature_algorithm_oid
        if certificate.serial_number <= 0:
            raise ValueError("its serial number is not positive")
    return certificates


def load_certificate(pem: bytes, what: str = "certificate") -> x509.Certificate:
    certificates = load_certificates(pem, what)
    if len(certificates) != 1:
        raise UnreadableCertificate(what, f"holds {len(certificates)} certificates")
    return certificates[0]


def certificate_der(pem: bytes, what: str = "certificate") -> bytes:
    return load_certificate(pem, what).public_bytes(serialization.Encoding.DER)


def certificate_key(certificate: x509.Certificate, what: str = "certificate") -> VerifyingKey:
    """The public key, if it is of a kind that signs envelopes.  Raises UnusableKey."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableKey(what, str(error)) from error
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise UnusableKey(what, f"a {type(key).__name__} is not supported")
    return key


def load_private_key(pem: bytes, what: str = "private key") -> SigningKey:
    """PKCS#8 or SEC1 under either label: device key files mix the two.  Raises UnusableKey."""
    for text in (pem, _relabelled(pem)):
        try:
            key = serialization.load_pem_private_key(text, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            return key
        raise UnusableKey(what, f"a {type(key).__name__} is not supported")
    raise UnusableKey(what, "not the PEM text of an unencrypted private key")


def _relabelled(pem: bytes) -> bytes:
    if b"EC PRIVATE KEY" in pem:
        return pem.replace(b"EC PRIVATE KEY", b"PRIVATE KEY")
    return pem.replace(b"PRIVATE KEY", b"EC PRIVATE KEY")


def ec_key_of(certificate: x509.Certificate, what: str) -> ec.EllipticCurvePublicKey:
    """The P-256 key of an ECDH certificate.  Raises UnusableKey."""
    key = certificate_key(certificate, what)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UnusableKey(what, "the key exchange needs an EC key on P-256")
    return key
