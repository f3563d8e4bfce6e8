"""docs/explanation/security.md claims nothing that no test shows, and leaves no attack out."""

import ast
import re
from functools import cache
from typing import Final

import pytest
from support.generated import REPOSITORY

PAGE: Final = REPOSITORY / "docs/explanation/security.md"
NAMED: Final = re.compile(r"`(tests/[\w/]+\.py)::(\w+)(?:\[([\w -]+)\])?`")
THREATS: Final = (
    *("User access", "Physical access", "Theft and cloning", "Network"),
    *("Software bugs", "Botnet"),
)
ATTACKS: Final = (
    "Cloned disk on another TPM",
    "Same serial, second device",
    "Stolen onboarding key with an unknown serial",
    "Quote replayed",
    "Quote with an old nonce",
    "Quote of another device",
    "Quote with an altered PCR",
    "Altered event log",
    "Altered firmware version",
    "Quote signed by another key",
    "PCR selection emptied",
    "Claim of no TPM by a device that had one",
    "Certificate swap after registration",
    "Fresh device under ENFORCE that never attested",
    "Config signed by a foreign chain",
    "Old config replayed",
    "Response of another device",
    "Re-signing proxy",
    "Truncated envelope",
    "ECDH key substitution",
    "Cipher block moved between objects",
    "Escrow asked by a device that failed",
    "Vault image mounted elsewhere",
    "Changed kernel command line",
    "Changed initrd",
    "Changed boot order",
    "Rolled-back OS version",
    "Image byte flipped in the datastore",
    "Image byte flipped on the way",
    "Image byte flipped on disk",
    "Endless data",
    "Slow retrieval",
    "Unsigned image under signed only",
    "Log injection",
    "Path traversal in names",
    "Path traversal in archives",
    "Zip and gzip bombs in uploads",
    "Zip and gzip bombs in OCI layers",
    "Time set back",
    "Signature malleation",
    "Doubled or reordered protobuf fields",
)


def rows(heading: str) -> dict[str, str]:
    """First and last cell of each row of the table below a heading."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert all(len(row) == 3 for row in cells), cells
    assert len({row[0] for row in cells}) == len(cells)
    return {row[0]: row[2] for row in cells}


@cache
def functions_of(path: str) -> frozenset[str]:
    """The functions of a file that pytest collects."""
    tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    )


def test_each_attack_stands_in_the_table_once() -> None:
    assert tuple(rows("Attacks")) == ATTACKS


def test_each_threat_has_its_row() -> None:
    told = rows("Threats")
    assert [first.split("**")[1] for first in told] == list(THREATS)
    for threat, tests in told.items():
        assert NAMED.search(tests), threat


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_names_its_test(attack: str) -> None:
    told = rows("Attacks")[attack]
    assert NAMED.findall(told), told
    assert NAMED.sub("", told).strip() == "", told


def test_every_named_test_exists() -> None:
    named = set(NAMED.findall(PAGE.read_text(encoding="utf-8")))
    missing = [f"{file}::{test}" for file, test, _ in named if test not in functions_of(file)]
    assert missing == []


def test_every_named_case_stands_in_its_file() -> None:
    """A case of a table goes by its name, in which pytest shows dashes for spaces."""
    for file, test, case in set(NAMED.findall(PAGE.read_text(encoding="utf-8"))):
        text = (REPOSITORY / file).read_text(encoding="utf-8")
        assert not case or case in text or case.replace("-", " ") in text, (file, test, case)
