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
    is_whole,
    report_text,
    scenarios_of,
)


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


def test_each_scenario_is_told_once_in_its_order() -> None:
    stats: dict[str, list[object]] = {
        "": [report("a_b", "setup", "passed", 1), report("a_b", "teardown", "passed", 4, "late")],
        "failed": [report("c", "call", "failed", 5)],
        "error": [report("d", "setup", "failed", 7)],
        "passed": [report("a_b", "call", "passed", 2, "two\nlines | of a log")],
        "warnings": ["no report"],
    }
    told = scenarios_of(stats)
    assert [(one.name, one.outcome) for one in told] == [
        ("a b", "passed"),
        ("c", "failed"),
        ("d", "error"),
    ]
    assert (
        report_text(told).splitlines()[4] == "| a b | passed | 7 s | two lines \\| of a log; late |"
    )
    text = report_text(
        [Scenario("e", "passed", 61.6, "", 3, 20), Scenario("f", "passed", 1, "", 2)]
    )
    assert text.startswith("5 boots; 20 power cuts looked at without one\n")
    assert "\n| e | passed | 62 s |  |\n" in text


def test_what_passed_is_known_to_the_next_run_of_the_same_images(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl", "these")
    assert ledger.passed() == {}
    one = Scenario("tests/image/test_boots.py::test_a", "passed", 2.5, "seen", 1, 40)
    ledger.add(one)
    Ledger(ledger.path, "others").add(replace(one, seconds=1.0))
    with ledger.path.open("a") as file:
        file.write('{"source": "these", "scen')
    assert ledger.passed() == {one.test: one}


def test_a_run_lacks_what_it_has_less_of_than_belongs_to_it() -> None:
    floor = Floor(boots=5, checks=20)
    enough = [Scenario("e", "passed", 1, "", 3, 20), Scenario("f", "passed", 1, "", 2)]
    assert below(floor, enough) == ""
    assert below(floor, enough[:1]) == "3 boots, at least 5 belong to it"
    assert below(floor, enough[1:]) == (
        "2 boots, at least 5 belong to it; 0 checks without a boot, at least 20 belong to it"
    )


def test_a_run_is_whole_that_leaves_no_test_of_its_folder_out() -> None:
    folder = Path("/project/tests/image")
    assert is_whole(folder, [folder], 0)
    assert is_whole(folder, [Path("/project")], 0)
    assert not is_whole(folder, [folder / "test_boots.py"], 0)
    assert not is_whole(folder, [Path("/project/tests/unit")], 0)
    assert not is_whole(folder, [folder], 1)
