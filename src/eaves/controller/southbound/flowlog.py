"""POST flowlog: flows and DNS requests of apps.  EVE API v2, section 3."""

from eaves.controller.southbound.context import CREATED, Call, Southbound
from eaves.controller.southbound.http import Answer
from eaves.controller.telemetry.records import save_message
from eaves.evapi.flowlog import decode_flow_message


async def answer(context: Southbound, call: Call) -> Answer:
    device_id, now = call.device.device_id, context.clock()
    await context.decoding.run(device_id, decode_flow_message, call.payload)
    await context.writer.write(
        lambda db: save_message(db, device_id, "flowlog", call.payload, now), len(call.payload)
    )
    return CREATED
