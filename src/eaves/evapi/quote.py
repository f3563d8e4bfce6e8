"""What a TPM signed: TPMS_ATTEST of a quote, its PCR digest, and the digest of a seal policy.

Big endian, without the outer TPM2B size.  Nothing here decides whether a quote is good enough.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from eaves.evapi.errors import QuoteError

_MAGIC: Final = bytes.fromhex("ff544347")
_QUOTE: Final = bytes.fromhex("8018")
_SHA256: Final = 0x000B
_CLOCK: Final = struct.Struct(">QIIBQIHB")  # clock, counters, safe, firmware, banks, bank, bitmap


@dataclass(frozen=True, slots=True)
class AttestedQuote:
    qualified_signer: bytes
    nonce: bytes
    clock_ms: int
    reset_count: int
    restart_count: int
    safe: bool
    firmware_version: int
    pcrs: tuple[int, ...]  # selected in the SHA-256 bank, ascending
    pcr_digest: bytes


def parse_quote(attest_data: bytes) -> AttestedQuote:
    """Raises QuoteError unless it is a quote over exactly one bank, SHA-256."""
    if not attest_data.startswith(_MAGIC):
        raise QuoteError("it was not made by a TPM: wrong magic number")
    if not attest_data.startswith(_QUOTE, len(_MAGIC)):
        raise QuoteError("the TPM attested something else")
    signer, at = _sized(attest_data, len(_MAGIC) + len(_QUOTE), "qualifiedSigner")
    nonce, at = _sized(attest_data, at, "extraData")
    if at + _CLOCK.size > len(attest_data):
        raise QuoteError("it ends within its counters or the PCR selection")
    clock, reset, restart, safe, firmware, banks, bank, size = _CLOCK.unpack_from(attest_data, at)
    if banks != 1 or bank != _SHA256:
        raise QuoteError("it must select PCRs of exactly one bank, SHA-256")
    at += _CLOCK.size
    bitmap = attest_data[at : at + size]
    if len(bitmap) != size:
        raise QuoteError("it ends within the PCR bitmap")
    digest, at = _sized(attest_data, at + size, "pcrDigest")
    if at != len(attest_data):
        raise QuoteError(f"{len(attest_data) - at} bytes follow its end")
    pcrs = tuple(i for i in range(8 * size) if bitmap[i // 8] >> i % 8 & 1)
    return AttestedQuote(signer, nonce, clock, reset, restart, safe == 1, firmware, pcrs, digest)


def _sized(data: bytes, at: int, what: str) -> tuple[bytes, int]:
    """What stands there behind its size, and where the next begins."""
    begin = at + 2
    end = begin + int.from_bytes(data[at:begin], "big")
    if end > len(data) or begin > len(data):
        raise QuoteError(f"it ends within {what}")
    return data[begin:end], end


def pcr_digest(values: Mapping[int, bytes], pcrs: Iterable[int]) -> bytes:
    """SHA-256 of the selected values in ascending order.  Raises QuoteError if one is missing."""
    selected = sorted(pcrs)
    missing = [i for i in selected if i not in values]
    if missing:
        raise QuoteError(f"it selects PCR {missing[0]} but does not state its value")
    return hashlib.sha256(b"".join(values[i] for i in selected)).digest()


def policy_digest(values: Mapping[int, bytes], pcrs: Iterable[int]) -> bytes:
    """The PolicyPCR digest under which a device seals its vault key."""
    selected = frozenset(pcrs)
    bitmap = bytes(sum(1 << bit for bit in range(8) if 8 * b + bit in selected) for b in range(3))
    command = bytes.fromhex("0000017f") + struct.pack(">IHB", 1, _SHA256, 3) + bitmap
    return hashlib.sha256(bytes(32) + command + pcr_digest(values, selected)).digest()
