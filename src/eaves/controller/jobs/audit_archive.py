"""What bounds the audit logs: the oldest rows are moved to files, checked, a segment at a time.

A segment is moved only if it fits the chain: what was tampered with stays where it is, until
somebody acknowledges the damage.  The file is safe on the disk before its rows go.  It holds the
lines of an export, so it can be checked by itself, and its last digest is the one that the head of
the log goes on from.

A file is never replaced.  Its name says its rows and its last digest: after an older copy of the
database was put in place other rows bear the same numbers, and both stay.
"""

import asyncio
import gzip
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.domain.audit import (
    ARCHIVED,
    AuditEntry,
    AuditRow,
    Fault,
    Head,
    Link,
    fault_of_head,
    follow_old,
    sealed_line,
)
from eaves.controller.keys.files import write_once
from eaves.controller.settings import Retention
from eaves.controller.store.audit_chain import (
    audit_key,
    drop_archived,
    find_head,
    list_heads,
    note_audit,
    read_rows,
)
from eaves.controller.store.unit import snapshot, unit_of_work

log = structlog.get_logger()

SEGMENT: Final = 1000  # rows of one file
DIGITS: Final = 16  # of the digest of the last row, in its name


@dataclass(frozen=True, slots=True)
class Segment:
    head: Head  # of the log that the rows are of
    rows: tuple[AuditRow, ...]
    file: str  # its name
    content: bytes = b""

    @property
    def last(self) -> Link:
        return Link(self.rows[-1].number, self.rows[-1].digest)


async def archive_audit(
    engine: AsyncEngine, folder: Path, retention: Retention, now: datetime, segment: int = SEGMENT
) -> int:
    """One tick: move whole segments while a log has more rows than it may, or older ones.

    How many rows were moved.
    """
    async with snapshot(engine) as db:
        heads = await list_heads(db)
    moved = 0
    for head in heads:
        try:
            moved += await _archive_log(engine, folder, head.enterprise_id, retention, now, segment)
        except Exception:  # one log must not keep the others from being bounded
            log.exception("audit_archive_failed", enterprise_id=head.enterprise_id)
    return moved


async def _archive_log(
    engine: AsyncEngine,
    folder: Path,
    enterprise_id: str,
    retention: Retention,
    now: datetime,
    segment: int,
) -> int:
    moved = 0
    while rows := await _due(engine, enterprise_id, retention, now, segment):
        if not await _move(engine, folder, rows, now):
            break
        moved += len(rows.rows)
    return moved


async def _due(
    engine: AsyncEngine, enterprise_id: str, retention: Retention, now: datetime, segment: int
) -> Segment | None:
    """The oldest segment, if all of it is to go and all of it fits."""
    async with snapshot(engine) as db:
        head = await find_head(db, enterprise_id)
        if head is None or head.archived.number + segment > head.newest.number:
            return None
        last = await read_rows(db, enterprise_id, head.archived.number + segment - 1, 1)
        if not last or not _has_to_go(head, last[0], retention, now):
            return None  # and the others were not read for it
        rows = await read_rows(db, enterprise_id, head.archived.number, segment)
        key = audit_key(db)
    if len(rows) < segment or not _has_to_go(head, rows[-1], retention, now):
        return None  # some are missing, so these are younger ones
    fault = fault_of_head(key, head) or follow_old(key, head, rows)
    if isinstance(fault, Fault):
        log.error("audit_log_damaged", enterprise_id=enterprise_id, why=fault.why)
        return None
    digest = rows[-1].digest.hex()[:DIGITS]
    name = f"{rows[0].number:012}-{rows[-1].number:012}-{digest}.jsonl.gz"
    return Segment(head, rows, name, await asyncio.to_thread(segment_bytes, rows))


def _has_to_go(head: Head, last: AuditRow, retention: Retention, now: datetime) -> bool:
    """By the number and the age of the last row of a segment."""
    too_many = head.newest.number - last.number >= retention.audit_rows
    return too_many or last.entry.at < now - timedelta(days=retention.audit_days)


def segment_bytes(rows: Sequence[AuditRow]) -> bytes:
    """Lines of JSON, compressed; the same rows give the same bytes."""
    lines = "".join(json.dumps(sealed_line(row)) + "\n" for row in rows)
    return gzip.compress(lines.encode(), mtime=0)


async def _move(engine: AsyncEngine, folder: Path, segment: Segment, now: datetime) -> bool:
    enterprise_id, last = segment.head.enterprise_id, segment.last
    place = folder / enterprise_id / segment.file
    path = await asyncio.to_thread(write_once, place, segment.content)
    async with unit_of_work(engine) as db:
        if not await drop_archived(db, segment.head, last, audit_key(db)):
            return False
        told = {
            "file": path.name,
            "sha256": hashlib.sha256(segment.content).hexdigest(),
            "lastDigest": last.digest.hex(),
        }
        note_audit(
            db,
            AuditEntry(
                at=now,
                enterprise_id=enterprise_id,
                verb=ARCHIVED,
                result=f"rows up to {last.number} were moved to a file",
                user_name="system",
                object_kind="audit",
                changes=json.dumps(told),
            ),
        )
    log.info(
        "audit_archived",
        enterprise_id=enterprise_id,
        file=str(path),
        newest=str(last),
    )
    return True
