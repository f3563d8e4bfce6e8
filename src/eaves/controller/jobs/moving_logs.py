"""Log lines and flow messages of the release before, moved into chunks while devices are served.

Each batch is stored under a digest of its own before its rows are deleted, so that a batch which a
crash interrupts is not stored twice.  A resent upload of before is known by its old digest.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

import structlog
from sqlalchemy import Connection, delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.jobs.log_retention import Worker
from eaves.controller.store import flow_store, log_store
from eaves.controller.store.log_store import Stream
from eaves.controller.store.partitions import Partitions
from eaves.controller.store.tables import device_bindings, log_uploads, logs, messages
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.controller.telemetry.reports import DIGEST_BYTES, microseconds
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.flow_records import fold_flow_message
from eaves.evapi.log_lines import LogLine

log = structlog.get_logger()

LINES_AT_ONCE: Final = 2000
MESSAGES_AT_ONCE: Final = 100
FLOWS: Final = "flowlog"

Uploads = Sequence[tuple[str, bytes, datetime]]  # device, digest, when it was received


async def move_logs(engine: AsyncEngine, work: Worker, now: datetime) -> None:
    """Move everything; raises what stood against it, what was moved until then stays moved."""
    enterprises = await _enterprises(engine)
    moved = 0
    while await _move_uploads(engine, work, enterprises):
        pass
    while count := await _move_lines(engine, work, enterprises, now):
        moved += count
    while count := await _move_flows(engine, work, enterprises):
        moved += count
    if moved:
        log.info("logs_moved", rows=moved)


async def _enterprises(engine: AsyncEngine) -> dict[str, str]:
    c = device_bindings.c
    async with snapshot(engine) as db:
        rows = await db.execute(select(c.device_id, c.enterprise_id))
        return {row.device_id: row.enterprise_id for row in rows}


async def _move_uploads(engine: AsyncEngine, work: Worker, enterprises: dict[str, str]) -> int:
    c = log_uploads.c
    async with snapshot(engine) as db:
        found = (
            await db.execute(select(c.device_id, c.digest, c.received_at).limit(LINES_AT_ONCE))
        ).all()
    uploads = [(row.device_id, row.digest, row.received_at) for row in found]
    await work(partial(_note_uploads, uploads=uploads, enterprises=enterprises))
    async with unit_of_work(engine) as db:
        for device_id, digest, _ in uploads:
            await db.execute(
                delete(log_uploads).where(c.device_id == device_id, c.digest == digest)
            )
    return len(uploads)


def _note_uploads(connection: Connection, uploads: Uploads, enterprises: dict[str, str]) -> None:
    for device_id, digest, received_at in uploads:
        log_store.note_upload(
            connection,
            enterprises.get(device_id, ""),
            device_id,
            digest[:DIGEST_BYTES],
            microseconds(received_at),
        )


async def _move_lines(
    engine: AsyncEngine, work: Worker, enterprises: dict[str, str], now: datetime
) -> int:
    """The first lines of some device or app."""
    c = logs.c
    async with snapshot(engine) as db:
        owner = (
            await db.execute(select(c.device_id, c.app_id).order_by(c.device_id, c.app_id).limit(1))
        ).one_or_none()
        if owner is None:
            return 0
        rows = (
            await db.execute(
                select(logs)
                .where(c.device_id == owner.device_id, c.app_id == owner.app_id)
                .order_by(c.time_ns, c.row)
                .limit(LINES_AT_ONCE)
            )
        ).all()
    lines = [
        LogLine(row.time_ns, row.msgid, row.iid, row.content, row.severity, row.source)
        for row in rows
    ]
    stream = Stream(enterprises.get(owner.device_id, ""), owner.device_id, owner.app_id)
    numbers = [row.row for row in rows]
    mark = f"moved logs {stream.key} {numbers[0]} {numbers[-1]} {len(numbers)}"
    # when a line arrived was not kept; at the latest now, most likely soon after it was written
    received_at = max(0, min(lines[-1].time_ns // 1000, microseconds(now)))
    digest = hashlib.sha256(mark.encode()).digest()[:DIGEST_BYTES]

    def store(connection: Connection) -> None:
        Partitions("log_chunks").ensure(connection, (received_at,))
        noted = microseconds(now)  # kept as long as that of an upload of today
        if log_store.note_upload(connection, stream.enterprise_id, stream.device_id, digest, noted):
            log_store.add_lines(connection, stream, lines, received_at)

    await work(store)
    async with unit_of_work(engine) as db:
        await db.execute(delete(logs).where(c.row.in_(numbers)))
    return len(numbers)


async def _move_flows(engine: AsyncEngine, work: Worker, enterprises: dict[str, str]) -> int:
    c = messages.c
    async with snapshot(engine) as db:
        rows = (
            await db.execute(
                select(messages).where(c.kind == FLOWS).order_by(c.row).limit(MESSAGES_AT_ONCE)
            )
        ).all()

    def store(connection: Connection) -> None:
        Partitions("flow_chunks").ensure(connection, (microseconds(r.received_at) for r in rows))
        for row in rows:
            received_at = microseconds(row.received_at)
            owner = (enterprises.get(row.device_id, ""), row.device_id)
            digest = row.digest[:DIGEST_BYTES]
            if not log_store.note_upload(connection, *owner, digest, received_at):
                continue
            try:
                fold = fold_flow_message(row.message)
            except MalformedMessage:  # it was checked when it came: nothing can be made of it
                log.warning("flow_message_not_moved", device_id=row.device_id, row=row.row)
                continue
            flow_store.add_flows(connection, *owner, fold, received_at)

    if rows:
        await work(store)
        async with unit_of_work(engine) as db:
            await db.execute(delete(messages).where(c.row.in_([row.row for row in rows])))
    return len(rows)
