"""A restore that was cut off leaves a mark, and nothing is served before it was done again.

A restore commits in steps: tables are dropped, made, filled, keys exchanged.  Between two of them
there may be an empty database, in which a start would make a new admin, or the devices of one
controller beside the keys of another.  The mark is set before the first step and goes with the
last: a file in the state folder and, with PostgreSQL, a table that every controller sees.  The
table is there before the file and after it: a file without a table tells that the database was
restored from another machine meanwhile, and must not be replaced again.
"""

import os
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.errors import Rejected

FILE: Final = "restore-not-finished"
TABLE: Final = "restore_not_finished"
VERSION_TABLE: Final = "alembic_version"  # there is a controller in the database


class RestoreNotFinished(Rejected):
    """What is there is partly that of a backup."""

    def __init__(self, where: str, backup: str) -> None:
        super().__init__(
            f"{where}: the restore of {backup} was cut off; run it again: "
            f"eaves controller restore {backup} --passphrase-file FILE --force"
        )


class RestoredElsewhere(Rejected):
    """What is in the folder is partly that of a backup; the database is whole."""

    def __init__(self, state_dir: Path, backup: str, database: str) -> None:
        super().__init__(
            f"{state_dir}: the restore of {backup} was cut off here, and {database} was restored "
            "elsewhere since; the keys of this folder may be of another controller: use a fresh "
            "--state-dir and the --secret-key-file of that database"
        )


def mark_folder(state_dir: Path, backup: str) -> None:
    """Durable when it returns."""
    path = state_dir / FILE
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{backup}\n")
        file.flush()
        os.fsync(file.fileno())
    _sync(state_dir)


def unmark_folder(state_dir: Path) -> None:
    (state_dir / FILE).unlink()
    _sync(state_dir)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse_marked_folder(state_dir: Path, whole: str = "") -> None:
    """`whole`: the database beside it, where that holds a controller and bears no mark.

    Raises RestoreNotFinished, RestoredElsewhere.
    """
    path = state_dir / FILE
    if not path.exists():
        return
    backup = path.read_text(encoding="utf-8").strip()
    if whole:
        raise RestoredElsewhere(state_dir, backup, whole)
    raise RestoreNotFinished(str(state_dir), backup)


async def refuse_unfinished(engine: AsyncEngine, state_dir: Path) -> None:
    """Raises RestoreNotFinished, RestoredElsewhere."""
    if engine.dialect.name == "sqlite":
        refuse_marked_folder(state_dir)
        return
    database = engine.url.render_as_string()
    async with engine.connect() as connection:
        backup = await connection.run_sync(_marked)
        whole = await connection.run_sync(lambda sync: inspect(sync).has_table(VERSION_TABLE))
    if backup is not None:
        raise RestoreNotFinished(database, backup)
    refuse_marked_folder(state_dir, database if whole else "")


def _marked(connection: Connection) -> str | None:
    if not inspect(connection).has_table(TABLE):
        return None
    found = connection.execute(text(f"SELECT backup FROM {TABLE}"))  # noqa: S608 - a constant
    return str(found.scalar_one())
