"""Charts of the contract: which measured numbers each shows, and in which unit.  Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from eaves.controller.domain.contract.base import JsonObject, rfc3339
from eaves.controller.domain.contract.telemetry import MetricQueryResponse, MetricThreshold


class Metric(StrEnum):
    CPU_TOTAL = "CPU_TOTAL"
    CPU_USAGE = "CPU_USAGE"
    MEMORY_TOTAL = "MEMORY_TOTAL"
    MEMORY_UTILIZATION = "MEMORY_UTILIZATION"
    NETWORK_TOTAL = "NETWORK_TOTAL"
    NETWORK_RATES = "NETWORK_RATES"
    EVENTS_COUNT = "EVENTS_COUNT"
    STORAGE_UTILIZATION = "STORAGE_UTILIZATION"
    STORAGE_IO_ZPOOL = "STORAGE_IO_ZPOOL"
    STORAGE_IO_ZVOL = "STORAGE_IO_ZVOL"


PREFIX: Final = "METRIC_TYPE_"
STEPS_S: Final = (60, 300, 900, 3600, 4 * 3600, 24 * 3600)
POINTS: Final = 300  # of a chart whose step nobody asked for
MOST_POINTS: Final = 10_000

Values = Mapping[str, float]
"""The fields of one object in one step; a counter is what it grew."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart, for each object measured: what it is made of and how."""

    label: str
    fields: tuple[str, ...]
    value: Callable[[Values, float], float]  # from the fields and the seconds of a step


@dataclass(frozen=True, slots=True)
class Chart:
    unit: str
    lines: tuple[Line, ...]
    threshold: tuple[float, float] | None = None  # yellow, red


def _share(used: float, whole: float) -> float:
    return 100 * used / whole if whole > 0 else 0.0


def _plain(field: str) -> Callable[[Values, float], float]:
    return lambda values, _step: values[field]


def _rate(field: str) -> Callable[[Values, float], float]:
    return lambda values, step: values[field] / step


_FULL: Final = (80.0, 95.0)
_CPU: Final = ("cpu_ns",)
_USED_AVAILABLE: Final = ("used_mem", "avail_mem")
_CPU_TOTAL: Final = Chart("s", (Line("cpu", _CPU, lambda v, _: v["cpu_ns"] / 1e9),))
_CPU_USAGE: Final = Chart(
    "%", (Line("cpu", _CPU, lambda v, step: v["cpu_ns"] / 1e7 / step),), _FULL
)
_MEMORY_TOTAL: Final = Chart(
    "MB",
    (
        Line("used", ("used_mem",), _plain("used_mem")),
        Line("available", ("avail_mem",), _plain("avail_mem")),
    ),
)
_MEMORY_SHARE: Final = Chart(
    "%",
    (
        Line(
            "used",
            _USED_AVAILABLE,
            lambda v, _: _share(v["used_mem"], v["used_mem"] + v["avail_mem"]),
        ),
    ),
    _FULL,
)
_NETWORK_TOTAL: Final = Chart(
    "bytes",
    (
        Line("rx", ("rx_bytes",), _plain("rx_bytes")),
        Line("tx", ("tx_bytes",), _plain("tx_bytes")),
    ),
)
_NETWORK_RATES: Final = Chart(
    "bytes/s",
    (
        Line("rx", ("rx_bytes",), _rate("rx_bytes")),
        Line("tx", ("tx_bytes",), _rate("tx_bytes")),
    ),
)


def _storage(used: str, whole: str) -> Chart:
    line = Line("used", (used, whole), lambda v, _: _share(v[used], v[whole]))
    return Chart("%", (line,), _FULL)


_POOL_IO: Final = Chart(
    "bytes/s",
    (
        Line("read", ("bytes_read",), _rate("bytes_read")),
        Line("write", ("bytes_write",), _rate("bytes_write")),
    ),
)

CHARTS: Final[Mapping[tuple[str, Metric], tuple[str, Chart]]] = {
    ("device", Metric.CPU_TOTAL): ("device", _CPU_TOTAL),
    ("device", Metric.CPU_USAGE): ("device", _CPU_USAGE),
    ("device", Metric.MEMORY_TOTAL): ("device", _MEMORY_TOTAL),
    ("device", Metric.MEMORY_UTILIZATION): ("device", _MEMORY_SHARE),
    ("device", Metric.NETWORK_TOTAL): ("port", _NETWORK_TOTAL),
    ("device", Metric.NETWORK_RATES): ("port", _NETWORK_RATES),
    ("device", Metric.STORAGE_UTILIZATION): ("disk", _storage("used", "total")),
    ("device", Metric.STORAGE_IO_ZPOOL): ("zpool", _POOL_IO),
    ("device", Metric.STORAGE_IO_ZVOL): ("zvol", _POOL_IO),
    ("app", Metric.CPU_TOTAL): ("app", _CPU_TOTAL),
    ("app", Metric.CPU_USAGE): ("app", _CPU_USAGE),
    ("app", Metric.MEMORY_TOTAL): ("app", _MEMORY_TOTAL),
    ("app", Metric.MEMORY_UTILIZATION): ("app", _MEMORY_SHARE),
    ("app", Metric.NETWORK_TOTAL): ("app_port", _NETWORK_TOTAL),
    ("app", Metric.NETWORK_RATES): ("app_port", _NETWORK_RATES),
    ("app", Metric.STORAGE_UTILIZATION): ("app_disk", _storage("used", "provisioned")),
    ("netinst", Metric.NETWORK_TOTAL): ("network_instance", _NETWORK_TOTAL),
    ("netinst", Metric.NETWORK_RATES): ("network_instance", _NETWORK_RATES),
    ("volume", Metric.STORAGE_UTILIZATION): ("volume", _storage("used_bytes", "total_bytes")),
}
"""What a chart of a device, app, network instance or volume is made of: measured kind, lines."""


def fitting_step(span: timedelta, asked_s: int | None) -> int:
    """Seconds between two points: as asked for, yet never so many that nobody can draw them."""
    seconds = max(int(span.total_seconds()), 1)
    least = -(-seconds // MOST_POINTS)
    if asked_s:
        return max(asked_s, least)
    fitting = (step for step in STEPS_S if seconds <= step * POINTS)
    return max(next(fitting, STEPS_S[-1]), least)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line with its points by time, seconds since 1970."""

    label: str
    points: Mapping[int, float]


def draw(lines: Sequence[Line], name: str, steps: Mapping[int, Values], step_s: int) -> list[Drawn]:
    """The lines of one object; `steps`: its fields by time."""
    return [
        Drawn(
            f"{name} {line.label}".strip(),
            {
                time: line.value(values, step_s)
                for time, values in steps.items()
                if all(field in values for field in line.fields)
            },
        )
        for line in lines
    ]


def response(metric: Metric, chart: Chart, drawn: Sequence[Drawn]) -> JsonObject:
    """Lines side by side; where one has no point it is at zero.

    In the shape of `MetricQueryResponse`, whose list is made by hand: it has thousands of points.
    """
    times = sorted({time for line in drawn for time in line.points})
    columns = [[round(line.points.get(time, 0.0), 3) for time in times] for line in drawn]
    limits = chart.threshold
    told = MetricQueryResponse(
        metric_type=f"{PREFIX}{metric}",
        x_label="time",
        y_labels=tuple(f"{line.label} [{chart.unit}]" for line in drawn),
        threshold=MetricThreshold(yellow=limits[0], red=limits[1]) if limits else None,
    ).to_json()
    told["list"] = [
        {"timestamp": rfc3339(datetime.fromtimestamp(time, UTC)), "values": list(values)}
        for time, *values in zip(times, *columns, strict=True)
    ]
    return told
