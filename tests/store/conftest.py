"""Each test of the store runs on SQLite and on PostgreSQL, in an empty database each."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from store.databases import postgres_is_there, postgres_server
from support.upgraded import put_tables

from eaves.controller.domain.scope import Scope
from eaves.controller.store.objects import Draft, Stamp, insert_object
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import open_engine, unit_of_work
from eaves.ids import EnterpriseId

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
STAMP = Stamp(NOW, "admin")
ACME = Scope(EnterpriseId("acme"))
OTHER = Scope(EnterpriseId("other"))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if not postgres_is_there():
        pytest.skip("no PostgreSQL on this machine; install the package postgresql")
    with ExitStack() as stack:
        yield stack.enter_context(postgres_server())


_numbers = count(1)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/eaves.db"
        return
    server: str = request.getfixturevalue("postgres_url")
    name = f"test{next(_numbers)}"
    admin = create_async_engine(
        server.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
    )
    async with admin.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.replace("/postgres?", f"/{name}?")
    async with admin.connect() as connection:
        await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    await admin.dispose()


@pytest.fixture
async def bare_engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Without tables."""
    engine = open_engine(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def engine(bare_engine: AsyncEngine) -> AsyncEngine:
    """With tables and two enterprises."""
    await put_tables(bare_engine)
    async with unit_of_work(bare_engine) as db:
        for name in ("acme", "other"):
            scope = Scope(EnterpriseId(name))
            await insert_object(db, scope, Draft(Kind.ENTERPRISE, name, name, name, "{}"), STAMP)
    return bare_engine


def draft(kind: Kind, name: str, **more: object) -> Draft:
    """An object of the enterprise acme whose id is its name."""
    values: dict[str, object] = {"enterprise_id": "acme", "body": "{}", "id": name}
    return Draft(kind=kind, name=name, **(values | more))  # type: ignore[arg-type]  # a test's short form
