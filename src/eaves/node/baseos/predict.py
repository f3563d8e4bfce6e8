"""What the TPM will measure once another version boots.  Pure.

A boot measures the same events each time but for what an update replaces: its kernel image, the
kernel and initrd in it, its sections.  So the log of this boot, with the digests of those replaced,
is the log of the next one, whatever firmware made the rest.

    uki              Authenticode digest of uki.efi      PCR 4, by the firmware
    linux            Authenticode digest of its kernel   PCR 4, by the firmware
    options          of its command line, in UTF-16      PCR 9, by the kernel
    initrd           of its initrd                       PCR 9, by the kernel
    section NAME     of what a section holds             PCR 11, by the stub

Same digests under two names are one measurement: a digest is replaced wherever it stands in the
PCRs of its name.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from eaves.errors import Rejected
from eaves.evapi.event_log import LogEvent, by_pcr

FIRMWARE_PCR: Final = 4
KERNEL_PCR: Final = 9
STUB_PCR: Final = 11


class NotPredictable(Rejected):
    """The log of this boot does not hold what runs: what the next one measures is not known."""


def pcr_of(name: str) -> int:
    """The PCR that this part of a boot is measured into."""
    if name in ("uki", "linux"):
        return FIRMWARE_PCR
    return KERNEL_PCR if name in ("options", "initrd") else STUB_PCR


def predicted(
    events: Iterable[LogEvent], running: Mapping[str, str], coming: Mapping[str, str]
) -> dict[int, bytes]:
    """PCR values of the boot of `coming`, of those PCRs that it changes.

    Both by name of part, SHA-256 in hex.  Raises NotPredictable.
    """
    log = tuple(events)
    if running.keys() != coming.keys():
        other = ", ".join(sorted(running.keys() ^ coming.keys()))
        raise NotPredictable(f"both versions are not made of the same parts: {other}")
    swaps: dict[tuple[int, bytes], bytes] = {}
    for name, digest in running.items():
        key = pcr_of(name), bytes.fromhex(digest)
        if not any((event.pcr, event.digest) == key for event in log):
            raise NotPredictable(f"the log of this boot holds no {name} of the running version")
        swaps[key] = bytes.fromhex(coming[name])
    changed = {pcr for (pcr, old), new in swaps.items() if old != new}
    found = by_pcr(log)
    return {
        pcr: extended(swaps.get((pcr, event.digest), event.digest) for event in found[pcr])
        for pcr in sorted(changed)
    }


def extended(digests: Iterable[bytes]) -> bytes:
    """What these make of a PCR that a reset leaves at zeros, as it does those named here."""
    value = bytes(32)
    for digest in digests:
        value = hashlib.sha256(value + digest).digest()
    return value
