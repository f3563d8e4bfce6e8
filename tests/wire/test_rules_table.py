"""The table of protocol rules: each names tests that exist, and no section is forgotten."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "reference" / "protocol-rules.md"
SECTIONS = range(2, 14)

_ROW = re.compile(r"\| (?P<section>\d+(?:\.\d+)?) \| (?P<rule>[^|]+) \| (?P<tests>[^|]+) \|")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@dataclass(frozen=True)
class Row:
    section: str
    rule: str
    tests: tuple[tuple[str, str], ...]


@cache
def rows() -> tuple[Row, ...]:
    found: list[Row] = []
    for line in TABLE.read_text().splitlines():
        if (row := _ROW.fullmatch(line.strip())) is not None:
            tests = tuple((m[1], m[2]) for m in _TEST.finditer(row["tests"]))
            found.append(Row(row["section"], row["rule"], tests))
    return tuple(found)


@cache
def names_of_tests(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    )


def test_every_line_of_the_table_is_a_row() -> None:
    lines = [line for line in TABLE.read_text().splitlines() if re.match(r"\| \d", line)]
    assert len(lines) == len(rows())


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.section}-{row.rule[:40]}")
def test_every_rule_names_tests_that_exist(row: Row) -> None:
    assert row.tests, f"{row.section} {row.rule}: no test is named"
    for path, name in row.tests:
        assert (ROOT / path).is_file(), f"{row.section} {row.rule}: {path} does not exist"
        assert name in names_of_tests(path), f"{row.section} {row.rule}: {path} has no {name}"


def test_every_section_has_rules() -> None:
    assert {int(row.section.partition(".")[0]) for row in rows()} == set(SECTIONS)


def test_no_rule_is_written_twice() -> None:
    rules = [(row.section, row.rule) for row in rows()]
    assert len(rules) == len(set(rules))
