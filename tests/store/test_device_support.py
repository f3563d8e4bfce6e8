"""Tags and places in use, machines that had a record, debug windows, policy documents."""

import json
from datetime import timedelta

from sqlalchemy import true
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, OTHER, STAMP, draft

from eaves.controller.store import objects as store
from eaves.controller.store import policy_documents as documents
from eaves.controller.store.debug_windows import Window, expire, open_window, windows_due
from eaves.controller.store.devices import claim_serial, mark_gone
from eaves.controller.store.in_use import places, port_tags_in_use, tags_in_use
from eaves.controller.store.machines import (
    find_machine,
    holder_of_certificate,
    holder_of_serial,
    list_before,
    note_left,
)
from eaves.controller.store.registering import Binding, register_binding
from eaves.controller.store.tables import Kind
from eaves.controller.store.tables_lists import listed
from eaves.controller.store.unit import Db, snapshot, unit_of_work
from eaves.ids import DeviceId

EDGE = DeviceId("edge")


async def device(db: Db, name: str, **body: object) -> None:
    wanted = draft(Kind.DEVICE, name, body=json.dumps({"name": name, **body}))
    await store.insert_object(db, ACME, wanted, STAMP)


async def test_tags_and_places_in_use_are_found(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        await device(
            db,
            "one",
            tags={"site": "north"},
            interfaces=[{"tags": {"cable": "blue"}}, {"name": "untagged"}],
            devLocation={"loc": "52.5, 13.4"},
        )
        await device(
            db,
            "two",
            tags={"site": "north"},
            vlanAdapters=[{"interface": {"tags": {"vlan": "7"}}}],
            devLocation={"city": "Bern", "country": "CH"},
        )
        await device(db, "three", tags={}, location="hall 3")
        await device(db, "four", devLocation={"country": "FR", "loc": ""})
        await device(db, "five")
        await device(db, "six", devLocation="nowhere", interfaces={"tags": "none"})
        switch = json.dumps({"name": "switch", "portTags": {"eth0": "lan"}})
        await store.insert_object(db, ACME, draft(Kind.NETINST, "switch", body=switch), STAMP)
    acme, other = (listed[Kind.DEVICE].c.enterprise_id == one for one in ("acme", "other"))
    async with snapshot(engine) as db:
        assert await tags_in_use(db, Kind.DEVICE, acme) == ({"site": "north"},)
        ports = await port_tags_in_use(db, Kind.DEVICE, acme)
        assert sorted(ports, key=str) == [{"cable": "blue"}, {"vlan": "7"}]
        assert await port_tags_in_use(db, Kind.NETINST, true()) == ({"eth0": "lan"},)
        assert await tags_in_use(db, Kind.DEVICE, other) == ()
        assert await port_tags_in_use(db, Kind.DEVICE, other) == ()
        assert await places(db, (other,)) == ()
        found = await places(db, (acme,))
    told = sorted((place, count) for place, count, _ in found)
    assert told == [("52.5, 13.4", 1), ("Bern, CH", 1), ("FR", 1), ("hall 3", 1)]


async def test_machines_that_had_a_record_are_remembered(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        await device(db, "edge")
        await claim_serial(db, EDGE, "key", "S1")
        assert await note_left(db, "acme", EDGE, "off-boarded", "admin", NOW) is None
        await register_binding(
            db,
            Binding(
                device_id=EDGE,
                enterprise_id="acme",
                certificate_hash=b"c" * 32,
                certificate_der=b"der",
                onboarding_key="key",
                serial="S1",
                bound_at=NOW,
            ),
        )
    async with snapshot(engine) as db:
        holder = await holder_of_serial(db, "key", "S1")
        assert holder is not None
        assert (holder.device_id, holder.enterprise_id) == (EDGE, "acme")
        assert await holder_of_certificate(db, b"c" * 32) == holder
        assert await holder_of_serial(db, "key", "S2") is None
    async with unit_of_work(engine) as db:
        assert await note_left(db, "acme", EDGE, "replaced", "admin", NOW) is not None
        await mark_gone(db, EDGE)
    async with snapshot(engine) as db:
        assert await find_machine(db, EDGE) is None
        assert await holder_of_certificate(db, b"c" * 32) is None
        (before,) = await list_before(db, "acme", EDGE)
        assert await list_before(db, "other", EDGE) == ()
    assert (before.serial, before.why, before.bound_at, before.left_at) == (
        "S1",
        "replaced",
        NOW,
        NOW,
    )


async def test_debug_windows_end(engine: AsyncEngine) -> None:
    hour = timedelta(hours=1)
    async with unit_of_work(engine) as db:
        await device(db, "edge", debugKnob={"debugKnob": True})
        await open_window(db, Window(ACME.enterprise, EDGE, NOW))
        await open_window(db, Window(ACME.enterprise, EDGE, NOW + hour))
        await open_window(db, Window(ACME.enterprise, DeviceId("gone"), NOW + hour))
        assert await windows_due(db, NOW, 10) == []
        due = await windows_due(db, NOW + hour, 10)
        assert {one.device_id for one in due} == {EDGE, "gone"}
        closed = {one.device_id: await expire(db, one, NOW + hour) for one in due}
        assert closed["gone"] is None  # type: ignore[index]  # an id is a text
        assert await windows_due(db, NOW + hour, 10) == []
    found = closed[EDGE]
    assert found is not None
    assert json.loads(found.body)["debugKnob"]["expired"]
    assert found.revision.curr == 2


async def test_one_policy_document_is_in_force(engine: AsyncEngine) -> None:
    def document(version: str, *, in_force: bool = False) -> documents.Document:
        return documents.Document(version, "", "text", NOW, "admin", in_force)

    async with unit_of_work(engine) as db:
        assert await documents.insert_document(db, "acme", document("1", in_force=True))
        assert not await documents.insert_document(db, "acme", document("1"))
        assert await documents.insert_document(db, "acme", document("2"))
        await documents.put_in_force(db, "acme", "2")
        (now,) = await documents.list_documents(db, "acme", in_force=True)
        assert now.version == "2"
        assert await documents.list_documents(db, OTHER.enterprise) == ()
        await documents.delete_document(db, "acme", "1")
        assert [one.version for one in await documents.list_documents(db, "acme")] == ["2"]
