"""Certificates that controller and device publish, and what a device accepts from a controller.

A device trusts a controller only through `root-certificate.pem`: exactly one signing certificate
and at least one ECDH certificate must chain to it, now.  Its own clock decides what now is, so
"outside its validity" is told apart from every other refusal.  Source: EVE API v2, section 5;
path validation as EVE-OS does it (server authentication where an extended key usage stands).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from eaves.evapi.codec import Codec, OpenEnum
from eaves.evapi.errors import (
    CertificateListRefused,
    CertificateNotTrusted,
    CertificateTimeInvalid,
    UnreadableCertificate,
)
from eaves.evapi.evecommon import HashAlgorithm
from eaves.evapi.keys import VerifyingKey, coordinate_bytes
from eaves.evapi.pb.certs import certs_pb2
from eaves.evapi.pem import certificate_key, ec_key_of, load_certificate, load_certificates

CERT_HASH_BYTES = 16
_LONGEST_CHAIN = 8
_MOST_CHAINS = 200  # tried; a list of certificates that all sign each other has millions


class ZCertType(OpenEnum):
    CERT_TYPE_CONTROLLER_NONE = 0
    CERT_TYPE_CONTROLLER_SIGNING = 1
    CERT_TYPE_CONTROLLER_INTERMEDIATE = 2
    CERT_TYPE_CONTROLLER_ECDH_EXCHANGE = 3
    CERT_TYPE_DEVICE_ONBOARDING = 10
    CERT_TYPE_DEVICE_RESTRICTED_SIGNING = 11
    CERT_TYPE_DEVICE_ENDORSEMENT_RSA = 12
    CERT_TYPE_DEVICE_ECDH_EXCHANGE = 13


class ZCertMetaDataType(OpenEnum):
    Z_CERT_META_DATA_TYPE_INVALID = 0
    Z_CERT_META_DATA_TYPE_TPM2_PUBLIC = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ZCertAttr:
    is_mutable: bool = False
    is_tpm: bool = False
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZCertMetaData:
    type: ZCertMetaDataType = ZCertMetaDataType.Z_CERT_META_DATA_TYPE_INVALID
    meta_data: bytes = b""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZCert:
    hash_algo: HashAlgorithm = HashAlgorithm.HASH_ALGORITHM_INVALID
    cert_hash: bytes = b""
    type: ZCertType = ZCertType.CERT_TYPE_CONTROLLER_NONE
    cert: bytes = field(default=b"", repr=False)  # PEM of exactly one certificate
    attributes: ZCertAttr | None = None
    meta_data_items: tuple[ZCertMetaData, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZControllerCert:
    certs: tuple[ZCert, ...] = ()
    rest: bytes = field(default=b"", repr=False)


_Z_CONTROLLER_CERT = Codec(ZControllerCert, certs_pb2.ZControllerCert)
decode_z_controller_cert = _Z_CONTROLLER_CERT.decode
encode_z_controller_cert = _Z_CONTROLLER_CERT.encode

_Z_CERT = Codec(ZCert, certs_pb2.ZCert)
decode_z_cert = _Z_CERT.decode
encode_z_cert = _Z_CERT.encode


def cert_hash(pem: bytes) -> bytes:
    """How cipher contexts and uploads name a certificate: 16 bytes of SHA-256 of its PEM bytes."""
    return hashlib.sha256(pem).digest()[:CERT_HASH_BYTES]


def published(pem: bytes, cert_type: ZCertType) -> ZCert:
    """A certificate as both sides publish theirs.  `pem` is kept to the byte."""
    return ZCert(
        hash_algo=HashAlgorithm.HASH_ALGORITHM_SHA256_16BYTES,
        cert_hash=cert_hash(pem),
        type=cert_type,
        cert=pem,
    )


@dataclass(frozen=True, slots=True)
class EcdhCert:
    cert_hash: bytes  # as the controller states it: cipher contexts refer to it
    pem: bytes = field(repr=False)
    key: ec.EllipticCurvePublicKey = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ControllerCerts:
    """A verified list: what opens the controller's envelopes and seals cipher keys."""

    signing_hash: bytes  # 32 bytes, the full hash over the PEM bytes
    signing_key: VerifyingKey = field(repr=False, compare=False)
    signing_not_before: datetime
    ecdh: tuple[EcdhCert, ...]
    cert_hashes: frozenset[bytes]  # a changed set, not a changed order, is a change

    def ecdh_by_hash(self, controller_cert_hash: bytes) -> EcdhCert | None:
        return next((e for e in self.ecdh if e.cert_hash == controller_cert_hash), None)


def verify_controller_certs(
    listed: ZControllerCert, roots_pem: bytes, now: datetime
) -> ControllerCerts:
    """Apply the rules of section 5 to what `certs` delivered.

    Raises CertificateTimeInvalid when nothing but the clock stands against it, else
    CertificateListRefused, CertificateNotTrusted, UnreadableCertificate or UnusableKey.
    """
    by_type: dict[int, list[ZCert]] = {1: [], 2: [], 3: []}
    for cert in listed.certs:
        if cert.type not in by_type:
            raise CertificateListRefused(f"a certificate of type {int(cert.type)} is in the list")
        by_type[cert.type].append(cert)
    signing, ecdh = by_type[1], by_type[3]
    if len(signing) != 1:
        raise CertificateListRefused(f"{len(signing)} signing certificates, exactly 1 is needed")
    if not ecdh:
        raise CertificateListRefused("no ECDH certificate, at least 1 is needed")
    roots = load_certificates(roots_pem, "root-certificate.pem")
    intermediates = [load_certificate(c.cert, "controller intermediate") for c in by_type[2]]
    signing_cert = load_certificate(signing[0].cert, "controller signing certificate")
    signing_key = certificate_key(signing_cert, "controller signing certificate")
    if isinstance(signing_key, ec.EllipticCurvePublicKey):
        coordinate_bytes(signing_key)
    ecdh_certs = [load_certificate(c.cert, "controller ECDH certificate") for c in ecdh]
    keys = [ec_key_of(c, "controller ECDH certificate") for c in ecdh_certs]
    for leaf in (signing_cert, *ecdh_certs):
        verify_chain(leaf, intermediates, roots, now)
    return ControllerCerts(
        signing_hash=hashlib.sha256(signing[0].cert).digest(),
        signing_key=signing_key,
        signing_not_before=signing_cert.not_valid_before_utc,
        ecdh=tuple(EcdhCert(c.cert_hash, c.cert, k) for c, k in zip(ecdh, keys, strict=True)),
        cert_hashes=frozenset(c.cert_hash for c in listed.certs),
    )


def verify_chain(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    now: datetime,
) -> tuple[x509.Certificate, ...]:
    """The chain from `leaf` to one of `roots`, both included, valid at `now`.

    Raises CertificateTimeInvalid if a chain exists whose only fault is time, else
    CertificateNotTrusted.
    """
    expired: CertificateTimeInvalid | None = None
    refused: CertificateNotTrusted | None = None
    waiting: list[tuple[x509.Certificate, ...]] = [(leaf,)]
    for _ in range(_MOST_CHAINS):
        if not waiting:
            break
        chain = waiting.pop()
        last = chain[-1]
        if last in roots:
            try:
                _check_chain(chain, now)
            except CertificateTimeInvalid as error:
                expired = expired or error
            except CertificateNotTrusted as error:
                refused = refused or error
            else:
                return chain
            continue
        if len(chain) >= _LONGEST_CHAIN:
            continue
        waiting.extend(
            (*chain, issuer)
            for issuer in (*intermediates, *roots)
            if issuer not in chain and _issued(last, issuer)
        )
    if expired is not None:
        raise expired
    raise refused or CertificateNotTrusted(_name(leaf), "no chain leads to a trusted root")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _check_chain(chain: tuple[x509.Certificate, ...], now: datetime) -> None:
    """Everything but time first, so that a time error means that only the clock is against it."""
    for position, certificate in enumerate(chain):
        is_root = position == len(chain) - 1
        try:
            if position:
                _check_issuer(certificate, below=position - 1)
            if not (is_root and position):
                _check_end(certificate)
        except (ValueError, x509.DuplicateExtension, UnsupportedAlgorithm) as error:
            raise CertificateNotTrusted(_name(certificate), f"unreadable: {error}") from error
    for certificate in chain:
        check_validity(certificate, now)


def check_validity(certificate: x509.Certificate, now: datetime) -> None:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begin <= now <= end:
        raise CertificateTimeInvalid(
            _name(certificate), begin.isoformat(), end.isoformat(), now.isoformat()
        )


def _check_issuer(certificate: x509.Certificate, below: int) -> None:
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise CertificateNotTrusted(_name(certificate), "it is not a CA, yet it issued another")
    if constraints.path_length is not None and constraints.path_length < below:
        raise CertificateNotTrusted(_name(certificate), "the chain below it is too long")
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise CertificateNotTrusted(_name(certificate), "its key usage excludes signing others")


def _check_end(certificate: x509.Certificate) -> None:
    """What holds for a leaf and an intermediate, but not for a root: that is trusted as it is."""
    algorithm = certificate.signature_hash_algorithm
    if isinstance(algorithm, hashes.SHA1 | hashes.MD5):
        raise CertificateNotTrusted(_name(certificate), f"signed with {algorithm.name}")
    usage = _extension(certificate, x509.ExtendedKeyUsage)
    if usage is not None and not (
        {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usage)
    ):
        raise CertificateNotTrusted(
            _name(certificate), "its extended key usage lacks server authentication"
        )


_E = TypeVar("_E", bound=x509.ExtensionType)


def _extension(certificate: x509.Certificate, kind: type[_E]) -> _E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _name(certificate: x509.Certificate) -> str:
    try:
        return certificate.subject.rfc4514_string()
    except ValueError:
        return f"serial {certificate.serial_number:x}"


def check_edge_node_cert(cert: ZCert, device_cert_pem: bytes) -> x509.Certificate:
    """A certificate that a device uploaded, checked to be named right and signed by its device.

    Verified with the device key itself: the device certificate of older releases is no CA, so a
    path validation would fail.  Raises CertificateError or UnusableKey.
    """
    what = f"edge node certificate of type {int(cert.type)}"
    certificate = load_certificate(cert.cert, what)
    if cert.cert_hash != cert_hash(cert.cert):
        raise UnreadableCertificate(what, "certHash is not that of its PEM bytes")
    device_key = certificate_key(load_certificate(device_cert_pem, "device certificate"))
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    if not isinstance(device_key, ec.EllipticCurvePublicKey) or algorithm is None:
        raise CertificateNotTrusted(_name(certificate), "not signed by an EC device key")
    try:
        device_key.verify(
            certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(algorithm)
        )
    except (InvalidSignature, UnsupportedAlgorithm) as error:
        raise CertificateNotTrusted(
            _name(certificate), "not signed by the key of the device that sent it"
        ) from error
    return certificate
