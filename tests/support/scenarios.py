"""The report of `make test-image`: each scenario, how it ended, its time and what was seen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pytest

EVIDENCE = "evidence"  # name of the property that a test records
FOLDER = "tests/image/"


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    outcome: str
    seconds: float
    evidence: str


def scenarios_of(stats: Mapping[str, Sequence[object]]) -> list[Scenario]:
    """In the order of their start; one that could not begin is told by its outcome."""
    reports = [
        (outcome, one)
        for outcome, several in stats.items()
        for one in several
        if isinstance(one, pytest.TestReport) and one.nodeid.startswith(FOLDER)
    ]
    seen: dict[str, dict[str, None]] = {}  # of a test, also what was recorded after it
    took: dict[str, float] = {}  # with the steps before it that it was the first to ask for
    for _, one in reports:
        took[one.nodeid] = took.get(one.nodeid, 0.0) + one.duration
        words = (str(value) for key, value in one.user_properties if key == EVIDENCE)
        seen.setdefault(one.nodeid, {}).update(dict.fromkeys(words))
    told = [pair for pair in reports if pair[1].when == "call" or not pair[1].passed]
    told.sort(key=lambda pair: pair[1].start)
    return [
        Scenario(_name(one), outcome, took[one.nodeid], "; ".join(seen[one.nodeid]))
        for outcome, one in told
    ]


def _name(report: pytest.TestReport) -> str:
    return report.nodeid.rpartition("::")[2].removeprefix("test_").replace("_", " ")


def report_text(scenarios: Iterable[Scenario]) -> str:
    rows = [
        f"| {one.name} | {one.outcome} | {one.seconds:.0f} s | {_cell(one.evidence)} |"
        for one in scenarios
    ]
    return "\n".join(("| scenario | outcome | took | seen |", "|---|---|---|---|", *rows, ""))


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
