"""`python -m parity page | check [FIELD...] | find RECORD`, run in `tests`.

`page` writes the page.  `check` mutates these fields, or all that have a test, and fails if the
test of one does not.  `find` looks for a test of each field that has none, among those of RECORD
(see `parity.plugin`), and writes what it found as honoured: read the test before you commit that.
"""

import fcntl
import gc
import importlib
import json
import pkgutil
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import eaves.node
from parity.page import PAGE, text
from parity.registry import ENTRIES, LEFT_OUT, TESTED, Entry, State, entries, write
from parity.run import Broken, Verdict, noticed

REFUSAL: Final = re.compile("refus|error|bad|hostile|malformed|never|wrong")
LIBRARIES: Final = ("hypothesis.strategies", "anyio.pytest_plugin", "pytest_asyncio.plugin")
SLOWEST_S = 3.0
FAILED: Final = re.compile(r"^(?:FAILED|ERROR) ([^\s\[]+)", re.MULTILINE)


def load_node() -> None:
    for module in pkgutil.walk_packages(eaves.node.__path__, "eaves.node."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()


def check(fields: Sequence[str], log: Path) -> int:
    tested = {f: e for f, e in entries().items() if e.state in TESTED}
    unnoticed = 0
    for field in fields or tuple(tested):
        entry = tested[field]
        verdict = Verdict(field, entry.said, noticed(field, [entry.said], log))
        sys.stdout.write(f"{verdict}\n")
        sys.stdout.flush()
        unnoticed += verdict.how is None
    sys.stdout.write(f"{unnoticed} of {len(fields or tested)} not noticed\n")
    return int(unnoticed > 0)


def _candidates(record: dict[str, Any], field: str) -> list[list[str]]:
    """Tests in which the field has a value, by file: those of effects, then those of refusals, the
    quickest first.
    """
    quick = [
        (REFUSAL.search(test) is not None, told["seconds"], test)
        for test, told in record.items()
        if field in told.get("fields", ()) and told.get("seconds", SLOWEST_S) < SLOWEST_S
    ]
    files: dict[str, list[str]] = {}
    for test in dict.fromkeys(test.partition("[")[0] for *_, test in sorted(quick)):
        files.setdefault(test.partition("::")[0], []).append(test)
    return list(files.values())


def _claim(field: str, test: str) -> None:
    with (ENTRIES / LEFT_OUT).open() as lock:  # several may look at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = entries()
        found[field] = Entry(field, State.HONOURED, test)
        write(found)


def _failing(field: str, record: dict[str, Any], log: Path) -> str | None:
    for tests in _candidates(record, field):
        try:
            how = noticed(field, tests, log)
        except Broken as broken:
            sys.stdout.write(f"{broken}\n")
            continue
        if how is not None and (failed := FAILED.search(log.read_text())):
            return failed[1]
    return None


def find(record_file: Path, log: Path, only: Sequence[str]) -> None:
    record: dict[str, Any] = json.loads(record_file.read_text())
    for field, entry in entries().items():
        if entry.state is not State.IGNORED or (only and field not in only):
            continue
        test = _failing(field, record, log)
        sys.stdout.write(f"{field}: {test}\n")
        sys.stdout.flush()
        if test is not None:
            _claim(field, test)


def main(arguments: list[str]) -> int:
    what, *rest = arguments
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "pytest.log"
        match what:
            case "page":
                PAGE.write_text(text(), encoding="utf-8")
            case "check":
                load_node()
                return check(rest, log)
            case "find":
                load_node()
                find(Path(rest[0]), log, rest[1:])
            case _:
                sys.stderr.write(f"{__doc__}\n")
                return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
