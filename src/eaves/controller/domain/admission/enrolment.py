"""Profiles by which devices enrol certificates (SCEP)."""

import base64
import binascii
import re
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from eaves.controller.domain.admission.refusal import (
    MAX_DESCRIPTION,
    MAX_TITLE,
    NAME,
    Refusal,
    invalid,
)
from eaves.controller.domain.contract.enrolment import CSRProfile, SCEPProfile

COUNTRY: Final = re.compile(r"[A-Za-z]{2}")
PEM: Final = b"-----BEGIN"


def admit_cep(wanted: SCEPProfile, current: SCEPProfile | None) -> tuple[Refusal, ...]:
    what = f"certificate enrolment profile {wanted.name!r}"
    refusals = _names(wanted, current)
    url = urlsplit(wanted.scep_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        refusals.append(
            invalid(
                "scepUrl",
                f"{what}: scepUrl {wanted.scep_url!r} is no address of a SCEP server; give "
                "http(s)://HOST/PATH",
            )
        )
    if not wanted.ca_cert_pem:
        refusals.append(
            invalid("caCertPem", f"{what} trusts no authority; give at least one certificate")
        )
    refusals += [
        invalid(f"caCertPem[{index}]", f"{what}: certificate {index} {fault}")
        for index, text in enumerate(wanted.ca_cert_pem)
        if (fault := _fault_of(text))
    ]
    if wanted.csr_profile is None:
        refusals.append(invalid("csrProfile", f"{what} has no csrProfile; say what to ask for"))
    else:
        refusals += _admit_csr(what, wanted.csr_profile)
    return tuple(refusals)


def _names(wanted: SCEPProfile, current: SCEPProfile | None) -> list[Refusal]:
    """As for other objects, only that the title may be left out."""
    found: list[Refusal] = []
    noun = "certificate enrolment profile"
    if current is not None and wanted.name != current.name:
        found.append(
            invalid(
                "name",
                f"{noun} {current.name!r} cannot be renamed to {wanted.name!r}; create a new one",
            )
        )
    elif not NAME.fullmatch(wanted.name):
        found.append(
            invalid(
                "name",
                f"{noun} name {wanted.name!r} does not fit: 3 to 256 letters, digits, '-', '_' or "
                "'.', the first a letter or digit",
            )
        )
    if len(wanted.title) > MAX_TITLE or not wanted.title.isprintable():
        found.append(
            invalid("title", f"{noun} {wanted.name!r}: a title has up to 256 printable characters")
        )
    if len(wanted.description) > MAX_DESCRIPTION:
        found.append(
            invalid(
                "description",
                f"{noun} {wanted.name!r}: the description has {len(wanted.description)} "
                "characters, 256 are allowed",
            )
        )
    return found


def _fault_of(text: str) -> str:
    """What is wrong with a certificate of the list: PEM, or base64 of it; empty if nothing is."""
    try:
        data = text.encode() if text.startswith("-----") else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return "is neither PEM nor base64"
    if not data.strip():
        return "is empty"
    if data.lstrip().startswith(PEM):
        try:
            x509.load_pem_x509_certificates(data)
        except ValueError:
            return "is not readable; send the PEM file of the authority as base64"
    return ""


def _admit_csr(what: str, profile: CSRProfile) -> list[Refusal]:
    found: list[Refusal] = []
    if not profile.common_name.strip():
        found.append(invalid("csrProfile.commonName", f"{what} asks for no common name; give one"))
    if profile.country and not COUNTRY.fullmatch(profile.country):
        found.append(
            invalid(
                "csrProfile.country",
                f"{what}: country {profile.country!r} is not two letters, for example DE",
            )
        )
    if not 0 <= profile.renew_period_percent <= 100:
        found.append(
            invalid(
                "csrProfile.renewPeriodPercent",
                f"{what}: renewPeriodPercent {profile.renew_period_percent} is not 0 to 100",
            )
        )
    return found
