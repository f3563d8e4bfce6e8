"""Wishes to be rendered outlive the process that noted them, until a render has served them."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, STAMP, draft

from eaves.controller.jobs.wanted import RenderWanted
from eaves.controller.store.devices import Binding, register_binding
from eaves.controller.store.objects import insert_object
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.controller.store.wanted import (
    render_requests,
    renders_left_over,
    renders_served,
    want_render,
)
from eaves.ids import DeviceId

EDGE, OTHER = DeviceId("edge"), DeviceId("other")


async def wishes(engine: AsyncEngine) -> dict[DeviceId, str]:
    async with snapshot(engine) as db:
        return dict(await render_requests(db, (EDGE, OTHER)))


async def test_a_render_serves_the_wish_that_it_began_with_and_no_newer_one(
    engine: AsyncEngine,
) -> None:
    async with unit_of_work(engine) as db:
        await want_render(db, EDGE, "first", NOW)
    began = (await wishes(engine))[EDGE]
    async with unit_of_work(engine) as db:
        await want_render(db, EDGE, "second", NOW)
    async with unit_of_work(engine) as db:
        await renders_served(db, {EDGE: began})
    assert await wishes(engine) == {EDGE: "second"}
    async with unit_of_work(engine) as db:
        await renders_served(db, {EDGE: "second"})
    assert await wishes(engine) == {}


async def test_a_registration_leaves_a_wish_that_another_process_finds(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        await insert_object(db, ACME, draft(Kind.DEVICE, EDGE), STAMP)
        bound = datetime.now(UTC)
        await register_binding(db, Binding(EDGE, "acme", b"h" * 32, b"der", "key", "sn", bound))
        await want_render(db, OTHER, "long ago", bound - timedelta(hours=1))
    async with snapshot(engine) as db:
        assert await renders_left_over(db, timedelta(minutes=10), 10) == (OTHER,)
        assert await renders_left_over(db, timedelta(minutes=-10), 10) == (OTHER, EDGE)
        assert await renders_left_over(db, timedelta(minutes=-10), 1) == (OTHER,)


async def test_a_device_that_rests_after_a_failure_is_not_disturbed_by_a_sweep() -> None:
    wanted = RenderWanted()
    wanted.add((EDGE,))
    assert await wanted.take(10) == (EDGE,)
    wanted.failed(EDGE)
    wanted.sweep((EDGE, OTHER))
    assert await wanted.take(10) == (OTHER,)
