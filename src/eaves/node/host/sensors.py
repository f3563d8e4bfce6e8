"""Memory errors and temperatures, read from /sys below a root directory; nothing is changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rank:
    """A rank or DIMM; counters run since the driver was loaded."""

    name: str
    corrected: int
    uncorrected: int


@dataclass(frozen=True, slots=True)
class MemoryController:
    name: str
    corrected: int
    uncorrected: int
    ranks: tuple[Rank, ...] = ()


@dataclass(frozen=True, slots=True)
class Temperature:
    chip: str
    sensor: str
    celsius: float


@dataclass(frozen=True, slots=True)
class Sensors:
    root: Path = field(default=Path("/"))

    def memory_controllers(self) -> tuple[MemoryController, ...]:
        """None where the machine has no ECC, or its driver is not loaded."""
        folder = self.root / "sys/devices/system/edac/mc"
        return tuple(
            MemoryController(
                _text(one / "mc_name") or one.name,
                _number(one / "ce_count"),
                _number(one / "ue_count"),
                tuple(_ranks(one)),
            )
            for one in _entries(folder, "mc[0-9]*")
        )

    def temperatures(self) -> tuple[Temperature, ...]:
        return (*self._hwmon(), *self._zones())

    def _hwmon(self) -> Iterator[Temperature]:
        for chip in _entries(self.root / "sys/class/hwmon", "hwmon*"):
            for path in _entries(chip, "temp*_input"):
                sensor = path.name.removesuffix("_input")
                celsius = _millidegrees(path)
                if celsius is not None:
                    label = _text(chip / f"{sensor}_label") or sensor
                    yield Temperature(_text(chip / "name") or chip.name, label, celsius)

    def _zones(self) -> Iterator[Temperature]:
        for zone in _entries(self.root / "sys/class/thermal", "thermal_zone*"):
            celsius = _millidegrees(zone / "temp")
            if celsius is not None:
                yield Temperature(zone.name, _text(zone / "type") or zone.name, celsius)


def _ranks(controller: Path) -> Iterator[Rank]:
    """Newer drivers show ranks or DIMMs, older ones rows of chips."""
    for pattern, corrected, uncorrected in (
        ("rank[0-9]*", "dimm_ce_count", "dimm_ue_count"),
        ("dimm[0-9]*", "dimm_ce_count", "dimm_ue_count"),
        ("csrow[0-9]*", "ce_count", "ue_count"),
    ):
        found = _entries(controller, pattern)
        if found:
            for one in found:
                label = _text(one / "dimm_label") or one.name
                yield Rank(label, _number(one / corrected), _number(one / uncorrected))
            return


def _millidegrees(path: Path) -> float | None:
    """None for a sensor that cannot be read now, as that of a radio which is off."""
    try:
        return int(_text(path)) / 1000
    except ValueError:
        return None


def _entries(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern), key=lambda p: (len(p.name), p.name))


def _number(path: Path) -> int:
    text = _text(path)
    return int(text) if text.isdigit() else 0


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
