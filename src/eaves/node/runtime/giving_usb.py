"""Handing USB devices to the emulators of the apps that they are assigned to, while they run."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import structlog

from eaves.node.host.inventory import Usb
from eaves.node.host.usb_files import UsbFiles
from eaves.node.refs import UsbRule

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0  # the emulator looks every two


@dataclass(frozen=True, slots=True)
class GivenUsb:
    rule: UsbRule
    uid: int  # of the emulator


class GivingUsb:
    def __init__(self, files: UsbFiles, given: Callable[[], tuple[GivenUsb, ...]]) -> None:
        self._files = files
        self._given = given
        self._had = True  # as far as anybody knows: a node before this one may have given some
        self._failed = ""

    async def run_forever(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        given = self._given()
        if not given and not self._had:
            return
        try:
            await asyncio.to_thread(self._files.give, lambda device: _owner(device, given))
        except OSError as error:
            if str(error) != self._failed:
                self._failed = str(error)
                log.warning("usb_device_not_given", why=self._failed)
            return
        self._had, self._failed = bool(given), ""


def _owner(device: Usb, given: Iterable[GivenUsb]) -> int:
    place = device.bus, device.port, device.vendor, device.product
    return next((one.uid for one in given if one.rule.means(*place)), 0)
