"""The audit log of an enterprise: a chain of rows, and the first of them that does not fit.

- Rows count up from 1, without gaps.  The digest of each is made from the one before, so a row that
  is changed, taken away or put in between does not fit any more (see `eaves.audit_lines`).
- Each row and the head of the chain bear a seal: an HMAC under a key that is not in the database.
  Who can only write to the database can make digests, but no seals.
- The head says where the chain ends, so a tail that is cut off is missed; and which rows were moved
  to files, so that the first row that is kept fits what was before it.
- What no database can prove about itself: that all of it was exchanged for an older copy.  An
  anchor does, the number and digest of a row that somebody keeps elsewhere.
- A head that does not fit when the next row is written is told by a row of its own (`DAMAGED`), so
  what goes on after the damage does not hide it.
- Somebody may acknowledge damage, which a row tells of for ever: from then on a check begins behind
  it, so that what comes after is still checked, and old rows can still be moved to files.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from eaves.audit_lines import first_digest, next_digest

DAMAGED: Final = "found damaged"
ARCHIVED: Final = "archived"
ACKNOWLEDGED: Final = "damage acknowledged"
_ROW: Final = b"eaves audit row "
_HEAD: Final = b"eaves audit head "


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What was done by whom, from where; `changes`: JSON, secrets masked by the caller."""

    at: datetime
    enterprise_id: str
    verb: str
    result: str
    project_id: str = ""
    user_id: str = ""
    user_name: str = ""
    client: str = ""
    request_id: str = ""
    object_kind: str = ""
    object_id: str = ""
    object_name: str = ""
    changes: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class AuditRow:
    number: int  # in its enterprise, from 1
    entry: AuditEntry
    digest: bytes
    seal: bytes = field(repr=False)  # empty: written by a release that sealed nothing


@dataclass(frozen=True, slots=True)
class Link:
    """A place in the chain: the row with this number, and its digest."""

    number: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.digest.hex()}"


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain of an enterprise begins and ends."""

    enterprise_id: str
    newest: Link
    sealed_from: int  # rows before it bear no seals
    archived: Link  # the newest row that was moved to a file; number 0: none
    seal: bytes = field(repr=False)
    acknowledged: Link = Link(0, b"")  # rows up to it are taken as they are; number 0: none

    @property
    def begin(self) -> Link:
        """Behind which row a check begins."""
        later = self.acknowledged.number > self.archived.number
        return self.acknowledged if later else self.archived


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that does not fit; `number` is that of the row, 0 for the head."""

    number: int
    why: str


def new_head(enterprise_id: str) -> Head:
    start = Link(0, first_digest(enterprise_id))
    return Head(enterprise_id, start, sealed_from=1, archived=start, seal=b"")


def moment_text(moment: datetime) -> str:
    """Microseconds, so that nothing of a stored moment is lost."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def changes_of(text: str) -> object:
    """The changes as JSON; what is none stays a text."""
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return text


def line_of(number: int, entry: AuditEntry) -> dict[str, object]:
    """What a row says; digest and seal come on top."""
    return {
        "number": number,
        "at": moment_text(entry.at),
        "enterpriseId": entry.enterprise_id,
        "projectId": entry.project_id,
        "userId": entry.user_id,
        "user": entry.user_name,
        "client": entry.client,
        "requestId": entry.request_id,
        "verb": entry.verb,
        "result": entry.result,
        "objectKind": entry.object_kind,
        "objectId": entry.object_id,
        "objectName": entry.object_name,
        "changes": changes_of(entry.changes),
    }


def sealed_line(row: AuditRow) -> dict[str, object]:
    return {
        **line_of(row.number, row.entry),
        "digest": row.digest.hex(),
        "seal": row.seal.hex(),
    }


def row_seal(key: bytes, digest: bytes) -> bytes:
    """Without a key there is no seal."""
    return hmac.digest(key, _ROW + digest, hashlib.sha256) if key else b""


def head_seal(key: bytes, head: Head) -> bytes:
    said = "|".join(
        (head.enterprise_id, str(head.newest), str(head.sealed_from), str(head.archived))
    )
    if head.acknowledged.number:
        said += f"|{head.acknowledged}"
    return hmac.digest(key, _HEAD + said.encode(), hashlib.sha256) if key else b""


def with_seal(key: bytes, head: Head) -> Head:
    return replace(head, seal=head_seal(key, head))


def head_fits(key: bytes, head: Head) -> bool:
    """A head without a seal fits where no row has one."""
    if not head.seal:
        return head.newest.number < head.sealed_from
    return hmac.compare_digest(head.seal, head_seal(key, head))


def chained(
    key: bytes, after: Link, entries: Iterable[AuditEntry]
) -> tuple[tuple[AuditRow, ...], Link]:
    """Rows for these entries behind a row, and the place of the last one."""
    rows: list[AuditRow] = []
    for entry in entries:
        number = after.number + 1
        digest = next_digest(after.digest, line_of(number, entry))
        rows.append(AuditRow(number, entry, digest, row_seal(key, digest)))
        after = Link(number, digest)
    return tuple(rows), after


def follow(key: bytes, head: Head, after: Link, rows: Iterable[AuditRow]) -> Link | Fault:
    """Go on from a row that fits: the last row that does, or what is wrong with the first other."""
    for row in rows:
        fault = _fault_in(key, head, after, row)
        if fault is not None:
            return fault
        after = Link(row.number, row.digest)
    return after


def follow_old(key: bytes, head: Head, rows: Sequence[AuditRow]) -> Link | Fault:
    """As `follow`, for the oldest rows that are kept: those that were acknowledged may be as they
    are, but for the last of them.
    """
    known = [row for row in rows if row.number <= head.acknowledged.number]
    if not known:
        return follow(key, head, head.archived, rows)
    last = Link(known[-1].number, known[-1].digest)
    if last.number == head.acknowledged.number and last != head.acknowledged:
        return fault_of_acknowledged(head)
    return follow(key, head, last, rows[len(known) :])


def fault_of_acknowledged(head: Head) -> Fault:
    number = head.acknowledged.number
    return Fault(number, f"row {number} is not the one up to which damage was acknowledged")


def _fault_in(key: bytes, head: Head, after: Link, row: AuditRow) -> Fault | None:
    expected = after.number + 1
    if row.number != expected:
        rows = f"rows {expected} to {row.number - 1} are" if row.number > expected + 1 else ""
        return Fault(expected, f"{rows or f'row {expected} is'} missing: taken away")
    if row.digest != next_digest(after.digest, line_of(row.number, row.entry)):
        return Fault(
            expected,
            f"row {expected} does not fit the row before: it was changed, or put in its place",
        )
    if row.number >= head.sealed_from and not hmac.compare_digest(
        row.seal, row_seal(key, row.digest)
    ):
        return Fault(
            expected,
            f"row {expected} bears no seal of this controller: it was put there by somebody else, "
            "or the controller has another secret key now",
        )
    if row.entry.verb == DAMAGED:
        return Fault(expected, f"row {expected} tells of damage: {row.entry.result}")
    return None


def fault_at_end(head: Head, last: Link) -> Fault | None:
    """After the last row that there is: whether it is the one that the head names."""
    if last.number < head.newest.number:
        first = last.number + 1
        return Fault(
            first,
            f"rows {first} to {head.newest.number} are missing at the end: the tail was cut off",
        )
    if last != head.newest:
        return Fault(last.number, f"row {last.number} is not the one that the head names")
    return None


def fault_of_head(key: bytes, head: Head) -> Fault | None:
    if head_fits(key, head):
        return None
    return Fault(
        0,
        f"the head, which names row {head.newest.number} as the newest, bears no seal of this "
        "controller: it was changed, so rows may be missing at the end",
    )


def damage(head: Head | None, at: datetime, enterprise_id: str, going_on: Link) -> AuditEntry:
    """The row that tells of a head that does not fit."""
    found = "is gone" if head is None else f"names row {head.newest.number} and bears no seal of us"
    return AuditEntry(
        at=at,
        enterprise_id=enterprise_id,
        verb=DAMAGED,
        result=f"the head of the audit log {found}; it goes on behind row {going_on.number}",
        user_name="system",
        object_kind="audit",
    )


def fault_of_anchor(anchor: Link, found: bytes | None, newest: int) -> Fault | None:
    """`found`: the digest of the row with the anchor's number; None: there is no such row."""
    if found == anchor.digest:
        return None
    if anchor.number > newest:
        return Fault(
            newest + 1,
            f"the log ends at row {newest}, but row {anchor.number} was seen once: the tail was "
            "cut off, or an older copy put in the place of the log",
        )
    if found is None:
        return Fault(anchor.number, f"row {anchor.number}, which was seen once, is missing")
    return Fault(
        anchor.number,
        f"row {anchor.number} is not the one that was seen once: the log up to there was written "
        "anew",
    )


def read_anchor(text: str) -> Link | None:
    """`NUMBER:DIGEST`; None for what is none."""
    number, colon, digest = text.partition(":")
    if not (colon and number.isascii() and number.isdecimal() and len(number) <= 18):
        return None
    try:
        raw = bytes.fromhex(digest)
    except ValueError:
        return None
    return Link(int(number), raw) if len(raw) == hashlib.sha256().digest_size else None
