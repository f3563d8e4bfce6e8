"""The meters as Prometheus reads them.  Loaded at the first look, not at the start."""

from collections.abc import Iterable, Iterator

import structlog
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from eaves.controller.observe.meters import Gauge, Histogram, Meters, Requests

log = structlog.get_logger()

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Exposition:
    """A registry of its own, so that nothing of the process-wide default gets in."""

    def __init__(self, meters: Meters) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Meters(meters))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def text(self) -> bytes:
        """What `/metrics` answers, of type `CONTENT_TYPE`."""
        return generate_latest(self._registry)


class _Meters(Collector):
    def __init__(self, meters: Meters) -> None:
        self._meters = meters

    def collect(self) -> Iterable[Metric]:
        meters = self._meters
        yield from _requests("device", "endpoint", "devices", meters.devices)
        yield from _requests("rest", "operation", "users", meters.users)
        yield from _commits(meters)
        lag = HistogramMetricFamily(
            "eaves_loop_lag_seconds", "How late timers of an event loop are.", labels=["loop"]
        )
        for loop, times in meters.all_lags().items():
            _put(lag, (loop,), times)
        yield lag
        yield from _gauges(meters.gauges())


def _put(family: HistogramMetricFamily, labels: tuple[str, ...], values: Histogram) -> None:
    family.add_metric(labels, list(values.cumulative()), values.total)


def _requests(side: str, label: str, who: str, requests: Requests) -> Iterator[Metric]:
    counts = CounterMetricFamily(
        f"eaves_{side}_requests", f"Answers to {who}.", labels=[label, "status"]
    )
    for (what, status), count in requests.counts().items():
        counts.add_metric((what, str(status)), count)
    yield counts
    times = HistogramMetricFamily(
        f"eaves_{side}_request_seconds", f"Time until {who} had an answer.", labels=[label]
    )
    for what, values in requests.times().items():
        _put(times, (what,), values)
    yield times


def _commits(meters: Meters) -> Iterator[Metric]:
    messages = HistogramMetricFamily(
        "eaves_commit_messages", "Messages in a group commit.", labels=["pipeline"]
    )
    times = HistogramMetricFamily(
        "eaves_commit_seconds", "Time of a group commit.", labels=["pipeline"]
    )
    size = CounterMetricFamily(
        "eaves_commit_bytes", "Payload committed, in bytes.", labels=["pipeline"]
    )
    failures = CounterMetricFamily(
        "eaves_commit_failures", "Group commits that were rolled back.", labels=["pipeline"]
    )
    refused = CounterMetricFamily(
        "eaves_refused_messages", "Messages that found a queue full.", labels=["pipeline"]
    )
    for commits in meters.all_commits():
        labels = (commits.name,)
        _put(messages, labels, commits.messages)
        _put(times, labels, commits.times)
        size.add_metric(labels, commits.payload_bytes)
        failures.add_metric(labels, commits.failures)
        refused.add_metric(labels, commits.refused)
    yield from (messages, times, size, failures, refused)


def _gauges(gauges: Iterable[Gauge]) -> Iterator[Metric]:
    families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
    for gauge in gauges:
        try:
            values = gauge.values()
        except Exception as error:  # noqa: BLE001 - what one part cannot tell must not hide the rest
            log.warning("gauge_not_read", gauge=gauge.name, why=str(error))
            continue
        family = families.get(gauge.name)
        if family is None:
            kind = CounterMetricFamily if gauge.counts_up else GaugeMetricFamily
            family = kind(gauge.name, gauge.help, labels=gauge.label_names)
            families[gauge.name] = family
        for labels, value in values:
            family.add_metric(labels, value)
    return iter(families.values())
