"""What a refusal says, and the rules that every named object keeps."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from eaves.controller.domain.contract.envelope import ZsrvErrorCode

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{2,255}")
MAX_TITLE = 256
MAX_DESCRIPTION = 256

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50}
_SIZE = re.compile(r"\s*(\d{1,18}(?:\.\d{1,9})?)\s*([KMGTP]?)(?:i?B)?\s*", re.IGNORECASE)

_STATUS = {
    ZsrvErrorCode.ALREADY_EXISTS: 409,
    ZsrvErrorCode.CONFLICT: 409,
    ZsrvErrorCode.DEPENDENCY_CONFLICT: 409,
    ZsrvErrorCode.VERSION_MISMATCH: 409,
    ZsrvErrorCode.FORBIDDEN: 403,
    ZsrvErrorCode.PRE_CONDITION_FAILED: 412,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason: `details` names the object, what was seen and the next step."""

    code: ZsrvErrorCode
    member: str  # where in the body, as JSON spells it
    details: str


def invalid(member: str, details: str) -> Refusal:
    return Refusal(ZsrvErrorCode.INVALID_DATA, member, details)


def conflict(member: str, details: str) -> Refusal:
    return Refusal(ZsrvErrorCode.CONFLICT, member, details)


def not_ready(member: str, details: str) -> Refusal:
    return Refusal(ZsrvErrorCode.PRE_CONDITION_FAILED, member, details)


def http_status(refusals: Iterable[Refusal]) -> int:
    """The status of a call refused for these reasons: a wrong body outweighs a conflict."""
    statuses = {_STATUS.get(refusal.code, 400) for refusal in refusals}
    return min(statuses, default=400)


class Named(Protocol):
    """What all named objects have."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def description(self) -> str: ...


def admit_names(kind: str, wanted: Named, current: Named | None) -> tuple[Refusal, ...]:
    """Check name, title and description; a name never changes."""
    refusals: list[Refusal] = []
    if current is not None and wanted.name != current.name:
        refusals.append(
            invalid(
                "name",
                f"{kind} {current.name!r} cannot be renamed to {wanted.name!r}; create a new one "
                "instead",
            )
        )
    elif not NAME.fullmatch(wanted.name):
        refusals.append(
            invalid(
                "name",
                f"{kind} name {wanted.name!r} does not fit: 3 to 256 letters, digits, '-', '_' or "
                "'.', the first a letter or digit",
            )
        )
    if not wanted.title.strip():
        refusals.append(invalid("title", f"{kind} {wanted.name!r} has no title; give one"))
    elif len(wanted.title) > MAX_TITLE or not wanted.title.isprintable():
        refusals.append(
            invalid("title", f"{kind} {wanted.name!r}: a title has up to 256 printable characters")
        )
    if len(wanted.description) > MAX_DESCRIPTION:
        refusals.append(
            invalid(
                "description",
                f"{kind} {wanted.name!r}: the description has {len(wanted.description)} "
                "characters, 256 are allowed",
            )
        )
    return tuple(refusals)


def unknown(kind: str, reference: str, member: str) -> Refusal:
    """A reference that leads nowhere the caller may look."""
    if not reference:
        return invalid(member, f"no {kind} is given; set {member}")
    return invalid(member, f"there is no {kind} {reference!r}; create it first or correct {member}")


def parse_size_bytes(text: str) -> int | None:
    """Read `8G`, `512M`, `100 GB`; None where the text says nothing usable."""
    found = _SIZE.fullmatch(text)
    return None if found is None else int(float(found[1]) * _UNITS[found[2].upper()])


def in_words(size_bytes: int) -> str:
    """A size as a person says it."""
    for unit in ("T", "G", "M", "K"):
        if size_bytes >= _UNITS[unit]:
            return f"{size_bytes / _UNITS[unit]:.4g} {unit}iB"
    return f"{size_bytes} bytes"
