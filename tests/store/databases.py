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


@contextmanager
def postgres_server() -> Generator[str]:
    """A throw-away server on a Unix socket; yields the URL of its first database.

    It runs as user postgres, since it refuses to run as root.
    """
    folder = Path(tempfile.mkdtemp(prefix="eaves-pg-"))
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"

    def run(*argv: str) -> None:
        subprocess.run(
            [*as_user, *argv],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            timeout=120,
        )

    run(f"{POSTGRES}/initdb", "-D", f"{data}", "-U", "eaves", "-A", "trust", "-N", "-E", "UTF8")
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=40"
    log = f"{folder}/log"
    run(f"{POSTGRES}/pg_ctl", "-D", f"{data}", "-w", "-l", log, "-o", options, "start")
    try:
        yield f"postgresql://eaves@/postgres?host={folder}"
    finally:
        run(f"{POSTGRES}/pg_ctl", "-D", f"{data}", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)
