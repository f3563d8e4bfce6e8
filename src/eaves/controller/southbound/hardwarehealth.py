"""POST hardwarehealth: memory errors and SMART values.  EVE API v2, section 3."""

from eaves.controller.southbound.context import CREATED, Call, Southbound
from eaves.controller.southbound.http import Answer
from eaves.controller.telemetry.reports import HealthReport, digest_of, microseconds
from eaves.evapi.canonical import canonical_hardware_health
from eaves.evapi.hardwarehealth import decode_z_hardware_health


async def answer(context: Southbound, call: Call) -> Answer:
    device, payload = call.device, call.payload
    await context.decoding.run(device.device_id, decode_z_hardware_health, payload)
    report = HealthReport(
        enterprise_id=device.enterprise_id,
        device_id=device.device_id,
        received_at=microseconds(context.clock()),
        digest=digest_of(canonical_hardware_health(payload)),
        message=payload,
    )
    await context.telemetry.state.accept(report, len(payload))
    return CREATED
