"""Decisions of commands: what differs, what a condition means, what is told of progress."""

from typing import Any

import click
import pytest
from click.testing import CliRunner

from eaves.cli.field_changes import field_changes
from eaves.cli.kinds import find_kind, split_titles
from eaves.cli.output import HIDDEN, size_text
from eaves.cli.progress import Progress, bar
from eaves.cli.selecting import pairs_of
from eaves.cli.session import Contexts, Session, usual_name
from eaves.cli.waiting import NOTHING, read_condition, value_of
from eaves.main import main

DIFFERENCES: dict[str, tuple[Any, Any, list[str]]] = {
    "nothing": ({"a": 1}, {"a": 1}, []),
    "empty and absent are one": ({"a": ""}, {"a": None, "b": {}}, []),
    "a value": ({"title": "a"}, {"title": "b"}, ["title: a -> b"]),
    "something new": ({}, {"ip": {"dhcp": "CLIENT"}}, ["ip.dhcp: (none) -> CLIENT"]),
    "something that goes": ({"tags": {"x": "1"}}, {"tags": {}}, ["tags.x: 1 -> (none)"]),
    "in an element": ({"l": [{"n": "a"}]}, {"l": [{"n": "b"}]}, ["l[0].n: a -> b"]),
    "an element more": ({"l": [{"n": 1}]}, {"l": [{"n": 1}, {"n": 2}]}, ["l[1].n: (none) -> 2"]),
    "a first element": ({}, {"l": [{"n": 1}]}, ["l[0].n: (none) -> 1"]),
    "the last element": ({"l": [{"n": 1}]}, {"l": []}, ["l[0].n: 1 -> (none)"]),
    "a list of texts": ({"l": ["a"]}, {"l": ["a", "b"]}, ['l: ["a"] -> ["a", "b"]']),
    "a map for a text": ({"a": "b"}, {"a": {"c": 1}}, ['a: b -> {"c": 1}']),
    "a flag": ({"on": True}, {"on": False}, ["on: true -> false"]),
    "a secret": ({}, {"secret": {"apiPasswd": "s3"}}, [f"secret.apiPasswd: (none) -> {HIDDEN}"]),
    "a secret that changes": (
        {"clientSecret": "a"},
        {"clientSecret": "b"},
        [f"clientSecret: {HIDDEN} -> {HIDDEN}"],
    ),
    "a password variable": (
        {"v": [{"format": "PASSWORD", "value": "a"}]},
        {"v": [{"format": "PASSWORD", "value": "b"}]},
        [f"v[0].value: {HIDDEN} -> {HIDDEN}"],
    ),
    "sealed secrets": (
        {},
        {"encryptedSecrets": {"any": "x"}},
        [f"encryptedSecrets.any: (none) -> {HIDDEN}"],
    ),
}


@pytest.mark.parametrize(("now", "wanted", "lines"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_differences_are_told_field_by_field(now: Any, wanted: Any, lines: list[str]) -> None:
    assert [one.text for one in field_changes(now, wanted)] == lines


def test_a_long_value_is_cut() -> None:
    (change,) = field_changes({"a": "x" * 1000}, {"a": ""})
    assert len(change.text) < 400


@pytest.mark.parametrize(
    ("text", "seen", "holds"),
    [
        ("state=ONLINE", "ONLINE", True),
        ("state=RUN_STATE_ONLINE", "online", True),
        ("state=ONLINE,HALTED", "HALTED", True),
        ("state=ONLINE", "OFFLINE", False),
        ("state!=ERROR", "ONLINE", True),
        ("state!=ERROR", "ERROR", False),
        ("identity", "abc", True),
        ("identity", NOTHING, False),
        ("activate=true", "true", True),
    ],
)
def test_a_condition_holds(text: str, seen: str, *, holds: bool) -> None:
    assert read_condition(text).holds(seen) is holds


@pytest.mark.parametrize("text", ["", "=x", "state=", "state=,"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match="is no condition"):
        read_condition(text)


def test_a_field_is_looked_for_in_the_status_first() -> None:
    device, image = find_kind("device"), find_kind("image")
    status, row = {"runState": "RUN_STATE_ONLINE", "a": {"b": True}}, {"runState": "x", "n": 0}
    assert value_of(device, "state", status, row) == "ONLINE"
    assert value_of(device, "a.b", status, row) == "true"
    assert value_of(device, "n", status, row) == "0"
    assert value_of(device, "nowhere", status, row) == NOTHING
    assert value_of(device, "a", status, row) == "1 entries"
    assert value_of(device, "state", {}, {}) == "UNSPECIFIED"
    assert value_of(image, "state", {}, {"imageStatus": "IMAGE_STATUS_READY"}) == "READY"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["device", "a"], ["device", "a"]),
        (["device/a"], ["device", "a"]),
        (["nodes/a", "device/b"], ["device", "a", "b"]),
        (["-o", "json", "device/a"], ["-o", "json", "device", "a"]),
        (["-f", "device/a"], ["-f", "device/a"]),
        (["device", "device/a"], ["device", "a"]),
        (["user", "device/a"], ["user", "device/a"]),
        (["folder/a"], ["folder/a"]),
    ],
)
def test_an_object_may_be_written_with_its_kind(given: list[str], meant: list[str]) -> None:
    assert split_titles(given) == meant


def test_objects_of_several_kinds_are_not_mixed() -> None:
    with pytest.raises(click.UsageError, match="another kind"):
        split_titles(["device/a", "app/b"])


def test_selectors_are_pairs() -> None:
    assert pairs_of(["a=1,b=2", "c=="]) == [("a", "1"), ("b", "2"), ("c", "")]
    for wrong in ("a", "=1", "a!=1"):
        with pytest.raises(click.UsageError, match="is no selector"):
            pairs_of([wrong])


def test_contexts_are_put_used_and_forgotten() -> None:
    one, two = Session("https://a:9443", "t1"), Session("https://b:1", "t2", enterprise="sub")
    assert (usual_name(one), usual_name(two)) == ("a", "b:1/sub")
    kept = Contexts().put("a", one).put("b", two)
    assert (kept.current, kept.use("a").current) == ("b", "a")
    assert kept.without("b") == Contexts("a", {"a": one})
    assert kept.without("b").told_after(kept) == "context a is in use now: https://a:9443"
    assert kept.without("a").current == "b"
    assert kept.without("a").told_after(kept) == ""
    three = kept.put("c", one).without("c")
    assert (three.current, three.told_after(kept)) == (
        "",
        "none is in use now; eaves context use a | b",
    )
    with pytest.raises(click.ClickException, match="there is no context 'c'; there are: a, b"):
        kept.use("c")
    assert "t1" not in repr(kept)


def test_a_bar_is_full_at_the_end() -> None:
    assert bar(0, 4) == "----"
    assert bar(0.5, 4) == "##--"
    assert bar(2, 4) == "####"


def test_progress_is_plain_lines_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("image/x", size_text, terminal=False) as progress:
        for done in range(0, 1025, 8):
            progress.tell(done, 1024)
    lines = capsys.readouterr().err.splitlines()
    assert 10 <= len(lines) <= 12
    assert lines[0] == "image/x: 0%  0 B of 1 KiB"
    assert lines[-1] == "image/x: 100%  1 KiB of 1 KiB"


def test_progress_on_a_terminal_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    ticks = iter(float(n) for n in range(100))
    with Progress("job/x", seconds=lambda: next(ticks), terminal=True) as progress:
        progress.tell(1, 4, "INPROGRESS")
        progress.tell(4, 4, "COMPLETED")
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert shown.startswith("\rjob/x  [######-----")
    assert "100%  4 of 4  COMPLETED" in shown


def test_a_changed_note_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("rollout/x", terminal=False) as progress:
        progress.tell(1, 100, "RUNNING, wave 1 of 2")
        progress.tell(2, 100, "RUNNING, wave 1 of 2")
        progress.tell(2, 100, "PAUSED, wave 1 of 2")
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_kind_before_the_name_is_told_where_a_command_is_about_one() -> None:
    done = CliRunner().invoke(main, ["restart", "instance", "web"])
    assert done.exit_code == 2
    assert "restart is about one kind: leave 'instance' out" in done.output
    done = CliRunner().invoke(main, ["restart", "web", "door"])
    assert "extra argument" in done.output
    assert "one kind" not in done.output
