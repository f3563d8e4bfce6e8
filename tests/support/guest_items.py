"""Tests marked `guest`, seen from outside: each has the result that it had in the guest machine."""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from support.guest_machine import INSIDE, WITHIN_S, GuestMachine

_RESULTS: Final = pytest.StashKey["GuestResults"]()


class ElsewhereError(Exception):
    """What went wrong in the machine, as pytest told it there."""


@dataclass
class GuestResults:
    """Of all guest tests of a run; the machine boots when the first of them is asked for."""

    node_ids: Sequence[str]
    kernel: str = ""
    seconds: float = 0.0
    last_words: str = ""
    _told: dict[str, list[dict[str, str]]] = field(default_factory=dict[str, list[dict[str, str]]])
    _booted: bool = False

    def require(self, node_id: str) -> None:
        """Raises ElsewhereError unless this test passed there; one that was skipped did not."""
        if not self._booted:
            self._booted = True
            self._run()
        told = self._told.get(node_id, [])
        bad = [one for one in told if one["outcome"] != "passed"]
        if bad:
            raise ElsewhereError("\n".join(f"{one['when']}: {one['text']}" for one in bad))
        if {one["when"] for one in told} != {"setup", "call", "teardown"}:
            raise ElsewhereError(f"the machine told nothing of its end; {self.last_words}")

    def _run(self) -> None:
        with tempfile.TemporaryDirectory(prefix="eaves-guest-") as folder:
            machine = GuestMachine(Path(folder))
            try:
                for report in machine.run(self.node_ids):
                    self._told.setdefault(report["node_id"], []).append(report)
            finally:
                self.last_words = f"its console:\n{machine.console}\nits pytest:\n{machine.output}"
                self.kernel, self.seconds = machine.kernel, machine.seconds


class GuestItem(pytest.Item):
    """Stands for a test that runs in the machine."""

    def runtest(self) -> None:
        results = self.config.stash.get(_RESULTS, None)
        if results is None:
            ids = [item.nodeid for item in self.session.items if isinstance(item, GuestItem)]
            results = self.config.stash[_RESULTS] = GuestResults(ids)
        results.require(self.nodeid)

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None
    ) -> str:
        if isinstance(excinfo.value, ElsewhereError):
            return str(excinfo.value)
        return str(excinfo.getrepr())

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.name} in the guest machine"


def is_inside() -> bool:
    return INSIDE in os.environ


def stand_in(item: pytest.Item) -> pytest.Item:
    """Outside the machine, what takes the place of a guest test."""
    if is_inside() or item.get_closest_marker("guest") is None:
        return item
    assert item.parent is not None
    made = GuestItem.from_parent(item.parent, name=item.name)  # pyright: ignore[reportUnknownMemberType] - pytest declares no types of it
    made.own_markers.extend(item.own_markers)
    made.keywords.update(item.keywords)
    made.add_marker(pytest.mark.timeout(WITHIN_S + 60))  # the first one waits for the machine
    return made


def tell(report: pytest.TestReport) -> None:
    """Inside the machine: a line for who waits outside."""
    if not is_inside():
        return
    told = {
        "node_id": report.nodeid,
        "when": report.when,
        "outcome": report.outcome,
        "text": report.longreprtext,
    }
    with Path(os.environ[INSIDE]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(told) + "\n")


def summary(config: pytest.Config) -> str:
    """What ran where, for the end of a report; empty where no machine booted."""
    results = config.stash.get(_RESULTS, None)
    return (
        ""
        if results is None
        else f"guest machine: {len(results.node_ids)} tests under Linux {results.kernel}, "
        f"{results.seconds:.0f} s from power on to power off"
    )
