"""Metrics of 10 KB, durable: folded, rolled up and read back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from support.ingest import Reports, run_row
from support.messages import DUE, metrics_message, number_in
from support.row import Goal

from eaves.evapi.paths import Endpoint


def charted(_device_id: str, answers: Sequence[Any], _payloads: Sequence[bytes]) -> bool:
    """Has each chart a point with a value, of samples and of roll-ups?"""
    return all(any(any(point["values"]) for point in answer["list"]) for answer in answers)


def more(state: Path) -> dict[str, Any]:
    rows = number_in(state, "metrics", "SELECT count(*) FROM metric_samples")
    size = number_in(state, "metrics", "SELECT sum(length(numbers)) FROM metric_samples")
    return {"rows": rows, "bytes_per_row": round(size / rows)}


REPORTS: Final = Reports(
    name="ingest-metrics",
    endpoint=Endpoint.METRICS,
    message=metrics_message,
    goal=Goal(reach=2500, stretch=3500),
    file="metrics",
    waiting=DUE,
    paths=(
        "/v1/devices/id/{id}/timeSeries/MEMORY_UTILIZATION?interval=60",
        "/v1/devices/id/{id}/timeSeries/MEMORY_UTILIZATION?interval=300",
    ),
    tells=charted,
)


if __name__ == "__main__":
    raise SystemExit(run_row(REPORTS, more))
