"""Files of the audit log, checked without a controller: exports, and what was moved away."""

import gzip
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click

from eaves.audit_lines import first_digest, next_digest
from eaves.cli.json_values import Json, is_object, object_of

SEGMENT: Final = re.compile(r"(\d{12})-(\d{12})-([0-9a-f]+)(?:\.\d+)?\.jsonl\.gz")
"""How a controller names what it moves away: first and last row, and how its digest begins."""
_DIGEST: Final = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Checked:
    """How far a file fits; `why` is empty where all of it does."""

    first: int
    last: int
    digest: str  # of the last row that fits
    why: str = ""
    ended: bool = False  # by a line that says where the log ends


def check_file(path: Path, after: Checked | None) -> Checked:
    """All of one file, its end included; `after`: the file before this one.

    An export says at its end where the log ended, a segment says so by its name: of any other file
    nobody could tell that it was cut.
    """
    reached = check_lines(path, read_lines(path), after)
    segment = SEGMENT.fullmatch(path.name)
    if reached.why:
        return reached
    if segment is None:
        why = "no last line says where the log ends: it was cut, or is no export; export it again"
        return reached if reached.ended else replace(reached, why=why)
    first, last = int(segment[1]), int(segment[2])
    if reached.last < last:
        return replace(reached, why=f"rows {reached.last + 1} to {last} are missing at the end")
    if (reached.first, reached.last) != (first, last) or not reached.digest.startswith(segment[3]):
        return replace(reached, why="it does not hold what its name says: it was exchanged")
    return reached


def read_lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield from file
    except (gzip.BadGzipFile, EOFError) as error:
        raise click.ClickException(f"{path} is damaged: {error}; copy it again") from error


def check_lines(path: Path, lines: Iterable[bytes], after: Checked | None) -> Checked:
    """Whether each row fits the one before.

    The first row of a file that begins in the middle is taken as it is.
    """
    reached = after
    first = 0
    ended: Checked | None = None
    for place, text in enumerate(lines, 1):
        if ended is not None:
            return replace(ended, why=f"line {place} stands behind the end of the log")
        line = _line(path, text, place)
        if "head" in line:
            ended = _at_head(object_of(line["head"]), reached, first)
            continue
        number = int(str(line.get("number") or 0))
        first = first or number
        why = _why_not(line, number, reached)
        if why:
            last = reached or Checked(first, number - 1, "")
            return Checked(first, last.last, last.digest, why)
        reached = Checked(first, number, str(line.get("digest")))
    if ended is not None:
        return ended
    if reached is None:
        return Checked(0, 0, "", "there is no row in it")
    return Checked(first, reached.last, reached.digest)


def _line(path: Path, text: bytes, place: int) -> Json:
    try:
        line = json.loads(text)
    except ValueError as error:
        raise click.ClickException(
            f"{path}: line {place} is no JSON ({error}); give an export, or copy it again"
        ) from error
    if not (is_object(line) and _is_row(object_of(line.get("head") or line))):
        raise click.ClickException(
            f"{path}: line {place} is no row of an audit log; give an export"
        )
    return line


def _is_row(line: Json) -> bool:
    number, digest = line.get("number"), str(line.get("digest"))
    return isinstance(number, int) and _DIGEST.fullmatch(digest) is not None


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
    if reached is not None and str(head.get("digest")) != reached.digest:
        why = f"row {newest} is not the one that its last line names: it was changed"
        return Checked(first, last.last, last.digest, why)
    return Checked(first, last.last, last.digest, ended=True)
