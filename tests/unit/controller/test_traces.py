"""Spans tell what was done, how long it took and whether it succeeded."""

import sys

import pytest

from eaves.controller.observe.traces import NoTraces, Traces, open_traces

NOW = 1_800_000_000_000_000_000


def test_each_kind_of_work_becomes_a_span() -> None:
    pytest.importorskip("opentelemetry.sdk.trace", reason="the extra traces")
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - the extra
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import (  # noqa: PLC0415 - as above
        InMemorySpanExporter,
    )

    kept, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    traces = Traces(provider, lambda: NOW)
    traces.note_request("GET /api/v1/devices", 503, 0.5)
    traces.note_commit("logs", 7, 0.25, True)
    traces.note_batch("job", 100, 2.0, False)
    found = [
        (span.name, dict(span.attributes or {}), span.status.is_ok, NOW - (span.start_time or 0))
        for span in kept.get_finished_spans()
    ]
    assert found == [
        ("GET /api/v1/devices", {"http.response.status_code": 503}, False, 500_000_000),
        ("commit", {"eaves.pipeline": "logs", "eaves.messages": 7}, True, 250_000_000),
        ("render batch", {"eaves.job": "job", "eaves.devices": 100}, False, 2_000_000_000),
    ]


def test_a_url_without_the_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(NoTraces, match=r"EAVES_OTEL_TRACES_URL.*eaves\[controller,traces\]"):
        open_traces("http://localhost:4318/v1/traces", "here")


def test_without_a_url_nothing_is_loaded() -> None:
    assert open_traces("", "here") is None
