"""The REST side as users reach it: a controller process, TLS, its own root certificate."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.rest import Json

pytestmark = pytest.mark.system

PASSWORD = "a password from a file"
STARTS_WITHIN_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[str]:
    """A running controller; gives its base URL."""
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    rest, devices = free_port(), free_port()
    state = tmp_path / "state"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("eaves")), "controller",
                "--state-dir", str(state),
                "--rest-listen", f"127.0.0.1:{rest}",
                "--device-listen", f"127.0.0.1:{devices}",
                "--admin-password-file", str(secret),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ},
        )  # fmt: skip
        try:
            yield f"https://127.0.0.1:{rest}/api"
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            finally:
                process.kill()
                process.wait()


def call(url: str, trust: ssl.SSLContext, token: str = "", body: object = None) -> Json:
    request = urllib.request.Request(  # noqa: S310 - the URL is that of the fixture
        url, data=json.dumps(body).encode() if body is not None else None
    )
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, context=trust, timeout=10) as answer:  # noqa: S310 - as above
        told: Json = json.load(answer)
        return told


def trusting(root: Path, url: str, log: Path) -> ssl.SSLContext:
    """Wait until the controller answers under its own root certificate."""
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            trust = ssl.create_default_context(cafile=str(root))
            call(url, trust)
        except OSError:
            assert time.monotonic() < deadline, log.read_text()
        else:
            return trust


def test_a_user_logs_in_over_tls_and_makes_an_object(controller: str, tmp_path: Path) -> None:
    root = tmp_path / "state" / "root-certificate.pem"
    trust = trusting(root, f"{controller}/v1/eaves/controller", tmp_path / "log")
    public = call(f"{controller}/v1/eaves/controller", trust)
    assert public["rootCertificatePem"] == root.read_text()
    login = {"username": "admin", "password": PASSWORD}
    told = call(f"{controller}/v1/login", trust, body=login)
    token = told["token"]["base64"]
    made = call(
        f"{controller}/v1/brands",
        trust,
        token,
        {"name": "acme", "title": "Acme", "originType": "ORIGIN_LOCAL"},
    )
    assert made["error"] == []
    read = call(f"{controller}/v1/brands/name/acme", trust, token)
    assert read["id"] == made["objectId"]
