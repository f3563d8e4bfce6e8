"""A Prometheus-compatible store over HTTP: samples written by remote write, series queried."""

from collections.abc import Mapping, Sequence
from typing import Final

import httpx
import msgspec

from eaves.controller.sink_settings import HttpSink
from eaves.controller.telemetry.sinks.http import SinkAway, open_client, post
from eaves.controller.telemetry.sinks.remote_write import HEADERS, write_request

SERIES_AT_ONCE: Final = 10_000  # in one request; stores take 32 MB, this is about 2
QUERY_S: Final = 10.0  # a person waits
_FORM: Final[Mapping[str, str]] = {"Content-Type": "application/x-www-form-urlencoded"}
# VictoriaMetrics: answer for exactly these times, and up to this moment; others pass it over
_EXACT: Final[Mapping[str, str]] = {"nocache": "1", "latency_offset": "1ms"}


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


class Found(msgspec.Struct, frozen=True):
    """A series of an answer; `values`: seconds since 1970 and the number as text, oldest first."""

    metric: dict[str, str] = {}
    values: list[tuple[float, str]] = []


class _Data(msgspec.Struct, frozen=True):
    result: list[Found]


class _Answer(msgspec.Struct, frozen=True):
    data: _Data


_read_answer: Final = msgspec.json.Decoder(_Answer).decode


class MetricsReader:
    """Lives on one event loop; `close` ends its connections."""

    def __init__(self, sink: HttpSink) -> None:
        self._sink, self._client = sink, open_client(sink, QUERY_S)

    async def over_time(
        self, query: str, start_s: float, end_s: float, step_s: int
    ) -> Sequence[Found]:
        """A query at each step from `start_s` to `end_s`.  Raises SinkAway, SinkRefused."""
        return await self._ask(
            "query_range",
            {"start": f"{start_s:.3f}", "end": f"{end_s:.3f}", "step": f"{step_s}s"},
            query,
        )

    async def at(self, query: str, at_s: float) -> Sequence[Found]:
        """A query for samples as they came, such as `name[1h]`.  Raises SinkAway, SinkRefused."""
        return await self._ask("query", {"time": f"{at_s:.3f}"}, query)

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self, what: str, when: Mapping[str, str], query: str) -> Sequence[Found]:
        form = {"query": query, **when, **_EXACT}
        body = str(httpx.QueryParams(form)).encode()
        url = f"{self._sink.url}/api/v1/{what}"
        answer = await post(self._client, self._sink, url, body, _FORM)
        try:
            return _read_answer(answer).data.result
        except msgspec.DecodeError as error:
            raise SinkAway(
                f"{self._sink.shown} answered {answer[:100]!r}, which is no result of a query; "
                "EAVES_METRICS_QUERY_URL is the address up to but without /api/v1"
            ) from error
