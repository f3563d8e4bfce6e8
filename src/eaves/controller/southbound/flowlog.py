"""POST flowlog: flows and DNS requests of apps.  EVE API v2, section 3."""

from eaves.controller.southbound.context import CREATED, Call, Southbound
from eaves.controller.southbound.http import Answer
from eaves.controller.telemetry.reports import FlowReport, digest_of, microseconds
from eaves.evapi.canonical import canonical_flow_message
from eaves.evapi.flow_records import fold_flow_message


async def answer(context: Southbound, call: Call) -> Answer:
    device, message = call.device, call.payload
    digest = await context.decoding.run(device.device_id, _digest_of_readable, message)
    report = FlowReport(
        enterprise_id=device.enterprise_id,
        device_id=device.device_id,
        received_at=microseconds(context.clock()),
        digest=digest,
        message=message,
    )
    await context.telemetry.logs.accept(report, len(message))
    return CREATED


def _digest_of_readable(message: bytes) -> bytes:
    """What does not read is refused; the writer reads it again, which is cheaper than to keep it.

    Raises MalformedMessage.
    """
    fold_flow_message(message)
    return digest_of(canonical_flow_message(message))
