"""Databases to test on: a SQLite file, or a PostgreSQL server of our own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

POSTGRES = Path("/usr/lib/postgresql/15/bin")


def postgres_is_there() -> bool:
    return (POSTGRES / "initdb").exists()


class PostgresServer:
    """A throw-away server on a Unix socket, which may be stopped and started again.

    It runs as user postgres, since it refuses to run as root.
    """

    def __init__(self, folder: Path, *, connections: int, synced: bool = False) -> None:
        self._folder, self._connections, self._synced = folder, connections, synced
        self._running = False
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as_user:
            shutil.chown(folder, "postgres", "postgres")

    @property
    def url(self) -> str:
        """Of its first database."""
        return f"postgresql://eaves@/postgres?host={self._folder}"

    def make(self) -> None:
        data = f"{self._folder}/data"
        self._run("initdb", "-D", data, "-U", "eaves", "-A", "trust", "-N", "-E", "UTF8")

    def start(self) -> None:
        options = (
            f"-k {self._folder} -c listen_addresses='' -c fsync={'on' if self._synced else 'off'} "
            f"-c max_connections={self._connections}"
        )
        self._control("-l", f"{self._folder}/log", "-o", options, "start")
        self._running = True

    def stop(self) -> None:
        """At once, as if it had crashed: connections end, the next start recovers."""
        if self._running:
            self._control("-m", "immediate", "stop")
            self._running = False

    def _control(self, *argv: str) -> None:
        self._run("pg_ctl", "-D", f"{self._folder}/data", "-w", *argv)

    def _run(self, program: str, *argv: str) -> None:
        subprocess.run(
            [*self._as_user, f"{POSTGRES}/{program}", *argv],
            check=True,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            timeout=120,
        )


@contextmanager
def postgres(
    connections: int = 100, *, synced: bool = False, below: Path | None = None
) -> Generator[PostgresServer]:
    """`synced`: commits survive a power cut; a test needs none of that, a measurement does."""
    folder = Path(tempfile.mkdtemp(prefix="eaves-pg-", dir=below))
    server = PostgresServer(folder, connections=connections, synced=synced)
    server.make()
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@contextmanager
def postgres_server() -> Generator[str]:
    """A throw-away server; yields the URL of its first database."""
    with postgres(connections=40) as server:
        yield server.url
