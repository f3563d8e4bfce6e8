"""A Prometheus-compatible store: samples written by remote write, series read by range query.

Every selector names the enterprise, so no query reaches what another tenant has written.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from eaves.controller.sink_settings import HttpSink
from eaves.controller.telemetry.sinks.http import SinkAway, open_client, post
from eaves.controller.telemetry.sinks.remote_write import (
    HEADERS,
    SeriesName,
    selector,
    write_request,
)

SERIES_AT_ONCE: Final = 10_000  # in one request; stores take 32 MB, this is about 2


class MetricsWriter:
    """Lives on one event loop; `close` ends its connections."""

    def __init__(self, sink: HttpSink) -> None:
        self._sink, self._client = sink, open_client(sink)

    async def write(self, series: Sequence[bytes]) -> None:
        """Return once the store has taken all; what `encode_series` made.

        Raises SinkAway, SinkRefused: then some of it may be stored, and writing it again does no
        harm.
        """
        for start in range(0, len(series), SERIES_AT_ONCE):
            body = write_request(series[start : start + SERIES_AT_ONCE])
            await post(self._client, self._sink, self._sink.url, body, HEADERS)

    async def close(self) -> None:
        await self._client.aclose()


@dataclass(frozen=True, slots=True)
class Point:
    at: datetime
    value: float


class MetricsReader:
    """Lives on one event loop; `close` ends its connections."""

    def __init__(self, sink: HttpSink) -> None:
        self._sink, self._client = sink, open_client(sink)

    async def read(
        self, name: SeriesName, since: datetime, until: datetime, step: timedelta
    ) -> tuple[Point, ...]:
        """The mean of each step, told at its end, oldest first; a step without samples is missing.

        Raises SinkAway, SinkRefused.
        """
        seconds = max(1, round(step.total_seconds()))
        form = {
            "query": f"avg_over_time({selector(name)}[{seconds}s])",
            "start": f"{since.timestamp():.3f}",
            "end": f"{until.timestamp():.3f}",
            "step": f"{seconds}s",
        }
        body = str(httpx.QueryParams(form)).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        url = f"{self._sink.url}/api/v1/query_range"
        return points(await post(self._client, self._sink, url, body, headers), self._sink.shown)

    async def close(self) -> None:
        await self._client.aclose()


def points(answer: bytes, shown: str) -> tuple[Point, ...]:
    """Read the answer to a range query for one series.  Raises SinkAway for anything else."""
    try:
        document: Any = json.loads(answer)
        results = document["data"]["result"]
        values: list[tuple[float, str]] = results[0]["values"] if results else []
        return tuple(
            Point(datetime.fromtimestamp(float(at), UTC), float(value)) for at, value in values
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise SinkAway(
            f"{shown} answered {answer[:100]!r}, which is no result of a range query; "
            "EAVES_METRICS_QUERY_URL is the address up to but without /api/v1"
        ) from error
