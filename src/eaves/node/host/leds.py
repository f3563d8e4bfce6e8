"""The light of a machine that tells how its node is, by sysfs; many machines have none.

Reads and writes below a root directory, so that the recorded tree of a machine is a test fixture.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

CLASS: Final = "sys/class/leds"
FUNCTIONS: Final = ("status", "indicator", "system", "sys")  # the first that is there


def write_text(path: Path, text: str) -> None:
    path.write_text(text)


@dataclass(frozen=True, slots=True)
class Led:
    folder: Path
    brightest: str
    write: Callable[[Path, str], None] = write_text

    def take(self) -> None:
        """From what blinks it otherwise.  Raises OSError."""
        trigger = self.folder / "trigger"
        if trigger.exists():
            self.write(trigger, "none")

    def shine(self, *, on: bool) -> None:
        """Raises OSError."""
        self.write(self.folder / "brightness", self.brightest if on else "0")


@dataclass(frozen=True, slots=True)
class Leds:
    root: Path = field(default=Path("/"))
    write: Callable[[Path, str], None] = write_text

    def status(self) -> Led | None:
        """That for the state of the whole: not one of a keyboard, a disk or a network port."""
        folder = self.root / CLASS
        named = sorted(folder.iterdir()) if folder.is_dir() else []
        for function in FUNCTIONS:
            for place in named:
                # As the kernel names them: device:colour:function, with a number beside others.
                if re.search(rf":{function}(-\d+)?$", place.name):
                    return self._led(place)
        return None

    def _led(self, place: Path) -> Led | None:
        try:
            brightest = (place / "max_brightness").read_text().strip()
        except OSError:
            return None
        return Led(place, brightest, self.write) if brightest.isdecimal() else None
