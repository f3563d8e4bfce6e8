"""Damage of an audit log that was looked into, on both databases: what comes after goes on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update
from store.conftest import NOW
from support.rest import Caller, Rest, running_rest

from eaves.controller.domain.audit import AuditEntry
from eaves.controller.jobs.audit_archive import archive_audit
from eaves.controller.settings import Retention
from eaves.controller.store.audit_chain import note_audit, read_rows
from eaves.controller.store.tables import audit, audit_heads
from eaves.controller.store.unit import open_engine, unit_of_work

C = audit.c
PATH = "/v1/eaves/audit"


@pytest.fixture
async def rest(tmp_path: Path, database_url: str) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path / "state", database_url) as running:
        yield running


@pytest.fixture
async def enterprise(rest: Rest) -> str:
    return await rest.add_user("alice")


@pytest.fixture
async def alice(rest: Rest, enterprise: str) -> AsyncIterator[Caller]:
    assert enterprise
    async with rest.client(await rest.login("alice")) as http:
        yield Caller(http)


async def brands(caller: Caller, first: int, last: int) -> None:
    for number in range(first, last + 1):
        await caller.create("/v1/brands", {"name": f"brand-{number}", "title": "Brand"})


async def test_damage_that_was_acknowledged_is_behind(
    rest: Rest, alice: Caller, enterprise: str, tmp_path: Path, database_url: str
) -> None:
    await brands(alice, 2, 7)
    async with unit_of_work(rest.engine) as db:
        await db.execute(delete(audit).where(C.number == 3))
        await db.execute(update(audit).where(C.number == 4).values(changes='{"title": [1, 2]}'))
        await db.execute(update(audit_heads).values(seal=b"of another secret key"))
    await brands(alice, 8, 8)  # told by a row of its own: rows 8 and 9
    engine, bound = open_engine(database_url, rest.keys.audit_key), Retention(audit_rows=1)
    assert await archive_audit(engine, tmp_path, bound, rest.clock(), segment=4) == 0
    told = await alice.get(f"{PATH}/verify")
    assert told["fault"]["number"] == 3
    number, _, digest = told["newest"].partition(":")
    assert number == "9"
    for body, status in (
        ({"anchor": told["newest"], "reason": ""}, 400),
        ({"anchor": f"9:{digest[:-2]}", "reason": "looked into"}, 400),
        ({"anchor": f"8:{digest}", "reason": "looked into"}, 409),
    ):
        answer = await alice.http.post(f"{PATH}/acknowledge", json=body)
        assert answer.status_code == status, answer.text
    known = {"anchor": told["newest"], "reason": "the key was replaced"}
    assert (await alice.http.post(f"{PATH}/acknowledge", json=known)).status_code == 200
    told = await alice.get(f"{PATH}/verify")
    assert (told["intact"], told["first"], told["acknowledged"]) == (True, 10, known["anchor"])
    (said,) = (await alice.get(PATH, verb="damage acknowledged"))["list"]
    assert (said["user"], said["changes"]["reason"]) == ("alice", "the key was replaced")
    await brands(alice, 9, 11)
    assert (await alice.get(f"{PATH}/verify"))["intact"]
    async with unit_of_work(rest.engine) as db:  # what comes after is checked as ever
        before = (await read_rows(db, enterprise, 10, 1))[0]
        await db.execute(update(audit).where(C.number == 11).values(user_name="mallory"))
    assert (await alice.get(f"{PATH}/verify"))["fault"]["number"] == 11
    assert await archive_audit(engine, tmp_path, bound, rest.clock(), segment=11) == 0
    async with unit_of_work(rest.engine) as db:
        await db.execute(
            update(audit).where(C.number == 11).values(user_name=before.entry.user_name)
        )
    assert await archive_audit(engine, tmp_path, bound, rest.clock(), segment=4) > 0
    assert (await alice.get(f"{PATH}/verify"))["intact"]
    async with unit_of_work(rest.engine) as db:  # nobody moves it without the key
        await db.execute(
            update(audit_heads).values(acknowledged_number=12, acknowledged_digest="00")
        )
    assert "bears no seal" in (await alice.get(f"{PATH}/verify"))["fault"]["why"]
    await engine.dispose()


async def test_one_log_that_cannot_be_read_does_not_keep_the_others_from_being_bounded(
    rest: Rest, alice: Caller, enterprise: str, tmp_path: Path, database_url: str
) -> None:
    await brands(alice, 2, 6)
    folder, broken = tmp_path / "moved", "0-before-all-others"
    async with unit_of_work(rest.engine) as db:
        for _ in range(5):
            note_audit(db, AuditEntry(NOW, broken, "written", "done"))
    async with unit_of_work(rest.engine) as db:  # a moment that Python does not have
        beyond = update(audit).where(C.enterprise_id == broken)
        await db.execute(beyond.values(at=text("at + 4611686018427387904")))
    engine = open_engine(database_url, rest.keys.audit_key)
    assert await archive_audit(engine, folder, Retention(audit_rows=1), rest.clock(), 3) == 6
    await engine.dispose()
    assert [path.name for path in folder.iterdir()] == [enterprise]
