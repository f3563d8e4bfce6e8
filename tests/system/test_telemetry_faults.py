"""Real processes that die, lose their database or their disk, while devices send.

A ledger of what was acknowledged is compared at the end: nothing missing, nothing double.
"""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import time
from collections.abc import AsyncGenerator, Collection, Generator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from store.databases import postgres_is_there
from support.collector import Collector, collector, taken
from support.controller import Process, running, until
from support.jetstream import Cluster, jetstream_cluster, jetstream_is_there
from support.ledger import ADMIN_PASSWORD, EVERYTHING, Ledger, Sent, open_ledger
from support.ledger_check import WITHIN_S, Reader, require_all
from support.several import PASSWORD, Several, several

from eaves.controller.settings import Settings
from eaves.controller.sink_settings import ACCEPTED
from eaves.controller.telemetry.stream.layout import Names, Topic

pytestmark = pytest.mark.system

SINKS_AWAY_S = float(os.environ.get("SINKS_AWAY_S", "30"))


def controller(folder: Path, *options: str, **environment: str) -> Process:
    password = folder / "password"
    password.write_text(ADMIN_PASSWORD)
    return Process(
        folder / "state", "--admin-password-file", str(password), *options, environment=environment
    )


@asynccontextmanager
async def sending(
    ledger: Ledger, kinds: Collection[Sent] = EVERYTHING
) -> AsyncGenerator[None, None]:
    """Devices send inside the block; at its end what is in flight is brought to its end."""
    task = asyncio.ensure_future(ledger.send(kinds))
    try:
        yield
        ledger.stop()
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error  # whatever else was waited for in vain


async def more(
    ledger: Ledger,
    count: int,
    kinds: Collection[Sent] = EVERYTHING,
    *,
    registering: bool = True,
) -> None:
    """Wait until so many more of each kind are acknowledged, and some more registrations."""
    wanted = {sent: ledger.count(sent) + count for sent in kinds}
    registered = ledger.registered() + (count // 10 if registering else 0)
    registered = min(registered, len(ledger.applicants))
    await until(
        lambda: (
            all(ledger.count(sent) >= least for sent, least in wanted.items())
            and ledger.registered() >= registered
        ),
        f"{count} more of {', '.join(kinds)}",
    )


async def test_a_killed_controller_has_all_that_it_acknowledged(tmp_path: Path) -> None:
    with running(controller(tmp_path)) as process:
        settings = Settings(state_dir=process.state_dir)
        ledger = await open_ledger([process], settings, devices=4, applicants=100)
        async with sending(ledger):
            for _ in range(3):
                await more(ledger, 40)
                process.kill()
                await asyncio.to_thread(process.start)
            await more(ledger, 40)
        async with Reader(process, ledger) as reader:
            await require_all(reader, ledger)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 MiB that is full when it is full."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m", "eaves-test", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def begin_log_anew(file: Path) -> None:
    """Else a log that was copied into its file has room for some thousand writes more."""
    with closing(sqlite3.connect(file, timeout=30)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def fill(filler: Path) -> None:
    """Take all the room that is left."""
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size) == size:
                    pass


@pytest.mark.host
async def test_a_full_disk_refuses_and_loses_nothing(small_disk: Path) -> None:
    """No room in the main database (registrations) nor in any file of telemetry."""
    with running(controller(small_disk)) as process:
        settings = Settings(state_dir=process.state_dir)
        ledger = await open_ledger([process], settings, devices=3, applicants=200)
        async with sending(ledger):
            await more(ledger, 20)
            filler = small_disk / "filler"
            telemetry = process.state_dir.glob("telemetry/*.db")
            for file in (process.state_dir / "eaves.db", *telemetry):
                await asyncio.to_thread(begin_log_anew, file)
            fill(filler)
            before = [dict(entry.refusals) for entry in ledger.entries]
            unregistered = ledger.registrations_refused
            await until(
                lambda: (
                    ledger.registrations_refused > unregistered
                    and all(
                        entry.refusals[sent] > refused[sent]
                        for entry, refused in zip(ledger.entries, before, strict=True)
                        for sent in Sent
                    )
                ),
                "every device is refused with everything",
            )
            filler.unlink()
            await more(ledger, 20)
        assert ledger.statuses.keys() <= {200, 201, 503, 429}  # always an answer
        async with Reader(process, ledger) as reader:
            await require_all(reader, ledger)


# --- several processes on PostgreSQL --------------------------------------------------------------


async def ledger_of(found: Several, devices: int = 4, applicants: int = 100) -> Ledger:
    settings = Settings(
        state_dir=found.processes[0].state_dir,
        database_url=found.server.url,
        secret_key_file=found.secret,
    )
    return await open_ledger(found.processes, settings, devices, applicants)


async def require_all_at_each(found: Several, ledger: Ledger, within_s: float = WITHIN_S) -> None:
    for process in found.processes:
        async with Reader(process, ledger, PASSWORD) as reader:
            await require_all(reader, ledger, within_s)


@pytest.mark.postgres
async def test_killed_processes_and_a_database_that_restarts_lose_nothing(tmp_path: Path) -> None:
    if not postgres_is_there():
        pytest.skip("no PostgreSQL on this machine; install the package postgresql")
    with several(tmp_path) as found:
        ledger = await ledger_of(found)
        async with sending(ledger):
            for process in found.processes:
                await more(ledger, 20)
                process.kill()
                await more(ledger, 20)
                await asyncio.to_thread(process.start)
            await more(ledger, 20)
            await asyncio.to_thread(found.server.stop)
            refused = ledger.refused()
            await until(lambda: ledger.refused() > refused, "devices are refused")
            await asyncio.to_thread(found.server.start)
            await more(ledger, 20)
        await require_all_at_each(found, ledger)


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


@pytest.mark.jetstream
@pytest.mark.postgres
async def test_killed_processes_and_stream_servers_lose_nothing(
    tmp_path: Path, cluster: Cluster
) -> None:
    """Each process in turn; of the servers the leader of a stream, and whoever leads then."""
    with streaming(tmp_path, cluster) as found:
        ledger = await ledger_of(found)
        async with sending(ledger):
            for process in found.processes:
                await more(ledger, 20)
                process.kill()
                await more(ledger, 20)
                await asyncio.to_thread(process.start)
            for topic in (Topic.STATE, Topic.LOGS):
                await more(ledger, 20)
                stream = Names("EAVES").stream(topic)
                lost = await asyncio.to_thread(cluster.leader, stream)
                lost.kill()
                await more(ledger, 20)
                lost.start()
                await asyncio.to_thread(cluster.wait_ready)
            await more(ledger, 20)
        await require_all_at_each(found, ledger)


@pytest.mark.nightly
@pytest.mark.jetstream
@pytest.mark.postgres
async def test_sinks_that_are_away_stop_no_device_and_get_everything(
    tmp_path: Path, cluster: Cluster, receiving: Collector
) -> None:
    """The database and the collector, for SINKS_AWAY_S: everything goes on into the stream."""
    with streaming(tmp_path, cluster, EAVES_OTLP_URL=receiving.url) as found:
        ledger = await ledger_of(found)
        async with sending(ledger):
            await more(ledger, 20)
            receiving.answer = lambda _: (503, b"away")
            await asyncio.to_thread(found.server.stop)
            began, refused, slowest = time.monotonic(), ledger.refused(), ledger.slowest()
            while time.monotonic() < began + SINKS_AWAY_S:
                await more(ledger, 4, registering=False)
            assert ledger.refused() == refused
            assert max(ledger.slowest(), slowest) < 5
            receiving.answer = taken
            await asyncio.to_thread(found.server.start)
            await more(ledger, 20)
        lines = {line for entry in ledger.entries for line in entry.lines}
        await until(lambda: lines <= set(receiving.lines()), "every line at the collector")
        kept = receiving.lines_once()
        assert len(kept) == len(set(kept))
        await require_all_at_each(found, ledger, WITHIN_S + SINKS_AWAY_S)


@pytest.mark.nightly
@pytest.mark.jetstream
@pytest.mark.postgres
async def test_a_full_stream_refuses_and_loses_nothing(tmp_path: Path, cluster: Cluster) -> None:
    """A megabyte is all that the stream may keep while the database is away."""
    with streaming(tmp_path, cluster, EAVES_STREAM_BYTES=str(1 << 20)) as found:
        ledger = await ledger_of(found, devices=8, applicants=0)
        ledger.padding = 40_000
        async with sending(ledger):
            await more(ledger, 8)
            found.server.stop()
            await until(
                lambda: all(entry.refusals[Sent.LINE] for entry in ledger.entries),
                "every device is refused",
            )
            await asyncio.to_thread(found.server.start)
            await more(ledger, 16)
        await require_all_at_each(found, ledger)
