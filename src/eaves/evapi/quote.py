"""What a TPM signed: TPMS_ATTEST of a quote, its PCR digest, and the digest of a seal policy.

Big endian, without the outer TPM2B size.  Nothing here decides whether a quote is good enough.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from eaves.evapi.errors import QuoteError

_MAGIC: Final = bytes.fromhex("ff544347")
_QUOTE: Final = bytes.fromhex("8018")
_SHA256: Final = bytes.fromhex("000b")


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


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 0

    def take(self, size: int, what: str) -> bytes:
        end = self._position + size
        if end > len(self._data):
            raise QuoteError(f"it ends within {what}")
        taken, self._position = self._data[self._position : end], end
        return taken

    def number(self, size: int, what: str) -> int:
        return int.from_bytes(self.take(size, what), "big")

    def sized(self, what: str) -> bytes:
        return self.take(self.number(2, what), what)

    def end(self) -> None:
        if self._position != len(self._data):
            raise QuoteError(f"{len(self._data) - self._position} bytes follow its end")


def parse_quote(attest_data: bytes) -> AttestedQuote:
    """Raises QuoteError unless it is a quote over exactly one bank, SHA-256."""
    reader = _Reader(attest_data)
    if reader.take(4, "the magic number") != _MAGIC:
        raise QuoteError("it was not made by a TPM: wrong magic number")
    if reader.take(2, "the type") != _QUOTE:
        raise QuoteError("the TPM attested something else")
    signer, nonce = reader.sized("qualifiedSigner"), reader.sized("extraData")
    clock = reader.number(8, "the clock")
    reset, restart = reader.number(4, "resetCount"), reader.number(4, "restartCount")
    safe = reader.number(1, "the safe flag")
    firmware = reader.number(8, "firmwareVersion")
    banks = reader.number(4, "the PCR selection")
    if banks != 1 or reader.take(2, "the PCR bank") != _SHA256:
        raise QuoteError("it must select PCRs of exactly one bank, SHA-256")
    bitmap = reader.take(reader.number(1, "the PCR bitmap"), "the PCR bitmap")
    pcrs = tuple(i for i in range(8 * len(bitmap)) if bitmap[i // 8] >> i % 8 & 1)
    digest = reader.sized("pcrDigest")
    reader.end()
    return AttestedQuote(signer, nonce, clock, reset, restart, safe == 1, firmware, pcrs, digest)


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
    command = bytes.fromhex("0000017f") + bytes.fromhex("00000001") + _SHA256 + b"\x03" + bitmap
    return hashlib.sha256(bytes(32) + command + pcr_digest(values, selected)).digest()
