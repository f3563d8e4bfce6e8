"""Objects: names, revisions, references, tenants."""

import asyncio

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, OTHER, STAMP, draft

from eaves.controller.domain.scope import Scope
from eaves.controller.domain.secrets import SecretName
from eaves.controller.store import objects as store
from eaves.controller.store.affected import devices_affected, is_affected
from eaves.controller.store.objects import (
    Filter,
    NameTaken,
    NoSuchObject,
    StillReferenced,
    UnknownReference,
    VersionConflict,
)
from eaves.controller.store.sealed import delete_secret, find_secrets, put_secret
from eaves.controller.store.tables import (
    DEFAULT_NETWORK,
    Kind,
    object_ids,
    object_references,
)
from eaves.controller.store.unit import snapshot, unit_of_work
from eaves.ids import EnterpriseId, ProjectId


async def test_an_object_comes_back_as_it_was_stored(engine: AsyncEngine) -> None:
    wanted = draft(Kind.NETWORK, "lan", title="LAN", body='{"mtu":1400}', project_id="p1")
    async with unit_of_work(engine) as db:
        made = await store.insert_object(db, ACME, wanted, STAMP)
    async with snapshot(engine) as db:
        by_id = await store.find_object(db, ACME, Kind.NETWORK, "lan")
        by_name = await store.find_object_by_name(db, ACME, Kind.NETWORK, "lan")
    assert made == by_id == by_name
    assert made.body == '{"mtu":1400}'
    assert (made.title, made.project_id) == ("LAN", "p1")
    assert (made.revision.curr, made.revision.created_at) == (1, NOW)


async def test_a_name_is_taken_once_per_enterprise_and_kind(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        await store.insert_object(db, ACME, draft(Kind.NETWORK, "lan"), STAMP)
        await store.insert_object(db, ACME, draft(Kind.DATASTORE, "lan", id="store"), STAMP)
        await store.insert_object(
            db, OTHER, draft(Kind.NETWORK, "lan", id="lan2", enterprise_id="other"), STAMP
        )
    with pytest.raises(NameTaken, match="'lan' is taken"):
        async with unit_of_work(engine) as db:
            await store.insert_object(db, ACME, draft(Kind.NETWORK, "lan", id="lan3"), STAMP)


async def test_of_two_writers_with_one_name_one_is_refused(engine: AsyncEngine) -> None:
    async def insert(object_id: str) -> bool:
        try:
            async with unit_of_work(engine) as db:
                wanted = draft(Kind.IMAGE, "debian", id=object_id)
                await store.insert_object(db, ACME, wanted, STAMP)
        except NameTaken:
            return False
        return True

    assert sorted(await asyncio.gather(insert("one"), insert("two"))) == [False, True]


async def test_a_change_from_an_old_revision_is_refused(engine: AsyncEngine) -> None:
    lan = draft(Kind.NETWORK, "lan")
    async with unit_of_work(engine) as db:
        await store.insert_object(db, ACME, lan, STAMP)
        changed = await store.replace_object(db, ACME, lan, STAMP, expected=1)
        assert (changed.revision.curr, changed.revision.prev) == (2, 1)
    with pytest.raises(VersionConflict, match="at revision 2") as conflict:
        async with unit_of_work(engine) as db:
            await store.replace_object(db, ACME, lan, STAMP, expected=1)
    assert conflict.value.current == 2
    async with unit_of_work(engine) as db:
        assert (await store.replace_object(db, ACME, lan, STAMP, expected=None)).revision.curr == 3


async def test_what_is_referred_to_cannot_be_deleted(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        await store.insert_object(db, ACME, draft(Kind.DATASTORE, "depot"), STAMP)
        image = draft(Kind.IMAGE, "debian", references=frozenset({"depot", ""}))
        await store.insert_object(db, ACME, image, STAMP)
    with pytest.raises(StillReferenced, match="needed by image 'debian'") as refused:
        async with unit_of_work(engine) as db:
            await store.delete_object(db, ACME, Kind.DATASTORE, "depot")
    assert [d.id for d in refused.value.dependants] == ["debian"]
    async with unit_of_work(engine) as db:
        await store.delete_object(db, ACME, Kind.IMAGE, "debian")
        await store.delete_object(db, ACME, Kind.DATASTORE, "depot")
    with pytest.raises(NoSuchObject):
        async with unit_of_work(engine) as db:
            await store.delete_object(db, ACME, Kind.DATASTORE, "depot")


async def test_a_reference_to_nothing_is_refused(engine: AsyncEngine) -> None:
    image = draft(Kind.IMAGE, "debian", references=frozenset({"nowhere"}))
    with pytest.raises(UnknownReference, match="'debian' refers"):
        async with unit_of_work(engine) as db:
            await store.insert_object(db, ACME, image, STAMP)


async def test_a_tenant_does_not_see_another_ones_objects(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        await store.insert_object(db, ACME, draft(Kind.PROJECT, "p1", project_id="p1"), STAMP)
        await store.insert_object(db, ACME, draft(Kind.NETWORK, "lan", project_id="p1"), STAMP)
        for kind, name in ((Kind.PROJECT, "p1"), (Kind.NETWORK, "lan")):
            assert await store.find_object(db, OTHER, kind, name) is None
            assert await store.find_object_by_name(db, OTHER, kind, name) is None
            assert await store.list_objects(db, OTHER, kind) == ()
            assert await store.count_by_state(db, OTHER, kind) == {}
        with pytest.raises(NoSuchObject):
            await store.delete_object(db, OTHER, Kind.NETWORK, "lan")
        with pytest.raises(NoSuchObject):
            await store.replace_object(db, OTHER, draft(Kind.NETWORK, "lan"), STAMP, expected=None)
        assert await store.find_object(db, OTHER, Kind.ENTERPRISE, "acme") is None


async def test_a_caller_sees_only_its_projects(engine: AsyncEngine) -> None:
    only_p1 = Scope(EnterpriseId("acme"), frozenset({ProjectId("p1")}))
    async with unit_of_work(engine) as db:
        for project in ("p1", "p2"):
            await store.insert_object(
                db, ACME, draft(Kind.PROJECT, project, project_id=project), STAMP
            )
            network = draft(Kind.NETWORK, f"lan-{project}", project_id=project)
            await store.insert_object(db, ACME, network, STAMP)
        await store.insert_object(db, ACME, draft(Kind.BRAND, "maker"), STAMP)
        networks = await store.list_objects(db, only_p1, Kind.NETWORK)
        assert [n.name for n in networks] == ["lan-p1"]
        assert [p.name for p in await store.list_objects(db, only_p1, Kind.PROJECT)] == ["p1"]
        assert await store.find_object(db, only_p1, Kind.BRAND, "maker") is not None
        foreign = draft(Kind.NETWORK, "smuggled", project_id="p2")
        with pytest.raises(NoSuchObject):
            await store.insert_object(db, only_p1, foreign, STAMP)


async def test_pages_follow_the_names_and_filters_narrow_them(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        for n in range(25):
            state = "up" if n % 2 else "down"
            wanted = draft(Kind.DEVICE, f"edge-{n:02}", state=state, title=f"Rack 100% {n}")
            await store.insert_object(db, ACME, wanted, STAMP)
        first = await store.list_objects(db, ACME, Kind.DEVICE, limit=10)
        second = await store.list_objects(db, ACME, Kind.DEVICE, after=first[-1].name, limit=10)
        assert [d.name for d in (*first, *second)] == [f"edge-{n:02}" for n in range(20)]
        counts = await store.count_by_state(db, ACME, Kind.DEVICE)
        assert counts == {"down": 13, "up": 12}
        some = Filter(name_part="EDGE-1", states=frozenset({"up"}))
        found = await store.list_objects(db, ACME, Kind.DEVICE, some)
        assert [d.name for d in found] == [f"edge-{n}" for n in (11, 13, 15, 17, 19)]
        literal = Filter(title_part="100% 7")
        assert len(await store.list_objects(db, ACME, Kind.DEVICE, literal)) == 1


async def test_devices_affected_are_those_that_an_object_reaches(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        await store.insert_object(db, ACME, draft(Kind.DATASTORE, "depot"), STAMP)
        for kind, name, needs, device in (
            (Kind.IMAGE, "debian", "depot", ""),
            (Kind.APP, "bundle", "debian", ""),
            (Kind.DEVICE, "edge-1", "", ""),
            (Kind.DEVICE, "edge-2", "", ""),
            (Kind.APP_INSTANCE, "app-1", "bundle", "edge-1"),
        ):
            wanted = draft(kind, name, references=frozenset({needs, device}), device_id=device)
            await store.insert_object(db, ACME, wanted, STAMP)
        assert await devices_affected(db, "depot") == ("edge-1",)
        assert await devices_affected(db, "edge-2") == ("edge-2",)


async def test_a_default_network_reaches_the_devices_of_its_enterprise(
    engine: AsyncEngine,
) -> None:
    async with unit_of_work(engine) as db:
        default = draft(Kind.NETWORK, "lan", state=DEFAULT_NETWORK)
        await store.insert_object(db, ACME, default, STAMP)
        for name in ("edge-1", "edge-2"):
            await store.insert_object(db, ACME, draft(Kind.DEVICE, name), STAMP)
        stranger = draft(Kind.DEVICE, "edge-3", enterprise_id="other")
        await store.insert_object(db, OTHER, stranger, STAMP)
        assert await devices_affected(db, "lan") == ("edge-1", "edge-2")
        assert await devices_affected(db, "lan", after="edge-1") == ("edge-2",)
        assert await is_affected(db, "lan", "edge-2")
        assert not await is_affected(db, "lan", "edge-3")
        await store.replace_object(db, ACME, draft(Kind.NETWORK, "lan"), STAMP, expected=None)
        assert await devices_affected(db, "lan") == ()


MANY = 70_000
"""More than a statement of either database may bind values."""


async def test_an_object_reaches_devices_through_any_number_of_others(engine: AsyncEngine) -> None:
    images = [f"image-{number}" for number in range(MANY)]
    async with unit_of_work(engine) as db:
        await store.insert_object(db, ACME, draft(Kind.DATASTORE, "depot"), STAMP)
        kind = {"kind": Kind.IMAGE.value, "enterprise_id": "acme"}
        await db.execute(insert(object_ids), [{"id": one, **kind} for one in images])
        to_depot = [{"from_id": one, "to_id": "depot"} for one in images]
        await db.execute(insert(object_references), to_depot)
        device = draft(Kind.DEVICE, "edge-1", references=frozenset({images[-1]}))
        await store.insert_object(db, ACME, device, STAMP)
        await store.insert_object(db, ACME, draft(Kind.DEVICE, "edge-2"), STAMP)
        assert await devices_affected(db, "depot") == ("edge-1",)
        assert await is_affected(db, "depot", "edge-1")
        assert not await is_affected(db, "depot", "edge-2")


async def test_secrets_go_with_their_object(engine: AsyncEngine) -> None:
    password, key = SecretName("depot", "apiPasswd"), SecretName("depot", "apiKey")
    async with unit_of_work(engine) as db:
        await store.insert_object(db, ACME, draft(Kind.DATASTORE, "depot"), STAMP)
        await put_secret(db, password, b"sealed")
        await put_secret(db, password, b"sealed again")
        await put_secret(db, key, b"key")
        assert await find_secrets(db, ["depot"]) == {password: b"sealed again", key: b"key"}
        await delete_secret(db, key)
        await store.delete_object(db, ACME, Kind.DATASTORE, "depot")
        assert await find_secrets(db, ["depot"]) == {}


async def test_an_error_leaves_nothing_of_its_transaction(engine: AsyncEngine) -> None:
    async def change_and_fail() -> None:
        async with unit_of_work(engine) as db:
            await store.insert_object(db, ACME, draft(Kind.BRAND, "maker"), STAMP)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_and_fail()
    async with snapshot(engine) as db:
        assert await store.find_object(db, ACME, Kind.BRAND, "maker") is None
