"""The two slots as they were when the disk was looked at last."""

import asyncio

from eaves.node.baseos.ports import SlotsOnDisk
from eaves.node.baseos.slots import Slot
from eaves.node.baseos.status import SlotSeen


class Pair:
    def __init__(self, disk: SlotsOnDisk) -> None:
        self._disk = disk
        self.states = (Slot.ACTIVE, Slot.UNUSED)  # of what runs, and of the other
        self.other_version = ""  # empty: the other holds nothing whole

    @property
    def version(self) -> str:
        """Of what runs."""
        return self._disk.running.version

    async def look(self) -> None:
        self.states, self.other_version = await asyncio.to_thread(self._read)

    def _read(self) -> tuple[tuple[Slot, Slot], str]:
        return self._disk.states(), self._disk.whole()

    def running(self) -> SlotSeen:
        device = self._disk.device_name(running=True)
        return SlotSeen(self._disk.running.letter, device, self.states[0], self.version)

    def other(self) -> SlotSeen:
        letter = "b" if self._disk.running.letter == "a" else "a"
        device = self._disk.device_name(running=False)
        return SlotSeen(letter, device, self.states[1], self.other_version)
