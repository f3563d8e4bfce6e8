"""The report of what was tried on booted images: nothing that failed is left out."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.scenarios import (
    EVIDENCE,
    Floor,
    Ledger,
    Scenario,
    below,
    report_text,
    scenario_of,
)

PHASES = ("setup", "call", "teardown")


def report(name: str, when: str, outcome: str, start: float, seen: str = "") -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=f"tests/image/test_boots.py::test_{name}",
        location=("test_boots.py", 1, name),
        keywords={},
        outcome=outcome,  # type: ignore[arg-type]  # a parameter of this file's tests
        longrepr=None,
        when=when,  # type: ignore[arg-type]  # as above
        user_properties=[(EVIDENCE, seen)] if seen else [],
        duration=2.4,
        start=start,
        stop=start + 2.4,
    )


def test_a_scenario_is_told_with_all_that_was_seen_of_it() -> None:
    parts = [
        report("a_b", "setup", "passed", 1),
        report("a_b", "call", "passed", 2, "two\nlines | of a log"),
        report("a_b", "teardown", "passed", 4, "late"),
    ]
    told = scenario_of(parts)
    assert (told.name, told.outcome) == ("a b", "passed")
    assert (
        report_text([told]).splitlines()[4]
        == "| a b | passed | 7 s | two lines \\| of a log; late |"
    )
    text = report_text(
        [Scenario("e", "passed", 61.6, "", 3, 20), Scenario("f", "passed", 1, "", 2)]
    )
    assert text.startswith("5 boots; 20 power cuts looked at without one\n")
    assert "\n| e | passed | 62 s |  |\n" in text


@pytest.mark.parametrize("when", ["setup", "call", "teardown"])
def test_a_scenario_that_ended_badly_at_any_time_says_when(when: str) -> None:
    parts = [report("c", one, "failed" if one == when else "passed", 1) for one in PHASES]
    assert scenario_of(parts).outcome == f"failed in {when}"


def test_what_passed_last_is_known_to_the_next_run_of_the_same_images(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl", "these")
    assert ledger.passed() == {}
    one = Scenario("tests/image/test_boots.py::test_a", "passed", 2.5, "seen", 1, 40)
    ledger.add(one)
    Ledger(ledger.path, "others").add(replace(one, seconds=1.0))
    with ledger.path.open("a") as file:
        file.write('{"source": "these", "scen')
    failed = replace(one, test="tests/image/test_boots.py::test_b", outcome="failed in call")
    assert ledger.passed() == {one.test: one}
    with ledger.path.open("a") as file:
        file.write("\n")
    ledger.add(failed)
    assert ledger.passed() == {one.test: one}
    ledger.add(replace(failed, outcome="passed", boots=2))
    assert [two.boots for two in ledger.passed().values()] == [1, 2]
    assert ledger.told() == ledger.passed()


def test_a_run_lacks_what_it_has_less_of_than_belongs_to_it() -> None:
    floor = Floor(boots=5, checks=20)
    enough = [Scenario("e", "passed", 1, "", 3, 20), Scenario("f", "passed", 1, "", 2)]
    assert below(floor, enough) == ""
    assert below(floor, enough[:1]) == "3 boots, at least 5 belong to it"
    assert below(floor, enough[1:]) == (
        "2 boots, at least 5 belong to it; 0 checks without a boot, at least 20 belong to it"
    )
