"""The report of `make test-image`: each scenario, how it ended, its time and what was seen.

A run of hours goes on where it ended: what passed stands in a ledger, a line each, under what the
images were made from.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

# Names of properties that tests record.
EVIDENCE = "evidence"
BOOTS = "boots"  # of machines, also those that they began by themselves
CHECKS = "checks"  # power cuts that were looked at without a boot
FOLDER = "tests/image/"


@dataclass(frozen=True, slots=True)
class Scenario:
    test: str  # its node id
    outcome: str
    seconds: float
    evidence: str
    boots: int = 0
    checks: int = 0

    @property
    def name(self) -> str:
        return self.test.rpartition("::")[2].removeprefix("test_").replace("_", " ")


def scenarios_of(stats: Mapping[str, Sequence[object]]) -> list[Scenario]:
    """In the order of their start; one that could not begin is told by its outcome."""
    reports = [
        (outcome, one)
        for outcome, several in stats.items()
        for one in several
        if isinstance(one, pytest.TestReport) and one.nodeid.startswith(FOLDER)
    ]
    # Of a test, what was recorded after it, too, and the time of the steps before it that it was
    # the first to ask for.
    parts: dict[str, list[pytest.TestReport]] = {}
    for _, one in sorted(reports, key=lambda pair: pair[1].start):
        parts.setdefault(one.nodeid, []).append(one)
    told = [pair for pair in reports if pair[1].when == "call" or not pair[1].passed]
    told.sort(key=lambda pair: pair[1].start)
    return [scenario_of(outcome, parts[one.nodeid]) for outcome, one in told]


def scenario_of(outcome: str, parts: Sequence[pytest.TestReport]) -> Scenario:
    """`parts`: the reports of one test, which repeat what was recorded before."""
    seen = dict.fromkeys(pair for one in parts for pair in one.user_properties)
    return Scenario(
        parts[0].nodeid,
        outcome,
        sum(one.duration for one in parts),
        "; ".join(str(value) for key, value in seen if key == EVIDENCE),
        sum(int(str(value)) for key, value in seen if key == BOOTS),
        sum(int(str(value)) for key, value in seen if key == CHECKS),
    )


@dataclass(frozen=True, slots=True)
class Floor:
    """What a whole run has at least; one that has less lost tests of which nobody spoke."""

    boots: int
    checks: int


def below(floor: Floor, scenarios: Sequence[Scenario]) -> str:
    """What a run lacks; empty: nothing."""
    boots, checks = sum(one.boots for one in scenarios), sum(one.checks for one in scenarios)
    lacks: list[str] = []
    if boots < floor.boots:
        lacks.append(f"{boots} boots, at least {floor.boots} belong to it")
    if checks < floor.checks:
        lacks.append(f"{checks} checks without a boot, at least {floor.checks} belong to it")
    return "; ".join(lacks)


def is_whole(folder: Path, asked: Iterable[Path], deselected: int) -> bool:
    """Was all of `folder` run?  `asked`: the paths that pytest was told."""
    return not deselected and any(folder.is_relative_to(one) for one in asked)


def report_text(scenarios: Sequence[Scenario]) -> str:
    rows = [
        f"| {one.name} | {one.outcome} | {one.seconds:.0f} s | {_cell(one.evidence)} |"
        for one in scenarios
    ]
    boots, checks = sum(one.boots for one in scenarios), sum(one.checks for one in scenarios)
    whole = f"{boots} boots; {checks} power cuts looked at without one"
    return "\n".join(
        (whole, "", "| scenario | outcome | took | seen |", "|---|---|---|---|", *rows, "")
    )


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


@dataclass(frozen=True)
class Ledger:
    path: Path
    source: str  # digest of what the images are made from

    def passed(self) -> dict[str, Scenario]:
        """By node id; what other images did is left out."""
        lines = self.path.read_text().splitlines() if self.path.exists() else ()
        told = (json.loads(line) for line in lines if line.endswith("}"))  # a last one may be torn
        mine = (Scenario(**one["scenario"]) for one in told if one["source"] == self.source)
        return {one.test: one for one in mine}

    def add(self, scenario: Scenario) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps({"source": self.source, "scenario": asdict(scenario)}) + "\n")
