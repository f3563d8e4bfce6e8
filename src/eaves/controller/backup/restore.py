"""Bring a backup back: checked whole first, staged beside its place, then moved there.

Devices keep what they have and ignore an older configuration.  So a restore raises the epoch (they
report everything again), lifts the timestamp of every configuration above what they can hold, and
has every configuration made anew at the next start.

It cannot be one step, so it is marked as not finished before anything is replaced; cut off
anywhere it is refused by every start, and done again with --force (`store.unfinished`).

Files of old audit rows are added to those that are there, and none is replaced: what was logged
since the backup is evidence.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from eaves.controller.backup.archive import Manifest, check, parts_of, read_members
from eaves.controller.backup.crypt import BackupUnreadable
from eaves.controller.backup.make import AUDIT, KEY_FOLDERS, ROOT, SECRET
from eaves.controller.first_start import note_restored_database
from eaves.controller.keys.files import sync_folder, write_once
from eaves.controller.keys.secret_key import needs
from eaves.controller.settings import Settings
from eaves.controller.store.alone import served_alone, sqlite_file
from eaves.controller.store.schema import HEAD, NewerDatabase, migrate
from eaves.controller.store.unfinished import mark_folder, unmark_folder
from eaves.controller.store.unit import open_engine, without_password
from eaves.errors import Rejected

STAGING: Final = ".restoring"
REPLACED: Final = ".replaced"
_MAIN, _TELEMETRY = "sqlite/eaves.db", "sqlite/telemetry/"


class NotEmpty(Rejected):
    """The place to restore to holds something already."""


class StillServed(Rejected):
    """Controllers run on the database that is to be replaced."""


class OtherDatabase(Rejected):
    """The backup is of the other kind of database."""


@dataclass(frozen=True, slots=True)
class Restored:
    manifest: Manifest
    replaced: Path | None  # what stood there before, kept
    needs: str  # beside its file, to open the secret key; empty: nothing


def restore(
    settings: Settings,
    backup: Path,
    passphrase: bytes,
    *,
    force: bool,
    clock: Callable[[], datetime],
) -> Restored:
    """Put a backup where the settings say.  Blocking.

    Raises BackupUnreadable, NewerDatabase, OtherDatabase, NotEmpty, AlreadyServed; nothing was
    touched then.
    """
    if not backup.is_file():
        raise BackupUnreadable(f"{backup} is no file; name the file that `backup` wrote")
    manifest = check(backup, passphrase)
    _refuse_unfit(settings, manifest, backup)
    with served_alone(settings.database):
        there = tuple(_there(settings))
        _refuse_served(settings)
        if there and not force:
            raise NotEmpty(
                f"{', '.join(there)} would be replaced; restore to an empty --state-dir and "
                "database, or add --force"
            )
        if settings.alone:
            replaced = _to_sqlite(settings, backup, passphrase, clock)
        else:
            replaced = _to_postgres(settings, backup, passphrase, manifest, clock)
    return Restored(manifest, replaced, needs(settings))


def _refuse_served(settings: Settings) -> None:
    """On PostgreSQL; `served_alone` does it for SQLite.  Raises StillServed."""
    if settings.alone:
        return
    from eaves.controller.backup import postgres  # noqa: PLC0415 - only for this database

    with postgres.connect(settings.database) as db:
        holders = postgres.lease_holders(db)
    if holders:
        raise StillServed(
            f"{without_password(settings.database)} is served by {', '.join(holders)}; stop every "
            "controller of this database (a lease of one that was killed ends within seconds)"
        )


def _refuse_unfit(settings: Settings, manifest: Manifest, backup: Path) -> None:
    if manifest.schema > HEAD:
        raise NewerDatabase(
            f"{backup} was made by release {manifest.release} with schema {manifest.schema}, this "
            f"release knows {HEAD}; restore it with release {manifest.release} or later"
        )
    wanted = "sqlite" if settings.alone else "postgresql"
    if manifest.database != wanted:
        raise OtherDatabase(
            f"{backup} is of a {manifest.database} database, --database-url names "
            f"{without_password(settings.database)}; name a {manifest.database} database"
        )


def _there(settings: Settings) -> Iterator[str]:
    for path in _places(settings):
        if path.exists():
            yield str(path)
    if not settings.alone:
        from eaves.controller.backup import postgres  # noqa: PLC0415 - only for this database

        with postgres.connect(settings.database) as db:
            if postgres.tables_of(db):
                yield without_password(settings.database)


def _places(settings: Settings) -> tuple[Path, ...]:
    """Everything that a restore replaces, files and folders."""
    state = settings.state_dir
    keys = (*(state / name for name in (*KEY_FOLDERS, ROOT)), settings.secret_key_path)
    main = sqlite_file(settings.database)
    if main is None:
        return keys
    logs = (main, main.with_name(f"{main.name}-wal"), main.with_name(f"{main.name}-shm"))
    return (*keys, *logs, main.parent / "telemetry")


def _place_of(settings: Settings, member: str) -> Path | None:
    """Where a member belongs; None for what is no file of a folder."""
    if member == SECRET:
        return settings.secret_key_path
    if member.startswith("keys/"):
        return settings.state_dir / member.removeprefix("keys/")
    if member.startswith(AUDIT):
        return settings.audit_archive / member.removeprefix(AUDIT)
    main = sqlite_file(settings.database)
    if main is not None and member == _MAIN:
        return main
    if main is not None and member.startswith(_TELEMETRY):
        return main.parent / "telemetry" / member.removeprefix(_TELEMETRY)
    return None


def _staged(settings: Settings, folder: Path) -> Settings:
    """The same controller inside of `folder`."""
    url = f"sqlite:///{folder.absolute() / 'eaves.db'}" if settings.alone else settings.database_url
    return replace(
        settings, state_dir=folder, database_url=url, secret_key_file=None, audit_folder=None
    )


def _stage(settings: Settings, backup: Path, passphrase: bytes) -> Settings:
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = settings.state_dir / STAGING
    shutil.rmtree(folder, ignore_errors=True)  # of a restore that was cut off
    folder.mkdir(mode=0o700)
    staged = _staged(settings, folder)
    for name, content in read_members(backup, passphrase):
        place = _place_of(staged, name)
        if place is None:
            continue
        if not place.absolute().is_relative_to(folder.absolute()) or ".." in place.parts:
            raise BackupUnreadable(f"{backup}: {name!r} points out of its folder")
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = 0o644 if place.name == ROOT else 0o600
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            for part in parts_of(content):
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
    return staged


def _to_sqlite(
    settings: Settings, backup: Path, passphrase: bytes, clock: Callable[[], datetime]
) -> Path | None:
    staged = _stage(settings, backup, passphrase)
    asyncio.run(note_restored_database(staged, clock=clock))
    mark_folder(settings.state_dir, str(backup.absolute()))
    replaced = _put_in_place(settings, staged, clock)
    unmark_folder(settings.state_dir)
    return replaced


def _to_postgres(
    settings: Settings,
    backup: Path,
    passphrase: bytes,
    manifest: Manifest,
    clock: Callable[[], datetime],
) -> Path | None:
    from eaves.controller.backup import postgres  # noqa: PLC0415 - only for this database

    staged = _stage(settings, backup, passphrase)
    with postgres.connect(settings.database) as db:
        postgres.drop_tables(db, str(backup.absolute()))  # of --force; else there is none
    mark_folder(settings.state_dir, str(backup.absolute()))
    asyncio.run(_make_tables(settings, manifest.schema))
    tables = {rows.table: rows for rows in manifest.tables}
    with postgres.connect(settings.database) as db:  # one transaction: all rows or none
        postgres.empty_tables(db, manifest.tables, manifest.partitions)
        for name, content in read_members(backup, passphrase):
            if name.startswith("postgresql/"):
                postgres.read_rows(db, tables[name.split("/")[1]], parts_of(content))
        postgres.advance_sequences(db, manifest.sequences)
    asyncio.run(note_restored_database(settings, clock=clock))
    replaced = _put_in_place(settings, staged, clock)
    unmark_folder(settings.state_dir)
    with postgres.connect(settings.database) as db:
        postgres.drop_mark(db)
    return replaced


async def _make_tables(settings: Settings, schema: str) -> None:
    engine = open_engine(settings.database)
    try:
        await migrate(engine, schema)
    finally:
        await engine.dispose()


def _put_in_place(
    settings: Settings, staged: Settings, clock: Callable[[], datetime]
) -> Path | None:
    """Move what stood there aside, then what was staged there; the main database last.

    Cut off half way it is done again: what was moved aside stays.
    """
    for path in sorted(staged.audit_archive.rglob("*")):
        if path.is_file():
            place = settings.audit_archive / path.relative_to(staged.audit_archive)
            write_once(place, path.read_bytes())
    aside = settings.state_dir / f"{REPLACED}-{clock():%Y%m%dT%H%M%S}"
    moved = False
    for place in _places(settings):
        if place.exists():
            aside.mkdir(mode=0o700, exist_ok=True)
            shutil.move(place, aside / place.name)
            moved = True
    pairs = dict(zip(_places(staged), _places(settings), strict=True))
    for source, place in sorted(
        pairs.items(), key=lambda pair: pair[0].name.startswith("eaves.db")
    ):
        if source.exists():
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.move(source, place)
    shutil.rmtree(staged.state_dir)
    sync_folder(settings.state_dir)
    return aside if moved else None
