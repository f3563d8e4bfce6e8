"""Is a quote genuine, and what does it say?  EVE API v2, security page, section 3.2.

Only what the TPM signed counts: the nonce, the digest over the PCRs, its counters.  What the
device says beside it (values, versions, log) is taken as far as it agrees with that.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from eaves.controller.domain.measured import Measured
from eaves.errors import EavesError
from eaves.evapi.attest import AttestVersionType, TpmHashAlgo, ZAttestQuote
from eaves.evapi.errors import EventLogError, QuoteError, UnreadableCertificate
from eaves.evapi.event_log import inflated, read_event_log
from eaves.evapi.pem import certificate_key
from eaves.evapi.quote import AttestedQuote, parse_quote, pcr_digest

QUOTED: Final = frozenset(range(16))
"""PCRs that every quote covers: the bitmap ff ff 00."""
DIGEST_BYTES: Final = 32
_PREHASHED: Final = Prehashed(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class Counters:
    """Of the TPM: how often it was reset and resumed, and for how long it ran (ms)."""

    resets: int
    restarts: int
    clock_ms: int
    firmware: int

    def went_back(self, before: "Counters") -> str:
        """Why this cannot come after `before` from the same TPM; empty: it can."""
        if (self.resets, self.restarts) < (before.resets, before.restarts):
            return f"the TPM counts {self.resets} resets, it had counted {before.resets}"
        same_run = (self.resets, self.restarts) == (before.resets, before.restarts)
        if same_run and self.clock_ms < before.clock_ms:
            return "the clock of the TPM went back without a reset"
        if self.firmware < before.firmware:
            return (
                f"the firmware of the TPM is {self.firmware:016x}, older than "
                f"{before.firmware:016x} before"
            )
        return ""


@dataclass(frozen=True, slots=True)
class Proven:
    """A quote that the attestation key made over these values, for `nonce`."""

    nonce: bytes
    counters: Counters
    measured: Measured


@dataclass(frozen=True, slots=True)
class NotProven:
    """Not what the TPM of this device said; `why` tells a person."""

    why: str


@dataclass(frozen=True, slots=True)
class NoTpm:
    """The quote of a device without TPM: versions, proven by nothing but the device key."""

    measured: Measured


Examined = Proven | NotProven | NoTpm


def examine(quote: ZAttestQuote, attestation_pem: bytes) -> Examined:
    """Check everything that needs no memory of the device; about half a millisecond."""
    versions = {v.version_type: v.version for v in quote.versions}
    eve = versions.get(AttestVersionType.ATTEST_VERSION_TYPE_EVE, "")
    firmware = versions.get(AttestVersionType.ATTEST_VERSION_TYPE_FIRMWARE, "")
    if not (quote.attest_data or quote.signature or quote.pcr_values):
        return NoTpm(Measured(eve, firmware, {}, log_fault="the device has no TPM"))
    try:
        if not _signed(quote, attestation_pem):
            return NotProven("its signature is not of the attestation key of this device")
        attested = parse_quote(quote.attest_data)
        values = _values(quote)
        _check(attested, values)
    except EavesError as error:
        return NotProven(str(error))
    counters = Counters(
        attested.reset_count, attested.restart_count, attested.clock_ms, attested.firmware_version
    )
    covered = {n: values[n] for n in attested.pcrs}
    return Proven(
        attested.nonce, counters, measured(eve, firmware, covered, quote.tpm_binary_event_log)
    )


def measured(
    eve_version: str, firmware: str, covered: Mapping[int, bytes], packed_log: bytes
) -> Measured:
    """What the quote covers, with its log as far as that can be read."""
    if not packed_log:
        return Measured(eve_version, firmware, covered, log_fault="no event log came with it")
    try:
        log = read_event_log(inflated(packed_log))
    except EventLogError as error:
        return Measured(eve_version, firmware, covered, log_fault=str(error))
    return Measured(eve_version, firmware, covered, log, log.replayed())


def _signed(quote: ZAttestQuote, pem: bytes) -> bool:
    """Raises what an unusable certificate raises.  It was read whole when it came."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise UnreadableCertificate("attestation certificate", str(error)) from error
    key = certificate_key(certificate, "attestation certificate")
    digest = hashlib.sha256(quote.attest_data).digest()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(quote.signature, digest, ec.ECDSA(_PREHASHED))
        else:
            key.verify(quote.signature, digest, padding.PKCS1v15(), _PREHASHED)
    except InvalidSignature:
        return False
    return True


def _values(quote: ZAttestQuote) -> dict[int, bytes]:
    """The SHA-256 bank.  Raises QuoteError."""
    values: dict[int, bytes] = {}
    for one in quote.pcr_values:
        if one.hash_algo != TpmHashAlgo.TPM_HASH_ALGO_SHA256:
            continue
        if len(one.value) != DIGEST_BYTES:
            raise QuoteError(f"PCR {one.index} has {len(one.value)} bytes instead of 32")
        if values.setdefault(one.index, one.value) != one.value:
            raise QuoteError(f"it states two values of PCR {one.index}")
    return values


def _check(attested: AttestedQuote, values: Mapping[int, bytes]) -> None:
    """Raises QuoteError unless the stated values are those that the TPM signed."""
    missing = sorted(QUOTED - frozenset(attested.pcrs))
    if missing:
        raise QuoteError(f"it leaves out PCR {', '.join(map(str, missing))}")
    if pcr_digest(values, attested.pcrs) != attested.pcr_digest:
        raise QuoteError("the stated PCR values are not those that the TPM signed")
