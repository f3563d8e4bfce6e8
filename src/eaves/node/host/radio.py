"""Radios of this machine, switched by the kernel's rfkill."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Radios:
    root: Path = field(default=Path("/"))

    def silence(self, *, on: bool) -> str:
        """Block all radios, or let them send again; what could not be done, or nothing."""
        failed: list[str] = []
        for radio in sorted((self.root / "sys/class/rfkill").glob("rfkill*")):
            try:
                (radio / "soft").write_text("1" if on else "0")
            except OSError as error:
                failed.append(f"{self._name(radio)}: {error.strerror or error}")
        return "; ".join(failed)

    @staticmethod
    def _name(radio: Path) -> str:
        try:
            return (radio / "name").read_text().strip()
        except OSError:
            return radio.name
