"""Configuration properties of the node itself, by their effect."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from eaves.evapi.config.devcommon import ConfigItem
from eaves.evapi.config_items import ItemValues, apply_items
from eaves.evapi.logs import LogEntry
from eaves.node.host.journal import LogGate
from eaves.node.network.metadata import Allowance
from eaves.node.runtime.commands import cut_off
from eaves.node.runtime.log_policy import SentLines, Window, policy_of, service_of
from eaves.node.runtime.metadata_facts import metrics_limits

NETWORK = "/opt/lib/eaves/node/network/acl.py:12"
STORAGE = "/opt/lib/eaves/node/storage/blobs.py:5"
OTHER = "/opt/lib/eaves/reconcile/apply.py:9"


def items(**values: str) -> ItemValues:
    """Keys with `__` for each dot and `_` for each dash."""
    listed = [
        ConfigItem(key=key.replace("__", ".").replace("_", "-"), value=value)
        for key, value in values.items()
    ]
    return apply_items(listed)[0]


def sent(values: ItemValues, *lines: tuple[str, str, str]) -> list[str]:
    """What is sent of lines of (level, place, event)."""
    filtered = SentLines()
    filtered.policy = policy_of(values)
    entries = [
        LogEntry(
            severity="info",
            source="console",
            content=json.dumps({"level": level, "file": place, "event": event, "timestamp": n}),
        )
        for n, (level, place, event) in enumerate(lines)
    ]
    return [json.loads(entry.content)["event"] for entry in filtered.of(entries)]


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ({}, "ewi"),
        ({"debug__default__loglevel": "debug"}, "ewid"),
        ({"debug__default__loglevel": "warning"}, "ew"),
        ({"debug__default__loglevel": "none"}, ""),
        ({"agent__zedrouter__debug__loglevel": "error"}, "e"),
        ({"agent__volumemgr__debug__loglevel": "error"}, "ewi"),
        ({"debug__default__loglevel": "none", "agent__zedrouter__debug__loglevel": "all"}, "ewid"),
        ({"debug__default__remote__loglevel": "none"}, "ewi"),
    ],
)
def test_the_level_of_a_service_says_what_is_written(values: dict[str, str], written: str) -> None:
    policy = policy_of(items(**values))
    levels = {"e": "error", "w": "warning", "i": "info", "d": "debug"}
    assert "".join(k for k, level in levels.items() if policy.writes(NETWORK, level)) == written


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        ({}, ["bad", "good", "other"]),
        ({"debug__default__remote__loglevel": "error"}, ["bad"]),
        ({"agent__zedrouter__debug__remote__loglevel": "none"}, ["other"]),
        ({"debug__default__loglevel": "none"}, ["bad", "good", "other"]),
    ],
)
def test_the_remote_level_says_what_of_it_is_sent(values: dict[str, str], seen: list[str]) -> None:
    lines = (("error", NETWORK, "bad"), ("info", NETWORK, "good"), ("info", OTHER, "other"))
    assert sent(items(**values), *lines) == seen


def test_lines_of_a_place_are_dropped_counted_or_sent_once() -> None:
    lines = [("info", NETWORK, "a"), ("info", STORAGE, "b"), ("info", STORAGE, "b")] * 2
    assert sent(items(), *lines) == ["a", "b", "b"] * 2
    assert sent(items(log__filter__filenames="network/acl.py:12"), *lines) == ["b"] * 4
    assert sent(items(log__filter__filenames="acl.py:1"), *lines) == ["a", "b", "b"] * 2
    assert sent(items(log__dedup__window__size="1"), *lines) == ["a", "b", "a", "b"]
    assert sent(items(log__dedup__window__size="2"), *lines) == ["a", "b"]
    counted = SentLines()
    counted.policy = policy_of(items(log__count__filenames="acl.py:12, blobs.py:5"))
    entries = [
        LogEntry(content=json.dumps({"level": "info", "file": place, "event": event}))
        for _, place, event in lines
    ]
    (only,) = counted.of(entries)
    assert json.loads(only.content) == {"event": "log_lines_counted", NETWORK: 2, STORAGE: 4}


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 4))))
def test_a_window_knows_the_last_messages_and_no_others(added: list[tuple[str, int]]) -> None:
    window, naive = Window(), list[str]()
    for message, size in added:
        window.add(message, size)
        naive = [*naive, message][-size:] if size else []
        assert [m in window for m in "abcde"] == [m in naive for m in "abcde"]


def test_a_sent_line_has_its_level_service_and_place_and_garbage_goes_as_it_is() -> None:
    line = json.dumps({"level": "warning", "file": NETWORK, "event": "x"})
    told, garbage = SentLines().of(
        [
            LogEntry(severity="info", source="console", content=line, msgid=7),
            LogEntry(severity="info", source="console", content="Segmentation fault", msgid=8),
        ]
    )
    assert (told.severity, told.source, told.filename) == ("warning", "zedrouter", NETWORK)
    assert (told.content, told.msgid) == (line, 7)
    assert (garbage.severity, garbage.source, garbage.content) == (
        "info",
        "console",
        "Segmentation fault",
    )
    assert service_of("eaves/node/main.py:3") == ""


def test_the_gate_lets_lines_through_and_names_their_place() -> None:
    gate = LogGate()
    gate.writes = policy_of(items(debug__default__loglevel="warning")).writes
    event = {"event": "x", "pathname": "/opt/lib/eaves/node/network/acl.py", "lineno": 12}
    assert gate(None, "exception", dict(event))["file"] == "eaves/node/network/acl.py:12"
    with pytest.raises(structlog.DropEvent):
        gate(None, "info", dict(event))


def test_the_log_of_a_process_names_the_places_where_its_lines_are_written(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, structlog\n"
        "from eaves.node.host.journal import log_to_file\n"
        "gate = log_to_file(pathlib.Path(sys.argv[1]))\n"
        "log = structlog.get_logger('a')\n"
        "log.debug('hidden')\n"
        "log.info('shown')\n"
        "gate.writes = lambda path, level: level == 'debug'\n"
        "log.debug('now shown')\n"
        "log.info('now hidden')\n"
    )
    log = tmp_path / "device.log"
    subprocess.run([sys.executable, "-c", code, str(log)], check=True, capture_output=True)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [
        ("shown", "info"),
        ("now shown", "debug"),
    ]
    assert lines[0]["file"] == "<string>:6"


def test_a_device_that_is_cut_off_long_enough_starts_anew_unless_that_is_expected() -> None:
    assert not cut_off(604_799, items())
    assert cut_off(604_800, items())
    assert cut_off(120, items(timer__reboot__no__network="120"))
    assert not cut_off(10**9, items(airgap__mode="enabled"))
    assert cut_off(10**9, items(airgap__mode="disabled"))


def test_metrics_are_told_so_often_to_one_app() -> None:
    values = items(
        msrv__prometheus__metrics__rps="2",
        msrv__prometheus__metrics__burst="3",
        msrv__prometheus__metrics__idletimeout__seconds="1",
    )
    assert metrics_limits(values) == (2, 3, 1)
    assert metrics_limits(items()) == (1, 10, 240)
    allowance = Allowance(100.0, 100)
    allowance.limit(*metrics_limits(values))
    assert [allowance.takes("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert [allowance.takes("a", 0.5) for _ in range(2)] == [True, False]
    assert [allowance.takes("a", 1.5) for _ in range(4)] == [True, True, True, False]  # anew
    assert allowance.takes("b", 0.0)
