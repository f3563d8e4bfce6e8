"""POST newlogs, of a device or of one of its apps: a gzip file of lines.  EVE API v2, section 9.

A file that does not read is refused with 422; the device puts it aside after ten tries.
"""

from eaves.controller.southbound.context import CREATED, Call, Southbound
from eaves.controller.southbound.http import Answer
from eaves.controller.store.reports import insert_logs
from eaves.controller.telemetry.records import log_lines, upload_digest
from eaves.evapi.logs import decode_log_file


async def answer(context: Southbound, call: Call) -> Answer:
    file = decode_log_file(call.payload, context.settings.bounds.inflated_log_bytes)
    device_id, app_id = call.device.device_id, call.route.app_id or ""
    now, digest = context.clock(), upload_digest(app_id, call.payload)
    lines = log_lines(file.entries, now)
    await context.writer.write(
        lambda db: insert_logs(db, device_id, app_id, lines, digest=digest, now=now),
        len(call.payload),
    )
    return CREATED
