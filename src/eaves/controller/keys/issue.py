"""Certificates made by the controller.  Pure: a clock value in, a certificate out.

Profiles follow EVE API v2, "Certificates of the controller": P-256 throughout, serverAuth where
an extended key usage stands (the verifier of a device asks for it), intermediates are CAs.
Long lives for what devices keep on disk: a device that was off for years still verifies its
saved certificates at boot.  A year for the TLS leaf, which nobody keeps.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BACKDATE: Final = timedelta(days=1)  # a device clock may run behind
ROOT_LIFE: Final = timedelta(days=40 * 365)
INTERMEDIATE_LIFE: Final = timedelta(days=20 * 365)
SIGNING_LIFE: Final = timedelta(days=10 * 365)
TLS_LIFE: Final = timedelta(days=365)
ONBOARDING_LIFE: Final = timedelta(days=20 * 365)

SIGNING_RENEWAL: Final = timedelta(days=5 * 365)  # left to live when a new one is made
TLS_RENEWAL: Final = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Issued:
    """A fresh key pair and its certificate."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def _builder(name: str, now: datetime, life: timedelta) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(
            x509.Name(
                [
                    x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Eaves"),
                    x509.NameAttribute(NameOID.COMMON_NAME, name),
                ]
            )
        )
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + life)
    )


def _usage(*, ca: bool, agreement: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=ca,
        crl_sign=ca,
        key_agreement=agreement,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        encipher_only=False,
        decipher_only=False,
    )


def issue_root(now: datetime) -> Issued:
    """Make the one root: TLS, signing and onboarding all chain to it."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder("Eaves root", now, ROOT_LIFE)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Eaves"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Eaves root"),
        ]
    )
    certificate = (
        builder.issuer_name(name)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=2), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Issued(certificate, key)


def _signed_by(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, issuer: Issued
) -> Issued:
    certificate = (
        builder.issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
        .sign(issuer.key, hashes.SHA256())
    )
    return Issued(certificate, key)


def issue_authority(name: str, issuer: Issued, now: datetime) -> Issued:
    """Make an intermediate that issues leaves only."""
    builder = (
        _builder(name, now, INTERMEDIATE_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
    )
    return _signed_by(builder, ec.generate_private_key(ec.SECP256R1()), issuer)


def issue_signing(issuer: Issued, now: datetime) -> Issued:
    """Make the certificate whose key signs every answer to a device."""
    return _signed_by(_leaf("Eaves signing", now, SIGNING_LIFE), _new_key(), issuer)


def issue_ecdh(issuer: Issued, now: datetime) -> Issued:
    """Make the certificate that devices derive cipher keys with."""
    builder = _leaf("Eaves key exchange", now, SIGNING_LIFE, agreement=True)
    return _signed_by(builder, _new_key(), issuer)


def issue_onboarding(onboarding_key: str, issuer: Issued, now: datetime) -> Issued:
    """Make the identity that an installer carries; its common name is the onboarding key."""
    return _signed_by(_leaf(onboarding_key, now, ONBOARDING_LIFE), _new_key(), issuer)


def issue_tls(names: Iterable[str], issuer: Issued, now: datetime) -> Issued:
    """Make the server certificate; `names` are host names and IP addresses."""
    wanted = tuple(names)
    builder = _leaf(wanted[0][:64], now, TLS_LIFE).add_extension(
        x509.SubjectAlternativeName([_general_name(name) for name in wanted]), critical=False
    )
    return _signed_by(builder, _new_key(), issuer)


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _leaf(
    name: str, now: datetime, life: timedelta, *, agreement: bool = False
) -> x509.CertificateBuilder:
    return (
        _builder(name, now, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False, agreement=agreement), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def names_of(certificate: x509.Certificate) -> frozenset[str]:
    """Tell what a server certificate stands for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(str(n.value) for n in names if isinstance(n, (x509.DNSName, x509.IPAddress)))
