"""What the machine itself says: kept and sent as properties say."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eaves.evapi.config import ConfigItem
from eaves.evapi.config_items import apply_items
from eaves.evapi.logs import decode_log_file
from eaves.node.checkpoint import Checkpoint
from eaves.node.host.machine_journal import LONGEST_LINE, JournalLine, journal_argv, parse_journal
from eaves.node.runtime.log_store import LogStore, device_origin
from eaves.node.runtime.machine_logs import LARGEST_FILE_BYTES, POSITION, MachineLogs, append

ORIGIN = device_origin("5f0f4f6e-5d0b-4b92-a3b9-0f6d0ad2b6f1", "1.0")
LEVELS = {"err": "3", "notice": "5", "info": "6", "debug": "7"}


def printed(number: int, level: str, *, kernel: bool, unit: str = "") -> str:
    told = {
        "__CURSOR": f"c{number}",
        "__REALTIME_TIMESTAMP": str(1_790_000_000_000_000 + number),
        "PRIORITY": LEVELS[level],
        "MESSAGE": f"{'kernel' if kernel else 'program'} {level}",
        "SYSLOG_IDENTIFIER": "kernel" if kernel else "sshd",
        "_TRANSPORT": "kernel" if kernel else "syslog",
        "_SYSTEMD_UNIT": unit,
        "_BOOT_ID": "b00t",
    }
    return json.dumps(told)


TOLD = [
    *(
        printed(2 * n + kernel, level, kernel=kernel)
        for n, level in enumerate(LEVELS)
        for kernel in (False, True)
    ),
    printed(99, "err", kernel=False, unit="eaves-node.service"),  # in the node's log already
]
LINES = tuple(parse_journal("\n".join(TOLD)))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Iterator[Checkpoint]:
    made = Checkpoint(tmp_path / "state")
    yield made
    made.close()


async def collected(folder: Path, checkpoint: Checkpoint, *items: ConfigItem) -> dict[str, str]:
    """What was kept of each and what was sent, by the first letters of levels."""

    async def read(cursor: str) -> tuple[JournalLine, ...]:
        assert cursor == ""
        return LINES

    store = LogStore(folder / "logs", lambda: datetime.now(UTC))
    values = apply_items(items)[0]
    logs = MachineLogs(checkpoint, store, folder / "machine", read, lambda: values)
    await logs.collect(ORIGIN)
    waiting = store.oldest()
    sent = decode_log_file(waiting.path.read_bytes()).entries if waiting else ()
    found = {f"sent {k}": "" for k in ("kernel", "program")}
    for entry in sent:
        found[f"sent {entry.content.partition(' ')[0]}"] += entry.severity[0]
    for name, file in (("kernel", "kernel.log"), ("program", "syslog.log")):
        path = folder / "machine" / file
        text = path.read_text() if path.exists() else ""
        found[f"kept {name}"] = "".join(line.split(" ")[1][0] for line in text.splitlines())
    return found


USUAL = dict.fromkeys(("kept kernel", "kept program", "sent kernel", "sent program"), "eni")


@pytest.mark.parametrize(
    ("key", "level", "what", "passes"),
    [
        ("debug.kernel.loglevel", "debug", "kept kernel", "enid"),
        ("debug.kernel.remote.loglevel", "err", "sent kernel", "e"),
        ("debug.syslog.loglevel", "emerg", "kept program", ""),
        ("debug.syslog.remote.loglevel", "notice", "sent program", "en"),
    ],
)
async def test_each_level_of_the_machine_says_what_is_kept_or_sent(
    tmp_path: Path, checkpoint: Checkpoint, key: str, level: str, what: str, passes: str
) -> None:
    found = await collected(tmp_path, checkpoint, ConfigItem(key=key, value=level))
    assert found == USUAL | {what: passes}
    assert checkpoint.log_position(POSITION) == LINES[-1].cursor


def test_what_is_no_line_of_a_journal_is_left_out() -> None:
    assert list(parse_journal("no json\n[]\n")) == []
    (line,) = parse_journal(json.dumps({"MESSAGE": [104, 105, 255], "PRIORITY": "x"}))
    assert (line.program, line.priority, line.text) == ("syslog", 6, "hi\ufffd")


def test_a_long_message_is_asked_for_whole_and_cut_here() -> None:
    assert "--all" in journal_argv("--boot")
    (line,) = parse_journal(json.dumps({"MESSAGE": "x" * (LONGEST_LINE + 1)}))
    assert line.text == "x" * LONGEST_LINE


def test_a_file_that_is_full_makes_place_for_the_next(tmp_path: Path) -> None:
    file = tmp_path / "kernel.log"
    file.write_bytes(b"x" * (LARGEST_FILE_BYTES + 1))
    append(file, LINES[:1])
    assert file.stat().st_size < 200
    assert (tmp_path / "kernel.log.1").exists()
