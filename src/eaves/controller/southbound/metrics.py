"""POST metrics: cumulative counters, one set per interval.  EVE API v2, section 3."""

from eaves.controller.southbound.context import CREATED, Call, Southbound
from eaves.controller.southbound.http import Answer
from eaves.controller.store.reports import Metric
from eaves.controller.telemetry.records import save_metric
from eaves.evapi.metrics import decode_z_metric_msg


async def answer(context: Southbound, call: Call) -> Answer:
    device_id = call.device.device_id
    message = await context.decoding.run(device_id, decode_z_metric_msg, call.payload)
    metric = Metric(device_id, message.at_time_stamp, context.clock(), call.payload)
    await context.writer.write(lambda db: save_metric(db, metric), len(call.payload))
    return CREATED
