"""Files of the audit log, checked without a controller: exports, and what was moved away."""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from eaves.audit_lines import first_digest, next_digest
from eaves.cli.json_values import Json, is_object, object_of


@dataclass(frozen=True, slots=True)
class Checked:
    """How far a file fits; `why` is empty where all of it does."""

    first: int
    last: int
    digest: str  # of the last row that fits
    why: str = ""


def read_lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield from file
    except (gzip.BadGzipFile, EOFError) as error:
        raise click.ClickException(f"{path} is damaged: {error}; copy it again") from error


def check_lines(lines: Iterable[bytes], after: Checked | None) -> Checked:
    """Whether each row fits the one before; `after`: the file before this one.

    The first row of a file that begins in the middle is taken as it is.
    """
    reached = after
    first = 0
    for place, text in enumerate(lines, 1):
        line = _line(text, place)
        if "head" in line:
            return _at_head(object_of(line["head"]), reached, first)
        number = int(str(line.get("number") or 0))
        first = first or number
        why = _why_not(line, number, reached)
        if why:
            last = reached or Checked(first, number - 1, "")
            return Checked(first, last.last, last.digest, why)
        reached = Checked(first, number, str(line.get("digest")))
    if reached is None:
        return Checked(0, 0, "", "there is no row in it")
    return Checked(first, reached.last, reached.digest)


def _line(text: bytes, place: int) -> Json:
    try:
        line = json.loads(text)
    except ValueError as error:
        raise click.ClickException(f"line {place} is no JSON ({error}); copy it again") from error
    if not is_object(line):
        raise click.ClickException(f"line {place} is no row of an audit log; give an export")
    return line


def _why_not(line: Json, number: int, reached: Checked | None) -> str:
    if reached is None and number > 1:
        return ""
    if reached is None:
        before = first_digest(str(line.get("enterpriseId")))
    elif number != reached.last + 1:
        return f"row {reached.last + 1} is missing: taken away"
    else:
        before = bytes.fromhex(reached.digest)
    if next_digest(before, line).hex() != line.get("digest"):
        return f"row {number} does not fit the row before: it was changed, or put in its place"
    return ""


def _at_head(head: Json, reached: Checked | None, first: int) -> Checked:
    last = reached or Checked(0, 0, "")
    newest = int(str(head.get("number") or 0))
    if newest != last.last:
        why = f"rows {last.last + 1} to {newest} are missing at the end"
        return Checked(first, last.last, last.digest, why)
    return Checked(first, last.last, last.digest)
