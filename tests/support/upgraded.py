"""Databases with their tables, copied from one that was migrated once in this run.

The migrations take a second or two, and few tests are about them; those begin without tables.
"""

import tempfile
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from eaves.controller.store.schema import upgrade
from eaves.controller.store.unit import open_engine

ADMIN: Final = "postgres"  # the database of a new server, which is never dropped
_FILE: Final[list[bytes]] = []
_TEMPLATE: Final = "eaves_template"
_SERVERS: Final[set[str]] = set()  # those that have the template


async def put_tables(engine: AsyncEngine) -> None:
    """Into an empty database to which nobody is connected."""
    if engine.dialect.name == "sqlite":
        assert engine.url.database, engine.url
        await _put_file(Path(engine.url.database))
    elif engine.url.database != ADMIN:
        await _put_database(engine.url)
    await upgrade(engine)  # has nothing to do but what belongs beside the tables


async def _put_file(path: Path) -> None:
    if not _FILE:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "eaves.db"
            engine = open_engine(f"sqlite:///{made}")
            await upgrade(engine)
            await engine.dispose()
            _FILE.append(_whole(made))
    _copy(_FILE[0], path)


def _whole(file: Path) -> bytes:
    assert not file.with_name(f"{file.name}-wal").exists(), "not all of it is in the file"
    return file.read_bytes()


def _copy(content: bytes, path: Path) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


async def _put_database(url: URL) -> None:
    name, server = url.database, url.set(database=_TEMPLATE)
    plain = url.set(database=ADMIN)
    admin = create_async_engine(plain, isolation_level="AUTOCOMMIT")
    key = plain.render_as_string()
    async with admin.connect() as connection:
        if key not in _SERVERS:
            await connection.execute(text(f"CREATE DATABASE {_TEMPLATE}"))
            template = open_engine(server.render_as_string(hide_password=False))
            await upgrade(template)
            await template.dispose()
            _SERVERS.add(key)
        await connection.execute(text(f"DROP DATABASE {name}"))
        await connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}"))
    await admin.dispose()
