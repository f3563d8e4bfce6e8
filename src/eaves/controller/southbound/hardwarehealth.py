"""POST hardwarehealth: memory errors and SMART values.  EVE API v2, section 3."""

from eaves.controller.southbound.context import CREATED, Call, Southbound
from eaves.controller.southbound.http import Answer
from eaves.controller.telemetry.records import save_message
from eaves.evapi.hardwarehealth import decode_z_hardware_health


async def answer(context: Southbound, call: Call) -> Answer:
    device_id, now = call.device.device_id, context.clock()
    await context.decoding.run(device_id, decode_z_hardware_health, call.payload)
    await context.writer.write(
        lambda db: save_message(db, device_id, "hardwarehealth", call.payload, now),
        len(call.payload),
    )
    return CREATED
