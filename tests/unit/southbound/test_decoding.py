"""Large messages leave the loop to the polls, one after the other of each device."""

import asyncio
import threading

import pytest

from eaves.controller.southbound.decoding import LARGE, MAX_WAITING, Decoding
from eaves.controller.telemetry.pipeline import Busy
from eaves.errors import Rejected
from eaves.ids import DeviceId

ONE, OTHER = DeviceId("one"), DeviceId("other")


async def test_only_what_is_large_goes_to_a_thread() -> None:
    decoding, here = Decoding(), threading.get_ident()

    def who(_data: bytes) -> int:
        return threading.get_ident()

    assert await decoding.run(ONE, who, bytes(LARGE)) == here
    assert await decoding.run(ONE, who, bytes(LARGE + 1)) != here


async def test_a_device_waits_for_itself_and_others_do_not() -> None:
    decoding, going_on, begun = Decoding(), threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        going_on.wait(10)

    first = asyncio.create_task(decoding.beside(ONE, slow))
    try:
        await asyncio.to_thread(begun.wait, 10)
        waiting = [
            asyncio.create_task(decoding.beside(ONE, lambda: None)) for _ in range(MAX_WAITING - 1)
        ]
        await asyncio.sleep(0)  # each takes its place
        with pytest.raises(Busy):
            await decoding.beside(ONE, lambda: None)
        await decoding.beside(OTHER, lambda: None)
        assert not any(task.done() for task in waiting)
    finally:
        going_on.set()
    await asyncio.gather(first, *waiting)
    await decoding.beside(ONE, lambda: None)


async def test_what_does_not_read_fails_alone() -> None:
    decoding = Decoding()

    def broken(_data: bytes) -> None:
        raise Rejected("no message")

    for _ in range(MAX_WAITING + 1):
        with pytest.raises(Rejected):
            await decoding.run(ONE, broken, bytes(LARGE + 1))
