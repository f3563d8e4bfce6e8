"""When a device that could not be rendered comes again."""

import asyncio

import pytest

from eaves.controller.jobs import wanted
from eaves.controller.jobs.wanted import LONGEST_RETRY_S, RenderWanted, retry_after_s
from eaves.ids import DeviceId

EDGE, OTHER = DeviceId("edge"), DeviceId("other")


def test_rests_grow_and_are_bounded() -> None:
    rests = [retry_after_s(attempts) for attempts in range(1, 60)]
    assert rests[:4] == [5.0, 10.0, 20.0, 40.0]
    assert rests == sorted(rests)
    assert rests[-1] == LONGEST_RETRY_S


async def test_a_device_that_failed_comes_again_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wanted, "FIRST_RETRY_S", 0.01)
    queue = RenderWanted()
    queue.add((EDGE,))
    assert await queue.take(10) == (EDGE,)
    assert queue.failed(EDGE) == 0.01
    assert not queue.empty
    assert await asyncio.wait_for(queue.take(10), 5) == (EDGE,)
    assert queue.failed(EDGE) == 0.02
    queue.done((EDGE,))
    assert queue.empty
    queue.add((OTHER,))
    assert await queue.take(10) == (OTHER,)


async def test_who_asks_again_need_not_wait_for_the_rest() -> None:
    queue = RenderWanted()
    queue.add((EDGE,))
    await queue.take(10)
    queue.failed(EDGE)
    queue.add((EDGE,))
    assert await asyncio.wait_for(queue.take(10), 5) == (EDGE,)
