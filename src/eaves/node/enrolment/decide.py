"""What a profile and what is kept for it ask for next.  Pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from urllib.parse import urlsplit

from cryptography import x509

from eaves.evapi.config import CSRProfile, EdgeDevConfig, SCEPProfile, encode_edge_dev_config
from eaves.node.enrolment.messages import Signer
from eaves.node.enrolment.request import ProfileUnusable, Subject, subject_of

RENEW_PERCENT = 70  # where the profile says nothing


class Need(StrEnum):
    NOTHING = "nothing"
    ENROL = "enrol"
    RENEW = "renew"


@dataclass(frozen=True, slots=True)
class Kept:
    """A key and its certificate; `asked`: the digest of what the profile asked for then."""

    holder: Signer = field(repr=False)
    authorities: tuple[x509.Certificate, ...]
    asked: str


@dataclass(frozen=True, slots=True)
class Server:
    """Of a profile; `by_controller`: the device does not reach it, its controller does."""

    profile: str
    url: str
    by_controller: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """A profile that can be followed."""

    server: Server
    trusted: tuple[x509.Certificate, ...]
    subject: Subject
    renew_percent: int
    asked: str


def terms_of(profile: SCEPProfile) -> Terms:
    """Raises ProfileUnusable."""
    parts = urlsplit(profile.scep_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ProfileUnusable(f"{profile.scep_url!r} is no http(s) address of a SCEP server")
    csr = profile.csr_profile or CSRProfile()
    if csr.renew_period_percent >= 100:
        raise ProfileUnusable("renew_period_percent: a certificate is renewed before it ends")
    try:
        trusted = tuple(
            c for pem in profile.ca_cert_pem for c in x509.load_pem_x509_certificates(pem)
        )
    except ValueError as error:
        raise ProfileUnusable("ca_cert_pem: what is given is no PEM certificate") from error
    if not trusted:
        raise ProfileUnusable("ca_cert_pem is empty: the server could be anybody")
    percent = csr.renew_period_percent or RENEW_PERCENT
    server = Server(profile.profile_name, profile.scep_url, profile.use_controller_proxy)
    return Terms(server, trusted, subject_of(csr), percent, asked_by(profile))


def asked_by(profile: SCEPProfile) -> str:
    """Another one for what makes another certificate; when it is renewed does not count."""
    csr = replace(profile.csr_profile or CSRProfile(), renew_period_percent=0)
    slim = replace(profile, scep_challenge_password=None, csr_profile=csr)
    return sha256(encode_edge_dev_config(EdgeDevConfig(scep_profiles=(slim,)))).hexdigest()


def renew_at(certificate: x509.Certificate, percent: int) -> datetime:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return begin + (end - begin) * percent / 100


def expired(certificate: x509.Certificate, now: datetime) -> bool:
    return now >= certificate.not_valid_after_utc


def need(terms: Terms, kept: Kept | None, now: datetime) -> Need:
    """An expired certificate proves nothing any more: one is enrolled as at first."""
    if kept is None or kept.asked != terms.asked or expired(kept.holder.certificate, now):
        return Need.ENROL
    due = now >= renew_at(kept.holder.certificate, terms.renew_percent)
    return Need.RENEW if due else Need.NOTHING
