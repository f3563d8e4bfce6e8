"""Somebody who answers a node in its controller's place, on the same address."""

import contextlib
import ssl
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support.line import Line

from eaves.controller.keys import KeyStore, open_keys
from eaves.controller.settings import Settings
from eaves.evapi.envelope import Sender, seal
from eaves.evapi.poll import PollResponse, encode_poll_response


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Impostor:
    """Wakes a node that waits for a change and answers its poll with `config`; else 503."""

    keys: KeyStore  # those of the real controller
    config: bytes = b""
    asked: list[str] = field(default_factory=list[str])

    def offer(self, config: bytes, sender: Sender | None = None) -> None:
        """A configuration, sealed by the real controller unless another is named."""
        response = PollResponse(config=config, config_hash=f"hash of {len(config)}")
        self.config = seal(encode_poll_response(response), sender or self.keys.sender)

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if path.endswith("/ext/wait"):
            return 200, b""
        return (200, self.config) if path.endswith("/config") else (503, b"")


@contextlib.contextmanager
def impostor(line: Line, *, own_tls: bool = False) -> Generator[Impostor]:
    """The controller is stopped for the time of the block and back at its end.

    `own_tls`: it has no key of the controller, only certificates of its own.
    """
    line.stop_controller()
    real = open_keys(Settings(state_dir=line.root / "controller"), clock=utc_now)
    served = open_keys(Settings(state_dir=line.root / "other"), clock=utc_now) if own_tls else real
    one = Impostor(real)
    try:
        with _serving(line.device_port, one, served.tls.certificate, served.tls.key):
            yield one
    finally:
        line.start_controller()


@contextlib.contextmanager
def _serving(port: int, one: Impostor, certificate: Path, key: Path) -> Generator[None]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer()

        def _answer(self) -> None:
            status, body = one.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/x-proto-binary")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A node that does not trust us hangs up: that is the point."""

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    server = Server(("0.0.0.0", port), Answers)
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="impostor")
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
