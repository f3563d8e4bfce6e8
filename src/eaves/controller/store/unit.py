"""Engines and transactions.  The edge opens one transaction for each request; the store never
commits.

SQLite: write-ahead log with synced commits, foreign keys on, and a write transaction takes its
lock at the start (`BEGIN IMMEDIATE`), so that it waits there and not half way.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from eaves.controller.store.changes import NOTED, Noted, append_noted
from eaves.errors import Rejected

Db = AsyncConnection

BUSY_TIMEOUT_MS: Final = 30_000
OLDEST_POSTGRES: Final = (15,)
_BEGIN: Final = "eaves_sqlite_begin"
_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}

# a server that is gone without a word is found out in seconds, not in hours
_REACHABLE: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}


class UnusableDatabase(Rejected):
    """A database URL that this controller does not serve."""


def open_engine(url: str) -> AsyncEngine:
    """An engine for one event loop; the caller disposes of it.

    `url`: `sqlite:////path/eaves.db` or `postgresql://user@host/name`, with or without driver.
    """
    parsed = make_url(url)
    driver = _DRIVERS.get(parsed.drivername.partition("+")[0])
    if driver is None:
        raise UnusableDatabase(
            f"database {parsed.render_as_string()} is neither SQLite nor PostgreSQL; "
            "give sqlite:////path/file or postgresql://user@host/name"
        )
    parsed = parsed.set(drivername=driver)
    if driver == _DRIVERS["postgresql"]:
        return create_async_engine(
            parsed.update_query_dict({**_REACHABLE, **parsed.query}),
            pool_size=5,
            max_overflow=5,
            pool_timeout=10,
            pool_pre_ping=True,
            hide_parameters=True,
        )
    # hidden: what a failed statement was given may be a secret, and its error goes to the log
    engine = create_async_engine(parsed, pool_size=5, max_overflow=5, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


async def check_server(engine: AsyncEngine) -> None:
    """Raises UnusableDatabase for a PostgreSQL that is too old, and what connecting raises."""
    if engine.dialect.name != "postgresql":
        return
    async with engine.connect() as connection:
        version = connection.dialect.server_version_info or (0,)
    if version < OLDEST_POSTGRES:
        raise UnusableDatabase(
            f"database {engine.url.render_as_string()} is PostgreSQL "
            f"{'.'.join(map(str, version))}; this controller needs "
            f"{OLDEST_POSTGRES[0]} or later: upgrade the server first"
        )


def without_password(url: str) -> str:
    """A database URL as it may be shown."""
    return make_url(url).render_as_string(hide_password=True)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver would begin by itself, and too late
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


@asynccontextmanager
async def unit_of_work(engine: AsyncEngine) -> AsyncGenerator[Db]:
    """One write transaction: committed at a clean exit, rolled back else.

    What it notes by `note_change` is told to the other processes by the same commit.
    """
    noted: Noted = {}
    alone = engine.dialect.name == "sqlite"
    async with engine.connect() as connection:
        options = {_BEGIN: "BEGIN IMMEDIATE"} if alone else {NOTED: noted}
        db = await connection.execution_options(**options)
        async with db.begin():
            yield db
            await append_noted(db, noted)


@asynccontextmanager
async def snapshot(engine: AsyncEngine) -> AsyncGenerator[Db]:
    """One transaction to read in; on SQLite it never waits for a writer."""
    async with engine.connect() as connection, connection.begin():
        yield connection
