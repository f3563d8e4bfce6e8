"""The quote of this machine: what its TPM signs, its PCRs, its versions and its event log.

EVE API v2, security page, section 3.1.
"""

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import structlog

from eaves.evapi.attest import (
    NONCE_BYTES,
    QUOTE_REQUEST_BYTES,
    AttestGPSCoordinates,
    AttestVersionInfo,
    TpmHashAlgo,
    TpmPCRValue,
    ZAttestQuote,
    ZAttestReq,
    ZAttestReqType,
    encode_z_attest_req,
)
from eaves.node.tpm.device import Tpm

log = structlog.get_logger(__name__)

DEFAULT_EVENT_LOG: Final = Path("/sys/kernel/security/tpm0/binary_bios_measurements")
MOST_LOG_BYTES: Final = 126_976
_ENVELOPE_BYTES: Final = 256  # around a request: hash, signature, field heads


def nowhere() -> AttestGPSCoordinates | None:
    """Of a machine that nothing tells where it stands."""
    return None


class TpmQuoter:
    """From a nonce to a quote; it blocks for some tenths of a second.  Raises as `Tpm` does.

    `location`: where the machine stands at that moment, as far as it knows.
    """

    def __init__(
        self,
        tpm: Tpm,
        event_log: Path,
        versions: Iterable[AttestVersionInfo],
        location: Callable[[], AttestGPSCoordinates | None] = nowhere,
    ) -> None:
        self._tpm = tpm
        self._event_log = event_log
        self._versions = tuple(versions)
        self._location = location

    def __call__(self, nonce: bytes) -> ZAttestQuote:
        if len(nonce) not in NONCE_BYTES:
            log.warning("nonce_not_quoted", bytes=len(nonce))
            return ZAttestQuote(versions=self._versions)
        quoted = self._tpm.quote(nonce)
        return fitted(
            ZAttestQuote(
                attest_data=quoted.attest_data,
                signature=quoted.signature,
                pcr_values=tuple(
                    TpmPCRValue(index=n, hash_algo=TpmHashAlgo.TPM_HASH_ALGO_SHA256, value=value)
                    for n, value in quoted.pcr_values.items()
                ),
                versions=self._versions,
                gps_info=self._location(),
                tpm_binary_event_log=packed_log(read_log(self._event_log)),
            )
        )


def read_log(path: Path) -> bytes:
    """The raw log; empty where the kernel shows none."""
    try:
        return path.read_bytes()
    except OSError as error:
        log.warning("event_log_unreadable", file=str(path), error=str(error))
        return b""


def packed_log(raw: bytes) -> bytes:
    """Packed as it travels; empty when it is too long to."""
    if not raw or len(raw) > MOST_LOG_BYTES:
        return b""
    return gzip.compress(raw, mtime=0)


def fitted(quote: ZAttestQuote) -> ZAttestQuote:
    """Without its log where the request would be longer than a device may make one."""
    request = ZAttestReq(req_type=ZAttestReqType.ATTEST_REQ_QUOTE, quote=quote)
    if len(encode_z_attest_req(request)) + _ENVELOPE_BYTES <= QUOTE_REQUEST_BYTES:
        return quote
    log.warning("event_log_too_long", packed_bytes=len(quote.tpm_binary_event_log))
    return ZAttestQuote(
        attest_data=quote.attest_data,
        signature=quote.signature,
        pcr_values=quote.pcr_values,
        versions=quote.versions,
        gps_info=quote.gps_info,
    )
