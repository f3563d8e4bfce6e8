"""Very many rows by one statement: what stands in the database is what was given."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW

from eaves.controller.store.dialect import insert_missing, upsert_many
from eaves.controller.store.events import Event, insert_event, insert_events, list_events
from eaves.controller.store.many import insert_all, insert_tuples, run_many
from eaves.controller.store.tables import device_bindings
from eaves.controller.store.unit import Db, snapshot, unit_of_work

Row = dict[str, object]


def binding(number: int, **changes: object) -> Row:
    """A row with texts, bytes, flags and a moment; its columns are in no order of the table."""
    return {
        "serial": f"serial-{number}",
        "bound_at": NOW + timedelta(microseconds=number),
        "gone": number % 2 == 0,
        "device_id": f"device-{number}",
        "certificate_hash": bytes([number]) * 32,
        "certificate_der": bytes(range(number)),
        "enterprise_id": "acme",
        "attestation_required": False,
        "onboarding_key": "",
        **changes,
    }


async def stored(engine: AsyncEngine) -> list[Row]:
    query = select(device_bindings).order_by(device_bindings.c.device_id)
    async with snapshot(engine) as db:
        return [dict(row) for row in (await db.execute(query)).mappings()]


async def test_rows_are_as_sqlalchemy_itself_stores_them(engine: AsyncEngine) -> None:
    rows = [binding(number) for number in range(7)]
    async with unit_of_work(engine) as db:
        await db.execute(insert(device_bindings), rows)
    wanted = await stored(engine)
    assert [row["bound_at"] for row in wanted] == [row["bound_at"] for row in rows]
    names = tuple(rows[0])
    ways: tuple[Callable[[Db], Awaitable[None]], ...] = (
        lambda db: insert_all(db, device_bindings, rows),
        lambda db: insert_tuples(
            db, device_bindings, names, (tuple(row[name] for name in names) for row in rows)
        ),
        lambda db: insert_missing(db, device_bindings, rows),
        lambda db: upsert_many(db, device_bindings, rows),
    )
    for way in ways:
        async with unit_of_work(engine) as db:
            await db.execute(delete(device_bindings))
            await way(db)
        assert await stored(engine) == wanted


async def test_what_is_there_stays_or_is_replaced(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        await insert_all(db, device_bindings, [binding(1), binding(2)])
        await insert_missing(
            db, device_bindings, [binding(1, serial="other"), binding(3, serial="third")]
        )
        await upsert_many(db, device_bindings, [binding(2, serial="second", onboarding_key="k")])
        await upsert_many(
            db, device_bindings, [binding(3, serial="no", onboarding_key="k")], keep=("serial",)
        )
    found = {
        row["device_id"]: (row["serial"], row["onboarding_key"]) for row in await stored(engine)
    }
    assert found == {
        "device-1": ("serial-1", ""),
        "device-2": ("second", "k"),
        "device-3": ("third", "k"),
    }
    with pytest.raises(IntegrityError):
        async with unit_of_work(engine) as db:
            await insert_all(db, device_bindings, [binding(4), binding(1)])
    assert len(await stored(engine)) == 3


async def test_rows_of_nothing_and_of_one_column(engine: AsyncEngine) -> None:
    c = device_bindings.c
    async with unit_of_work(engine) as db:
        await insert_all(db, device_bindings, [])
        await insert_tuples(db, device_bindings, ("device_id", "serial"), ())
        await insert_all(db, device_bindings, [binding(1), binding(2), binding(3)])
        gone = delete(device_bindings).where(c.device_id == bindparam("of"))
        await run_many(db, gone, [{"of": "device-1"}])
        both = gone.where(c.serial == bindparam("serial_of"))
        rows: list[Row] = [
            {"serial_of": "serial-2", "of": "device-2"},
            {"serial_of": "other", "of": "device-3"},
        ]
        await run_many(db, both, rows)
    assert [row["device_id"] for row in await stored(engine)] == ["device-3"]


async def test_rows_that_do_not_fit_their_statement_are_refused(engine: AsyncEngine) -> None:
    if engine.dialect.name != "sqlite":
        return  # SQLAlchemy itself says so there
    c = device_bindings.c
    gone = delete(device_bindings).where(c.device_id == bindparam("of"), c.serial == "one")
    async with unit_of_work(engine) as db:
        with pytest.raises(ValueError, match="the statement takes"):
            await run_many(db, gone, [{"of": "device-1", "more": 1}])


async def test_events_told_together_are_those_told_one_by_one(engine: AsyncEngine) -> None:
    told = [
        Event(
            at=NOW + timedelta(seconds=number),
            enterprise_id="acme",
            event_type="DEVICE_CREATED",
            description=f"Gerät {number}: 'quoted'",
            device_id=f"device-{number}",
            data='{"a": 1}' if number else "",
        )
        for number in range(3)
    ]
    async with unit_of_work(engine) as db:
        await insert_events(db, ())
        for event in told:
            await insert_event(db, event)
        await insert_events(db, told)
        found = await list_events(db, ACME)
    newest = [replace(event, row=0) for event in found]
    assert newest == [*reversed(told), *reversed(told)]
