"""A field counts as honoured only if its test fails without it."""

import os
import subprocess
import sys

import pytest
from parity.registry import TESTED, entries
from support.generated import REPOSITORY

SAMPLE = 8


@pytest.mark.system
@pytest.mark.timeout(1800)
def test_without_its_field_the_test_of_each_entry_fails() -> None:
    """All with PARITY=all, as `make test-system` sets it; else a few, the same each time."""
    tested = [field for field, entry in entries().items() if entry.state in TESTED]
    if os.environ.get("PARITY") != "all":
        tested = tested[:: max(1, len(tested) // SAMPLE)]
    folders = (REPOSITORY / "tests", REPOSITORY / "src")
    done = subprocess.run(
        [sys.executable, "-m", "parity", "check", *tested],
        cwd=REPOSITORY / "tests",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.count("fails: ") == len(tested)
