"""Bring a database to the schema of this release.

Alembic is loaded only when there is something to do: a controller that restarts answers its first
poll sooner.
"""

import asyncio
from typing import Final

import structlog
from sqlalchemy import Connection, Text, column, inspect, select, table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.store.files import prepare_files
from eaves.controller.store.statistics import gather_missing
from eaves.controller.store.unit import unit_of_work
from eaves.errors import Rejected

log = structlog.get_logger()

HEAD: Final = "0042"  # the newest file below migrations/versions
BASE: Final = "base"
ATTEMPTS: Final = 3  # two processes that make the first tables at once are in each other's way


class NewerDatabase(Rejected):
    """The database was written by a later release."""


async def upgrade(engine: AsyncEngine) -> None:
    """Make or migrate the tables, those of the telemetry files too.

    Raises NewerDatabase and NewerFile.
    """
    # before the first connection: each attaches the files that it finds
    await asyncio.to_thread(prepare_files, engine.url)
    async with engine.connect() as connection:
        version = await connection.run_sync(_version)
    if version == HEAD:
        await _gather(engine)
        return
    if version is not None and version > HEAD:
        raise NewerDatabase(
            f"the database has schema {version}, this release knows {HEAD}; "
            "start the release that wrote it, or restore a backup"
        )
    for attempt in range(1, ATTEMPTS + 1):
        try:
            await migrate(engine, HEAD)
            break
        except (SQLAlchemyError, OSError) as error:
            async with engine.connect() as connection:
                if await connection.run_sync(_version) == HEAD:
                    return  # another process made the first tables while we tried
            if attempt == ATTEMPTS:
                raise
            log.info("schema_upgraded_again", why=str(error))
    log.info("schema_upgraded", before=version, after=HEAD)
    await _gather(engine)


async def _gather(engine: AsyncEngine) -> None:
    if names := await gather_missing(engine):
        log.info("statistics_gathered", tables=list(names))


async def migrate(engine: AsyncEngine, to: str) -> None:
    """Go up or down to a revision (`base`: no tables), in one transaction."""
    async with unit_of_work(engine) as db:
        if await db.run_sync(_version, locked=True) != to:  # several processes may start at once
            await db.run_sync(_migrate, to)


def _version(connection: Connection, *, locked: bool = False) -> str | None:
    """`locked`: nobody else migrates before this transaction ends."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    query = select(column("version_num", Text)).select_from(table("alembic_version"))
    return connection.execute(query.with_for_update() if locked else query).scalar_one_or_none()


def _migrate(connection: Connection, to: str) -> None:
    from alembic import command  # noqa: PLC0415 - see the module text
    from alembic.config import Config  # noqa: PLC0415 - see the module text

    config = Config()
    config.set_main_option("script_location", "eaves.controller.store:migrations")
    config.attributes["connection"] = connection
    before = _version(connection)
    if to == BASE or (before is not None and before > to):
        command.downgrade(config, to)
    else:
        command.upgrade(config, to)
