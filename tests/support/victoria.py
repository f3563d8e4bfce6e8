"""A real VictoriaMetrics on a free port with its data below the temporary folder."""

import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.controller import free_port
from support.tied import start_tied

SERVER = "/usr/bin/victoria-metrics"
DEADLINE_S = 90.0


def victoria_is_there() -> bool:
    return Path(SERVER).exists()


@dataclass
class Victoria:
    """`start` and `stop` may follow each other; what it stored stays."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def write_url(self) -> str:
        return f"{self.url}/api/v1/write"

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = start_tied(
                [
                    SERVER,
                    f"-storageDataPath={self.folder / 'data'}",
                    f"-httpListenAddr=127.0.0.1:{self.port}",
                    "-retentionPeriod=2y",
                    "-dedup.minScrapeInterval=1ms",  # a sample that comes twice counts once
                    "-search.latencyOffset=0s",
                    "-memory.allowedBytes=64MB",
                ],
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + DEADLINE_S
        while not self._answers():
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError((self.folder / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.05)  # a process of its own is asked, there is nothing to await

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as reply:  # noqa: S310 - our own http URL
                return bool(reply.status == 200)
        except OSError:
            return False

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=30) as reply:  # noqa: S310 - our own http URL
            body: bytes = reply.read()
            return body

    def post(self, path: str, body: bytes) -> None:
        request = urllib.request.Request(self.url + path, body)  # noqa: S310 - our own http URL
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - our own http URL
            pass

    def flush(self) -> None:
        """Make what was written visible to queries at once."""
        self.get("/internal/force_flush")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(DEADLINE_S)
            self.process = None


@contextmanager
def victoria_metrics() -> Generator[Victoria]:
    folder = Path(tempfile.mkdtemp(prefix="eaves-vm-"))
    victoria = Victoria(folder)
    try:
        victoria.start()
        yield victoria
    finally:
        victoria.stop()
        shutil.rmtree(folder)
