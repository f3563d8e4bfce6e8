"""POST info: what a device says about itself and its objects.  EVE API v2, section 3.

The latest message about each object is kept; what is news in it becomes an event by the same
commit.  A message that names another device is refused: it would be shown as that one's.
"""

from eaves.controller.southbound.context import CREATED, Call, Southbound
from eaves.controller.southbound.http import Answer
from eaves.controller.telemetry.reports import InfoReport, digest_of, microseconds
from eaves.evapi.errors import MalformedMessage
from eaves.evapi.info.fold import fold_info
from eaves.evapi.info.states import ZInfoTypes


async def answer(context: Southbound, call: Call) -> Answer:
    device, payload = call.device, call.payload
    fold = await context.decoding.run(device.device_id, fold_info, payload)
    if fold.dev_id and fold.dev_id.lower() != device.device_id:
        raise MalformedMessage("ZInfoMsg", f"devId is {fold.dev_id!r}, {device.device_id} sent it")
    report = InfoReport(
        enterprise_id=device.enterprise_id,
        device_id=device.device_id,
        received_at=microseconds(context.clock()),
        digest=digest_of(payload),
        kind=fold.kind,
        object_id=fold.object_id,
        at=fold.at,
        state=fold.state,
        message=payload,
        said=fold.said,
    )
    await context.telemetry.state.accept(report, len(payload))
    if fold.kind == ZInfoTypes.ZiDevice:
        # the status that this message is about need not wait for the next flush
        context.seen.hurry.set()
    return CREATED
