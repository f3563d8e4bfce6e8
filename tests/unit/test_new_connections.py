"""The load generator that makes a TLS 1.3 handshake for each request, against the TLS of Python."""

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.generated import REPOSITORY

from eaves.evapi.device_certs import Chance, device_certificate

SCRIPT = REPOSITORY / "bench/support/new_connections.py"
REQUEST = b"POST /poll HTTP/1.1\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
COUNT = 20


@contextmanager
def serving(folder: Path, newest: ssl.TLSVersion) -> Generator[tuple[int, list[bytes]]]:
    """A server that answers one request on each connection; what it was asked is told."""
    key = ec.generate_private_key(ec.SECP256R1())
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(*form) + device_certificate(key, Chance(datetime.now(UTC), os.urandom))
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.maximum_version = newest
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                connection, _ = listening.accept()
                with connection:
                    if not connection.recv(1, socket.MSG_PEEK):
                        return  # the test is at its end
                    try:
                        with context.wrap_socket(connection, server_side=True) as tls:
                            asked.append(tls.recv(4096))
                            tls.sendall(ANSWER)
                    except OSError:
                        continue  # it refused the handshake

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1], asked
        finally:
            socket.create_connection(listening.getsockname()).close()
            thread.join()


def told_by_generator(folder: Path, port: int) -> dict[str, Any]:
    requests = folder / "requests"
    requests.write_bytes((len(REQUEST).to_bytes(4, "little") + REQUEST) * COUNT)
    command = [sys.executable, str(SCRIPT), str(port), "30", "1", str(requests), "200", "3"]
    path = os.pathsep.join((str(REPOSITORY / "bench"), str(REPOSITORY / "src")))
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": path},
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_each_request_has_a_full_handshake(tmp_path: Path) -> None:
    with serving(tmp_path, ssl.TLSVersion.TLSv1_3) as (port, asked):
        told = told_by_generator(tmp_path, port)
    assert asked == [REQUEST] * COUNT
    assert told["handshakes"] == {"full": COUNT, "other": 0}
    assert (told["statuses"], told["short"], told["read_errors"]) == ({"200": COUNT}, 0, 0)
    assert 0 < told["p50_ms"] <= told["p99_ms"]


def test_an_older_version_is_an_error(tmp_path: Path) -> None:
    with serving(tmp_path, ssl.TLSVersion.TLSv1_2) as (port, asked):
        told = told_by_generator(tmp_path, port)
    assert not asked
    assert (told["read_errors"], told["answered"]) == (COUNT, 0)
