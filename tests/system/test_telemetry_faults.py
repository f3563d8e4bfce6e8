"""Real processes that die, lose their database or their disk, while devices send.

A ledger of what was acknowledged is compared at the end: nothing missing, nothing double.
"""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from store.databases import postgres_is_there
from support.collector import Collector, collector, taken
from support.controller import Process, running, until
from support.jetstream import Cluster, jetstream_cluster, jetstream_is_there
from support.ledger import ADMIN_PASSWORD, Ledger, Reader, open_ledger, require_all_lines
from support.several import PASSWORD, Several, several

from eaves.controller.settings import Settings
from eaves.controller.sink_settings import ACCEPTED
from eaves.controller.telemetry.stream.layout import Names, Topic

pytestmark = pytest.mark.system


def controller(folder: Path, *options: str, **environment: str) -> Process:
    password = folder / "password"
    password.write_text(ADMIN_PASSWORD)
    return Process(
        folder / "state", "--admin-password-file", str(password), *options, environment=environment
    )


@asynccontextmanager
async def sending(ledger: Ledger, *, metrics: bool = False) -> AsyncGenerator[None, None]:
    """Devices send inside the block; at its end what is in flight is brought to its end."""
    task = asyncio.ensure_future(ledger.send(metrics=metrics))
    try:
        yield
        ledger.stop()
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def more(ledger: Ledger, lines: int) -> None:
    wanted = ledger.lines() + lines
    await until(lambda: ledger.lines() >= wanted, f"{lines} more lines")


async def test_a_killed_controller_has_all_that_it_acknowledged(tmp_path: Path) -> None:
    with running(controller(tmp_path)) as process:
        ledger = await open_ledger([process], Settings(state_dir=process.state_dir), devices=6)
        async with sending(ledger):
            for _ in range(2):
                await more(ledger, 40)
                process.kill()
                await asyncio.to_thread(process.start)
            await more(ledger, 40)
        async with Reader(process) as reader:
            await require_all_lines(reader, ledger)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 MiB that is full when it is full."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m", "eaves-test", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(filler: Path) -> None:
    """Take all the room that is left."""
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size) == size:
                    pass


@pytest.mark.host
async def test_a_full_disk_refuses_and_loses_nothing(small_disk: Path) -> None:
    with running(controller(small_disk)) as process:
        ledger = await open_ledger([process], Settings(state_dir=process.state_dir), devices=4)
        async with sending(ledger):
            await more(ledger, 20)
            filler = small_disk / "filler"
            fill(filler)
            refused = [entry.refused for entry in ledger.entries]
            await until(
                lambda: all(
                    entry.refused > before
                    for entry, before in zip(ledger.entries, refused, strict=True)
                ),
                "every device is refused",
            )
            filler.unlink()
            await more(ledger, 20)
        async with Reader(process) as reader:
            await require_all_lines(reader, ledger)


# --- several processes, PostgreSQL and a stream -------------------------------------------------


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    if not (jetstream_is_there() and postgres_is_there()):
        pytest.skip("needs root and the packages nats-server and postgresql")
    with jetstream_cluster() as running_:
        yield running_


@pytest.fixture
def receiving() -> Iterator[Collector]:
    with collector() as running_:
        yield running_


@contextlib.contextmanager
def streaming(folder: Path, cluster: Cluster, **more: str) -> Generator[Several, None, None]:
    """Two controllers; the servers of the test sync every write, which they cannot tell."""
    environment = {
        "EAVES_STREAM_URL": cluster.url,
        "EAVES_STREAM_UNSYNCED": ACCEPTED,
        "EAVES_STREAM_BYTES": str(64 << 20),
    }
    with several(folder, environment=environment | more) as found:
        yield found


async def ledger_of(found: Several, devices: int = 6) -> Ledger:
    settings = Settings(
        state_dir=found.processes[0].state_dir,
        database_url=found.server.url,
        secret_key_file=found.secret,
    )
    return await open_ledger(found.processes, settings, devices)


async def require_all(found: Several, ledger: Ledger) -> None:
    for process in found.processes:
        async with Reader(process, PASSWORD) as reader:
            await require_all_lines(reader, ledger)


@pytest.mark.jetstream
@pytest.mark.postgres
async def test_a_killed_process_of_two_loses_nothing(tmp_path: Path, cluster: Cluster) -> None:
    with streaming(tmp_path, cluster) as found:
        ledger = await ledger_of(found)
        async with sending(ledger):
            for process in found.processes:
                await more(ledger, 40)
                process.kill()
                await more(ledger, 20)
                await asyncio.to_thread(process.start)
            await more(ledger, 40)
        await require_all(found, ledger)


@pytest.mark.jetstream
@pytest.mark.postgres
async def test_a_database_that_restarts_stops_no_device(tmp_path: Path, cluster: Cluster) -> None:
    with streaming(tmp_path, cluster) as found:
        ledger = await ledger_of(found)
        async with sending(ledger):
            await more(ledger, 40)
            found.server.stop()
            refused = sum(entry.refused for entry in ledger.entries)
            await more(ledger, 60)  # acknowledged by the stream while the database is away
            assert sum(entry.refused for entry in ledger.entries) == refused
            await asyncio.to_thread(found.server.start)
            await more(ledger, 20)
        await require_all(found, ledger)


@pytest.mark.jetstream
@pytest.mark.postgres
async def test_the_loss_of_each_stream_server_in_turn_loses_nothing(
    tmp_path: Path, cluster: Cluster
) -> None:
    """The leader of the stream first, whoever leads then next."""
    stream = Names("EAVES").stream(Topic.LOGS)
    with streaming(tmp_path, cluster) as found:
        ledger = await ledger_of(found)
        async with sending(ledger):
            for _ in range(2):
                await more(ledger, 40)
                lost = await asyncio.to_thread(cluster.leader, stream)
                lost.kill()
                await more(ledger, 40)
                lost.start()
                await asyncio.to_thread(cluster.wait_ready)
            await more(ledger, 20)
        await require_all(found, ledger)


@pytest.mark.jetstream
@pytest.mark.postgres
async def test_a_collector_that_is_away_slows_no_device_and_gets_everything(
    tmp_path: Path, cluster: Cluster, receiving: Collector
) -> None:
    receiving.answer = lambda _: (503, b"away")
    with streaming(tmp_path, cluster, EAVES_OTLP_URL=receiving.url) as found:
        ledger = await ledger_of(found)
        async with sending(ledger):
            await more(ledger, 120)
            await until(lambda: receiving.refused > 1, "attempts")
        assert all(entry.slowest_s < 5 for entry in ledger.entries)
        assert all(entry.refused == 0 for entry in ledger.entries)
        receiving.answer = taken
        sent = {line for entry in ledger.entries for line in entry.lines}
        await until(lambda: sent <= set(receiving.lines()), "every line at the collector")
        assert len(receiving.lines()) == len(set(receiving.lines()))
        await require_all(found, ledger)


@pytest.mark.jetstream
@pytest.mark.postgres
async def test_a_full_stream_refuses_and_loses_nothing(tmp_path: Path, cluster: Cluster) -> None:
    """A megabyte is all that the stream may keep while the database is away."""
    with streaming(tmp_path, cluster, EAVES_STREAM_BYTES=str(1 << 20)) as found:
        ledger = await ledger_of(found, devices=8)
        ledger.padding = 40_000
        async with sending(ledger):
            await more(ledger, 8)
            found.server.stop()
            await until(
                lambda: all(entry.refused for entry in ledger.entries), "every device is refused"
            )
            await asyncio.to_thread(found.server.start)
            await more(ledger, 16)
        await require_all(found, ledger)
