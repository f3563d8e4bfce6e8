"""Log files on their way: nothing is lost, nothing piles up, the pace follows the backlog."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from eaves.evapi.config import AppInstanceConfig, VmConfig
from eaves.evapi.flows.report import Delivered, Kept
from eaves.evapi.logs import LogEntry
from eaves.ids import AppInstanceId
from eaves.node.checkpoint import Checkpoint
from eaves.node.host.applogs import LogFormat, LogSource
from eaves.node.refs import AppInForce
from eaves.node.runtime.log_collect import Listed, LogCollector, listed_app
from eaves.node.runtime.log_store import TRIES, LogStore, app_origin, upload_pause_s

APP = AppInstanceId("0a0b0c0d-0000-4000-8000-000000000001")


def now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def store_with_a_file(folder: Path) -> LogStore:
    store = LogStore(folder, now)
    store.add(app_origin("web"), APP, [LogEntry(content="hello", timestamp=now())])
    return store


def test_a_file_names_its_app_and_goes_when_it_is_delivered(tmp_path: Path) -> None:
    store = store_with_a_file(tmp_path)
    file = store.oldest()
    assert file is not None
    assert file.app == APP
    store.settle(file, Delivered())
    assert store.oldest() is None


def test_a_file_that_nobody_took_stays_and_one_refused_again_and_again_is_set_aside(
    tmp_path: Path,
) -> None:
    store = store_with_a_file(tmp_path)
    file = store.oldest()
    assert file is not None
    for _ in range(2 * TRIES):
        store.settle(file, Kept("no connection", refused=False))
    assert store.waiting() == 1
    for _ in range(TRIES):
        store.settle(file, Kept("status 400", refused=True))
    assert store.waiting() == 0
    assert [p.name for p in (tmp_path / "failed").iterdir()] == [file.path.name]


@pytest.mark.parametrize(
    ("waiting", "fast", "pause"),
    [
        (0, False, 90.0),
        (5, False, 45.0),
        (25, False, 30.0),
        (50, False, 15.0),
        (200, False, 8.0),
        (1000, False, 3.0),
        (0, True, 3.0),
        (9, True, 1.0),
    ],
)
def test_uploads_are_paced_by_the_backlog(waiting: int, pause: float, *, fast: bool) -> None:
    assert upload_pause_s(waiting, fast=fast) == pause


async def test_lines_taken_over_twice_around_a_crash_have_the_same_numbers(tmp_path: Path) -> None:
    path = tmp_path / "stdout.log"
    path.write_text("one\ntwo\n")
    source = Listed(LogSource(APP, path, LogFormat.RAW), APP, app_origin("web"))
    checkpoint = Checkpoint(tmp_path / "state")
    store = LogStore(tmp_path / "logs", now)
    collector = LogCollector(checkpoint, store, now)
    await collector.collect([source])
    assert store.waiting() == 1
    await collector.collect([source])
    assert store.waiting() == 1
    first = store.oldest()
    assert first is not None
    written = first.path.read_bytes()
    store.settle(first, Delivered())
    checkpoint.save_log_position(source.source.key, "")  # as if it had not been stored
    await LogCollector(checkpoint, store, now).collect([source])
    again = store.oldest()
    assert again is not None
    assert again.path.read_bytes() == written
    checkpoint.close()


@pytest.mark.parametrize("quiet", [False, True])
async def test_lines_of_an_app_are_sent_unless_it_says_no(tmp_path: Path, *, quiet: bool) -> None:
    printed = tmp_path / "console.log"
    printed.write_text("hello\n")
    config = AppInstanceConfig(fixedresources=VmConfig(disable_logs=quiet))
    store, checkpoint = LogStore(tmp_path / "store", now), Checkpoint(tmp_path / "state")
    source = LogSource(APP, printed, LogFormat.RAW)
    one = listed_app(source, AppInForce(config, APP, 1, activate=True, incarnation=0))
    await LogCollector(checkpoint, store, now).collect([one])
    assert (store.oldest() is None) is quiet
    checkpoint.close()
