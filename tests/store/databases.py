"""Databases to test on: a SQLite file, or a PostgreSQL server of our own."""

import os
import shlex
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

    It runs as user postgres, since it refuses to run as root.  It is no child of this process, so
    a shell waits for the end of a pipe that only this process holds, and stops it then; a line
    tells it that there is nothing left to do.
    """

    def __init__(self, folder: Path, *, connections: int, synced: bool = False) -> None:
        self._folder, self._connections, self._synced = folder, connections, synced
        self._running = False
        self._waiting: int | None = None  # the file descriptor of that pipe
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as_user:
            shutil.chown(folder, "postgres", "postgres")

    @property
    def url(self) -> str:
        """Of its first database."""
        return f"postgresql://eaves@/postgres?host={self._folder}"

    @property
    def log(self) -> Path:
        return self._folder / "log"

    def make(self) -> None:
        data = f"{self._folder}/data"
        options = ("-D", data, "-U", "eaves", "-A", "trust", "-N", "-E", "UTF8")
        self._run(*self._as_user, f"{POSTGRES}/initdb", *options)

    def start(self) -> None:
        options = (
            f"-k {self._folder} -c listen_addresses='' -c fsync={'on' if self._synced else 'off'} "
            f"-c max_connections={self._connections}"
        )
        self._running = True
        self._control("-l", f"{self._folder}/log", "-o", options, "start")
        stop = shlex.join(self._controlling("-m", "immediate", "stop"))
        reading, self._waiting = os.pipe()
        subprocess.run(
            ["sh", "-c", f"exec 3<&0; (read _ <&3 || {stop}) &"],
            check=True,
            cwd=self._folder,
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(reading)

    def stop(self) -> None:
        """At once, as if it had crashed: connections end, the next start recovers."""
        if self._waiting is not None:
            os.write(self._waiting, b"\n")
            os.close(self._waiting)
            self._waiting = None
        if self._running:
            self._control("-m", "immediate", "stop")
            self._running = False

    def _controlling(self, *argv: str) -> list[str]:
        data = f"{self._folder}/data"
        return [*self._as_user, f"{POSTGRES}/pg_ctl", "-D", data, "-w", *argv]

    def _control(self, *argv: str) -> None:
        self._run(*self._controlling(*argv))

    def _run(self, *command: str) -> None:
        subprocess.run(
            command,
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
    try:
        server.make()
        server.start()
        yield server
    finally:
        try:
            server.stop()
        finally:
            shutil.rmtree(folder)


@contextmanager
def postgres_server() -> Generator[str]:
    """A throw-away server; yields the URL of its first database."""
    with postgres(connections=40) as server:
        yield server.url
