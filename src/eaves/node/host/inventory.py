"""The parts of this machine, read from /sys and /proc; nothing is changed.

Reads below a root directory, so that the tree of a recorded machine is a test fixture.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_PCI = re.compile(r"([0-9a-f]{4}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])")
_USB = re.compile(r"(\d+)-(\d+(?:\.\d+)*)")
_CAN = "280"  # the kernel's number of this kind of interface


@dataclass(frozen=True, slots=True)
class Pci:
    address: tuple[int, int, int, int]  # domain, bus, device, function
    parent: tuple[int, int, int, int] | None
    vendor: int
    device: int
    subsystem: int
    revision: int
    class_code: int  # base class, subclass and interface, 8 bits each
    driver: str
    iommu_group: str
    most_functions: int = 0  # virtual ones (SR-IOV)
    functions: tuple[str, ...] = ()  # addresses of those that are there, by their number


@dataclass(frozen=True, slots=True)
class Usb:
    bus: int
    port: str
    vendor: int
    product: int
    device_class: int
    driver: str
    number: int = 0  # on its bus, another one each time it is plugged in


@dataclass(frozen=True, slots=True)
class Nic:
    ifname: str
    mac: str
    speed_mbps: int  # 0: not known, or no link
    wireless: bool
    pci: tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class Can:
    ifname: str
    pci: tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class Cpu:
    number: int
    vendor: str
    model: str
    mhz: int


@dataclass(frozen=True, slots=True)
class Parts:
    """What is built in; a list is empty where the machine shows none."""

    pci: tuple[Pci, ...]
    usb: tuple[Usb, ...]
    nics: tuple[Nic, ...]
    cpus: tuple[Cpu, ...]
    disk_bytes: int
    kernel_cmdline: str
    cans: tuple[Can, ...] = ()
    others: frozenset[str] = frozenset()  # names in use by interfaces that are no CAN


NO_PARTS = Parts((), (), (), (), 0, "")


@dataclass(frozen=True, slots=True)
class Sysfs:
    root: Path = field(default=Path("/"))

    def parts(self) -> Parts:
        return Parts(
            tuple(self._pci()),
            tuple(self._usb()),
            tuple(self._nics()),
            tuple(self._cpus()),
            sum(self._disks()),
            self._text(self.root / "proc/cmdline"),
            tuple(self._cans()),
            frozenset(self._others()),
        )

    def nics(self) -> tuple[Nic, ...]:
        return tuple(self._nics())

    def usb(self) -> tuple[Usb, ...]:
        return tuple(self._usb())

    def _pci(self) -> Iterator[Pci]:
        for folder in self._entries("sys/bus/pci/devices"):
            address = _pci_address(folder.name)
            if address is None:
                continue
            group = folder / "iommu_group"
            yield Pci(
                address,
                _pci_address(folder.resolve().parent.name),
                self._hex(folder / "vendor"),
                self._hex(folder / "device"),
                self._hex(folder / "subsystem_device"),
                self._hex(folder / "revision"),
                self._hex(folder / "class"),
                _link_name(folder / "driver"),
                group.resolve().name if group.exists() else "",
                int(total) if (total := self._text(folder / "sriov_totalvfs")).isdigit() else 0,
                _functions(folder),
            )

    def _usb(self) -> Iterator[Usb]:
        for folder in self._entries("sys/bus/usb/devices"):
            place = _USB.fullmatch(folder.name)
            if place is not None:
                yield Usb(
                    int(place[1]),
                    place[2],
                    self._hex(folder / "idVendor"),
                    self._hex(folder / "idProduct"),
                    self._hex(folder / "bDeviceClass"),
                    _link_name(folder / "driver"),
                    int(told) if (told := self._text(folder / "devnum")).isdigit() else 0,
                )

    def _nics(self) -> Iterator[Nic]:
        """Adapters that hardware stands behind: bridges, taps and their like have no `device`."""
        for folder in self._entries("sys/class/net"):
            if not (folder / "device").exists() or self._text(folder / "type") == _CAN:
                continue
            speed = self._text(folder / "speed")
            yield Nic(
                folder.name,
                self._text(folder / "address"),
                int(speed) if speed.isdigit() else 0,
                (folder / "wireless").exists() or (folder / "phy80211").exists(),
                _pci_behind(folder),
            )

    def _cans(self) -> Iterator[Can]:
        """Those of software as well: somebody set them up for what runs here."""
        for folder in self._entries("sys/class/net"):
            if self._text(folder / "type") == _CAN:
                yield Can(folder.name, _pci_behind(folder))

    def _others(self) -> Iterator[str]:
        for folder in self._entries("sys/class/net"):
            if self._text(folder / "type") != _CAN:
                yield folder.name

    def _cpus(self) -> Iterator[Cpu]:
        for block in self._text(self.root / "proc/cpuinfo").split("\n\n"):
            facts = {
                key.strip(): value.strip()
                for key, colon, value in (line.partition(":") for line in block.splitlines())
                if colon
            }
            if facts.get("processor", "").isdigit():
                yield Cpu(
                    int(facts["processor"]),
                    facts.get("vendor_id", facts.get("CPU implementer", "")),
                    facts.get("model name", ""),
                    int(float(facts.get("cpu MHz", "0") or 0)),
                )

    def _disks(self) -> Iterator[int]:
        for folder in self._entries("sys/block"):
            sectors = self._text(folder / "size")
            if (folder / "device").exists() and sectors.isdigit():
                yield int(sectors) * 512

    def _entries(self, name: str) -> list[Path]:
        folder = self.root / name
        return sorted(folder.iterdir()) if folder.is_dir() else []

    def _hex(self, path: Path) -> int:
        text = self._text(path)
        try:
            return int(text, 16)
        except ValueError:
            return 0

    @staticmethod
    def _text(path: Path) -> str:
        """Empty for what is not there or may not be read (the speed of a link that is down)."""
        try:
            return path.read_text(errors="replace").strip()
        except OSError:
            return ""


def _pci_address(name: str) -> tuple[int, int, int, int] | None:
    found = _PCI.fullmatch(name)
    if found is None:
        return None
    return int(found[1], 16), int(found[2], 16), int(found[3], 16), int(found[4])


def _pci_behind(interface: Path) -> tuple[int, int, int, int] | None:
    device = interface / "device"
    chain = (device.resolve(), *device.resolve().parents) if device.exists() else ()
    return next((a for a in map(_pci_address, (p.name for p in chain)) if a), None)


def _functions(card: Path) -> tuple[str, ...]:
    numbers = (path.name.removeprefix("virtfn") for path in card.glob("virtfn*"))
    ordered = sorted(int(number) for number in numbers if number.isdigit())
    return tuple((card / f"virtfn{number}").resolve().name for number in ordered)


def _link_name(path: Path) -> str:
    return path.resolve().name if path.is_symlink() else ""
