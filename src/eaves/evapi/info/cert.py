"""Certificates a device enrolled.  info/cert.proto."""

from dataclasses import dataclass, field
from datetime import datetime

from eaves.evapi.codec import OpenEnum
from eaves.evapi.info.common import ErrorInfo


class CertStatus(OpenEnum):
    CERT_STATUS_UNSPECIFIED = 0
    CERT_STATUS_AVAILABLE = 1
    CERT_STATUS_PENDING = 2
    CERT_STATUS_RENEWAL_PENDING = 3
    CERT_STATUS_EXPIRED = 4
    CERT_STATUS_REVOKED = 5
    CERT_STATUS_ENROLLMENT_FAILED = 6
    CERT_STATUS_RENEWAL_FAILED = 7
    CERT_STATUS_INVALID_CONFIG = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CertDistinguishedName:
    common_name: str = ""
    serial_number: str = ""
    organization: tuple[str, ...] = ()
    organizational_unit: tuple[str, ...] = ()
    country: tuple[str, ...] = ()
    state_or_province: tuple[str, ...] = ()
    locality: tuple[str, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertInfo:
    cert_enrollment_profile_name: str = ""
    subject: CertDistinguishedName | None = None
    issuer: CertDistinguishedName | None = None
    san_dns: tuple[str, ...] = ()
    san_ip: tuple[str, ...] = ()
    san_uri: tuple[str, ...] = ()
    san_email: tuple[str, ...] = ()
    issue_timestamp: datetime | None = None
    expiration_timestamp: datetime | None = None
    renew_period_percent: int = 0
    sha256_fingerprint: str = ""
    status: CertStatus = CertStatus.CERT_STATUS_UNSPECIFIED
    err: ErrorInfo | None = None
    rest: bytes = field(default=b"", repr=False)
