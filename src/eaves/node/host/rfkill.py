"""Radios of this machine, as the kernel's rfkill switches them."""

from dataclasses import dataclass
from pathlib import Path

WLAN, WWAN = "wlan", "wwan"
CLASS = Path("/sys/class/rfkill")


@dataclass(frozen=True, slots=True)
class Radio:
    name: str  # as the driver calls it: phy0
    kind: str
    ifnames: frozenset[str]  # its network interfaces; none where sysfs does not tell
    silent: bool
    held: bool  # by a switch of the machine, which only a person moves
    place: Path


def radios(root: Path = CLASS) -> tuple[Radio, ...]:
    """Those that carry networks; one that goes meanwhile is left out."""
    found = [_radio(place) for place in sorted(root.glob("rfkill*"))]
    return tuple(r for r in found if r is not None and r.kind in (WLAN, WWAN))


def _radio(place: Path) -> Radio | None:
    def told(name: str) -> str:
        return (place / name).read_text().strip()

    try:
        nets = [*(place / "device/net").glob("*"), *(place / "device/device/net").glob("*")]
        names = frozenset(net.name for net in nets)
        soft, hard = told("soft") == "1", told("hard") == "1"
        return Radio(told("name"), told("type"), names, soft or hard, hard, place)
    except OSError:
        return None


def switch(radio: Radio, *, silent: bool) -> None:
    """Raises OSError."""
    (radio.place / "soft").write_text("1" if silent else "0")
