"""POST metrics: cumulative counters, one set per interval.  EVE API v2, section 3."""

from eaves.controller.southbound.context import CREATED, Call, Southbound
from eaves.controller.southbound.http import Answer
from eaves.controller.telemetry.reports import MetricsReport, digest_of, microseconds
from eaves.evapi.metrics_fold import fold_metrics


async def answer(context: Southbound, call: Call) -> Answer:
    device, payload = call.device, call.payload
    fold = await context.decoding.run(device.device_id, fold_metrics, payload)
    report = MetricsReport(
        enterprise_id=device.enterprise_id,
        device_id=device.device_id,
        received_at=microseconds(context.clock()),
        # of what it says: the same counters in other bytes are one sample
        digest=digest_of(f"{fold.at}\n{fold.objects}\n".encode() + fold.values),
        at=fold.at,
        objects=fold.objects,
        values=fold.values,
        message=payload,
    )
    await context.telemetry.metrics.accept(report, len(payload))
    return CREATED
