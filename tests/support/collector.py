"""An OTLP/HTTP collector on a free port that remembers what it got."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

Answer = Callable[["Collector"], tuple[int, bytes]]


def taken(_: "Collector") -> tuple[int, bytes]:
    return 200, b""


@dataclass
class Collector:
    """`answer` may be changed while it runs; only what got 200 counts as received."""

    answer: Answer
    port: int = 0
    bodies: list[bytes] = field(default_factory=list[bytes])
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


@contextmanager
def collector(answer: Answer = taken, port: int = 0) -> Generator[Collector]:
    found = Collector(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, text = found.answer(found)
            found.authorizations.add(self.headers.get("Authorization", ""))
            if status == 200 and self.path == "/v1/logs":
                found.bodies.append(body)
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
