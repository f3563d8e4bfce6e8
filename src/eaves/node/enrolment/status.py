"""What the device says of an enrolled certificate.  Pure."""

from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from eaves.evapi.config import SCEPProfile
from eaves.evapi.info import (
    CertDistinguishedName,
    CertInfo,
    CertStatus,
    ErrorInfo,
    Severity,
)
from eaves.node.enrolment.decide import Kept, expired


@dataclass(frozen=True, slots=True)
class LastTry:
    """How the last try to enrol by a profile ended; blank: well, or there was none."""

    unusable: str = ""  # the profile has to be changed
    error: str = ""
    waits: bool = False  # for somebody at the server


def cert_status(last: LastTry, kept: Kept | None, now: datetime) -> CertStatus:
    valid = kept is not None and not expired(kept.holder.certificate, now)
    if last.unusable:
        return CertStatus.CERT_STATUS_INVALID_CONFIG
    if last.waits:
        return CertStatus.CERT_STATUS_RENEWAL_PENDING if valid else CertStatus.CERT_STATUS_PENDING
    if valid:
        failed, well = CertStatus.CERT_STATUS_RENEWAL_FAILED, CertStatus.CERT_STATUS_AVAILABLE
        return failed if last.error else well
    if kept is not None:
        return CertStatus.CERT_STATUS_EXPIRED
    if last.error:
        return CertStatus.CERT_STATUS_ENROLLMENT_FAILED
    return CertStatus.CERT_STATUS_PENDING


def cert_info(profile: SCEPProfile, last: LastTry, kept: Kept | None, now: datetime) -> CertInfo:
    error = last.unusable or last.error
    info = _of(kept.holder.certificate) if kept is not None else CertInfo()
    return replace(
        info,
        cert_enrollment_profile_name=profile.profile_name,
        renew_period_percent=profile.csr_profile.renew_period_percent if profile.csr_profile else 0,
        status=cert_status(last, kept, now),
        err=ErrorInfo(description=error, severity=Severity.SEVERITY_ERROR) if error else None,
    )


def _of(certificate: x509.Certificate) -> CertInfo:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        names = x509.SubjectAlternativeName([])
    return CertInfo(
        subject=_name(certificate.subject),
        issuer=_name(certificate.issuer),
        san_dns=tuple(names.get_values_for_type(x509.DNSName)),
        san_ip=tuple(str(a) for a in names.get_values_for_type(x509.IPAddress)),
        san_uri=tuple(names.get_values_for_type(x509.UniformResourceIdentifier)),
        san_email=tuple(names.get_values_for_type(x509.RFC822Name)),
        issue_timestamp=certificate.not_valid_before_utc,
        expiration_timestamp=certificate.not_valid_after_utc,
        sha256_fingerprint=certificate.fingerprint(SHA256()).hex(),
    )


def _name(name: x509.Name) -> CertDistinguishedName:
    def values(kind: x509.ObjectIdentifier) -> tuple[str, ...]:
        return tuple(str(a.value) for a in name.get_attributes_for_oid(kind))

    return CertDistinguishedName(
        common_name=next(iter(values(NameOID.COMMON_NAME)), ""),
        serial_number=next(iter(values(NameOID.SERIAL_NUMBER)), ""),
        organization=values(NameOID.ORGANIZATION_NAME),
        organizational_unit=values(NameOID.ORGANIZATIONAL_UNIT_NAME),
        country=values(NameOID.COUNTRY_NAME),
        state_or_province=values(NameOID.STATE_OR_PROVINCE_NAME),
        locality=values(NameOID.LOCALITY_NAME),
    )
