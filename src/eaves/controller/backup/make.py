"""Make a backup of a controller, whether it runs or not.

What one moment means: every telemetry file is pinned first, the main database after them, the keys
are read last.  So the main database is never older than the telemetry beside it: an event that is
on its way from one to the other is in both at worst (and is stored once), never in none.  With
PostgreSQL everything is of one transaction.  Files of old audit rows are read after the database as
well: rows that are moved to a file meanwhile are in both.
"""

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from eaves.controller.backup.archive import (
    FORMAT,
    MANIFEST,
    Manifest,
    Partition,
    Rows,
    Writer,
    encode,
    writing,
)
from eaves.controller.backup.snapshot import Snapshot, pinned
from eaves.controller.keys.files import sync_folder
from eaves.controller.keys.secret_key import needs
from eaves.controller.settings import Settings
from eaves.controller.store.alone import sqlite_file
from eaves.controller.store.files import SHAPES
from eaves.controller.store.schema import HEAD
from eaves.controller.store.unfinished import TABLE as MARK
from eaves.controller.store.unfinished import (
    VERSION_TABLE,
    RestoreNotFinished,
    refuse_marked_folder,
)
from eaves.controller.store.unit import attachable, without_password
from eaves.errors import Rejected

if TYPE_CHECKING:
    import psycopg

KEY_FOLDERS: Final = ("signing", "onboarding", "tls")
SECRET: Final = "keys/secret.key"  # noqa: S105 - the name of a member
ROOT: Final = "root-certificate.pem"
AUDIT: Final = "audit/"  # members below it: old rows of the audit logs


class NothingToBackUp(Rejected):
    """There is no controller at the place that the settings name."""


@dataclass(frozen=True, slots=True)
class Made:
    path: Path
    size: int
    manifest: Manifest
    needs: str  # beside the passphrase, to open the secrets in it; empty: nothing


def back_up(
    settings: Settings,
    out: Path,
    passphrase: bytes,
    *,
    telemetry: bool,
    clock: Callable[[], datetime],
    random: Callable[[int], bytes],
) -> Made:
    """Write one encrypted file; whole or absent.  Blocking; only encrypted bytes reach a disk.

    Raises NothingToBackUp, RestoreNotFinished, RestoredElsewhere and what the database raises.
    """
    _refuse_unfinished(settings)
    if not settings.secret_key_path.exists():
        raise NothingToBackUp(
            f"{settings.secret_key_path} is missing; correct --state-dir, or start "
            "`eaves controller` once"
        )
    with _new_file(out) as file, writing(file, passphrase, random) as to:
        make = _of_sqlite if settings.alone else _of_postgres
        told = make(settings, to, telemetry=telemetry)
        _keys(settings, to)
        _audit(settings.audit_archive, to)
        manifest = Manifest(
            format=FORMAT,
            release=version("eaves"),
            schema=told.schema,
            database="sqlite" if settings.alone else "postgresql",
            made_at=clock().isoformat(),
            telemetry=telemetry,
            members=dict(to.members),
            tables=told.tables,
            partitions=told.partitions,
            sequences=told.sequences,
        )
        to.add_bytes(MANIFEST, encode(manifest))
    return Made(out, out.stat().st_size, manifest, needs(settings))


def _refuse_unfinished(settings: Settings) -> None:
    if settings.alone:
        refuse_marked_folder(settings.state_dir)
        return
    from eaves.controller.backup import postgres  # noqa: PLC0415 - only where this database is used

    with postgres.connect(settings.database) as db:
        there = postgres.tables_of(db)
        _refuse_marked(settings, db, there)
    whole = without_password(settings.database) if VERSION_TABLE in there else ""
    refuse_marked_folder(settings.state_dir, whole)


def _refuse_marked(
    settings: Settings, db: "psycopg.Connection[tuple[str, ...]]", there: Sequence[str]
) -> None:
    from eaves.controller.backup import postgres  # noqa: PLC0415 - only where this database is used

    if MARK in there:
        raise RestoreNotFinished(without_password(settings.database), postgres.marked(db))


@contextmanager
def _new_file(out: Path) -> Generator[BinaryIO]:
    temporary = out.with_name(f".{out.name}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(out)
        sync_folder(out.absolute().parent)
    finally:
        temporary.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Told:
    """What the manifest says of a database."""

    schema: str
    tables: tuple[Rows, ...] = ()
    partitions: tuple[Partition, ...] = ()
    sequences: dict[str, int] = field(default_factory=dict[str, int])


def _of_sqlite(settings: Settings, to: Writer, *, telemetry: bool) -> Told:
    main = sqlite_file(settings.database)
    if main is None or not main.exists():
        raise NothingToBackUp(
            f"{without_password(settings.database)} is missing; correct --state-dir or "
            "--database-url, or start `eaves controller` once"
        )
    with ExitStack() as stack:
        held: list[tuple[str, Snapshot]] = []
        for name, path in attachable(settings.database).items():
            if telemetry and path.exists():
                held.append((f"sqlite/telemetry/{name}.db", stack.enter_context(pinned(path))))
        held.append(("sqlite/eaves.db", stack.enter_context(pinned(main))))
        schema = _schema_of(main)
        for name, snapshot in held:
            to.add(name, snapshot.size, snapshot.parts())
    return Told(schema)


def _schema_of(main: Path) -> str:
    """A second look than that of the copy, but no release changes the schema of a live database."""
    import sqlite3  # noqa: PLC0415 - only where this database is used
    from contextlib import closing  # noqa: PLC0415 - as above

    with closing(sqlite3.connect(f"{main.absolute().as_uri()}?mode=ro", uri=True)) as db:
        return str(db.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def _of_postgres(settings: Settings, to: Writer, *, telemetry: bool) -> Told:
    from psycopg import IsolationLevel  # noqa: PLC0415 - only where this database is used

    from eaves.controller.backup import postgres  # noqa: PLC0415 - as above

    with postgres.connect(settings.database) as db:
        db.isolation_level = IsolationLevel.REPEATABLE_READ
        db.read_only = True
        there = postgres.tables_of(db)
        _refuse_marked(settings, db, there)
        if VERSION_TABLE not in there:
            raise NothingToBackUp(
                f"{without_password(settings.database)} holds no controller; correct "
                "--database-url, or start `eaves controller` once"
            )
        row = db.execute("SELECT version_num FROM alembic_version").fetchone()
        without = () if telemetry else telemetry_tables()
        tables, partitions = postgres.write_tables(db, to, without)
        return Told(row[0] if row else HEAD, tables, partitions, postgres.read_sequences(db))


def telemetry_tables() -> tuple[str, ...]:
    """What stands in files of its own on SQLite, by the names that PostgreSQL has too."""
    words = [
        line.split()
        for shape in SHAPES.values()
        for step in shape.steps
        for line in step
        if line.split()[:2] == ["CREATE", "TABLE"]
    ]
    return tuple(sorted({word[2].partition("(")[0].strip('"') for word in words}))


def _keys(settings: Settings, to: Writer) -> None:
    to.add_bytes(SECRET, settings.secret_key_path.read_bytes())
    state = settings.state_dir
    found = [path for name in KEY_FOLDERS for path in sorted((state / name).rglob("*"))]
    for path in (state / ROOT, *found):
        if path.is_file() and not path.name.startswith("."):
            to.add_bytes(f"keys/{path.relative_to(state)}", path.read_bytes())


def _audit(folder: Path, to: Writer) -> None:
    for path in sorted(folder.rglob("*")):
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # who runs the controller moved it away meanwhile
            continue
        to.add_bytes(f"{AUDIT}{path.relative_to(folder)}", content)
