"""Info messages are kept until accepted, the newest of each object only."""

import asyncio
from collections.abc import Callable

from eaves.evapi.flows.report import Delivered, Dropped, Fate, Kept
from eaves.node.comms.outbox import Outbox


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a test's patience, bounded by the timeout
            await asyncio.sleep(0)


async def test_only_the_newest_message_of_an_object_is_sent() -> None:
    sent: list[bytes] = []

    async def send(payload: bytes) -> Fate:
        sent.append(payload)
        return Delivered()

    outbox = Outbox(lambda: 0.0)
    outbox.put("app a", b"old")
    outbox.put("app a", b"new")
    outbox.put("device", b"device", priority=0)
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(outbox.send_forever(send))
        await _until(lambda: len(outbox) == 0)
        sending.cancel()
    assert sent == [b"device", b"new"]


async def test_a_message_that_nobody_took_is_sent_again_and_holds_up_no_other() -> None:
    sent: list[bytes] = []
    now = 0.0
    refusals = [Kept("status 429", refused=True)]

    async def send(payload: bytes) -> Fate:
        sent.append(payload)
        return refusals.pop() if payload == b"a" and refusals else Delivered()

    outbox = Outbox(lambda: now)
    outbox.put("a", b"a")
    outbox.put("b", b"b")
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(outbox.send_forever(send))
        await _until(lambda: sent == [b"a", b"b"])
        outbox.kick()
        await _until(lambda: len(outbox) == 0)
        sending.cancel()
    assert sent == [b"a", b"b", b"a"]


async def test_a_message_refused_for_ever_is_dropped() -> None:
    async def send(payload: bytes) -> Fate:
        return Dropped(f"status 422 for {payload!r}")

    outbox = Outbox(lambda: 0.0)
    outbox.put("a", b"a")
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(outbox.send_forever(send))
        await _until(lambda: len(outbox) == 0)
        sending.cancel()
