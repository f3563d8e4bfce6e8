"""From stored objects to a stored configuration."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, STAMP, draft
from unit.controller import worlds

from eaves.controller.domain.contract.base import Contract
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.render import Rendered, render_device
from eaves.controller.store import devices, objects
from eaves.controller.store.inputs import load_inputs, render_and_store
from eaves.controller.store.marks import (
    PUBLISHED,
    find_epoch,
    find_mark,
    note_restored,
    put_mark,
)
from eaves.controller.store.rendered import find_in_force, find_rendered
from eaves.controller.store.sealed import put_secret
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import Db, unit_of_work
from eaves.evapi.config import decode_edge_dev_config
from eaves.ids import ConfigHash, DeviceId

EDGE = DeviceId(worlds.DEVICE.id)


def render(inputs: DeviceInputs) -> Rendered:
    return render_device(inputs, worlds.FACTS)


async def rendered_at(db: Db, now: datetime) -> ConfigHash | None:
    """The new hash, None if unchanged."""
    return (await render_and_store(db, (EDGE,), render, now)).get(EDGE)


async def put(db: Db, kind: Kind, item: Contract, object_id: str, name: str) -> None:
    on_device = kind in (Kind.NETINST, Kind.VOLUME, Kind.APP_INSTANCE)
    wanted = draft(
        kind, name, id=object_id, body=item.to_json_text(), device_id=EDGE if on_device else ""
    )
    await objects.insert_object(db, ACME, wanted, STAMP)


async def store_world(db: Db) -> None:
    world = worlds.WORLD
    assert world.project is not None
    assert world.model is not None
    device = worlds.DEVICE.model_copy(update={"model_id": "m1"})
    await put(db, Kind.PROJECT, world.project, "p1", "shop")
    await put(db, Kind.MODEL, world.model, "m1", "QEMU")
    await put(db, Kind.DEVICE, device, EDGE, "edge-1")
    for kind, items in (
        (Kind.NETWORK, [worlds.UPLINK]),
        (Kind.NETINST, [worlds.APPS_NET]),
        (Kind.VOLUME, [worlds.DATA]),
        (Kind.APP_INSTANCE, [worlds.WEB, worlds.VM]),
        (Kind.APP, [worlds.CONTAINER, worlds.MACHINE]),
        (Kind.IMAGE, [worlds.DISK, worlds.OCI]),
        (Kind.DATASTORE, [worlds.DEPOT, worlds.UNUSED]),
    ):
        for item in items:
            await put(db, kind, item, item.id, item.name)
    for name, sealed in world.secrets.items():
        await put_secret(db, name, sealed)


async def test_what_is_stored_renders_as_what_is_in_memory(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        await store_world(db)
        loaded = await load_inputs(db, EDGE)
        assert await load_inputs(db, DeviceId("nobody")) is None
    assert loaded is not None
    assert loaded.enterprise_id == "acme"
    expected = replace(worlds.WORLD, ecdh_pem=b"", ecdh_hash=b"", enterprise_name="")
    assert render(replace(loaded, enterprise_name="")) == render(expected)


async def test_after_a_backup_was_restored_devices_get_something_newer(
    engine: AsyncEngine,
) -> None:
    """What a device holds came after the copy, and may even be the same but for its moment."""
    held, restored = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    async with unit_of_work(engine) as db:
        await store_world(db)
        before = await rendered_at(db, NOW)
        await put_mark(db, PUBLISHED, "certificates")
        epochs = {await find_epoch(db)}
        for at in (restored, restored + timedelta(seconds=1)):
            await note_restored(db, at)
            epochs.add(await find_epoch(db))
        assert len(epochs) == 3
        assert await find_mark(db, PUBLISHED) == ""  # a start renders every device
        after = await rendered_at(db, restored)
        assert after not in (None, before)
        rendered = await find_rendered(db, EDGE)
    assert rendered is not None
    assert rendered.config_timestamp > held
    assert decode_edge_dev_config(rendered.config).controller_epoch == max(epochs)


async def test_the_hash_and_timestamp_change_only_with_the_configuration(
    engine: AsyncEngine,
) -> None:
    async with unit_of_work(engine) as db:
        await store_world(db)
        first = await rendered_at(db, NOW)
        assert first is not None
        assert await rendered_at(db, NOW + timedelta(hours=1)) is None
        in_force = await find_in_force(db, EDGE)
        assert in_force is not None
        assert (in_force.config_hash, in_force.config_timestamp) == (first, NOW)
        assert len(in_force.missing) == 2  # no ECDH certificate yet
        ecdh = devices.EdgeNodeCertificate(devices.ECDH_TYPE, b"d" * 16, worlds.ECDH_PEM, NOW)
        assert await devices.put_device_certificates(db, EDGE, (ecdh,))
        second = await rendered_at(db, NOW - timedelta(days=1))
        assert second not in (None, first)
        rendered = await find_rendered(db, EDGE)
        assert rendered is not None
        config = decode_edge_dev_config(rendered.config)
        assert config.config_timestamp == NOW + timedelta(seconds=1)
        assert [app.activate for app in config.apps] == [True, True]
        after = await find_in_force(db, EDGE)
        assert after is not None
        assert after.missing == ()


async def test_several_devices_take_the_statements_of_one_and_get_what_each_gets_alone(
    engine: AsyncEngine,
) -> None:
    more = [DeviceId(f"{number:08}-1111-4111-8111-111111111111") for number in range(5)]
    count = 0

    def note(*_of_the_statement: object) -> None:
        nonlocal count
        count += 1

    async with unit_of_work(engine) as db:
        await store_world(db)
        for one in more:
            name = f"edge-{one[:8]}"
            device = worlds.DEVICE.model_copy(update={"model_id": "m1", "name": name})
            await put(db, Kind.DEVICE, device, one, name)
        together = await render_and_store(db, (EDGE, *more), render, NOW)
        assert together.keys() == {EDGE, *more}
        assert len(set(together.values())) == len(together)
        event.listen(engine.sync_engine, "before_cursor_execute", note)
        of_each: list[int] = []
        for one in together:  # alone none of them gets anything else
            count = 0
            assert await render_and_store(db, (one,), render, NOW + timedelta(hours=1)) == {}
            of_each.append(count)
        count = 0
        assert await render_and_store(db, together, render, NOW + timedelta(hours=1)) == {}
        event.remove(engine.sync_engine, "before_cursor_execute", note)
    assert count <= max(of_each)


async def test_others_have_a_turn_between_two_devices(engine: AsyncEngine) -> None:
    more = [DeviceId(f"{number:08}-1111-4111-8111-111111111111") for number in range(3)]
    turns = 0
    seen: list[int] = []

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def noting(inputs: DeviceInputs) -> Rendered:
        seen.append(turns)
        return render(inputs)

    async with unit_of_work(engine) as db:
        await store_world(db)
        for one in more:
            device = worlds.DEVICE.model_copy(update={"model_id": "m1", "name": one})
            await put(db, Kind.DEVICE, device, one, one)
        other = asyncio.create_task(take_turns())
        await render_and_store(db, (EDGE, *more), noting, NOW)
        other.cancel()
    assert len(set(seen)) == 4


async def test_of_two_changes_at_once_the_later_one_renders_both(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        await store_world(db)
        await rendered_at(db, NOW)

    async def delete(instance_id: str) -> None:
        async with unit_of_work(engine) as db:
            await objects.delete_object(db, ACME, Kind.APP_INSTANCE, instance_id)
            await rendered_at(db, NOW)

    await asyncio.gather(delete(worlds.WEB.id), delete(worlds.VM.id))
    async with unit_of_work(engine) as db:
        rendered = await find_rendered(db, EDGE)
    assert rendered is not None
    assert decode_edge_dev_config(rendered.config).apps == ()
