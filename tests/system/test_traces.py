"""Spans of a running controller reach a collector."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from support.controller import Process, running

pytestmark = pytest.mark.system


@contextmanager
def span_collector(spans: list[Span]) -> Generator[str]:
    """The URL of a collector that adds to `spans`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent = ExportTraceServiceRequest.FromString(body)
            for resource in sent.resource_spans:
                for scope in resource.scope_spans:
                    spans.extend(scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object, **__: object) -> None:
            """Not onto the terminal of the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_request_is_a_span_at_the_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra traces")
    spans: list[Span] = []
    with span_collector(spans) as url:
        monkeypatch.setenv("EAVES_OTEL_TRACES_URL", url)
        with running(Process(tmp_path / "state")) as process:
            path = f"https://localhost:{process.rest_port}/api/v1/cloud/ping"
            assert httpx.get(path, verify=process.tls(), timeout=30).status_code == 200
            assert process.stop() == 0  # its end sends what waited
    (span,) = (span for span in spans if span.name == "GET /api/v1/cloud/ping")
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 30e9
    told = {pair.key: pair.value.int_value for pair in span.attributes}
    assert told == {"http.response.status_code": 200}
