"""Pieces of a file: what to do with the next one.  Pure.

A piece says where it belongs (`Content-Range: bytes 0-1023/4096`).  The first one begins anew,
whatever was there; every other one must follow what arrived.  One that arrived already is compared,
so that a sender whose answer was lost may send it again.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_RANGE: Final = re.compile(
    r"\s*bytes\s*(?:=\s*)?(?:(\d{1,15})-(\d{1,15})|\*)/(\d{1,15})\s*", re.IGNORECASE
)
EXAMPLE: Final = "Content-Range: bytes 0-1048575/4194304"


@dataclass(frozen=True, slots=True)
class Piece:
    """`size` is 0 for a question how far the upload is."""

    start: int
    size: int
    total: int

    @property
    def end(self) -> int:
        """One behind the last byte."""
        return self.start + self.size


def read_piece(header: str) -> Piece | str:
    """Read a Content-Range; a sentence says what is wrong with it."""
    found = _RANGE.fullmatch(header)
    if found is None:
        return f"Content-Range is {header!r}; send the place of the piece, such as {EXAMPLE}"
    total = int(found[3])
    if found[1] is None:
        return Piece(0, 0, total)
    start, last = int(found[1]), int(found[2])
    if not start <= last < total:
        return (
            f"Content-Range {header!r}: the piece must lie within the {total} bytes, its last byte "
            f"behind its first; such as {EXAMPLE}"
        )
    return Piece(start, last + 1 - start, total)


class Step(StrEnum):
    BEGIN = "begin"
    APPEND = "append"
    COMPARE = "compare"  # these bytes arrived already
    TELL = "tell"  # nothing to write
    REFUSE = "refuse"


def next_step(piece: Piece, *, received: int, total: int) -> Step:
    """`received` and `total` of the upload under way; both 0 without one."""
    if not piece.size:
        return Step.TELL
    if piece.start == 0 and (piece.end > received or piece.total != total):
        return Step.BEGIN
    if piece.total != total:
        return Step.REFUSE
    if piece.end <= received:
        return Step.COMPARE
    return Step.APPEND if piece.start == received else Step.REFUSE
