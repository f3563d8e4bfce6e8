"""What devices report, what people did: stored once, read in order."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine
from store.conftest import ACME, NOW, OTHER, STAMP, draft

from eaves.controller.domain.audit import AuditEntry
from eaves.controller.domain.scope import Scope
from eaves.controller.store import people
from eaves.controller.store.events import (
    Event,
    delete_events_before,
    insert_audit,
    insert_event,
    list_events,
)
from eaves.controller.store.objects import insert_object
from eaves.controller.store.people import Credential, StoredToken
from eaves.controller.store.tables import Kind
from eaves.controller.store.unit import unit_of_work
from eaves.ids import EnterpriseId, ProjectId


async def test_events_are_read_newest_first_within_the_scope(engine: AsyncEngine) -> None:
    one = Event(NOW, "acme", "device.online", "edge-1 is online", object_id="edge-1")
    async with unit_of_work(engine) as db:
        await insert_event(db, one)
        await insert_event(db, replace(one, event_type="app.online", project_id="p1"))
        await insert_event(db, replace(one, event_type="app.error", project_id="p2"))
        await insert_audit(db, AuditEntry(NOW, "acme", "POST /devices", "200"))
        every = await list_events(db, ACME)
        assert [e.event_type for e in every] == ["app.error", "app.online", "device.online"]
        older = await list_events(db, ACME, before=every[1].row)
        assert [e.event_type for e in older] == ["device.online"]
        assert len(await list_events(db, ACME, after=every[1].row)) == 1
        assert await list_events(db, ACME, object_id="edge-2") == ()
        assert await list_events(db, OTHER) == ()
        only_p1 = Scope(EnterpriseId("acme"), frozenset({ProjectId("p1")}))
        mine = await list_events(db, only_p1)
        assert [e.event_type for e in mine] == ["app.online", "device.online"]
        assert await delete_events_before(db, NOW + timedelta(1), 2) == 2
        assert await delete_events_before(db, NOW + timedelta(1), 2) == 1


async def test_a_token_is_found_by_its_hash_until_it_expires(engine: AsyncEngine) -> None:
    later = NOW + timedelta(hours=1)
    token = StoredToken("t1", b"h" * 32, "u1", "acme", "session", NOW, later, client="curl")
    async with unit_of_work(engine) as db:
        await insert_object(db, ACME, draft(Kind.USER, "admin", id="u1"), STAMP)
        await people.insert_token(db, token)
        assert await people.find_token(db, b"h" * 32, NOW) == token
        assert await people.find_token(db, b"h" * 32, later) is None
        assert await people.find_token(db, b"?" * 32, NOW) is None
        await people.note_token_use(db, "t1", NOW, later + timedelta(hours=1))
        used = await people.find_token(db, b"h" * 32, later)
        assert used is not None
        assert used.last_used_at == NOW
        assert await people.list_tokens(db, "u1", NOW) == (used,)
        assert await people.delete_token(db, b"h" * 32)
        assert not await people.delete_token(db, b"h" * 32)
        await people.insert_token(db, token)
        assert await people.delete_expired_tokens(db, later) == 1
        await people.insert_token(db, token)
        assert await people.delete_tokens_of(db, "u1") == 1


async def test_failed_logins_count_until_one_succeeds(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as db:
        await insert_object(db, ACME, draft(Kind.USER, "admin", id="u1"), STAMP)
        await people.put_credential(db, Credential("u1", "$argon2id$", True, 0, NOW))
        for _ in range(3):
            await people.note_login(db, "u1", succeeded=False)
        found = await people.find_credential(db, "u1")
        assert found is not None
        assert (found.failed_attempts, found.must_change) == (3, True)
        await people.note_login(db, "u1", succeeded=True)
        again = await people.find_credential(db, "u1")
        assert again is not None
        assert again.failed_attempts == 0
        user = await people.find_user_for_login(db, "admin")
        assert user is not None
        assert user.id == "u1"
        assert await people.find_user_of_token(db, "nobody") is None
