"""How much stays: events by number, room in files, and what those who ask are told of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, OTHER

from eaves.controller.jobs.retention import drop_old, too_many
from eaves.controller.settings import Retention
from eaves.controller.store import usage
from eaves.controller.store.events import Event, events_of_devices, insert_event, list_events
from eaves.controller.store.files import open_telemetry, prepare_files
from eaves.controller.store.free_pages import KEPT_BYTES, give_back, page_counts
from eaves.controller.store.removals import Kept, Removal, find_removed, note_removals
from eaves.controller.store.sync import writing
from eaves.controller.store.unit import attachable, snapshot, unit_of_work

RETENTION = Retention(event_rows=100, event_rows_per_device=30)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({"noisy": 31, "quiet": 5}, {"noisy": 1}),
        ({"a": 30, "b": 30, "c": 30, "": 10}, {}),
        ({"a": 30, "b": 30, "c": 30, "": 20}, {"": 10}),
        ({"a": 30, "b": 30, "c": 30, "d": 30}, {"a": 5, "b": 5, "c": 5, "d": 5}),
        ({"a": 90, "": 100}, {"a": 60, "": 30}),
        ({"": 150}, {"": 50}),
        ({}, {}),
    ],
)
def test_who_told_most_gives_way_and_people_keep_a_share(
    held: Mapping[str, int], expected: Mapping[str, int]
) -> None:
    found = too_many(held, RETENTION)
    assert found == expected
    assert sum(held.values()) - sum(found.values()) <= RETENTION.event_rows


async def test_the_newest_events_of_a_noisy_device_stay(engine: AsyncEngine) -> None:
    told = Event(NOW, "acme", "device.online", "it is back")
    async with unit_of_work(engine) as db:
        for number in range(40):
            await insert_event(db, replace(told, device_id="noisy", description=f"{number}"))
        await insert_event(db, replace(told, device_id="quiet"))
        await insert_event(db, replace(told, at=NOW - timedelta(days=91), device_id="quiet"))
        await insert_event(db, told)
    assert await drop_old(engine, RETENTION, NOW) == Removal(older=1, over_bound=10)
    assert await drop_old(engine, RETENTION, NOW) == Removal()
    async with snapshot(engine) as db:
        assert await events_of_devices(db) == {"noisy": 30, "quiet": 1, "": 1}
        left = [e.description for e in await list_events(db, ACME) if e.device_id == "noisy"]
        assert (left[0], left[-1]) == ("39", "10")
        assert (await usage.read_events(db, ACME)).records == 32
        assert await usage.read_events(db, OTHER) == usage.Events(0, None)


async def test_what_was_dropped_last_is_remembered(engine: AsyncEngine) -> None:
    removal = Removal(older=3, devices=1)
    async with unit_of_work(engine) as db:
        assert await find_removed(db, Kept.LOGS) is None
        await note_removals(db, {Kept.LOGS: removal, Kept.FLOWS: Removal()}, NOW)
        # nothing was dropped now: what was last stays told
        await note_removals(db, {Kept.LOGS: Removal()}, NOW + timedelta(hours=1))
    async with snapshot(engine) as db:
        found = await find_removed(db, Kept.LOGS)
        assert found is not None
        assert (found.at, found.what) == (NOW, removal)
        assert await find_removed(db, Kept.FLOWS) is None
        stores = {store.name: store.bytes for store in await usage.read_stores(db)}
    assert stores.keys() == {"database", "state", "metrics", "logs"}
    assert all(size > 0 for size in stores.values())


def test_a_file_shrinks_when_much_of_it_is_free(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/eaves.db"
    prepare_files(url)
    path = attachable(url)["logs"]
    engine = open_telemetry(path)

    def stored(connection: Connection, count: int) -> None:
        for number in range(count):
            connection.exec_driver_sql(
                "INSERT INTO log_chunks (device_id, received_at, first_ns, last_ns, lines, levels, "
                "size, grams, heads, texts) "
                "VALUES ('d', ?, 1, 1, 1, 1, 1, x'', x'', randomblob(40000))",
                (number,),
            )

    try:
        with writing(engine) as connection:
            stored(connection, 1000)
        checkpoint(engine)
        before = path.stat().st_size
        with writing(engine) as connection:
            connection.exec_driver_sql("DELETE FROM log_chunks WHERE id % 5 <> 0")
        given = 0
        while some := worked(engine):
            given += some
        checkpoint(engine)
        assert path.stat().st_size == before - given
        with writing(engine) as connection:
            pages, free = page_counts(connection)
            left = connection.exec_driver_sql("SELECT count(*) FROM log_chunks").scalar_one()
        assert left == 200
        size = path.stat().st_size // pages
        # room for what comes next stays
        assert KEPT_BYTES - size <= free * size <= max(KEPT_BYTES, before // 10)
    finally:
        engine.dispose()


def worked(engine: Engine) -> int:
    with writing(engine) as connection:
        return give_back(connection)


def checkpoint(engine: Engine) -> None:
    raw = engine.raw_connection()
    raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
