"""What the controller tells a person: its log lines and its certificate."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import structlog

from eaves.controller.keys import open_keys
from eaves.controller.process import fingerprint, without_controls
from eaves.controller.settings import Settings


def test_a_log_line_holds_nothing_that_a_terminal_obeys() -> None:
    event = {"event": "e", "path": "/\x1b[2J\x9b31m\r\x7f", "error": OSError("\x07"), "n": 3}
    told = without_controls(None, "info", event)
    assert told == {"event": "e", "path": r"/\x1b[2J\x9b31m\x0d\x7f", "error": r"\x07", "n": 3}
    lines = structlog.processors.LogfmtRenderer()(None, "info", {**told, "why": "two\nlines"})
    assert "\n" not in lines


def test_the_fingerprint_is_what_openssl_prints(tmp_path: Path) -> None:
    keys = open_keys(Settings(state_dir=tmp_path), clock=lambda: datetime.now(UTC))
    certificate = keys.tls.certificate
    printed = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", str(certificate)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.strip().partition("=")[2] == fingerprint(certificate)
