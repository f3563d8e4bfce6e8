"""Whose turn it is to attest: in order, enterprises one after the other, never without bound."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.virtual_time import VirtualLoop

from eaves.controller.live import Live, LiveDevice
from eaves.controller.southbound.turns import AT_ONCE, BURST_S, COUNTED_S, LINE_S, PER_S, Turns
from eaves.controller.telemetry.pipeline import Busy, Stopped
from eaves.ids import ConfigHash, DeviceId

ONE, OTHER = "one enterprise", "another"


class Line:
    """Requests for nonces; `begun` names the devices in the order of their turns."""

    def __init__(self, loop: VirtualLoop, waiters: int = 100) -> None:
        self.loop, self.live = loop, Live(waiters=waiters)
        self.turns = Turns(self.live, loop)
        self.begun: list[str] = []

    def ask(self, name: str, of: str = ONE, *, may_wait: bool = True) -> "asyncio.Task[None]":
        asked = self.loop.create_task(self._ask(name, of, may_wait=may_wait))
        self.loop.settle()
        return asked

    async def _ask(self, name: str, of: str, *, may_wait: bool) -> None:
        await self.turns.take(DeviceId(name), of, may_wait=may_wait)
        self.begun.append(name)

    def fill(self) -> None:
        """As many as may begin at once; they do not count among `begun`."""
        for number in range(AT_ONCE):
            self.ask(f"first {number}")
            self.loop.pass_by(1 / PER_S)
        assert len(self.begun) == AT_ONCE
        self.begun.clear()

    def give(self) -> None:
        """All of the first get their nonce."""
        for number in range(AT_ONCE):
            self.turns.given(DeviceId(f"first {number}"))
        self.loop.settle()

    def end(self, name: str) -> None:
        self.turns.end(DeviceId(name))
        self.loop.settle()


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    for task in asyncio.all_tasks(made):
        task.cancel()
    made.settle()
    made.close()


def test_one_begins_when_another_has_its_verdict(loop: VirtualLoop) -> None:
    line = Line(loop)
    line.fill()
    for name in ("a", "b"):
        line.ask(name)
    assert line.begun == []
    assert (len(line.turns), line.live.waiter_count) == (2, 2)
    line.end("first 3")
    assert line.begun == ["a"]
    line.end("a device that did not begin")
    assert line.begun == ["a"]
    line.end("a")
    assert line.begun == ["a", "b"]
    assert (len(line.turns), line.live.waiter_count) == (0, 0)


def test_a_slow_device_makes_room_for_the_next(loop: VirtualLoop) -> None:
    line = Line(loop)
    line.fill()
    line.ask("a")
    line.give()
    loop.pass_by(COUNTED_S / 2)
    assert line.begun == []
    loop.pass_by(COUNTED_S)
    assert line.begun == ["a"]


def test_what_is_under_way_here_makes_no_room_however_long_it_takes(loop: VirtualLoop) -> None:
    """A slow database would otherwise be given more and more."""
    line = Line(loop)
    line.fill()
    line.ask("a")
    loop.pass_by(LINE_S / 3)
    assert line.begun == []
    line.give()
    for number in range(AT_ONCE):
        line.turns.quoted(DeviceId(f"first {number}"))
    loop.pass_by(LINE_S / 3)
    assert line.begun == []
    line.end("first 7")
    assert line.begun == ["a"]


def test_a_turn_that_nobody_takes_is_given_to_the_next(loop: VirtualLoop) -> None:
    line = Line(loop)
    line.fill()
    gone = line.ask("a")
    line.ask("b")
    line.turns.end(DeviceId("first 0"))  # its turn has come, and it has not seen it yet
    gone.cancel()
    loop.settle()
    assert gone.cancelled()
    assert line.begun == ["b"]


def test_enterprises_take_turns_and_devices_keep_their_order(loop: VirtualLoop) -> None:
    line = Line(loop)
    line.fill()
    for name in ("a1", "a2", "a3"):
        line.ask(name)
    for name in ("b1", "b2"):
        line.ask(name, OTHER)
    for number in range(5):
        line.end(f"first {number}")
    assert line.begun == ["a1", "b1", "a2", "b2", "a3"]


def test_who_asks_again_keeps_its_place_and_one_answer(loop: VirtualLoop) -> None:
    line = Line(loop)
    line.fill()
    earlier = line.ask("a")
    line.ask("b")
    later = line.ask("a")
    assert isinstance(earlier.exception(), Busy)
    assert len(line.turns) == 2
    line.end("first 0")
    assert line.begun == ["a"]
    assert later.done()
    assert later.exception() is None


def test_who_waits_too_long_is_told_to_come_back(loop: VirtualLoop) -> None:
    line = Line(loop)
    line.fill()
    late = line.ask("a")
    loop.pass_by(LINE_S / 2)
    assert not late.done()
    loop.pass_by(LINE_S / 2)
    assert isinstance(late.exception(), Busy)
    assert (len(line.turns), line.live.waiter_count) == (0, 0)
    line.end("first 0")
    assert line.begun == []


def test_a_line_is_as_long_as_there_are_places(loop: VirtualLoop) -> None:
    line = Line(loop, waiters=1)
    line.fill()
    line.ask("a")
    assert isinstance(line.ask("b").exception(), Busy)
    assert len(line.turns) == 1
    line.end("first 0")
    assert line.begun == ["a"]


def test_a_large_request_does_not_wait(loop: VirtualLoop) -> None:
    line = Line(loop)
    line.ask("alone", may_wait=False)
    assert line.begun == ["alone"]
    line.begun.clear()
    for number in range(AT_ONCE):
        line.ask(f"first {number}")
    assert isinstance(line.ask("large", may_wait=False).exception(), Busy)


def test_who_leaves_gives_its_place_back(loop: VirtualLoop) -> None:
    line = Line(loop)
    line.fill()
    leaving = line.ask("a")
    leaving.cancel()
    loop.settle()
    assert (len(line.turns), line.live.waiter_count) == (0, 0)
    line.ask("b")
    line.end("first 0")
    assert line.begun == ["b"]


def test_a_controller_that_stops_keeps_nobody_waiting(loop: VirtualLoop) -> None:
    line = Line(loop)
    line.fill()
    waiting = [line.ask("a"), line.ask("b", OTHER)]
    line.turns.close()
    loop.settle()
    assert all(isinstance(one.exception(), Stopped) for one in waiting)
    assert isinstance(line.ask("c").exception(), Stopped)
    assert line.live.waiter_count == 0


def test_a_fleet_that_comes_at_once_begins_at_the_pace(loop: VirtualLoop) -> None:
    """However fast it is served: the rest of a core is for who polls meanwhile."""
    line, seconds, step_s = Line(loop, waiters=1000), 3, 0.01
    for number in range(1000):
        line.ask(f"device {number}")
    for _ in range(round(seconds / step_s)):
        for name in line.begun[-AT_ONCE:]:
            line.turns.end(DeviceId(name))
        loop.pass_by(step_s)
    assert len(line.begun) == pytest.approx((seconds + BURST_S) * PER_S, abs=3)
    assert line.begun == [f"device {number}" for number in range(len(line.begun))]


def test_a_node_that_was_told_to_attest_has_its_turn_once(loop: VirtualLoop) -> None:
    line, node = Line(loop), DeviceId("a node")
    held = LiveDevice(
        device_id=node,
        enterprise_id=ONE,
        certificate_hash=bytes(32),
        certificate_der=b"",
        config_hash=ConfigHash("one"),
        integrity_token=b"token",
        attestation_required=True,
        gone=False,
    )
    line.live.put(held)
    loop.create_task(line.live.wake_forever())
    waiting = loop.create_task(line.live.wait_for_change(node, "one", 60))
    loop.settle()
    line.live.put(replace(held, integrity_token=b""))
    loop.settle()
    assert waiting.result()
    line.fill()
    line.ask("a")
    line.ask(node)
    assert line.begun == [node]
    line.ask(node)
    assert line.begun == [node]
    line.end("first 0")
    assert line.begun == [node]  # the one that was told took the place
    line.end("first 1")
    assert line.begun == [node, "a"]
