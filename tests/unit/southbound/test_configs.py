"""Configurations for devices that ask at once: few readings, bounded memory."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from eaves.controller.southbound.configs import (
    GATHER_S,
    MOST_AT_ONCE,
    READ_AT_ONCE,
    Configs,
    SealedConfig,
)
from eaves.controller.store.rendered import RenderedConfig
from eaves.evapi.envelope import Sender
from eaves.evapi.keys import KeySigner
from eaves.ids import ConfigHash, DeviceId

SIZE = 10_000
AT = datetime(2026, 1, 1, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)


class Store:
    """Rendered configurations, and how often they were read."""

    def __init__(self) -> None:
        self.hashes: dict[DeviceId, ConfigHash] = {}
        self.at = AT
        self.readings: list[int] = []
        self.fails = False

    async def read(self, device_ids: Sequence[DeviceId]) -> Mapping[DeviceId, RenderedConfig]:
        self.readings.append(len(device_ids))
        if self.fails:
            raise OSError("the disk is gone")
        return {
            one: RenderedConfig(self.hashes[one], self.at, bytes(SIZE))
            for one in device_ids
            if one in self.hashes
        }


def _many(count: int) -> list[DeviceId]:
    return [DeviceId(f"device-{number}") for number in range(count)]


@asynccontextmanager
async def _serving(
    store: Store, kept_bytes: int = 1 << 30, gather_s: float = GATHER_S
) -> AsyncGenerator[Configs]:
    configs = Configs(store.read, kept_bytes=kept_bytes, gather_s=gather_s)
    reading = asyncio.create_task(configs.read_forever())
    try:
        yield configs
    finally:
        reading.cancel()


async def test_devices_that_ask_at_once_share_readings() -> None:
    store, ids = Store(), _many(READ_AT_ONCE * 3)
    store.hashes = dict.fromkeys(ids, ConfigHash("one"))
    async with _serving(store) as configs:
        found = await asyncio.gather(*(configs.find(one, ConfigHash("one"), AT) for one in ids))
        assert all(one is not None and one.config_hash == "one" for one in found)
        assert store.readings == [READ_AT_ONCE, READ_AT_ONCE * 2]
        await asyncio.gather(*(configs.find(one, ConfigHash("one"), AT) for one in ids))
        assert len(store.readings) == 2


async def test_readings_grow_while_devices_are_left_waiting_and_shrink_after() -> None:
    store, ids = Store(), _many(1200)
    store.hashes = dict.fromkeys(ids, ConfigHash("one"))
    async with _serving(store) as configs:
        await asyncio.gather(*(configs.find(one, ConfigHash("one"), AT) for one in ids))
        assert store.readings == [64, 128, 256, 256, 256, 240]
        assert max(store.readings) <= MOST_AT_ONCE
        store.hashes = dict.fromkeys(ids, ConfigHash("two"))
        await asyncio.gather(*(configs.find(one, ConfigHash("two"), AT) for one in ids[:65]))
        assert store.readings[6:] == [64, 1]


async def test_devices_that_ask_soon_after_each_other_share_a_reading() -> None:
    store, ids = Store(), _many(5)
    store.hashes = dict.fromkeys(ids, ConfigHash("one"))
    async with _serving(store, gather_s=0.5) as configs:
        await asyncio.gather(*(configs.find(one, ConfigHash("one"), AT) for one in ids[:2]))
        asking: list[asyncio.Task[RenderedConfig | None]] = []
        for one in ids[2:]:
            asking.append(asyncio.create_task(configs.find(one, ConfigHash("one"), AT)))
            await asyncio.sleep(0)
        assert all(await asyncio.gather(*asking))
    assert store.readings == [2, 3]


async def test_a_newer_hash_is_read_anew() -> None:
    store, device = Store(), DeviceId("d")
    store.hashes[device] = ConfigHash("one")
    async with _serving(store) as configs:
        await configs.find(device, ConfigHash("one"), AT)
        store.hashes[device] = ConfigHash("two")
        found = await configs.find(device, ConfigHash("two"), AT)
        assert found is not None
        assert found.config_hash == "two"


async def test_what_is_kept_stays_within_its_bound() -> None:
    store, ids = Store(), _many(200)
    store.hashes = dict.fromkeys(ids, ConfigHash("one"))
    async with _serving(store, kept_bytes=20 * SIZE) as configs:
        for one in ids:
            await configs.find(one, ConfigHash("one"), AT)
            assert configs.size <= 20 * SIZE
        before = len(store.readings)
        await configs.find(ids[-1], ConfigHash("one"), AT)
        assert len(store.readings) == before
        await configs.find(ids[0], ConfigHash("one"), AT)
        assert len(store.readings) == before + 1


async def test_a_device_without_a_configuration_gets_none() -> None:
    async with _serving(Store()) as configs:
        assert await configs.find(DeviceId("d"), ConfigHash("one"), AT) is None
        assert configs.size == 0


async def test_a_failed_reading_is_told_to_who_asked_and_the_next_one_is_tried() -> None:
    store, device = Store(), DeviceId("d")
    store.hashes[device] = ConfigHash("one")
    store.fails = True
    async with _serving(store) as configs:
        with pytest.raises(OSError, match="the disk is gone"):
            await configs.find(device, ConfigHash("one"), AT)
        store.fails = False
        assert await configs.find(device, ConfigHash("one"), AT) is not None


async def test_who_left_while_it_was_read_takes_nothing_from_the_others() -> None:
    store, device = Store(), DeviceId("d")
    store.hashes[device] = ConfigHash("one")
    async with _serving(store) as configs:
        gone = asyncio.create_task(configs.find(device, ConfigHash("one"), AT))
        stays = asyncio.create_task(configs.find(device, ConfigHash("one"), AT))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays is not None
        assert store.readings == [1]


def test_that_a_configuration_was_served_is_news_once() -> None:
    configs = Configs(Store().read, kept_bytes=0)
    served = [
        configs.first_served(DeviceId("d"), ConfigHash(config_hash))
        for config_hash in ("one", "one", "two", "two", "one")
    ]
    assert served == [True, False, True, False, True]


def _sender() -> Sender:
    return Sender(KeySigner(ec.generate_private_key(ec.SECP256R1())), b"h" * 32)


async def test_who_asks_again_gets_the_envelope_of_before_while_nothing_changed() -> None:
    store, device, sender = Store(), DeviceId("d"), _sender()
    store.hashes[device] = ConfigHash("one")
    async with _serving(store) as configs:
        await configs.find(device, ConfigHash("one"), AT)
        assert configs.sealed(device, ConfigHash("one"), AT, sender) is None
        configs.keep_sealed(device, SealedConfig(ConfigHash("one"), AT, sender, b"e" * SIZE))
        assert configs.sealed(device, ConfigHash("one"), AT, sender) == b"e" * SIZE
        assert configs.sealed(device, ConfigHash("two"), AT, sender) is None
        assert configs.sealed(DeviceId("other"), ConfigHash("one"), AT, sender) is None


async def test_after_an_exchange_of_the_key_no_older_envelope_is_given_out() -> None:
    store, device = Store(), DeviceId("d")
    store.hashes[device] = ConfigHash("one")
    async with _serving(store) as configs:
        configs.keep_sealed(device, SealedConfig(ConfigHash("one"), AT, _sender(), b"e" * SIZE))
        assert configs.sealed(device, ConfigHash("one"), AT, _sender()) is None
        found = await configs.find(device, ConfigHash("one"), AT)  # read again to seal it anew
        assert found is not None
        assert store.readings == [1]


async def test_a_hash_that_comes_back_is_served_with_its_later_time() -> None:
    """A change was made and taken back: a node refuses what is older than the change."""
    store, device, sender, one = Store(), DeviceId("d"), _sender(), ConfigHash("one")
    store.hashes[device] = one
    async with _serving(store) as configs:
        await configs.find(device, one, AT)
        store.at = LATER
        found = await configs.find(device, one, LATER)
        assert found is not None
        assert found.config_timestamp == LATER
        configs.keep_sealed(device, SealedConfig(one, AT, sender, b"older"))
        assert configs.sealed(device, one, LATER, sender) is None
        configs.keep_sealed(device, SealedConfig(one, LATER, sender, b"newer"))
        assert configs.sealed(device, one, LATER, sender) == b"newer"


async def test_a_reading_under_way_is_not_served_to_who_knows_of_a_later_time() -> None:
    store, device, one = Store(), DeviceId("d"), ConfigHash("one")
    store.hashes[device] = one
    read, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(device_ids: Sequence[DeviceId]) -> Mapping[DeviceId, RenderedConfig]:
        found = await store.read(device_ids)
        read.set()
        await go_on.wait()
        return found

    configs = Configs(slowly, kept_bytes=1 << 30)
    reading = asyncio.create_task(configs.read_forever())
    before = asyncio.create_task(configs.find(device, one, AT))
    await read.wait()
    store.at = LATER
    after = asyncio.create_task(configs.find(device, one, LATER))
    await asyncio.sleep(0)
    go_on.set()
    times = [found.config_timestamp for found in await asyncio.gather(before, after) if found]
    reading.cancel()
    assert times == [AT, LATER]


async def test_envelopes_count_to_the_bound_of_what_is_kept() -> None:
    async with _serving(Store(), kept_bytes=20 * SIZE) as configs:
        sender = _sender()
        for one in _many(200):
            configs.keep_sealed(one, SealedConfig(ConfigHash("one"), AT, sender, bytes(SIZE)))
            assert configs.size <= 20 * SIZE
        assert configs.sealed(_many(200)[-1], ConfigHash("one"), AT, sender) is not None
        assert configs.sealed(_many(200)[0], ConfigHash("one"), AT, sender) is None
