"""Lines of the device's log on their way to the controller, as `vector.config` says."""

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from eaves.evapi.config import ConfigItem
from eaves.evapi.config_items import ItemValues, apply_items
from eaves.evapi.log_router import RouterUnusable, steps_of
from eaves.evapi.logs import LogEntry
from eaves.node.runtime.log_policy import SentLines
from eaves.node.runtime.log_router import LogRouter, route_of

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
QUIET = {"type": "filter", "inputs": ["dev_upload"], "condition": '.source != "nim"'}


def encoded(transforms: object, **more: object) -> str:
    return base64.b64encode(yaml.safe_dump({"transforms": transforms, **more}).encode()).decode()


def items(*told: tuple[str, str], before: ItemValues | None = None) -> tuple[ItemValues, str]:
    """The values, and what is wrong with the router's."""
    values, status = apply_items([ConfigItem(key=k, value=v) for k, v in told], before)
    return values, status.config_items["vector.config"].error


def line(text: str, place: str = "runtime", after_s: float = 0.0, level: str = "info") -> LogEntry:
    told = {"event": text, "level": level, "file": f"eaves/node/{place}/a.py:1"}
    return LogEntry(content=json.dumps(told), timestamp=BEGIN + timedelta(seconds=after_s))


def sent(values: ItemValues, *lines: LogEntry) -> list[str]:
    through = SentLines()
    through.router.follow(route_of(values))
    return [json.loads(entry.content)["event"] for entry in through.of(lines)]


LINES = (line("a"), line("b", "uplinks"), line("c"), line("c", after_s=1), line("d", after_s=61))


@pytest.mark.parametrize(
    ("transforms", "wanted"),
    [
        ({"quiet": QUIET}, "accd"),
        ({"one": {**QUIET, "condition": 'contains(string!(.message), "\\"b\\"")'}}, "b"),
        (
            {"one": {**QUIET, "condition": '.source == "nim" || ends_with(.file, "a.py:1")'}},
            "abccd",
        ),
        ({"one": {**QUIET, "condition": '!starts_with(.content, "{") && .level == "info"'}}, ""),
        ({"one": {"type": "sample", "inputs": ["s"], "rate": 2}}, "acd"),
        (
            {"one": {"type": "sample", "inputs": ["s"], "rate": 9, "exclude": '.source == "nim"'}},
            "ab",
        ),
        ({"one": {"type": "throttle", "inputs": ["s"], "threshold": 2, "window_secs": 60}}, "abd"),
        (
            {
                "one": {
                    "type": "throttle",
                    "inputs": ["s"],
                    "threshold": 1,
                    "window_secs": 60,
                    "key_field": "{{ source }}",
                }
            },
            "abd",
        ),
        ({"one": {"type": "dedupe", "inputs": ["s"], "fields": {"match": ["content"]}}}, "abcd"),
        (
            {
                "last": {"type": "dedupe", "inputs": ["quiet"], "fields": {"match": [".message"]}},
                "quiet": QUIET,
            },
            "acd",
        ),
    ],
)
def test_lines_pass_through_the_steps_of_the_router(
    transforms: dict[str, object], wanted: str
) -> None:
    values, wrong = items(("vector.config", encoded(transforms)))
    assert not wrong
    assert "".join(sent(values, *LINES)) == wanted


def test_lines_pass_by_where_the_router_is_switched_off() -> None:
    route = ("vector.config", encoded({"quiet": QUIET}))
    assert sent(items(route)[0], *LINES) != sent(items()[0], *LINES)
    off, _ = items(route, ("vector.enabled", "false"))
    assert sent(off, *LINES) == sent(items()[0], *LINES)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("%%", "not base64"),
        (base64.b64encode(b"a: [").decode(), "expected"),
        (base64.b64encode(b"transforms: 4").decode(), "Expected `object`"),
        (base64.b64encode(b"a" * 70_000).decode(), "at most"),
        (encoded({"r": {"type": "remap", "inputs": ["s"]}}), "transform r: type 'remap'"),
        (encoded({"r": {"type": "remap", "inputs": ["s"], "source": "."}}), "unknown field"),
        (encoded({"r": {**QUIET, "condition": "true"}}), "condition 'true'"),
        (encoded({"r": {**QUIET, "condition": '.size == "1"'}}), "no field 'size'"),
        (encoded({"r": {**QUIET, "condition": " "}}), "no condition"),
        (encoded({"r": {**QUIET, "inputs": ["a", "b"]}}), "from 2 inputs"),
        (encoded({"a": QUIET, "b": QUIET}), "make a row"),
        (encoded({"a": {**QUIET, "inputs": ["b"]}, "b": {**QUIET, "inputs": ["a"]}}), "no row"),
        (encoded({"r": {"type": "sample", "inputs": ["s"]}}), "a number is missing"),
        (encoded({}, sinks={"out": {"type": "http"}}), "not to http"),
    ],
)
def test_a_router_that_cannot_be_used_is_told_and_the_one_before_stays(
    value: str, why: str
) -> None:
    good, _ = items(("vector.config", encoded({"quiet": QUIET})))
    after, wrong = items(("vector.config", value), before=good)
    assert why in wrong
    assert route_of(after) == route_of(good)


def test_without_a_value_every_line_passes_again() -> None:
    router = LogRouter()
    router.follow(encoded({"quiet": QUIET}))
    assert router.of([LogEntry(source="nim")]) == ()
    router.follow("")
    assert router.of([LogEntry(source="nim")]) == (LogEntry(source="nim"),)


@given(st.binary(max_size=300))
def test_whatever_is_told_is_steps_or_unusable(data: bytes) -> None:
    with suppress(RouterUnusable):
        assert steps_of(base64.b64encode(data).decode()) == ()
