"""The database as the device side uses it: one engine of its loop, two kinds of transaction."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.live import LiveDevice
from eaves.controller.live.rows import read_devices
from eaves.controller.store.unit import Db, open_engine, snapshot, unit_of_work
from eaves.ids import DeviceId


@dataclass(frozen=True, slots=True)
class Database:
    engine: AsyncEngine

    def write(self) -> AbstractAsyncContextManager[Db]:
        """A transaction that commits at a clean exit; only the writer opens one."""
        return unit_of_work(self.engine)

    def read(self) -> AbstractAsyncContextManager[Db]:
        return snapshot(self.engine)

    async def devices(self, device_ids: Sequence[DeviceId]) -> Sequence[LiveDevice]:
        """These devices as the memory keeps them, as far as they have registered."""
        async with self.read() as db:
            return await read_devices(db, device_ids)


@asynccontextmanager
async def open_database(url: str, audit_key: bytes) -> AsyncGenerator[Database, None]:
    engine = open_engine(url, audit_key)
    try:
        yield Database(engine)
    finally:
        await engine.dispose()
