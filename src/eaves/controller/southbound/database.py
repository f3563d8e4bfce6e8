"""The database as the device side uses it: one engine of its loop, two kinds of transaction."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.store.unit import Db, open_engine, snapshot, unit_of_work


@dataclass(frozen=True, slots=True)
class Database:
    engine: AsyncEngine

    def write(self) -> AbstractAsyncContextManager[Db]:
        """A transaction that commits at a clean exit; only the writer opens one."""
        return unit_of_work(self.engine)

    def read(self) -> AbstractAsyncContextManager[Db]:
        return snapshot(self.engine)


@asynccontextmanager
async def open_database(url: str) -> AsyncGenerator[Database, None]:
    engine = open_engine(url)
    try:
        yield Database(engine)
    finally:
        await engine.dispose()
