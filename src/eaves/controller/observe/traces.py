"""Spans of finished work, sent by OTLP over HTTP when EAVES_OTEL_TRACES_URL is set.

A span is made when the work ends, from how long it took: nothing is held while it runs, and who
notes need not know of traces.  Sending is done by a thread of the library, which drops spans when
the collector is away for long; work never waits for it.  The library is the extra `traces`, loaded
only when a URL is given.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from time import time_ns
from typing import TYPE_CHECKING

from eaves.errors import Rejected

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

Value = str | int
NS_PER_S = 1_000_000_000


class NoTraces(Rejected):
    """Traces were asked for and the library is not installed."""


class Traces:
    """`note…` may be called by any thread; `now`: nanoseconds since 1970."""

    def __init__(self, provider: "TracerProvider", now: Callable[[], int] = time_ns) -> None:
        self._provider, self._now = provider, now
        self._tracer = provider.get_tracer("eaves.controller")

    def note_request(self, operation: str, status: int, seconds: float) -> None:
        """An answer to a user."""
        values = {"http.response.status_code": status}
        self._note(operation, seconds, values, ok=status < 500)

    def note_commit(self, pipeline: str, messages: int, seconds: float, ok: bool) -> None:  # noqa: FBT001 - as `OnCommit` has it
        """A group commit of a telemetry pipeline."""
        values: dict[str, Value] = {"eaves.pipeline": pipeline, "eaves.messages": messages}
        self._note("commit", seconds, values, ok=ok)

    def note_batch(self, job: str, devices: int, seconds: float, ok: bool) -> None:  # noqa: FBT001 - as `OnBatch` has it
        """A batch of devices that a render job made configurations for."""
        values: dict[str, Value] = {"eaves.job": job, "eaves.devices": devices}
        self._note("render batch", seconds, values, ok=ok)

    def _note(self, name: str, seconds: float, values: Mapping[str, Value], *, ok: bool) -> None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415 - the extra; here it is loaded

        end = self._now()
        span = self._tracer.start_span(
            name, start_time=end - int(seconds * NS_PER_S), attributes=dict(values)
        )
        if not ok:
            span.set_status(StatusCode.ERROR)
        span.end(end)

    def close(self) -> None:
        """Send what waits, for a few seconds at most."""
        self._provider.shutdown()


def open_traces(url: str, process: str) -> Traces | None:
    """None without a URL.  `process`: what tells this process from others.  Raises NoTraces."""
    if not url:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - the extra
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above
    except ImportError as error:
        raise NoTraces(
            f"EAVES_OTEL_TRACES_URL is set and {error.name} is not installed; "
            "install eaves[controller,traces], or unset it"
        ) from error
    told = {
        "service.name": "eaves-controller",
        "service.version": version("eaves"),
        "service.instance.id": process,
    }
    provider = TracerProvider(resource=Resource.create(told), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=3)))
    return Traces(provider)
