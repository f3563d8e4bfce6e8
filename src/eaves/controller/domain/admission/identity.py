"""Device certificates that somebody uploads with a record.  Pure."""

import base64
import binascii
import hashlib
from dataclasses import dataclass, field

from eaves.controller.domain.admission.refusal import Refusal, conflict, invalid
from eaves.errors import Rejected
from eaves.evapi.pem import certificate_der, certificate_key, load_certificate

WHAT = "device certificate"


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A certificate that names a device in its envelopes by the SHA-256 of its DER."""

    der: bytes = field(repr=False)
    digest: bytes


def as_sent(text: str) -> str:
    """As the contract writes it: base64, also of a PEM text that somebody pasted."""
    return base64.b64encode(text.encode()).decode() if text.startswith("-----") else text


def read_identity(text: str) -> Uploaded | Refusal:
    """Base64 of PEM; its key must be one that devices sign with."""
    try:
        pem = base64.b64decode(text, validate=True)
        certificate_key(load_certificate(pem, WHAT), WHAT)
        der = certificate_der(pem)
    except (binascii.Error, ValueError, Rejected) as error:
        return invalid(
            "identity",
            f"identity is no certificate of a device ({error}); send the PEM file as base64",
        )
    return Uploaded(der, hashlib.sha256(der).digest())


def refuse_identity(
    uploaded: Uploaded, *, device_id: str, bound: bytes, bound_to: str | None
) -> tuple[Refusal, ...]:
    """`bound`: the certificate that the record has, empty for none; `bound_to`: the device that
    has the uploaded one, of whichever enterprise.
    """
    if bound_to is not None and bound_to != device_id:
        return (
            conflict(
                "identity",
                "another device has this certificate already; each certificate is of one machine",
            ),
        )
    if bound and bound != uploaded.digest:
        return (
            conflict(
                "identity",
                "another certificate is bound to this record; say that the machine was replaced "
                "(eaves device replace), or off-board the device",
            ),
        )
    return ()
