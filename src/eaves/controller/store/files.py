"""The telemetry files of a SQLite controller: `telemetry/{state,metrics,logs}.db` beside it.

Telemetry has files of its own so that it never waits for the write lock of the main database, nor
that for it.  Each file is written by one thread (`telemetry.embedded`) and carries its version in
`user_version`; readers attach it read-only (`store.unit`).  With PostgreSQL the same tables are in
the database itself, made by its migrations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.engine import URL

from eaves.controller.store import files_logs, files_metrics, files_state, free_pages
from eaves.controller.store.sync import open_sync_engine
from eaves.controller.store.unit import attachable
from eaves.errors import Rejected


class NewerFile(Rejected):
    """A telemetry file was written by a later release."""


class TelemetryElsewhere(Rejected):
    """Telemetry lies where the configured database would not look for it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Statements that bring a file from each version to the next."""

    steps: Sequence[Sequence[str]]
    page_bytes: int = 4096


SHAPES: Final[Mapping[str, Shape]] = {
    "state": Shape(files_state.STEPS),
    "metrics": Shape(files_metrics.STEPS),
    "logs": Shape(files_logs.STEPS, page_bytes=16_384),
}

WAL_BYTES: Final = 16 * 1024 * 1024  # before they go into the file: pages written often go once


def prepare_files(url: str | URL) -> None:
    """Make the telemetry files of a SQLite database, or bring them to this release.

    Raises NewerFile.  Nothing to do for PostgreSQL.
    """
    for name, path in attachable(url).items():
        if not path.parent.parent.is_dir():
            return  # there is no database there either: to open that tells of it
        path.parent.mkdir(mode=0o700, exist_ok=True)
        engine = open_telemetry(path)
        try:
            _migrate(engine, name, path)
        finally:
            engine.dispose()


def refuse_mix(url: str | URL, state_dir: Path) -> None:
    """Raises TelemetryElsewhere where a PostgreSQL controller finds files of a SQLite one."""
    folder = state_dir / "telemetry"
    if not attachable(url) and (folder / "state.db").exists():
        raise TelemetryElsewhere(
            f"{folder} holds telemetry of a controller on SQLite, but the database is PostgreSQL; "
            "start with the SQLite database, or move the folder away to do without what it holds"
        )


def open_telemetry(path: Path) -> Engine:
    """An engine for the one thread that writes this file."""
    engine = open_sync_engine(URL.create("sqlite", database=str(path)))
    shape = SHAPES[path.stem]

    def tune(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA page_size = {shape.page_bytes}")  # of a file without tables
        cursor.execute(free_pages.MODE)
        cursor.execute(f"PRAGMA wal_autocheckpoint = {WAL_BYTES // shape.page_bytes}")
        # a long reader lets the log grow; it is cut when it begins anew
        cursor.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        cursor.execute("PRAGMA cache_size = -16384")  # KiB; what is left out costs a short read
        cursor.close()

    event.listen(engine, "connect", tune, insert=True)  # before WAL: it fixes the page size
    return engine


def _migrate(engine: Engine, name: str, path: Path) -> None:
    steps = SHAPES[name].steps
    with engine.connect() as connection:
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        connection.rollback()
        if version > len(steps):
            raise NewerFile(
                f"{path} has version {version}, this release knows {len(steps)}; "
                "start the release that wrote it, or restore a backup"
            )
        for number, statements in enumerate(steps[version:], version + 1):
            with connection.begin():
                for statement in statements:
                    connection.exec_driver_sql(statement)
                connection.exec_driver_sql(f"PRAGMA user_version = {number}")
