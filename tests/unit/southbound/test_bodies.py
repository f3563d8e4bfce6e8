"""Bodies of strangers: how much of them is held, and for how long."""

import asyncio

import pytest

from eaves.controller.southbound.bodies import InFlight, NoRoom, Readers


def test_what_bodies_hold_is_charged_as_it_comes_and_given_back() -> None:
    bodies = InFlight(100)
    first, second = bodies.one(), bodies.one()
    first.add(60)
    with pytest.raises(NoRoom):
        second.add(50)
    second.add(40)
    assert bodies.share_held == 1.0
    first.give_back()
    first.give_back()
    second.give_back()
    assert bodies.held == 0


async def _read(readers: Readers, body: asyncio.Future[bytes]) -> str:
    reader = readers.begin()
    try:
        await body
    except asyncio.CancelledError:
        if readers.end(reader):
            return "too slow"
        raise
    return "late" if readers.end(reader) else "read"


async def test_a_reader_whose_time_is_over_is_stopped_and_goes_on_as_before() -> None:
    loop = asyncio.get_running_loop()
    readers = Readers(0, loop)
    slow = asyncio.create_task(_read(readers, loop.create_future()))
    await asyncio.sleep(0)
    readers.stop_late()
    assert await slow == "too slow"
    assert slow.cancelling() == 0


async def test_a_reader_in_its_time_is_left_alone() -> None:
    loop = asyncio.get_running_loop()
    readers, body = Readers(60, loop), loop.create_future()
    reading = asyncio.create_task(_read(readers, body))
    await asyncio.sleep(0)
    readers.stop_late()
    body.set_result(b"whole")
    assert await reading == "read"


async def test_a_reader_that_somebody_else_cancels_ends() -> None:
    loop = asyncio.get_running_loop()
    reading = asyncio.create_task(_read(Readers(60, loop), loop.create_future()))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
