"""docs/explanation/node-networks.md names tests that exist, one for each fault at least."""

import ast
import re
from typing import Final

from support.generated import REPOSITORY

PAGE: Final = REPOSITORY / "docs/explanation/node-networks.md"
NAMED: Final = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_each_fault_names_tests_that_exist() -> None:
    text = PAGE.read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 12
    for row in rows:
        named = NAMED.findall(row)
        assert named, row
        for path, name in named:
            tree = ast.parse((REPOSITORY / path).read_text())
            functions = ast.FunctionDef | ast.AsyncFunctionDef
            assert name in {n.name for n in tree.body if isinstance(n, functions)}, row
