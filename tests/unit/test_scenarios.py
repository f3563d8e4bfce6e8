"""The report of what was tried on booted images: nothing that failed is left out."""

import pytest
from support.scenarios import EVIDENCE, Scenario, report_text, scenarios_of


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
        report_text(told).splitlines()[2] == "| a b | passed | 7 s | late; two lines \\| of a log |"
    )
    assert report_text([Scenario("e", "passed", 61.6, "")]).endswith("| e | passed | 62 s |  |\n")
