"""What a quote is worth.  EVE API v2, section 6.3, and its security page, section 3.

A device without a TPM quotes nothing but its versions: where the policy accepts, it succeeds with
a token and no keys.  A quote of a TPM cannot be verified by this release; it fails, and says so.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from eaves.evapi.attest import ZAttestQuote, ZAttestResponseCode

NONCE_BYTES: Final = 32
TOKEN_BYTES: Final = 32
NONCE_LIFE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Nonce:
    value: bytes
    given_at: datetime


@dataclass(frozen=True, slots=True)
class QuoteCase:
    """Everything that decides on a quote."""

    quote: ZAttestQuote | None
    nonce: Nonce | None  # the outstanding one, used up by this quote
    has_certificate: bool  # of the attestation key (type 11)
    enforced: bool  # policy ENFORCE: only a proof counts


@dataclass(frozen=True, slots=True)
class Accepted:
    """SUCCESS with a new token.  `state` is an AttestState of the contract."""

    state: str
    detail: str
    versions: tuple[str, ...] = ()
    code: ZAttestResponseCode = ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_SUCCESS


@dataclass(frozen=True, slots=True)
class Refused:
    """`code` tells the device what to do next; `detail` tells a person why."""

    code: ZAttestResponseCode
    state: str
    detail: str


QuoteAnswer = Accepted | Refused


def judge_quote(case: QuoteCase, now: datetime) -> QuoteAnswer:
    code = ZAttestResponseCode
    if case.nonce is None or now - case.nonce.given_at > NONCE_LIFE:
        return Refused(
            code.Z_ATTEST_RESPONSE_CODE_NONCE_MISMATCH,
            "ATTEST_STATE_FAIL",
            "the quote answers no outstanding nonce; the device asks for a new one by itself",
        )
    quote = case.quote
    if quote is None:
        return Refused(
            code.Z_ATTEST_RESPONSE_CODE_QUOTE_FAILED,
            "ATTEST_STATE_FAIL",
            "the request holds no quote",
        )
    if not case.has_certificate:
        return Refused(
            code.Z_ATTEST_RESPONSE_CODE_NO_CERT_FOUND,
            "ATTEST_STATE_NONE",
            "the device has not sent its attestation certificate yet; it sends it by itself",
        )
    if quote.attest_data or quote.signature or quote.pcr_values:
        return Refused(
            code.Z_ATTEST_RESPONSE_CODE_QUOTE_FAILED,
            "ATTEST_STATE_FAIL",
            "the device quotes its TPM, and this release of the controller cannot verify that; "
            "set the project's attestation policy to ACCEPT, configuration is served then",
        )
    if case.enforced:
        return Refused(
            code.Z_ATTEST_RESPONSE_CODE_QUOTE_FAILED,
            "ATTEST_STATE_FAIL",
            "the device has no TPM and the project's policy enforces attestation; "
            "use ACCEPT for devices without TPM",
        )
    return Accepted(
        "ATTEST_STATE_PASS_NO_PCR",
        "accepted without TPM: only versions were reported",
        tuple(version.version for version in quote.versions),
    )


@dataclass(frozen=True, slots=True)
class EscrowAsked:
    token: bytes = field(repr=False)
    current: bytes = field(repr=False)


def accepts_escrow(asked: EscrowAsked) -> bool:
    """Keys are stored only under the token of the last success."""
    return bool(asked.current) and hmac.compare_digest(asked.token, asked.current)
