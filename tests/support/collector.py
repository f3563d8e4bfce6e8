"""An OTLP/HTTP collector on a free port that remembers what it got."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

Answer = Callable[["Collector"], tuple[int, bytes]]


def taken(_: "Collector") -> tuple[int, bytes]:
    return 200, b""


@dataclass
class Collector:
    """`answer` may be changed while it runs; only what got 200 counts as received."""

    answer: Answer
    port: int = 0
    bodies: list[bytes] = field(default_factory=list[bytes])  # of logs
    metrics: list[bytes] = field(default_factory=list[bytes])
    refused: int = 0
    authorizations: set[str] = field(default_factory=set[str])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self) -> list[str]:
        """The text of every line, in the order of arrival."""
        return [
            record.body.string_value
            for body in list(self.bodies)
            for resource in ExportLogsServiceRequest.FromString(body).resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def lines_once(self) -> list[str]:
        """As a store of logs has them, which tells a line by its device, `eaves.line` and time:
        what a collector took may come again when its answer was lost.
        """
        found: dict[tuple[str, ...], str] = {}
        for body in list(self.bodies):
            for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
                of = tuple(a.value.string_value for a in resource.resource.attributes)
                for record in (r for scope in resource.scope_logs for r in scope.log_records):
                    number = next(
                        a.value.int_value for a in record.attributes if a.key == "eaves.line"
                    )
                    key = (*of, str(number), str(record.time_unix_nano))
                    found[key] = record.body.string_value
        return list(found.values())

    def numbers(self) -> list[tuple[str, str, str, int, float]]:
        """(device, name, object, time in ms, value) of every point, in the order of arrival."""
        found: list[tuple[str, str, str, int, float]] = []
        for body in list(self.metrics):
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                of = {a.key: a.value.string_value for a in resource.resource.attributes}
                for metric in (m for scope in resource.scope_metrics for m in scope.metrics):
                    points = metric.sum if metric.HasField("sum") else metric.gauge
                    for point in points.data_points:
                        name = "".join(a.value.string_value for a in point.attributes)
                        at_ms = point.time_unix_nano // 1_000_000
                        found.append((of["device.id"], metric.name, name, at_ms, point.as_double))
        return found


@contextmanager
def collector(answer: Answer = taken, port: int = 0) -> Generator[Collector]:
    found = Collector(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, text = found.answer(found)
            found.authorizations.add(self.headers.get("Authorization", ""))
            taken_by = {"/v1/logs": found.bodies, "/v1/metrics": found.metrics}
            if status == 200 and self.path in taken_by:
                taken_by[self.path].append(body)
            else:
                found.refused += 1
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Not onto the terminal of the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="collector")
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
