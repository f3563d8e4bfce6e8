"""Taking PCI devices from their drivers for a guest, and giving them back.

What a device was bound to is on disk before anything is written to it: whoever finds that note
later, also after a crash half way, knows what to give back.  Names no driver of its own choice: the
kernel finds the one that fits when the override is gone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from eaves.errors import Rejected, Transient
from eaves.node.host.files import atomic_write, read_or_none

DRIVER = "vfio-pci"
Write = Callable[[Path, str], None]


@dataclass(frozen=True, slots=True)
class Taken:
    address: str
    owner: str
    driver: str  # of the host, before; blank: none
    whole: bool = True  # it is really there for the guest
    note: str = ""  # of who took it


def write_text(path: Path, text: str) -> None:
    path.write_text(text)


class PciTaker:
    """`journal` does not outlive a boot, and neither does what it tells of."""

    def __init__(self, journal: Path, root: Path = Path("/"), write: Write = write_text) -> None:
        self._journal = journal
        self._bus = root / "sys/bus/pci"
        self._write = write

    def taken(self) -> tuple[Taken, ...]:
        found: list[Taken] = []
        for path in sorted(self._journal.glob("*.json")):
            data = read_or_none(path)
            try:
                note = msgspec.json.decode(data or b"", type=Taken)
            except msgspec.MsgspecError:
                note = Taken(path.stem, "", "")
            whole = self.driver(note.address) == DRIVER
            found.append(Taken(note.address, note.owner, note.driver, whole, note.note))
        return tuple(found)

    def driver(self, address: str) -> str:
        link = self._device(address) / "driver"
        return link.resolve().name if link.is_symlink() else ""

    def note(self, address: str, text: str) -> None:
        """Written beside what was taken, in the place of what was noted before."""
        path = self._journal / f"{address}.json"
        taken = msgspec.json.decode(read_or_none(path) or b"", type=Taken)
        atomic_write(path, msgspec.json.encode(replace(taken, note=text)))

    def take(self, address: str, owner: str) -> None:
        device = self._device(address)
        if not device.exists():
            raise Rejected(f"there is no PCI device at {address}; check the card and the model")
        note = self._journal / f"{address}.json"
        before = self.driver(address)
        if not note.exists():
            atomic_write(note, msgspec.json.encode(Taken(address, owner, before)))
        self._put(device / "driver_override", DRIVER)
        if before and before != DRIVER:
            self._put(device / "driver" / "unbind", address)
        self._put(self._bus / "drivers_probe", address)
        if self.driver(address) != DRIVER:
            raise Transient(
                f"PCI device {address} was not taken by {DRIVER}; is the kernel module loaded, and "
                "no other device of its IOMMU group in use?"
            )

    def give_back(self, address: str) -> None:
        """To the driver that fits; one that is gone needs nothing."""
        device = self._device(address)
        if device.exists():
            self._put(device / "driver_override", "\n")
            if self.driver(address) == DRIVER:
                self._put(device / "driver" / "unbind", address)
            self._put(self._bus / "drivers_probe", address)
        (self._journal / f"{address}.json").unlink(missing_ok=True)

    def _device(self, address: str) -> Path:
        return self._bus / "devices" / address

    def _put(self, path: Path, text: str) -> None:
        try:
            self._write(path, text)
        except OSError as error:
            raise Transient(f"{path}: {error}; the kernel did not take {text.strip()!r}") from error
