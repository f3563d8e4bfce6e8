"""POST newlogs, of a device or of one of its apps: a gzip file of lines.  EVE API v2, section 9.

The file is stored as it came and read by the thread that writes it.  Here it is inflated once: a
file that does not read is refused with 422, and the device puts it aside after ten tries.
"""

from typing import Final

from eaves.controller.southbound.context import CREATED, Call, Southbound
from eaves.controller.southbound.http import Answer
from eaves.controller.southbound.pressure import Worth
from eaves.controller.telemetry.pipeline import Busy
from eaves.controller.telemetry.reports import LogUpload, digest_of, microseconds
from eaves.evapi.logs import log_file_text

DEBUG: Final = (b'"severity":"debug"', b'"severity":"trace"')  # as devices write it
SMALL: Final = 2048  # bytes; inflates to 2 MiB at most, in about the time of asking a thread


async def answer(context: Southbound, call: Call) -> Answer:
    device, app_id, file = call.device, call.route.app_id or "", call.payload
    most = context.settings.bounds.inflated_log_bytes
    if len(file) <= SMALL:
        debug = _holds_debug_only(file, most)
    else:
        debug = await context.decoding.beside(
            device.device_id, lambda: _holds_debug_only(file, most)
        )
    if debug and context.gate.refuses(Worth.DEBUG_LOGS):
        raise Busy(f"debug lines of device {device.device_id} go first under pressure; send later")
    report = LogUpload(
        enterprise_id=device.enterprise_id,
        device_id=device.device_id,
        received_at=microseconds(context.clock()),
        digest=digest_of(app_id.encode() + b"\0" + file),
        app_id=app_id,
        file=file,
    )
    await context.telemetry.logs.accept(report, len(file))
    return CREATED


def _holds_debug_only(file: bytes, most: int) -> bool:
    """Read the file as far as to know that it reads.  Raises MalformedMessage and TooLarge."""
    text = log_file_text(file, most)
    debug = sum(text.count(word) for word in DEBUG)
    return debug > 0 and debug >= text.count(b"\n")
