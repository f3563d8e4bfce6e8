"""On SQLite: read first, and write only what still follows from it."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from eaves.controller.store.marks import find_mark, put_mark
from eaves.controller.store.unit import looking_ahead, open_engine, unit_of_work


async def test_a_commit_in_between_is_noticed(engine: AsyncEngine) -> None:
    if engine.dialect.name != "sqlite":
        with pytest.raises(ValueError, match="lock the rows"):
            async with looking_ahead(engine):
                raise AssertionError("PostgreSQL locks rows instead")
        return
    async with looking_ahead(engine) as ahead, ahead.writing():
        assert not await ahead.unchanged()  # nothing was read
    async with looking_ahead(engine) as ahead:
        async with ahead.reading() as db:
            assert await find_mark(db, "one") == ""
        async with ahead.writing() as db:
            assert await ahead.unchanged()
            await put_mark(db, "one", "mine")
    async with looking_ahead(engine) as ahead:
        async with ahead.reading() as db:
            assert await find_mark(db, "one") == "mine"
            other = open_engine(str(engine.url))  # another connection, while this one reads
            async with unit_of_work(other) as theirs:
                await put_mark(theirs, "one", "theirs")
            await other.dispose()
            assert await find_mark(db, "one") == "mine"  # as it was when reading began
        async with ahead.writing() as db:
            assert not await ahead.unchanged()
            assert await find_mark(db, "one") == "theirs"
