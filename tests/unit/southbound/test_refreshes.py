"""Devices that are read again, many at once."""

import asyncio
from collections.abc import Sequence

import pytest

from eaves.controller.live.refreshes import Refreshes
from eaves.ids import DeviceId

ONE, OTHER = DeviceId("one"), DeviceId("other")


class Reading:
    """Reads when it is let, and fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.batches: list[tuple[DeviceId, ...]] = []
        self.may = asyncio.Event()
        self._failures = failures

    async def __call__(self, batch: Sequence[DeviceId]) -> None:
        self.batches.append(tuple(batch))
        await self.may.wait()
        if len(self.batches) <= self._failures:
            raise OSError("the database is away")


async def test_who_waits_while_another_reads_is_read_with_the_rest() -> None:
    reading = Reading()
    refreshes = Refreshes(reading)
    first = asyncio.create_task(refreshes.refresh(ONE))
    await asyncio.sleep(0)
    later = [asyncio.create_task(refreshes.refresh(one)) for one in (OTHER, ONE, OTHER)]
    await asyncio.sleep(0)
    reading.may.set()
    await asyncio.gather(first, *later)
    assert reading.batches[0] == (ONE,)
    assert [sorted(batch) for batch in reading.batches[1:]] == [[ONE, OTHER]]


async def test_whoever_asks_beside_one_whose_reading_failed_reads_for_itself() -> None:
    reading = Reading(failures=1)
    refreshes = Refreshes(reading)
    asked = [asyncio.create_task(refreshes.refresh(ONE)) for _ in range(2)]
    await asyncio.sleep(0)
    reading.may.set()
    first, second = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(first, OSError)
    assert second is None
    assert reading.batches == [(ONE,), (ONE,)]
    await refreshes.refresh(OTHER)
    assert len(reading.batches) == 3


@pytest.mark.parametrize("times", [1, 3])
async def test_every_call_is_answered_by_a_reading_that_began_after_it(times: int) -> None:
    reading = Reading()
    reading.may.set()
    refreshes = Refreshes(reading)
    for _ in range(times):
        await refreshes.refresh(ONE)
    assert reading.batches == [(ONE,)] * times
