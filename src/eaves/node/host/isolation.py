"""What of this machine its own drivers may use, as sysfs tells and takes it.

Reads and writes below a root directory, so that the recorded tree of a machine is a test fixture.
"""

import errno
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

USB = "sys/bus/usb"
PLATFORM = "sys/bus/platform"
CONSOLES = "sys/class/vtconsole"
_DEVICE = re.compile(r"(\d+)-(\d+(?:\.\d+)*)")
_FRAME_BUFFER = re.compile(r"((?:efi|simple|vesa)-framebuffer)\.\d+")
_UNPLUGGED = (errno.ENOENT, errno.ENODEV)


@dataclass(frozen=True, slots=True)
class Interface:
    """Of a USB device: what a driver binds to."""

    name: str  # "1-2.1:1.0"
    bus: int
    port: str
    vendor: int
    product: int
    kind: int  # class code
    authorized: bool
    in_use: bool = False  # what this machine runs on lies on a disk behind it


@dataclass(frozen=True, slots=True)
class FrameBuffer:
    """What the firmware set up for the display."""

    name: str  # "efi-framebuffer.0"
    driver: str  # that fits
    bound: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """`buses` and `consoles`: name -> whether new interfaces, or the display, are let in."""

    interfaces: tuple[Interface, ...] = ()
    buses: tuple[tuple[str, bool], ...] = ()
    consoles: tuple[tuple[str, bool], ...] = ()  # that draw on a frame buffer
    frame_buffers: tuple[FrameBuffer, ...] = ()


@dataclass(frozen=True, slots=True)
class Write:
    path: str  # below the root
    text: str


def write_text(path: Path, text: str) -> None:
    path.write_text(text)


@dataclass(frozen=True, slots=True)
class Isolation:
    root: Path = field(default=Path("/"))
    write: Callable[[Path, str], None] = write_text

    def look(self) -> Seen:
        return Seen(
            tuple(self._interfaces()),
            tuple(self._buses()),
            tuple(self._consoles()),
            tuple(self._frame_buffers()),
        )

    def carry_out(self, writes: Iterable[Write]) -> tuple[str, ...]:
        """Each of them, whatever becomes of the others; the sentences of those that failed."""
        failed: list[str] = []
        for one in writes:
            try:
                self.write(self.root / one.path, one.text)
            except OSError as error:
                if error.errno in _UNPLUGGED:
                    log.debug("unplugged_meanwhile", path=one.path)
                else:
                    failed.append(f"/{one.path} does not take {one.text!r}: {error.strerror}")
        return tuple(failed)

    def _interfaces(self) -> Iterator[Interface]:
        needed = self._disks_in_use()
        for folder in self._entries(f"{USB}/devices"):
            device, colon, _ = folder.name.partition(":")
            place = _DEVICE.fullmatch(device)
            allowed = _text(folder / "authorized")
            if not colon or place is None or allowed not in {"0", "1"}:
                continue
            above = folder.parent / device
            yield Interface(
                folder.name,
                int(place[1]),
                place[2],
                _hex(above / "idVendor"),
                _hex(above / "idProduct"),
                _hex(folder / "bInterfaceClass"),
                allowed == "1",
                folder.name in needed,
            )

    def _disks_in_use(self) -> frozenset[str]:
        """What is on the way to each block device that is mounted, swapped to or under another."""
        mounts = _text(self.root / "proc/self/mountinfo").splitlines()
        mounted = {number for line in mounts for number in line.split()[2:3]}
        swaps = _text(self.root / "proc/swaps").splitlines()[1:]
        swapped = {Path(name).name for line in swaps for name in line.split()[:1]}
        return frozenset(
            part
            for folder in self._entries("sys/class/block")
            if _text(folder / "dev") in mounted
            or folder.name in swapped
            or _filled(folder / "holders")
            for part in folder.resolve().parts
        )

    def _buses(self) -> Iterator[tuple[str, bool]]:
        for folder in self._entries(f"{USB}/devices"):
            told = _text(folder / "interface_authorized_default")
            if told in {"0", "1"}:
                yield folder.name, told == "1"

    def _consoles(self) -> Iterator[tuple[str, bool]]:
        for folder in self._entries(CONSOLES):
            if "frame buffer" in _text(folder / "name"):
                yield folder.name, _text(folder / "bind") == "1"

    def _frame_buffers(self) -> Iterator[FrameBuffer]:
        for folder in self._entries(f"{PLATFORM}/devices"):
            found = _FRAME_BUFFER.fullmatch(folder.name)
            if found is not None:
                yield FrameBuffer(folder.name, found[1], (folder / "driver").exists())

    def _entries(self, name: str) -> list[Path]:
        folder = self.root / name
        return sorted(folder.iterdir()) if folder.is_dir() else []


def _filled(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _hex(path: Path) -> int:
    try:
        return int(_text(path), 16)
    except ValueError:
        return 0
