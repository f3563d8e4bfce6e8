"""What is kept of an installation: on the new disk's CONFIG, and on the medium where it can be
written, for who comes back with it and has no other word of the machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from eaves.node.host.inventory import Nic, Sysfs
from eaves.node.host.machine import Host, Machine
from eaves.node.installer.rules import Disk

RECORD: Final = "installed.json"  # on the new disk
DONE, NOT_DONE = "installed-", "not-installed-"  # begins of names on the medium
_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class Record:
    """`at`: by the clock of the machine, which may be wrong."""

    at: str
    stamp: str  # of the medium
    version: str  # empty: nothing was installed
    disk: str
    said: Sequence[str]
    machine: Machine
    nics: Sequence[Nic]
    disks: Sequence[Disk]

    def encoded(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"

    def name_on_medium(self) -> str:
        """One for each machine, also where makers gave none a serial number; a name for FAT."""
        serial = "".join(one for one in self.machine.serial if one in _SAFE)[:_LONGEST_NAME]
        number = next((nic.mac.replace(":", "") for nic in self.nics), self.machine.uuid[:8])
        begin = DONE if self.version else NOT_DONE
        return f"{begin}{'-'.join(one for one in (serial, number) if one) or 'unnamed'}.json"


def record_now(
    stamp: str, version: str, disk: str, said: Sequence[str], disks: Sequence[Disk]
) -> Record:
    return Record(
        datetime.now(UTC).isoformat(timespec="seconds"),
        stamp,
        version,
        disk,
        tuple(said),
        Host().machine(),
        Sysfs().nics(),
        tuple(disks),
    )


def is_of_medium(name: str) -> bool:
    """Is it a record, of this machine or another one?"""
    return name == RECORD or name.startswith((DONE, NOT_DONE))


def stamp_in(record: bytes) -> str:
    """Empty: it is no record."""
    try:
        told = msgspec.json.decode(record, type=dict[str, object])
    except msgspec.MsgspecError:
        return ""
    return str(told.get("stamp", ""))
