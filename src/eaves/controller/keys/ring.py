"""The controller's certificates in force, as one value: what is published, signed with, served.

Rules kept here (EVE API v2, "Certificates of the controller"): the published list has exactly
one signing certificate, its intermediates and at least one ECDH certificate, nothing else; the
hash of a certificate is over the exact PEM bytes that `certs` delivers; the config hash of the
list changes with any certificate in it.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Identity:
    """One certificate with its private key."""

    pem: bytes
    certificate: x509.Certificate
    key: SigningKey

    @property
    def hash16(self) -> bytes:
        """The key of this certificate in `certs` and in cipher contexts."""
        return hashlib.sha256(self.pem).digest()[:16]

    @property
    def expires(self) -> datetime:
        return self.certificate.not_valid_after_utc


@dataclass(frozen=True, slots=True)
class EcdhIdentity:
    """A key-exchange certificate; older ones stay listed while devices may refer to them."""

    pem: bytes
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def hash16(self) -> bytes:
        return hashlib.sha256(self.pem).digest()[:16]

    @property
    def expires(self) -> datetime:
        return self.certificate.not_valid_after_utc


@dataclass(frozen=True, slots=True)
class Ring:
    """Everything that signs and is published, at one moment."""

    root_pem: bytes
    intermediates: tuple[bytes, ...]  # PEM, one certificate each
    signing: Identity
    ecdh: tuple[EcdhIdentity, ...]  # newest first; new cipher blocks use the first

    @property
    def controllercert_confighash(self) -> str:
        """Opaque to devices; differs whenever the set of published certificates differs."""
        pems = (self.signing.pem, *self.intermediates, *(e.pem for e in self.ecdh))
        return hashlib.sha256(
            b"".join(sorted(hashlib.sha256(p).digest() for p in pems))
        ).hexdigest()
