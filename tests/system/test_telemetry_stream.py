"""Batches through a real JetStream cluster: what is acknowledged arrives, whatever dies."""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import msgspec
import pytest
from nats.aio.client import Client
from support.controller import until
from support.jetstream import Cluster, jetstream_cluster, jetstream_is_there

from eaves.controller.sink_settings import StreamSettings
from eaves.controller.telemetry.stream.backlog import Backlog, look
from eaves.controller.telemetry.stream.connection import (
    NoStream,
    UnfitStream,
    check_synced,
    connect,
    jetstream,
    prepare,
)
from eaves.controller.telemetry.stream.consume import Reader
from eaves.controller.telemetry.stream.layout import SET_ASIDE, Names, Topic
from eaves.controller.telemetry.stream.publish import Publisher, StreamFull, TooLarge
from eaves.controller.telemetry.stream.synced import Unsynced
from eaves.errors import Rejected, Transient

pytestmark = [pytest.mark.system, pytest.mark.jetstream]

LARGEST = 100_000


@pytest.fixture(scope="module")
def shared_cluster() -> Iterator[Cluster]:
    if not jetstream_is_there():
        pytest.skip("needs root and the package nats-server")
    with jetstream_cluster() as running:
        yield running


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """One whose servers may be killed."""
    if not jetstream_is_there():
        pytest.skip("needs root and the package nats-server")
    with jetstream_cluster() as running:
        yield running


def settings_for(cluster: Cluster, name: str, **more: object) -> StreamSettings:
    settings = StreamSettings(
        servers=tuple(cluster.url.split(",")), accept_unsynced=True, name=name, bytes_each=32 << 20
    )
    return replace(settings, **more)  # type: ignore[arg-type]  # a test's short form


@dataclass
class Kept:
    """A sink in memory, which can be away and can refuse numbers."""

    name: str = "kept"
    numbers: list[int] = field(default_factory=list[int])
    calls: int = 0
    away: bool = False
    refused: frozenset[int] = frozenset()

    async def store(self, batches: Sequence[bytes], /) -> None:
        self.calls += 1
        if self.away:
            raise Transient("the sink is away")
        numbers = [number for batch in batches for number in self._read(batch)]
        if self.refused & set(numbers):
            raise Rejected(f"no room for {self.refused & set(numbers)}")
        self.numbers += numbers

    def apart(self, batch: bytes, /) -> Sequence[bytes]:
        return [encode([number]) for number in self._read(batch)]

    async def close(self) -> None:
        """Nothing is open."""

    @staticmethod
    def _read(batch: bytes) -> list[int]:
        try:
            return msgspec.msgpack.decode(batch, type=list[int])
        except msgspec.DecodeError as error:
            raise Rejected(f"not a batch: {error}") from error


def encode(batch: Sequence[int]) -> bytes:
    return msgspec.msgpack.encode(batch)


@dataclass
class Streamed:
    client: Client
    names: Names
    publisher: Publisher[int]
    reader: Reader
    sink: Kept

    async def until(self, numbers: set[int]) -> None:
        await until(lambda: numbers <= set(self.sink.numbers), "everything in the sink")


@asynccontextmanager
async def streamed(
    settings: StreamSettings, *, reading: bool = True
) -> AsyncGenerator[Streamed, None]:
    client, sink = await connect(settings, "test"), Kept()
    names = Names(settings.name)
    reader = Reader(client, names, Topic.STATE, sink)
    try:
        await prepare(client, settings, {Topic.STATE: (sink.name,)}, LARGEST)
        publisher = Publisher(client, names, Topic.STATE, encode, os.urandom)
        task = asyncio.ensure_future(reader.run_forever() if reading else asyncio.sleep(0))
        try:
            yield Streamed(client, names, publisher, reader, sink)
        finally:
            task.cancel()
            await asyncio.wait([task])
    finally:
        await client.close()


async def test_a_batch_arrives_once_and_leaves_the_stream(shared_cluster: Cluster) -> None:
    async with streamed(settings_for(shared_cluster, "once")) as stream:
        await stream.publisher.publish([1, 2, 3])
        await stream.until({1, 2, 3})
        assert stream.sink.numbers == [1, 2, 3]
        context, backlog = jetstream(stream.client), Backlog()
        async with asyncio.timeout(30):
            while (await context.stream_info(stream.names.stream(Topic.STATE))).state.messages:
                await look(stream.client, stream.names, Topic.STATE, backlog)
        await look(stream.client, stream.names, Topic.STATE, backlog)
        assert backlog.messages == {"state/kept": 0}


async def test_what_a_sink_has_not_taken_stays(shared_cluster: Cluster) -> None:
    settings = settings_for(shared_cluster, "stays")
    async with streamed(settings, reading=False) as stream:
        await stream.publisher.publish([1])
        backlog = Backlog()
        async with asyncio.timeout(30):  # each replica hears of a message in its own time
            while backlog.messages != {"state/kept": 1}:
                await look(stream.client, stream.names, Topic.STATE, backlog)
        info = await jetstream(stream.client).stream_info(stream.names.stream(Topic.STATE))
    assert info.state.messages == 1


async def test_a_sink_that_is_away_loses_nothing(shared_cluster: Cluster) -> None:
    async with streamed(settings_for(shared_cluster, "away")) as stream:
        stream.sink.away = True
        for number in range(40):
            await stream.publisher.publish([number])
        await until(lambda: stream.sink.calls >= 3, "three attempts")
        assert stream.reader.progress.away == "the sink is away"
        stream.sink.away = False
        await stream.until(set(range(40)))
        assert sorted(stream.sink.numbers) == list(range(40))


async def test_what_a_sink_never_takes_is_set_aside_alone(shared_cluster: Cluster) -> None:
    async with streamed(settings_for(shared_cluster, "poison")) as stream:
        stream.sink.refused = frozenset({5})
        context = jetstream(stream.client)
        await stream.publisher.publish([4, 5, 6])
        await context.publish(stream.names.subject(Topic.STATE), b"\xc1 is no msgpack")
        await stream.publisher.publish([7])
        await stream.until({4, 6, 7})
        aside = stream.names.stream(SET_ASIDE)
        await until(lambda: stream.reader.progress.set_aside == 2, "two set aside")
        first, second = await context.get_msg(aside, 1), await context.get_msg(aside, 2)
        assert first.data == encode([5])
        assert (first.headers or {})["Eaves-Why"] == "no room for frozenset({5})"  # pyright: ignore[reportUnknownMemberType]  # nats-py: Dict
        assert second.data == b"\xc1 is no msgpack"
        assert sorted(stream.sink.numbers) == [4, 6, 7]


async def test_a_batch_that_is_too_large_is_cut(shared_cluster: Cluster) -> None:
    async with streamed(settings_for(shared_cluster, "cut")) as stream:
        numbers = list(range(10**9, 10**9 + 400_000))  # two megabytes, and a message is of one
        await stream.publisher.publish(numbers)
        await stream.until(set(numbers))
        assert sorted(stream.sink.numbers) == numbers
        with pytest.raises(TooLarge, match="max_payload"):
            await Publisher[int](
                stream.client, stream.names, Topic.STATE, lambda _: b"x" * (9 << 20), os.urandom
            ).publish([1])


async def test_a_full_stream_refuses_and_keeps_what_it_has(shared_cluster: Cluster) -> None:
    settings = settings_for(shared_cluster, "full", bytes_each=1 << 20)
    async with streamed(settings, reading=False) as stream:
        batch = list(range(2**40, 2**40 + 20_000))  # 180,000 bytes
        for _ in range(5):
            await stream.publisher.publish(batch)
        with pytest.raises(StreamFull, match="EAVES_STREAM_BYTES"):
            await stream.publisher.publish(batch)
        info = await jetstream(stream.client).stream_info(stream.names.stream(Topic.STATE))
        assert info.state.messages == 5


async def test_the_loss_of_the_leader_loses_and_doubles_nothing(own_cluster: Cluster) -> None:
    """A sink may be given a message again whose acknowledgement went down with the leader: to fold
    it twice changes nothing, which the tests of the sinks show.  The stream holds it once.
    """
    settings = settings_for(own_cluster, "leader")
    async with streamed(settings) as stream:
        acknowledged: list[int] = []

        async def publish() -> None:
            for number in range(400):
                await stream.publisher.publish([number])
                acknowledged.append(number)

        publishing = asyncio.ensure_future(publish())
        await until(lambda: len(acknowledged) >= 100, "a hundred acknowledged")
        lost = await asyncio.to_thread(own_cluster.leader, stream.names.stream(Topic.STATE))
        lost.kill()
        await publishing
        lost.start()
        await stream.until(set(range(400)))
        assert set(stream.sink.numbers) == set(range(400))
        client = await connect(settings, "test")
        info = await jetstream(client).stream_info(stream.names.stream(Topic.STATE))
        await client.close()
        assert info.state.last_seq == len(acknowledged) == 400


async def test_servers_that_do_not_promise_to_sync_are_refused(shared_cluster: Cluster) -> None:
    settings = settings_for(shared_cluster, "synced", accept_unsynced=False)
    with pytest.raises(Unsynced, match=r"no monitoring port is known.*EAVES_STREAM_UNSYNCED"):
        async with streamed(settings):
            pass
    asked = replace(settings, monitors=tuple(shared_cluster.monitor_url.split(",")))
    with pytest.raises(Unsynced, match=r"js1 \(2\.9.*acknowledges before its disk"):
        async with streamed(asked):
            pass
    client = await connect(settings, "test")
    info = await jetstream(client).stream_info(Names("synced").stream(Topic.STATE))
    with pytest.raises(Unsynced, match=r"js[123] was not asked"):
        await check_synced(replace(asked, monitors=asked.monitors[:1]), info)
    await client.close()


async def test_a_stream_of_another_shape_is_refused(shared_cluster: Cluster) -> None:
    settings = settings_for(shared_cluster, "shape")
    async with streamed(settings):
        pass
    with pytest.raises(UnfitStream, match="replicas 3, needed is 1"):
        async with streamed(replace(settings, replicas=1)):
            pass
    client = await connect(settings, "test")
    with pytest.raises(UnfitStream, match="max_payload"):
        await prepare(client, settings, {}, 8 << 20)
    await client.close()


@pytest.fixture
def closed_cluster() -> Iterator[Cluster]:
    if not jetstream_is_there():
        pytest.skip("needs root and the package nats-server")
    with jetstream_cluster(authorization="authorization { user: eaves, password: right }") as it:
        yield it


async def test_who_may_not_come_in_is_told_without_the_password(
    closed_cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_for(closed_cluster, "door", user="eaves", password="wrong-secret")
    with pytest.raises(NoStream, match=re.escape(closed_cluster.servers[0].url)) as told:
        await connect(settings, "test", within_s=3)
    assert "Authorization Violation" in str(told.value)
    assert "wrong-secret" not in f"{told.value!r} {settings!r}" + "".join(capsys.readouterr())
    async with streamed(replace(settings, password="right")) as stream:
        await stream.publisher.publish([1])
        await stream.until({1})
