"""A single process sends its logs on: once, in order, and whatever the collector does."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection
from support.collector import Collector, collector, taken
from support.controller import until

from eaves.controller.sink_settings import HttpSink
from eaves.controller.store.sync import execute, open_file
from eaves.controller.telemetry.embedded import EmbeddedCommitter
from eaves.controller.telemetry.reports import AnyReport, LogUpload, digest_of, encode_batch
from eaves.controller.telemetry.sinks.logs_out import LogsOut, is_log
from eaves.controller.telemetry.sinks.otlp import OtlpExporter
from eaves.controller.telemetry.sinks.outbox import OutboxFold, OutboxSender, OutboxState
from eaves.evapi.logs import DeviceLogOrigin, LogEntry, encode_log_file

NOW = datetime(2026, 11, 1, tzinfo=UTC)
MIB = 1024 * 1024


class Digests:
    """The least that a fold does: it knows each upload by its digest."""

    def fold(self, connection: Connection, batch: Sequence[AnyReport], /) -> Sequence[bool]:
        execute(connection, "CREATE TABLE IF NOT EXISTS uploads (digest BLOB PRIMARY KEY)")
        insert = "INSERT INTO uploads VALUES (?) ON CONFLICT DO NOTHING"
        return [bool(execute(connection, insert, (report.digest,)).rowcount) for report in batch]

    def forget(self) -> None:
        """Nothing is held."""


def upload(text: str) -> LogUpload:
    entry = LogEntry(content=text, timestamp=NOW, severity="info")
    file = encode_log_file(DeviceLogOrigin("dev-1", "IMGA", "1"), NOW, [entry])
    return raw_upload(file)


def raw_upload(file: bytes) -> LogUpload:
    return LogUpload(
        enterprise_id="acme",
        device_id="dev-1",
        received_at=1,
        digest=digest_of(file),
        app_id="",
        file=file,
    )


class Sending:
    """A file of logs and its sender; `stop` and another one on the same file is a restart."""

    def __init__(self, path: Path, url: str, bound_bytes: int = MIB) -> None:
        self.state = OutboxState()
        fold = OutboxFold[AnyReport](Digests(), encode_batch, is_log, self.state, bound_bytes)
        self.committer = EmbeddedCommitter[AnyReport, bool](open_file(path), fold, name="logs")
        self.exporter = OtlpExporter(HttpSink(url))
        sink = LogsOut(self.exporter, MIB)
        self.sender = OutboxSender(self.committer, sink, self.state)


@asynccontextmanager
async def sending(path: Path, url: str, bound_bytes: int = MIB) -> AsyncGenerator[Sending, None]:
    found = Sending(path, url, bound_bytes)
    task = asyncio.ensure_future(found.sender.run_forever())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.wait([task])
        await asyncio.to_thread(found.committer.close)


@pytest.fixture
def receiving() -> Iterator[Collector]:
    with collector() as running:
        yield running


def down(_: Collector) -> tuple[int, bytes]:
    return 503, b"down"


async def test_a_file_that_comes_twice_is_sent_once(tmp_path: Path, receiving: Collector) -> None:
    async with sending(tmp_path / "logs.db", receiving.url) as out:
        assert await out.committer.commit([upload("one"), upload("two")]) == [True, True]
        assert await out.committer.commit([upload("one"), upload("three")]) == [False, True]
        await until(lambda: len(receiving.lines()) >= 3, "three lines")
        await until(lambda: out.state.bytes == 0, "an empty outbox")
    assert receiving.lines() == ["one", "two", "three"]


async def test_a_collector_that_is_down_loses_nothing_over_a_restart(
    tmp_path: Path, receiving: Collector
) -> None:
    receiving.answer = down
    async with sending(tmp_path / "logs.db", receiving.url) as out:
        for number in range(20):
            await out.committer.commit([upload(str(number))])
        await until(lambda: receiving.refused > 0, "an attempt")
        assert "503" in out.state.away
    receiving.answer = taken
    async with sending(tmp_path / "logs.db", receiving.url):
        await until(lambda: len(receiving.lines()) >= 20, "all lines")
    assert receiving.lines() == [str(number) for number in range(20)]


async def test_what_cannot_be_sent_is_set_aside_and_the_rest_goes_on(
    tmp_path: Path, receiving: Collector
) -> None:
    async with sending(tmp_path / "logs.db", receiving.url) as out:
        await out.committer.commit([upload("one"), raw_upload(b"no gzip"), upload("two")])
        await until(lambda: len(receiving.lines()) >= 2, "the readable lines")
        await until(lambda: out.state.set_aside == 1, "one set aside")
        assert out.state.bytes > 0
    assert sorted(receiving.lines()) == ["one", "two"]


async def test_past_the_bound_the_oldest_is_dropped_and_counted(
    tmp_path: Path, receiving: Collector
) -> None:
    receiving.answer = down
    async with sending(tmp_path / "logs.db", receiving.url, 4000) as out:
        for number in range(40):
            await out.committer.commit([upload(f"line {number}")])
        assert out.state.bytes <= 4000
        dropped = out.state.dropped
        assert 0 < dropped < 40
    receiving.answer = taken
    async with sending(tmp_path / "logs.db", receiving.url, 4000):
        await until(lambda: "line 39" in receiving.lines(), "the newest line")
    assert receiving.lines() == [f"line {number}" for number in range(dropped, 40)]


async def test_what_the_bound_took_while_it_was_sent_is_counted_off_once(
    tmp_path: Path, receiving: Collector
) -> None:
    asked, go = threading.Event(), threading.Event()

    def slow(_: Collector) -> tuple[int, bytes]:
        asked.set()
        return (200, b"") if go.wait(30) else (503, b"nobody let it go")

    receiving.answer = slow
    async with sending(tmp_path / "logs.db", receiving.url, 4000) as out:
        await out.committer.commit([upload("first")])
        await until(asked.is_set, "a request under way")
        for number in range(40):
            await out.committer.commit([upload(f"line {number}")])
        assert out.state.dropped > 0
        waiting = await out.committer.work(_waiting)
        go.set()
        await until(lambda: "line 39" in receiving.lines(), "the newest line")
        await until(lambda: out.state.sent == 1 + waiting[0], "all struck off")
        assert await out.committer.work(_waiting) == (0, 0)
        assert out.state.bytes == 0
    assert receiving.lines()[0] == "first"


def _waiting(connection: Connection) -> tuple[int, int]:
    """Rows and bytes."""
    query = "SELECT count(*), coalesce(sum(length(batch)), 0) FROM outbox"
    rows, size = execute(connection, query).one()
    return int(rows), int(size)
