"""Engines and transactions.  The edge opens one transaction for each request; the store never
commits.

SQLite: write-ahead log with synced commits, foreign keys on, and a write transaction takes its
lock at the start (`BEGIN IMMEDIATE`), so that it waits there and not half way.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from eaves.controller.store.audit_chain import AUDIT_KEY, AUDITED, Audited, append_audited
from eaves.controller.store.changes import NOTED, Noted, append_noted
from eaves.controller.store.one_trip import Connection
from eaves.errors import Rejected

Db = AsyncConnection

BUSY_TIMEOUT_MS: Final = 30_000
OLDEST_POSTGRES: Final = 15
CACHED_KIB: Final = 16_384
"""Pages of SQLite that a connection keeps, at most; a pass over an index of 100,000 devices needs
about as many, and reads each page again and again where it may keep only the 2 MB of the default.
"""
TELEMETRY_FILES: Final = ("state", "metrics", "logs")
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


def open_engine(url: str, audit_key: bytes = b"") -> AsyncEngine:
    """An engine for one event loop; the caller disposes of it.

    `url`: `sqlite:////path/eaves.db` or `postgresql://user@host/name`, with or without driver.
    `audit_key` seals what its transactions write to the audit log; see domain/audit.py.
    """
    engine = _open_engine(url)
    engine.sync_engine.update_execution_options(**{AUDIT_KEY: audit_key})
    return engine


def _open_engine(url: str) -> AsyncEngine:
    parsed = make_url(url)
    database = driver_of(parsed)
    parsed = parsed.set(drivername=_DRIVERS[database])
    if database == "postgresql":
        return create_async_engine(
            reachable(parsed),
            pool_size=5,
            max_overflow=5,
            pool_timeout=10,
            pool_use_lifo=True,  # few servers that know the tables, not all a little
            pool_pre_ping=True,
            hide_parameters=True,
        )
    # hidden: what a failed statement was given may be a secret, and its error goes to the log
    engine = create_async_engine(
        parsed,
        pool_size=5,
        max_overflow=5,
        pool_use_lifo=True,  # the pages that one connection keeps serve most, and few keep any
        hide_parameters=True,
        connect_args={"uri": True, "async_creator_fn": Connection},
    )
    files = attachable(parsed)

    def prepare(connection: Any, record: object) -> None:
        prepare_sqlite(connection, record)
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA main.cache_size = -{CACHED_KIB}")
        cursor.close()
        _attach(connection, files)

    event.listen(engine.sync_engine, "connect", prepare)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


async def check_server(engine: AsyncEngine) -> None:
    """Raises UnusableDatabase for a PostgreSQL that is too old, and what connecting raises."""
    if engine.dialect.name != "postgresql":
        return
    async with engine.connect() as connection:
        version = tuple(connection.dialect.server_version_info or (0,))
    if int(version[0]) < OLDEST_POSTGRES:
        raise UnusableDatabase(
            f"database {engine.url.render_as_string()} is PostgreSQL "
            f"{'.'.join(map(str, version))}; this controller needs "
            f"{OLDEST_POSTGRES} or later: upgrade the server first"
        )


def reachable(url: URL) -> URL:
    """With the limits of a connection to PostgreSQL that is not answered any more."""
    return url.update_query_dict({**_REACHABLE, **url.query})


def driver_of(url: URL) -> str:
    """`sqlite` or `postgresql`.  Raises UnusableDatabase."""
    name = url.drivername.partition("+")[0]
    if name not in _DRIVERS:
        raise UnusableDatabase(
            f"database {url.render_as_string()} is neither SQLite nor PostgreSQL; "
            "give sqlite:////path/file or postgresql://user@host/name"
        )
    return "sqlite" if name == "sqlite" else "postgresql"


def without_password(url: str) -> str:
    """A database URL as it may be shown."""
    return make_url(url).render_as_string(hide_password=True)


def telemetry_folder(url: str | URL) -> Path | None:
    """Where the telemetry of a SQLite database lives: beside it; None: in the database itself."""
    parsed = make_url(url)
    if driver_of(parsed) != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return None
    return Path(parsed.database).absolute().parent / "telemetry"


def attachable(url: str | URL) -> Mapping[str, Path]:
    """Telemetry files that readers of this database see beside it, by the name of their schema."""
    folder = telemetry_folder(url)
    return {} if folder is None else {name: folder / f"{name}.db" for name in TELEMETRY_FILES}


def _attach(connection: Any, files: Mapping[str, Path]) -> None:
    """Make their tables readable by bare name.  Read-only: BEGIN IMMEDIATE takes no lock there."""
    cursor = connection.cursor()
    for name, path in files.items():
        if path.exists():
            # "telemetry_": a schema called like one of its tables would be hard to tell from it
            cursor.execute(f"ATTACH DATABASE ? AS telemetry_{name}", (f"{path.as_uri()}?mode=ro",))
    cursor.close()


def prepare_sqlite(connection: Any, _record: object) -> None:
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


def begin_immediate(connection: sqlalchemy.Connection) -> None:
    """Every transaction of a writer thread writes."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_sqlite(connection: sqlalchemy.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


@asynccontextmanager
async def unit_of_work(engine: AsyncEngine, *, in_place: bool = False) -> AsyncGenerator[Db]:
    """One write transaction: committed at a clean exit, rolled back else.

    `in_place`: of many short statements.  On SQLite they run in the thread of the loop, which gets
    a turn every few milliseconds; to begin and to commit goes to the thread of the connection.

    What it notes by `note_change` is told to the other processes by the same commit; what it notes
    for the audit log stands there.
    """
    async with engine.connect() as connection, _work_on(connection, in_place=in_place) as db:
        yield db


@asynccontextmanager
async def _work_on(connection: Db, *, in_place: bool) -> AsyncGenerator[Db]:
    noted: Noted = {}
    audited: Audited = []
    alone = connection.dialect.name == "sqlite"
    options: dict[str, object] = {_BEGIN: "BEGIN IMMEDIATE"} if alone else {NOTED: noted}
    db = await connection.execution_options(**options, **{AUDITED: audited})
    async with db.begin(), _placed(db, in_place=in_place and alone):
        yield db
        await append_audited(db, audited)
        await append_noted(db, noted)


class LookAhead:
    """A connection to SQLite on which one reads first, and writes what follows from it.

    The lock is held for the second part alone.  Whoever writes asks `unchanged` before anything
    else: where it is not so, what was read may be old, and has to be read again.
    """

    def __init__(self, connection: Db) -> None:
        self._connection = connection
        self._seen: int | None = None

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[Db]:
        """What is read here is of one moment."""
        await self._connection.execution_options(**{_BEGIN: "BEGIN"})
        async with self._connection.begin(), _placed(self._connection, in_place=True):
            self._seen = await self._version()
            yield self._connection

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[Db]:
        """The statements of a `unit_of_work`, in place."""
        async with _work_on(self._connection, in_place=True) as db:
            yield db

    async def unchanged(self) -> bool:
        """No other connection has committed since; to be asked while writing."""
        return self._seen is not None and await self._version() == self._seen

    async def _version(self) -> int:
        rows = await self._connection.exec_driver_sql("PRAGMA main.data_version")
        return int(rows.scalar_one())


@asynccontextmanager
async def looking_ahead(engine: AsyncEngine) -> AsyncGenerator[LookAhead]:
    """Raises ValueError for PostgreSQL: there rows are locked where they are read."""
    if engine.dialect.name != "sqlite":
        raise ValueError(f"{engine.dialect.name} has no one lock: lock the rows that are read")
    async with engine.connect() as connection:
        yield LookAhead(connection)


@asynccontextmanager
async def _placed(db: Db, *, in_place: bool) -> AsyncGenerator[None]:
    if not in_place:
        yield
        return
    driver = (await db.get_raw_connection()).driver_connection
    if not isinstance(driver, Connection):
        raise TypeError(f"{driver!r} is no connection that `open_engine` made")
    driver.in_place = True
    try:
        yield
    finally:
        driver.in_place = False


@asynccontextmanager
async def snapshot(engine: AsyncEngine) -> AsyncGenerator[Db]:
    """One transaction to read in; on SQLite it never waits for a writer."""
    async with engine.connect() as connection, connection.begin():
        yield connection
