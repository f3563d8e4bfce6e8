"""A SQLite database belongs to one controller process: only one may serve it."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from eaves.errors import Rejected


class AlreadyServed(Rejected):
    """Another process serves this SQLite database."""


class NoPlace(Rejected):
    """The folder that the state is to be kept in cannot be used."""

    def __init__(self, error: OSError, folder: Path) -> None:
        super().__init__(
            f"{error.filename or folder}: {error.strerror}; give a folder that this user may "
            "write, by --state-dir or EAVES_STATE_DIR, or change whose it is"
        )


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite database; None for another database or one in memory."""
    parsed = make_url(url)
    if not parsed.drivername.startswith("sqlite") or parsed.database in (None, "", ":memory:"):
        return None
    return Path(parsed.database or "")


@contextmanager
def served_alone(url: str) -> Generator[None]:
    """Be the only process that serves this database, as long as this lasts.

    The lock is the kernel's and ends with the process, however that ends.  Commands that only use
    the database beside a controller (`reset-admin`) do not take it.  Raises AlreadyServed, NoPlace.
    """
    database = sqlite_file(url)
    if database is None:
        yield
        return
    lock = database.with_name(f"{database.name}.lock")
    try:
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise NoPlace(error, database.parent) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            raise AlreadyServed(
                f"SQLite database {database} is served by process {holder or 'unknown'} already; "
                "stop that one, give this one a --state-dir of its own, or let both share a "
                "PostgreSQL database (EAVES_DATABASE_URL)"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
