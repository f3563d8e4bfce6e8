"""The two slots as they were when the disk was looked at last."""

import asyncio

from eaves.node.baseos.loader import BootPartitionUnreadable
from eaves.node.baseos.ports import SlotsOnDisk
from eaves.node.baseos.slots import Slot
from eaves.node.baseos.status import SlotSeen


class Pair:
    def __init__(self, disk: SlotsOnDisk) -> None:
        self._disk = disk
        self.states = (Slot.ACTIVE, Slot.UNUSED)  # of what runs, and of the other
        self.known = False  # else they are what was known before
        self.other_version = ""  # empty: the other holds nothing whole
        self.other_epoch = 0

    @property
    def version(self) -> str:
        """Of what runs."""
        return self._disk.running.version

    async def look(self) -> None:
        await asyncio.to_thread(self._read)

    def _read(self) -> None:
        try:
            self.states, self.known = self._disk.states(), True
        except BootPartitionUnreadable:
            self.known = False
        self.other_version = self._disk.whole()
        held = self._disk.held(running=False)
        self.other_epoch = held.epoch if held is not None else 0

    def suppose_trial(self) -> None:
        """The entries cannot be read, and all else says that this is a trial."""
        self.states = Slot.INPROGRESS, Slot.ACTIVE

    def may_go_back(self) -> bool:
        """Is there a version in the other slot that was good before?"""
        return self.known and self.states == (Slot.ACTIVE, Slot.UNUSED) and self.other_version != ""

    def too_old(self) -> str:
        """Why the version in the other slot must not come back; empty: it may."""
        mine = self._disk.running
        if self.other_epoch >= mine.epoch:
            return ""
        return (
            f"force.fallback.counter asks for version {self.other_version}, older than what"
            f" may run here: its epoch is {self.other_epoch}, {mine.version} asks for {mine.epoch}"
        )

    def running(self) -> SlotSeen:
        device = self._disk.device_name(running=True)
        return SlotSeen(self._disk.running.letter, device, self.states[0], self.version)

    def other(self) -> SlotSeen:
        letter = "b" if self._disk.running.letter == "a" else "a"
        device = self._disk.device_name(running=False)
        return SlotSeen(letter, device, self.states[1], self.other_version)
