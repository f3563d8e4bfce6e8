"""Counters and gauges of devices as OTLP/HTTP: one request holds the numbers of many devices.

Each device (and app) is a resource as with logs; a number is named `eaves.KIND.FIELD` and carries
the id of its object as `eaves.object.id`.  Counters are cumulative sums that may start anew.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Metric,
    NumberDataPoint,
)

from eaves.controller.sink_settings import HttpSink
from eaves.controller.telemetry.reports import MetricsReport
from eaves.controller.telemetry.sinks.http import open_client, post
from eaves.controller.telemetry.sinks.partial import Partial
from eaves.evapi.metrics_fold import ObjectKind, numbers, places

HEADERS: Final[Mapping[str, str]] = {"Content-Type": "application/x-protobuf"}
REPORTS_AT_ONCE: Final = 16  # a report becomes some hundred points
_APP_KINDS: Final = frozenset({"app", "app_port", "app_disk"})


def export_request(reports: Sequence[tuple[int, MetricsReport]]) -> bytes:
    """The body of `POST /v1/metrics`; times in milliseconds since 1970."""
    request = ExportMetricsServiceRequest()
    for at_ms, report in reports:
        _add(request, at_ms * 1_000_000, report)
    return request.SerializeToString()


def _add(request: ExportMetricsServiceRequest, at_ns: int, report: MetricsReport) -> None:
    values = numbers(report.values)
    metrics: dict[tuple[str, str, str], Metric] = {}  # by app, kind and field
    by_app: dict[str, list[Metric]] = {}
    for place in places(report.objects):
        kind, name = place.kind, place.object_id
        if place.start + len(kind.fields) > len(values):
            break
        app_id = name.partition("/")[0] if kind.name in _APP_KINDS else ""
        for offset, field in enumerate(kind.fields, place.start):
            key = app_id, kind.name, field
            if key not in metrics:
                metrics[key] = _metric(kind, field)
                by_app.setdefault(app_id, []).append(metrics[key])
            metric = metrics[key]
            points = metric.sum if field in kind.counters else metric.gauge
            points.data_points.append(_point(at_ns, values[offset], name))
    for app_id, found in by_app.items():
        group = request.resource_metrics.add()
        group.resource.attributes.extend(
            _text(key, value)
            for key, value in (
                ("service.name", app_id or "eve"),
                ("service.namespace", report.enterprise_id),
                ("device.id", report.device_id),
                ("eaves.enterprise.id", report.enterprise_id),
                ("eaves.app.id", app_id),
            )
            if value
        )
        scope = group.scope_metrics.add()
        scope.scope.name = "eaves"
        scope.metrics.extend(found)


def _metric(kind: ObjectKind, field: str) -> Metric:
    metric = Metric(name=f"eaves.{kind.name}.{field}")
    if field in kind.counters:
        metric.sum.is_monotonic = True
        metric.sum.aggregation_temporality = (
            AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        )
    return metric


def _point(at_ns: int, value: float, object_id: str) -> NumberDataPoint:
    point = NumberDataPoint(time_unix_nano=max(0, at_ns), as_double=value)
    if object_id:
        point.attributes.append(_text("eaves.object.id", object_id))
    return point


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


class OtlpMetrics:
    """Lives on one event loop; `close` ends its connections."""

    def __init__(self, sink: HttpSink, partial: Partial | None = None) -> None:
        """`partial` is told what the collector throws away."""
        self._sink, self._client = sink, open_client(sink)
        self._partial = partial or Partial()

    async def export(self, reports: Sequence[tuple[int, MetricsReport]], /) -> None:
        """Return once the collector has every number, or has thrown it away.

        Raises SinkAway, SinkRefused: then some of them may have arrived.
        """
        url = f"{self._sink.url}/v1/metrics"
        for start in range(0, len(reports), REPORTS_AT_ONCE):
            # beside the loop: it may be the one that devices wait for
            body = await asyncio.to_thread(export_request, reports[start : start + REPORTS_AT_ONCE])
            self._note(await post(self._client, self._sink, url, body, HEADERS))

    async def close(self) -> None:
        await self._client.aclose()

    def _note(self, answer: bytes) -> None:
        try:
            partial = ExportMetricsServiceResponse.FromString(answer).partial_success
        except DecodeError:  # some collectors answer JSON whatever they are asked
            return
        self._partial.note(
            partial.rejected_data_points,
            "data points",
            url=self._sink.shown,
            why=partial.error_message,
        )
