"""The report of `make test-image`: each scenario, how it ended, its time and what was seen.

Runs side by side write into one ledger, a line for each test under what the images were made from.
A run of hours goes on where it ended: what passed stands there.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

# Names of properties that tests record.
EVIDENCE = "evidence"
BOOTS = "boots"  # of machines, also those that they began by themselves
CHECKS = "checks"  # power cuts that were looked at without a boot


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


def scenario_of(parts: Sequence[pytest.TestReport]) -> Scenario:
    """`parts`: the reports of one test, which repeat what was recorded before.

    Its time is that of the steps before it, too, which it was the first to ask for.
    """
    seen = dict.fromkeys(pair for one in parts for pair in one.user_properties)
    bad = (one for one in parts if not one.passed)
    worst = next((f"{one.outcome} in {one.when}" for one in bad), "passed")
    return Scenario(
        parts[0].nodeid,
        worst,
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


def below(floor: Floor, scenarios: Iterable[Scenario]) -> str:
    """What a run lacks; empty: nothing."""
    scenarios = tuple(scenarios)
    boots, checks = sum(one.boots for one in scenarios), sum(one.checks for one in scenarios)
    lacks: list[str] = []
    if boots < floor.boots:
        lacks.append(f"{boots} boots, at least {floor.boots} belong to it")
    if checks < floor.checks:
        lacks.append(f"{checks} checks without a boot, at least {floor.checks} belong to it")
    return "; ".join(lacks)


def report_text(scenarios: Iterable[Scenario]) -> str:
    scenarios = tuple(scenarios)
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

    def told(self) -> dict[str, Scenario]:
        """The last of each test, by its node id; what other images did is left out."""
        lines = self.path.read_text().splitlines() if self.path.exists() else ()
        told = (json.loads(line) for line in lines if line.endswith("}"))  # a last one may be torn
        mine = (Scenario(**one["scenario"]) for one in told if one["source"] == self.source)
        return {one.test: one for one in mine}

    def passed(self) -> dict[str, Scenario]:
        return {test: one for test, one in self.told().items() if one.outcome == "passed"}

    def add(self, scenario: Scenario) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps({"source": self.source, "scenario": asdict(scenario)}) + "\n")
