"""Virtual functions of network cards (SR-IOV): made, set, taken away.

How many a card has is one number in /sys; it goes through zero, so it is left alone while one of
them is with a guest.  A note tells which cards are ours to empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eaves.errors import Transient
from eaves.node.host.files import atomic_write, read_or_none
from eaves.node.host.links import ip_batch
from eaves.node.host.vfio import DRIVER, Write, write_text


@dataclass(frozen=True, slots=True)
class Function:
    """One virtual function as its card is to carry it; `mac` blank: that which it has."""

    card: str  # PCI address
    index: int
    mac: str = ""
    vlan_id: int = 0


class FunctionMaker:
    """`journal` does not outlive a boot, and neither do virtual functions."""

    def __init__(self, journal: Path, root: Path = Path("/"), write: Write = write_text) -> None:
        self._journal = journal
        self._devices = root / "sys/bus/pci/devices"
        self._write = write

    def made(self) -> Mapping[str, int]:
        """How many each of our cards has; none: it is not there, or empty."""
        cards = [path.name for path in sorted(self._journal.glob("*"))]
        return {card: count for card in cards if (count := self._count(card))}

    def make(self, card: str, count: int) -> None:
        atomic_write(self._journal / card, b"")
        before = self._count(card)
        if before == count:
            return
        if before:
            self._empty(card)
        self._put(card, count)

    def unmake(self, card: str) -> None:
        if self._count(card):
            self._empty(card)
        (self._journal / card).unlink(missing_ok=True)

    def interface(self, card: str) -> str:
        """The card's own.  Raises Transient where no driver of the host made one."""
        folder = self._devices / card / "net"
        names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
        if not names:
            raise Transient(f"network card {card} has no interface; is its driver loaded?")
        return names[0]

    def _count(self, card: str) -> int:
        text = (read_or_none(self._devices / card / "sriov_numvfs") or b"").strip()
        return int(text) if text.isdigit() else 0

    def _empty(self, card: str) -> None:
        for function in self._devices.glob(f"{card}/virtfn*"):
            driver = function / "driver"
            if driver.is_symlink() and driver.resolve().name == DRIVER:
                raise Transient(
                    f"virtual function {function.resolve().name} of {card} is with an app; their "
                    "number changes when no app has one of them"
                )
        self._put(card, 0)

    def _put(self, card: str, count: int) -> None:
        path = self._devices / card / "sriov_numvfs"
        try:
            self._write(path, str(count))
        except OSError as error:
            raise Transient(f"{path}: {error}; the card did not take {count}") from error


def setting_lines(ifname: str, function: Function) -> tuple[str, ...]:
    """For `ip -batch`."""
    head = f"link set dev {ifname} vf {function.index}"
    mac = (f"{head} mac {function.mac}",) if function.mac else ()
    return (*mac, f"{head} vlan {function.vlan_id}")


async def set_function(ifname: str, function: Function) -> None:
    await ip_batch(setting_lines(ifname, function))
