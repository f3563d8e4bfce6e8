"""The log of a system that failed its trial: of its own boot alone, kept whole, sent once."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from eaves.errors import Transient
from eaves.evapi.config import ConfigItem
from eaves.evapi.config_items import ItemValues, apply_items
from eaves.evapi.logs import DeviceLogOrigin, LogFile, decode_log_file
from eaves.node.host.machine_journal import JournalLine, journals_of_boots
from eaves.node.runtime.failed_system import (
    DUE,
    FEW_LINES,
    KEPT,
    MARK,
    MOST_BYTES,
    FailedSystem,
    send_failed,
)
from eaves.node.runtime.log_store import LogStore

BEGAN, TRIED, NOW = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "123")
DEVICE = "5f0f4f6e-5d0b-4b92-a3b9-0f6d0ad2b6f1"
Boot = Sequence[JournalLine]


def line(text: str, boot: str, *, kernel: bool = False, priority: int = 6) -> JournalLine:
    program, number = "kernel" if kernel else "systemd", 1_790_000_000_000_000
    return JournalLine(
        kernel, priority, program, text, boot.replace("-", ""), number, "c", own=False
    )


def boot(boot_id: str, count: int = 3) -> Boot:
    return tuple(line(f"{boot_id[0]}: line {n}", boot_id) for n in range(count))


def run(version: str, boot_id: str, *texts: str) -> str:
    """Of the node, as its log has it."""
    mark = json.dumps({"event": MARK, "version": version, "boot_id": boot_id, "level": "info"})
    return "".join(f"{text}\n" for text in (mark, *texts))


def failed(folder: Path, *boots: Boot, node: str = "", kernel: str = "") -> FailedSystem:
    async def journals() -> AsyncIterator[tuple[JournalLine, ...]]:
        for one in boots:
            yield tuple(one)

    return FailedSystem(folder, NOW, node, kernel, journals)


def items(**values: str) -> ItemValues:
    return apply_items([ConfigItem(key=k.replace("_", "."), value=v) for k, v in values.items()])[0]


def sent(folder: Path, values: ItemValues | None = None) -> list[LogFile]:
    store = LogStore(folder / "store", lambda: datetime(2026, 1, 2, tzinfo=UTC))
    send_failed(folder, store, DEVICE, values or ItemValues())
    files: list[LogFile] = []
    while (waiting := store.oldest()) is not None:
        files.append(decode_log_file(waiting.path.read_bytes()))
        waiting.path.unlink()
    return files


async def test_the_journal_of_the_boot_between_is_that_of_the_trial(tmp_path: Path) -> None:
    log = failed(tmp_path, boot(NOW), boot(TRIED), boot(BEGAN), node=run("1", BEGAN, "old"))
    assert await log.keep("2", BEGAN) == "2: line 0\n2: line 1\n2: line 2"


@pytest.mark.parametrize(
    "node",
    [
        "",
        run("1", BEGAN, "the old system goes down"),
        run("2", BEGAN, "that boot ran another one"),
        run("2", NOW, "and so does this one"),
        "a line of nobody\n",
        '{"event": "node_begins"}\nmore\n["node_begins"]\nnode_begins\nmore\n',
    ],
)
@pytest.mark.parametrize("boots", [(), (boot(NOW),), (boot(NOW), boot(BEGAN), boot(TRIED))])
async def test_of_a_boot_that_wrote_nothing_nothing_is_told(
    tmp_path: Path, node: str, boots: tuple[Boot, ...]
) -> None:
    """The end of any other log was told as its own.  An older boot, too, was another trial."""
    assert await failed(tmp_path, *boots, node=node).keep("2", BEGAN) == ""
    assert sent(tmp_path) == []


async def test_another_boot_of_the_good_system_is_not_taken_for_the_trial(tmp_path: Path) -> None:
    """Power went before it had judged."""
    again = "d" * 32
    log = failed(
        tmp_path,
        *(boot(NOW), boot(again), boot(TRIED), boot(BEGAN)),
        node=run("1", BEGAN, "old") + run("1", again, "again"),
    )
    assert (await log.keep("2", BEGAN)).startswith("2: line 0")


async def test_without_a_journal_the_log_of_the_node_is_read_from_its_mark(tmp_path: Path) -> None:
    """What was sent is freed, and reads as zeros; a restart of the node is the same boot."""
    node = (
        "\0" * 4096
        + run("1", BEGAN, "old")
        + run("2", TRIED, "first")
        + run("2", TRIED, "\0\0second")
        + run("1", NOW, "the node of this boot was restarted")
    )
    told = await failed(tmp_path, node=node).keep("2", BEGAN)
    assert [one for one in told.splitlines() if MARK not in one] == ["first", "second"]


async def test_the_mark_that_a_node_writes_is_the_one_that_is_read(tmp_path: Path) -> None:
    device_log = tmp_path / "device.log"
    await asyncio.to_thread(_marked, device_log)
    node = run("1", BEGAN, "old") + device_log.read_text() + "last\n"
    told = (await failed(tmp_path, node=node).keep("2", BEGAN)).splitlines()
    assert (len(told), told[-1]) == (2, "last")


def _marked(device_log: Path) -> None:
    """In a process of its own: where a log goes is settled once in each."""
    program = (
        "import pathlib, sys\n"
        "from eaves.node.host.journal import log_to_file\n"
        "from eaves.node.runtime.failed_system import mark\n"
        "log_to_file(pathlib.Path(sys.argv[1]))\n"
        "mark(sys.argv[2], sys.argv[3])\n"
    )
    argv = (sys.executable, "-c", program, device_log, "2", TRIED)
    subprocess.run(argv, check=True, capture_output=True, timeout=60)


async def test_the_words_of_its_kernel_are_its_own(tmp_path: Path) -> None:
    log = failed(tmp_path, boot(NOW), boot(BEGAN), kernel="<0>Kernel panic\n<0>end")
    assert await log.keep("2", BEGAN) == "<0>Kernel panic\n<0>end"
    (file,) = sent(tmp_path)
    assert [(one.source, one.severity) for one in file.entries] == [("kernel", "emerg")] * 2


async def test_a_journal_that_cannot_be_read_is_said_and_the_rest_is_told(tmp_path: Path) -> None:
    async def journals() -> AsyncIterator[tuple[JournalLine, ...]]:
        raise Transient("journalctl ended with 1")
        yield ()

    log = FailedSystem(tmp_path, NOW, run("2", TRIED, "last"), "", journals)
    with capture_logs() as said:
        assert (await log.keep("2", BEGAN)).endswith("last")
    assert [one["event"] for one in said] == ["journal_not_read"]


async def test_two_hundred_lines_outlive_the_slot_and_are_sent_once(tmp_path: Path) -> None:
    few = await failed(tmp_path, boot(NOW), boot(TRIED, 500)).keep("2", BEGAN)
    assert len(few.splitlines()) == FEW_LINES
    (file,) = sent(tmp_path)
    assert isinstance(file.origin, DeviceLogOrigin)
    assert len(file.entries) == 200
    assert file.entries[0].content == "version 2, which failed its trial: 2: line 300"
    assert file.entries[-1].content.endswith("2: line 499")
    assert {(one.source, one.severity) for one in file.entries} == {("systemd", "info")}
    assert len({(one.iid, one.msgid) for one in file.entries}) == 200
    assert sent(tmp_path) == []
    assert len(json.loads((tmp_path / KEPT).read_bytes())["lines"]) == 200


async def test_a_power_cut_while_they_are_sent_sends_the_same_messages(tmp_path: Path) -> None:
    await failed(tmp_path, boot(NOW), boot(TRIED)).keep("2", BEGAN)
    raw = (tmp_path / DUE).read_bytes()
    first = sent(tmp_path)
    (tmp_path / DUE).write_bytes(raw)
    assert first == sent(tmp_path)


async def test_long_lines_stay_whole_within_what_is_kept(tmp_path: Path) -> None:
    lines = tuple(line(f"{n} " + "x" * 10_000, TRIED) for n in range(100))
    await failed(tmp_path, boot(NOW), lines).keep("2", BEGAN)
    assert (tmp_path / DUE).stat().st_size < MOST_BYTES + 1024
    entries = [entry for file in sent(tmp_path) for entry in file.entries]
    assert 20 < len(entries) < 30
    assert all(one.content.endswith("x" * 10_000) for one in entries)
    assert "trial: 99 x" in entries[-1].content


async def test_what_the_log_of_the_device_does_not_send_stays_here_too(tmp_path: Path) -> None:
    lines = (
        line("kernel warning", TRIED, kernel=True, priority=4),
        line("kernel info", TRIED, kernel=True),
        line("program error", TRIED, priority=3),
        line("program info", TRIED),
    )
    await failed(tmp_path, boot(NOW), lines).keep("2", BEGAN)
    values = items(debug_kernel_remote_loglevel="warning", debug_syslog_remote_loglevel="err")
    (file,) = sent(tmp_path, values)
    assert [one.content.partition(": ")[2] for one in file.entries] == [
        "kernel warning",
        "program error",
    ]


async def test_levels_of_the_node_hold_for_its_own_lines(tmp_path: Path) -> None:
    told = [json.dumps({"event": level, "level": level}) for level in ("info", "error")]
    await failed(tmp_path, node=run("2", TRIED, *told)).keep("2", BEGAN)
    (file,) = sent(tmp_path, items(debug_default_remote_loglevel="error"))
    assert [(one.severity, one.source) for one in file.entries] == [("error", "eaves")]


def test_garbage_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / DUE).write_text('{"version": 3}')
    assert sent(tmp_path) == []
    assert not (tmp_path / DUE).exists()


async def test_each_boot_of_a_machine_is_read_from_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the program itself: what it is asked for is in its name."""
    program = tmp_path / "bin/journalctl"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\nfor word in "$@"; do case $word in --directory=*) at=${word#*=} ;;'
        ' --lines=*) n=${word#*=} ;; esac; done\ntail -n "$n" "$at/lines"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    root = tmp_path / "journal"
    for name, age in (("older", 100), ("newer", 10)):
        folder = root / name
        folder.mkdir(parents=True)
        (folder / "lines").write_text(
            "".join(json.dumps({"MESSAGE": f"{name} {n}"}) + "\n" for n in range(5))
        )
        os.utime(folder, (1_790_000_000 - age, 1_790_000_000 - age))
    found = [[one.text for one in boot] async for boot in journals_of_boots(root, 2)]
    assert found == [["newer 3", "newer 4"], ["older 3", "older 4"]]
    assert [one async for one in journals_of_boots(tmp_path / "none", 2)] == []
