"""POST newlogs, of a device or of one of its apps: a gzip file of lines.  EVE API v2, section 9.

A file that does not read is refused with 422; the device puts it aside after ten tries.
"""

from datetime import datetime

from eaves.controller.southbound.context import CREATED, Call, Southbound
from eaves.controller.southbound.http import Answer
from eaves.controller.store.reports import LogLine, insert_logs
from eaves.controller.telemetry.records import log_lines, upload_digest
from eaves.evapi.logs import decode_log_file

LINE_BYTES = 500  # that a stored line takes besides its text


async def answer(context: Southbound, call: Call) -> Answer:
    device_id, app_id = call.device.device_id, call.route.app_id or ""
    now, digest = context.clock(), upload_digest(app_id, call.payload)
    most = context.settings.bounds.inflated_log_bytes
    # a small file may inflate to very many lines
    lines = await context.decoding.beside(device_id, lambda: _read(call.payload, most, now))
    size = sum(LINE_BYTES + len(line.content) for line in lines)
    await context.writer.write(
        lambda db: insert_logs(db, device_id, app_id, lines, digest=digest, now=now), size
    )
    return CREATED


def _read(file: bytes, most: int, now: datetime) -> tuple[LogLine, ...]:
    return log_lines(decode_log_file(file, most).entries, now)
