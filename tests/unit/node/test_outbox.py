"""Info messages are kept until accepted, the newest of each object only."""

import asyncio
from collections.abc import Callable

import pytest

from eaves.node.comms.outbox import Outbox, Outcome, outcome_of

ROWS = {
    None: Outcome.UNREACHABLE,
    200: Outcome.ACCEPTED,
    201: Outcome.ACCEPTED,
    204: Outcome.ACCEPTED,
    304: Outcome.ACCEPTED,
    400: Outcome.DROPPED,
    404: Outcome.DROPPED,
    422: Outcome.DROPPED,
    401: Outcome.REFUSED,
    403: Outcome.REFUSED,
    407: Outcome.REFUSED,
    408: Outcome.REFUSED,
    429: Outcome.REFUSED,
    500: Outcome.REFUSED,
    503: Outcome.REFUSED,
}


@pytest.mark.parametrize(("status", "outcome"), ROWS.items(), ids=[str(s) for s in ROWS])
def test_a_status_decides_the_fate_of_a_message(status: int | None, outcome: Outcome) -> None:
    """EVE API v2, section 3.3, row "info"."""
    assert outcome_of(status) is outcome


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a test's patience, bounded by the timeout
            await asyncio.sleep(0)


async def test_only_the_newest_message_of_an_object_is_sent() -> None:
    sent: list[bytes] = []

    async def send(payload: bytes) -> int | None:
        sent.append(payload)
        return 201

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
    refusals = [503]

    async def send(payload: bytes) -> int | None:
        sent.append(payload)
        return refusals.pop() if payload == b"a" and refusals else 201

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
