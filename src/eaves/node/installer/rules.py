"""Which disk an unattended installation takes, and when it takes none.  Pure.

`install.conf` on the medium holds lines KEY=value:

    disk=auto             the one that is left by the rules below (default)
    disk=/dev/nvme0n1     this one; also by-id names, or serial:S3R1AL
    wipe=no               refuse a disk that holds anything (default); yes: take it all the same
    after=reboot          or poweroff
    stamp=...             who wiped by it; a medium that stays in wipes no second time
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eaves.errors import Rejected
from eaves.node.installer.layout import LEAST_DISK, MIB


@dataclass(frozen=True, slots=True)
class Disk:
    path: str  # /dev/vda
    size: int  # bytes
    names: tuple[str, ...] = ()  # below /dev/disk/by-id
    serial: str = ""
    model: str = ""
    removable: bool = False
    read_only: bool = False
    booted_from: bool = False
    # What was found on it: "gpt with 3 partitions", "ext4"; empty: nothing, or an installation
    # that was begun and cut.
    holds: str = ""

    def text(self) -> str:
        said = [
            f"{self.size // MIB} MiB",
            self.model,
            f"serial {self.serial}" if self.serial else "",
        ]
        return f"{self.path} ({', '.join(one for one in said if one)})"


@dataclass(frozen=True, slots=True)
class Wishes:
    disk: str = "auto"
    wipe: bool = False
    after: str = "reboot"
    stamp: str = ""


class NoDisk(Rejected):
    """No disk can be taken; the text says why each was passed over and what to write."""


def read_wishes(text: str) -> Wishes:
    """Raises Rejected for a line that cannot be meant."""
    said: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("#")[0].partition("=")
        if not key.strip():
            continue
        if not equals or key.strip() not in ("disk", "wipe", "after", "stamp"):
            raise Rejected(
                f"install.conf: {line.strip()!r} is not understood; write disk=, wipe=, after="
            )
        said[key.strip()] = value.strip()
    return Wishes(said.get("disk", "auto"), _yes(said), _after(said), said.get("stamp", ""))


def _yes(said: Mapping[str, str]) -> bool:
    word = said.get("wipe", "no")
    if word not in ("yes", "no"):
        raise Rejected(f"install.conf: wipe={word}; write yes or no")
    return word == "yes"


def _after(said: Mapping[str, str]) -> str:
    word = said.get("after", "reboot")
    if word not in ("reboot", "poweroff"):
        raise Rejected(f"install.conf: after={word}; write reboot or poweroff")
    return word


def choose(disks: Iterable[Disk], wishes: Wishes) -> Disk:
    """The disk to install on.  Raises NoDisk.

    Left by the rules: neither the medium itself, nor removable, read-only, too small, or with data
    unless `wipe=yes`.  Of several the smallest: larger ones are for data.  Of several of one size
    none: which is meant must be said.
    """
    every = tuple(disks)
    if wishes.disk != "auto":
        return _named(every, wishes)
    passed: list[str] = []
    left: list[Disk] = []
    for disk in every:
        why = _why_not(disk, wishes) or ("it is removable" if disk.removable else "")
        if why:
            passed.append(f"{disk.text()}: {why}")
        else:
            left.append(disk)
    if not left:
        raise NoDisk(f"no disk can be taken: {'; '.join(passed) or 'this machine has none'}")
    smallest = min(disk.size for disk in left)
    best = [disk for disk in left if disk.size == smallest]
    if len(best) > 1:
        names = ", ".join(disk.text() for disk in best)
        raise NoDisk(f"several disks are alike: {names}; write disk=... into install.conf")
    return best[0]


def _named(disks: tuple[Disk, ...], wishes: Wishes) -> Disk:
    serial = wishes.disk.removeprefix("serial:") if wishes.disk.startswith("serial:") else ""
    meant = [
        disk
        for disk in disks
        if wishes.disk in (disk.path, *disk.names) or (serial and disk.serial == serial)
    ]
    if len(meant) > 1:
        names = ", ".join(disk.path for disk in meant)
        raise NoDisk(f"several disks have serial {serial}: {names}; write one of these as disk=")
    if meant:
        why = _why_not(meant[0], wishes)
        if why:
            raise NoDisk(f"{meant[0].text()}, which install.conf names, is not taken: {why}")
        return meant[0]
    known = ", ".join(disk.text() for disk in disks) or "none"
    raise NoDisk(f"there is no disk {wishes.disk}; this machine has {known}")


def _why_not(disk: Disk, wishes: Wishes) -> str:
    if why := never(disk):
        return why
    if disk.holds and not wishes.wipe:
        return f"it holds data ({disk.holds}); write wipe=yes into install.conf to lose them"
    return ""


def never(disk: Disk) -> str:
    """Why it cannot be taken, whoever wishes it; empty: it can."""
    if disk.booted_from:
        return "the installer runs from it"
    if disk.path.startswith("/dev/pmem"):
        return "it is memory, which no firmware starts from"
    if disk.read_only:
        return "it is read-only"
    if disk.size < LEAST_DISK:
        return f"it is too small, at least {LEAST_DISK // MIB} MiB are needed"
    return ""
