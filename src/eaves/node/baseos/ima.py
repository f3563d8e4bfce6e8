"""What the kernel's IMA makes of PCR 10.  Pure.

Debian's kernel has no policy of what to measure.  It measures one thing, once, at its start: the
boot aggregate, SHA-256 over PCR 0 to 9 of the SHA-256 bank.  So PCR 10 follows from those, and an
update that changes one of them changes it too.

    template  its fields, each behind its size (32 bits, little endian)
    ima-ng    "sha256:" and a zero, with the aggregate; "boot_aggregate" and a zero
    ima-sig   the same, and a signature that is empty

Which template it is, this boot tells: the one that leads to what the TPM holds.  With Secure Boot
the kernel measures its modules too, in the order in which they are loaded: then none does.
"""

import hashlib
import struct
from collections.abc import Mapping
from typing import Final

from eaves.node.baseos.predict import NotPredictable, extended

IMA_PCR: Final = 10
AGGREGATED: Final = range(IMA_PCR)
READ: Final = range(IMA_PCR + 1)
"""The PCRs that a prediction needs."""

_UNTOUCHED: Final = bytes(32)
_NAME: Final = b"boot_aggregate\0"
_TEMPLATES: Final[Mapping[str, tuple[bytes, ...]]] = {"ima-ng": (), "ima-sig": (b"",)}


def aggregate_pcr(values: Mapping[int, bytes], template: str) -> bytes:
    """PCR 10 of a boot whose other PCRs have these values."""
    aggregate = hashlib.sha256(b"".join(values[pcr] for pcr in AGGREGATED)).digest()
    fields = (b"sha256:\0" + aggregate, _NAME, *_TEMPLATES[template])
    entry = b"".join(struct.pack("<I", len(field)) + field for field in fields)
    return extended((hashlib.sha256(entry).digest(),))


def with_aggregate(present: Mapping[int, bytes], coming: Mapping[int, bytes]) -> dict[int, bytes]:
    """`coming`, the PCRs that another boot changes, with PCR 10 where that changes too.

    `present`: what the PCRs of `READ` hold now.  Raises NotPredictable.
    """
    if present[IMA_PCR] == _UNTOUCHED or coming.keys().isdisjoint(AGGREGATED):
        return dict(coming)
    for template in _TEMPLATES:
        if aggregate_pcr(present, template) == present[IMA_PCR]:
            return {**coming, IMA_PCR: aggregate_pcr({**present, **coming}, template)}
    raise NotPredictable(
        "PCR 10 is not what the boot aggregate alone leads to: the kernel measures more, and what"
        " another version makes of it is not known"
    )
