"""Runs tests with one field mutated, each in a process of its own.

The process is a copy of this one, which has loaded the node already: most of the time of a run
of one test goes into that.
"""

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.generated import REPOSITORY

from parity.fields import PROPERTY, modelled
from parity.mutation import How, mutate

TESTS_FAILED = 1  # as pytest exits
LONGEST_S = 240
DIVIDED = "EAVES_TESTS_"  # what makes a run one of several that divide the tests: this one is none
# Assertions as they are: to rewrite those of libraries takes longer than most tests.
OPTIONS = ("--assert=plain", "-p", "no:cacheprovider", "-x", "-q", "--durations=0")


class Broken(Exception):
    """A run that says neither that the tests passed nor that one failed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    field: str
    test: str
    how: How | None  # the mutation under which the test fails; None: it notices none

    def __str__(self) -> str:
        said = "nothing noticed" if self.how is None else f"fails: {self.how}"
        return f"{self.field}: {said}: {self.test}"


def ways(field: str) -> tuple[How, ...]:
    if field.startswith(f"{PROPERTY}."):
        return (How.REMOVED,)
    return (How.REMOVED, How.CHANGED) if field in modelled() else ()


def noticed(field: str, tests: Sequence[str], log: Path) -> How | None:
    """The first mutation of `field` under which one of `tests` fails; they end at the first."""
    for how in ways(field):
        if fails(field, how, tests, log):
            return how
    return None


def fails(field: str, how: How, tests: Sequence[str], log: Path) -> bool:
    """Raises Broken where pytest could not run them."""
    child = os.fork()
    if child == 0:
        _run(field, how, tests, log)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, TESTS_FAILED):
        raise Broken(f"{field} {how}: pytest ended with {code}; {log.read_text()[-2000:]}")
    return code == TESTS_FAILED


def _run(field: str, how: How, tests: Sequence[str], log: Path) -> None:
    code = 70
    try:
        with log.open("w") as out:
            os.dup2(out.fileno(), sys.stdout.fileno())
            os.dup2(out.fileno(), sys.stderr.fileno())
        signal.alarm(LONGEST_S)
        os.chdir(REPOSITORY)
        for name in [n for n in os.environ if n.startswith(DIVIDED)]:
            del os.environ[name]
        mutate(field, how)
        code = int(pytest.main([*OPTIONS, *tests]))
    except BaseException:  # noqa: BLE001 - told in the log, and the copy ends here whatever it was
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
