"""Power goes at any write of an update, again and again: a slot boots, and the update ends.

What a node writes to its slots, its boot partition and its checkpoint is cut in the middle of any
call, also while it mends what the cut before left.  What the disk itself may lose of the writes
that were not flushed is the matter of the tests with a machine.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.os_device import Device, config
from support.os_updates import Computer

from eaves.node.baseos.slots import SLOTS, Phase, Slot
from eaves.node.baseos.subsystem import AGAIN_S, BaseOs
from eaves.node.baseos.trial import Answer
from eaves.node.checkpoint import Checkpoint

OLD, NEW = "1", "2"
WINDOW_S = 600.0
MOST_STEPS = 40  # of one life, each up to a boot or a minute
EVERY_S = 100.0  # between two polls


class PowerCut(BaseException):
    """Nothing of the node catches it."""


class Power:
    """Ends at a call, of which a share was done; whatever is called later does nothing."""

    def __init__(self, calls: int, share: float) -> None:
        self._left, self._share, self.gone = calls, share, False

    def _ends_now(self) -> bool:
        if self.gone:
            raise PowerCut
        self._left -= 1
        self.gone = self._left < 0
        return self.gone

    def torn(self, data: bytes | memoryview) -> tuple[bytes | memoryview, bool]:
        if not self._ends_now():
            return data, False
        whole = memoryview(data)
        return whole[: int(len(whole) * self._share)], True

    def done(self, act: Callable[[], object]) -> object:
        """An act that is done or not."""
        if not self._ends_now():
            return act()
        if self._share >= 0.5:
            act()
        raise PowerCut

    @contextmanager
    def on(self) -> Generator[None]:
        write, pwrite, unlink, fsync = os.write, os.pwrite, os.unlink, os.fsync
        remember = Checkpoint.remember

        def written(fd: int, data: bytes | memoryview) -> int:
            part, ends = self.torn(data)
            count = write(fd, part)
            if ends:
                raise PowerCut
            return count

        def written_at(fd: int, data: bytes | memoryview, at: int) -> int:
            part, ends = self.torn(data)
            count = pwrite(fd, part, at)
            if ends:
                raise PowerCut
            return count

        def unlinked(path: Path) -> None:
            self.done(lambda: unlink(path))

        def synced(fd: int) -> None:
            self.done(lambda: fsync(fd))

        def remembered(checkpoint: Checkpoint, **facts: str | int | None) -> None:
            self.done(lambda: remember(checkpoint, **facts))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "write", written)
            patch.setattr(os, "pwrite", written_at)
            patch.setattr(os, "unlink", unlinked)
            patch.setattr(os, "fsync", synced)
            patch.setattr(Checkpoint, "remember", remembered)
            yield


class Life:
    """Of one device; `tested`: the new version had its window."""

    def __init__(self, folder: Path) -> None:
        self.device = Device(Computer(folder / "computer"), folder / "state")
        self.device.offer(self.device.computer.release(NEW))
        self.retry = 1
        self.tested = False
        self._booted_at = 0.0

    async def boot(self) -> BaseOs:
        """The loader finds a slot that is whole (its asserts), and so does the node."""
        self._booted_at = self.device.clock
        node = await self.device.boot()
        running, other = self.device.computer.states()
        good, others = SLOTS[node.phase]
        assert running is good, node.phase
        assert other in others, node.phase
        assert node.version in (OLD, NEW)
        if node.version == NEW and running is Slot.ACTIVE:
            assert self.tested, "a version is good that was not tested"
        return node

    async def goes_on(self) -> BaseOs:
        """Until nothing more follows from the configuration."""
        device = self.device
        node = device.node or await self.boot()
        for _ in range(MOST_STEPS):
            match node.phase:
                case Phase.REBOOTING | Phase.LEAVING:
                    node = await self.boot()
                case Phase.WAITING | Phase.TESTING:
                    await device.follow(config(NEW, retry=self.retry))
                    await self._is_tested()
                case _:
                    await device.follow(config(NEW, retry=self.retry))
                    if node.phase in (Phase.FAILED, Phase.REFUSED):
                        return node
                    if node.phase is Phase.IDLE and node.version == NEW:
                        assert node.counter() == self.retry
                        return node
                    device.clock += AGAIN_S
        raise AssertionError(f"it does not come to an end: {node.text()}")

    async def _is_tested(self) -> None:
        try:
            await self.device.passes(WINDOW_S + EVERY_S, Answer.WELL, EVERY_S)
        finally:
            self.tested |= self.device.clock - self._booted_at >= WINDOW_S


async def cut_again_and_again(folder: Path, cuts: list[tuple[int, float]]) -> int:
    """How many of them came before the end."""
    met = 0
    life = Life(folder)
    try:
        await life.boot()
        for calls, share in cuts:
            power = Power(calls, share)
            try:
                with power.on():
                    await life.goes_on()
            except PowerCut:
                life.device.node = None
                met += 1
        node = await life.goes_on()
        if node.version == OLD:
            # Its one trial was cut, and that is told; the counter gives it another one.
            assert node.phase in (Phase.FAILED, Phase.REFUSED)
            assert NEW in node.text()
            life.retry += 1
            node = await life.goes_on()
        assert (node.phase, node.version) == (Phase.IDLE, NEW)
        assert life.device.computer.states() == (Slot.ACTIVE, Slot.UNUSED)
        return met
    finally:
        life.device.close()


CUT = st.tuples(st.integers(0, 40), st.sampled_from((0.0, 0.4, 0.9, 1.0)))


@settings(max_examples=60)
@given(st.lists(CUT, min_size=1, max_size=5))
def test_whatever_is_cut_a_slot_boots_and_the_update_ends(cuts: list[tuple[int, float]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(cut_again_and_again(Path(folder), cuts))


@pytest.mark.parametrize("share", [0.0, 0.6])
def test_each_single_cut(share: float) -> None:
    """Every call of an update in turn, until one is so late that it is not reached."""
    calls, met = -1, 1
    while met:
        calls += 1
        with tempfile.TemporaryDirectory() as folder:
            met = asyncio.run(cut_again_and_again(Path(folder), [(calls, share)]))
    assert calls > 20, "an update is made of more than that"
