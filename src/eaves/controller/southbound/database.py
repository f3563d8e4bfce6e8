"""The database as the device side uses it: one engine of its loop, two kinds of transaction.

Configurations are large.  The driver of PostgreSQL hands what it reads to the loop 16 KB at a
time, one turn of the loop for each: while the loop was busy, 64 configurations took seconds.  So a
thread with a connection of its own reads them there.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.live import LiveDevice
from eaves.controller.live.rows import read_devices
from eaves.controller.store.rendered import (
    RenderedConfig,
    find_rendered_of,
    read_rendered_of,
)
from eaves.controller.store.sync import open_sync_engine
from eaves.controller.store.unit import Db, open_engine, snapshot, unit_of_work
from eaves.ids import DeviceId


@dataclass(frozen=True, slots=True)
class Database:
    engine: AsyncEngine
    of_thread: Engine | None = None  # with PostgreSQL, for one reading at a time

    def write(self) -> AbstractAsyncContextManager[Db]:
        """A transaction that commits at a clean exit; only the writer opens one."""
        return unit_of_work(self.engine)

    def read(self) -> AbstractAsyncContextManager[Db]:
        return snapshot(self.engine)

    async def devices(self, device_ids: Sequence[DeviceId]) -> Sequence[LiveDevice]:
        """These devices as the memory keeps them, as far as they have registered."""
        async with self.read() as db:
            return await read_devices(db, device_ids)

    async def configs(self, device_ids: Sequence[DeviceId]) -> Mapping[DeviceId, RenderedConfig]:
        """What is in force for these devices; those without a configuration are left out."""
        if self.of_thread is not None:
            return await asyncio.to_thread(_read_configs, self.of_thread, device_ids)
        async with self.read() as db:
            return await find_rendered_of(db, device_ids)


def _read_configs(
    engine: Engine, device_ids: Sequence[DeviceId]
) -> Mapping[DeviceId, RenderedConfig]:
    with engine.connect() as connection:
        return read_rendered_of(connection, device_ids)


@asynccontextmanager
async def open_database(url: str, audit_key: bytes) -> AsyncGenerator[Database, None]:
    engine = open_engine(url, audit_key)
    of_thread = open_sync_engine(engine.url) if engine.dialect.name == "postgresql" else None
    try:
        yield Database(engine, of_thread)
    finally:
        await engine.dispose()
        if of_thread is not None:
            of_thread.dispose()
