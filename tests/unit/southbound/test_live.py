"""The memory of the hot path: who is known, and who waits for a change."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from eaves.controller.live import Live, LiveDevice, NoWaiterPlace
from eaves.controller.live.state import MOST_WOKEN
from eaves.ids import ConfigHash, DeviceId

FIRST = LiveDevice(
    device_id=DeviceId("11111111-1111-4111-8111-111111111111"),
    enterprise_id="e",
    certificate_hash=bytes(32),
    certificate_der=b"",
    config_hash=ConfigHash("one"),
    integrity_token=b"",
    attestation_required=False,
    gone=False,
)


@pytest.fixture
async def live() -> Live:
    live = Live(waiters=2)
    live.bind(asyncio.get_running_loop())
    live.put(FIRST)
    return live


async def test_a_sender_is_found_by_both_lengths_of_its_hash(live: Live) -> None:
    """EVE API v2, section 4: senderCertHash has 16 or 32 bytes."""
    assert live.find_by_hash(bytes(32)) is FIRST
    assert live.find_by_hash(bytes(16)) is FIRST
    assert live.find_by_hash(b"x" * 32) is None


async def test_a_waiter_wakes_when_another_thread_says_what_changed(live: Live) -> None:
    changed = replace(FIRST, config_hash=ConfigHash("two"))

    async def read_rows(_: Sequence[DeviceId]) -> Sequence[LiveDevice]:
        return [changed]

    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(live.follow_forever(read_rows, lambda: None))
        waiting = tasks.create_task(live.wait_for_change(FIRST.device_id, "one", 60))
        await asyncio.to_thread(live.device_changed, FIRST.device_id)
        async with asyncio.timeout(30):
            assert await waiting
        following.cancel()
    assert live.waiter_count == 0


async def test_who_has_another_hash_does_not_wait(live: Live) -> None:
    assert await live.wait_for_change(FIRST.device_id, "other", 60)


async def test_a_wait_ends_without_a_change(live: Live) -> None:
    assert not await live.wait_for_change(FIRST.device_id, "one", 0.01)


async def test_a_wait_ends_when_its_client_leaves(live: Live) -> None:
    leaving: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(live.wait_for_change(FIRST.device_id, "one", 60, leaving))
        await _until(lambda: live.waiter_count == 1)
        leaving.set_result(None)
        async with asyncio.timeout(30):
            assert not await waiting
    assert live.waiter_count == 0


async def test_a_change_is_told_though_its_time_is_over(live: Live) -> None:
    """Both in the same turn of the loop: what changed must not wait for another request."""
    leaving: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(live.wait_for_change(FIRST.device_id, "one", 60, leaving))
        await _until(lambda: live.waiter_count == 1)
        leaving.set_result(None)
        live.put(replace(FIRST, config_hash=ConfigHash("two")))
        async with asyncio.timeout(30):
            assert await waiting


async def test_a_hash_that_is_back_is_no_change(live: Live) -> None:
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(live.wait_for_change(FIRST.device_id, "one", 60))
        await _until(lambda: live.waiter_count == 1)
        for config_hash in ("two", "one"):
            live.put(replace(FIRST, config_hash=ConfigHash(config_hash)))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not waiting.done()
        live.put(replace(FIRST, config_hash=ConfigHash("three")))
        async with asyncio.timeout(30):
            assert await waiting


async def test_waiters_past_the_bound_are_told_so(live: Live) -> None:
    async with asyncio.TaskGroup() as tasks:
        waiting = [
            tasks.create_task(live.wait_for_change(FIRST.device_id, "one", 60)) for _ in range(2)
        ]
        await _until(lambda: live.waiter_count == 2)
        with pytest.raises(NoWaiterPlace):
            await live.wait_for_change(FIRST.device_id, "one", 60)
        for task in waiting:
            task.cancel()
    assert live.waiter_count == 0


async def test_a_deleted_device_stays_known_until_its_row_goes(live: Live) -> None:
    """Section 3.3: 404 for a deleted device, 401 for an unknown key."""
    live.put(replace(FIRST, gone=True))
    assert (found := live.find_by_hash(bytes(32))) is not None
    assert found.gone
    live.remove(FIRST.device_id)
    assert live.find_by_hash(bytes(32)) is None


async def test_a_device_that_came_back_under_a_new_record_is_the_living_one(live: Live) -> None:
    again = replace(FIRST, device_id=DeviceId("22222222-2222-4222-8222-222222222222"))
    live.put(again)
    live.put(replace(FIRST, gone=True))
    assert live.find_by_hash(bytes(32)) is again


async def test_a_change_that_cannot_be_read_leaves_doubt_until_it_can(live: Live) -> None:
    """Section 3.3: what is not certain is 503, never 401 or 404."""
    healed = asyncio.Event()
    told = asyncio.Event()

    async def read_rows(_: Sequence[DeviceId]) -> Sequence[LiveDevice]:
        if not healed.is_set():
            raise OSError
        return [replace(FIRST, config_hash=ConfigHash("two"))]

    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(live.follow_forever(read_rows, told.set))
        live.device_changed(FIRST.device_id)
        async with asyncio.timeout(30):
            await told.wait()
        assert live.in_doubt
        healed.set()
        async with asyncio.timeout(30):
            assert await live.wait_for_change(FIRST.device_id, "one", 60)
        following.cancel()


async def test_closing_sends_every_waiter_away(live: Live) -> None:
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(_refused(live))
        await _until(lambda: live.waiter_count == 1)
        live.close()
        async with asyncio.timeout(30):
            assert await waiting


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("what was waited for did not happen")


async def _refused(live: Live) -> bool:
    with pytest.raises(NoWaiterPlace):
        await live.wait_for_change(FIRST.device_id, "one", 60)
    return True


async def test_no_more_have_to_attest_at_once_than_are_let(live: Live) -> None:
    """The next is told when one of those before has attested, or does not come."""
    count = MOST_WOKEN + 1
    ids = [DeviceId(f"{number:08d}-1111-4111-8111-111111111111") for number in range(count)]
    held = replace(FIRST, attestation_required=True, integrity_token=b"token")
    live = Live(waiters=count)
    live.bind(asyncio.get_running_loop())
    for number, one in enumerate(ids):
        live.put(replace(held, device_id=one, certificate_hash=number.to_bytes(32, "big")))
    async with asyncio.TaskGroup() as tasks:
        waking = tasks.create_task(live.wake_forever())
        waits = [tasks.create_task(live.wait_for_change(one, "one", 60)) for one in ids]
        await asyncio.sleep(0)  # all of them begin
        assert live.waiter_count == count
        for one in ids:
            known = live.find(one)
            assert known is not None
            live.put(replace(known, integrity_token=b""))
        async with asyncio.timeout(30):
            await asyncio.gather(*waits[:MOST_WOKEN])
            assert not waits[-1].done()
            first = live.find(ids[0])
            assert first is not None
            live.put(replace(first, integrity_token=b"another"))
            assert await waits[-1]
        waking.cancel()


async def test_who_stands_in_line_to_attest_waits_on_and_who_missed_its_turn_is_told(
    live: Live,
) -> None:
    held = replace(FIRST, attestation_required=True, integrity_token=b"token")
    live.put(held)
    live.put(replace(held, integrity_token=b""))
    assert not await live.wait_for_change(FIRST.device_id, "one", 0.01)
    async with asyncio.TaskGroup() as tasks:
        waking = tasks.create_task(live.wake_forever())
        await asyncio.sleep(0)  # its turn comes, and nobody waits
        async with asyncio.timeout(30):
            assert await live.wait_for_change(FIRST.device_id, "one", 60)
        waking.cancel()
    assert await live.wait_for_change(FIRST.device_id, "one", 0.01)


async def test_who_attested_while_it_stood_in_line_is_not_told(live: Live) -> None:
    held = replace(FIRST, attestation_required=True, integrity_token=b"token")
    live.put(held)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(live.wait_for_change(FIRST.device_id, "one", 60))
        await _until(lambda: live.waiter_count == 1)
        live.put(replace(held, integrity_token=b""))
        live.put(held)
        waking = tasks.create_task(live.wake_forever())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        waking.cancel()
    assert not live.was_told(FIRST.device_id)


@pytest.mark.parametrize("config_hash", ["one", "two"], ids=["same", "another"])
async def test_who_was_told_and_attested_is_told_no_more(live: Live, config_hash: str) -> None:
    """Also where its configuration changed at the same time."""
    held = replace(FIRST, attestation_required=True, integrity_token=b"token")
    live.put(held)
    async with asyncio.TaskGroup() as tasks:
        waking = tasks.create_task(live.wake_forever())
        waiting = tasks.create_task(live.wait_for_change(FIRST.device_id, "one", 60))
        await _until(lambda: live.waiter_count == 1)
        live.put(replace(held, integrity_token=b""))
        async with asyncio.timeout(30):
            assert await waiting
        waking.cancel()
    live.put(replace(held, config_hash=ConfigHash(config_hash)))
    live.put(replace(held, config_hash=ConfigHash(config_hash), integrity_token=b""))
    assert not live.was_told(FIRST.device_id)
