"""Files of USB devices that belong to emulators, which are users of their own.

An emulator looks for its devices every two seconds, so what is plugged in later, or anew, needs no
more than its file.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from eaves.node.host.inventory import Sysfs, Usb

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class UsbFiles:
    emulators: range  # users
    root: Path = Path("/")

    def give(self, owner: Callable[[Usb], int]) -> None:
        """Each device to its user; back to root (0) what an emulator had and has no more.

        Raises OSError of the first that does not change hands; the others do all the same.
        """
        failed: OSError | None = None
        for device in Sysfs(self.root).usb():
            try:
                self._give(device, owner(device))
            except FileNotFoundError:
                log.debug("unplugged_meanwhile", bus=device.bus, port=device.port)
            except OSError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def _give(self, device: Usb, owner: int) -> None:
        path = self.root / f"dev/bus/usb/{device.bus:03}/{device.number:03}"
        had = path.stat().st_uid
        if had != owner and (owner or had in self.emulators):
            os.chown(path, owner, -1)
            log.info("usb_device_given", path=str(path), uid=owner)
