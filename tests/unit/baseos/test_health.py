"""Checks of a system on trial: about the system, by name; one that cannot be made has failed."""

from pathlib import Path

import pytest

from eaves.node.baseos.health import (
    Check,
    Failure,
    control_groups,
    first_failure,
    state_writable,
    units_running,
)
from eaves.node.baseos.record import (
    MOST_BARS,
    MOST_WHY,
    Bar,
    Trial,
    barred,
    read_bars,
    read_trial,
    told,
    unbarred,
)

AT = "2026-01-02T03:04:05+00:00"


def test_the_first_failure_is_named() -> None:
    checks = (Check("one", lambda: ""), Check("two", lambda: "broken"), Check("three", lambda: "x"))
    assert first_failure(checks) == Failure("two", "broken")
    assert first_failure(checks[:1]) is None


def test_a_check_that_cannot_be_made_has_failed(tmp_path: Path) -> None:
    failure = first_failure((control_groups(tmp_path),))
    assert failure is not None
    assert failure.why.startswith("it could not be made: ")


def test_units_that_failed_are_told(tmp_path: Path) -> None:
    check = units_running(tmp_path, ("a.service", "b.service"))
    assert check.why() == ""
    (tmp_path / "failed-b.service").touch()
    assert check.why() == "failed: b.service; see their logs"


def test_a_writable_state_is_well(tmp_path: Path) -> None:
    assert state_writable(tmp_path).why() == ""


def test_controllers_that_a_kernel_lacks_are_named(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io\n")
    assert control_groups(tmp_path).why() == "the kernel lacks the controllers memory, pids"
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids io\n")
    assert control_groups(tmp_path).why() == ""


def test_what_is_remembered_reads_as_it_was_told() -> None:
    trial = Trial("2", 4, "boot", AT, "silence", "units")
    assert read_trial(told(trial)) == trial
    bars = barred({}, Bar("2", 1, "panic", AT))
    assert read_bars(told(bars.values())) == bars


def test_garbage_is_taken_for_nothing() -> None:
    for text in (None, "", "{", "[1]", "null", '{"version": 3}'):
        assert read_trial(text) is None
        assert read_bars(text) == {}


def test_the_oldest_bar_goes_and_a_newer_one_replaces() -> None:
    bars: dict[str, Bar] = {}
    for number in range(MOST_BARS + 3):
        bars = barred(bars, Bar(str(number), None, "why", AT))
    assert list(bars) == [str(number) for number in range(3, MOST_BARS + 3)]
    bars = barred(bars, Bar("5", 9, "again", AT))
    assert list(bars)[-1] == "5"
    assert bars["5"].retry == 9
    assert "5" not in unbarred(bars, "5")


def test_a_long_reason_keeps_its_end() -> None:
    why = barred({}, Bar("2", None, "x" * MOST_WHY + "the end", AT))["2"].why
    assert len(why) == MOST_WHY
    assert why.endswith("the end")


@pytest.mark.parametrize("size", [10, MOST_WHY, 50_000])
def test_the_reason_stands_above_the_end_of_a_long_log(size: int) -> None:
    """Seen on a booted image: the log of the boot before had pushed it out."""
    log = "last lines of its log:\n" + "x" * size + "the end"
    why = barred({}, Bar("2", None, f"it was not committed\n{log}", AT))["2"].why
    assert why.splitlines()[0] == "it was not committed"
    assert why.endswith("the end")
    assert len(why) <= MOST_WHY
