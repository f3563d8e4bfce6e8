"""The audit log on both databases: a check names the row that was tampered with."""

import asyncio
import gzip
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import column, delete, insert, select, table, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from store.conftest import ACME, NOW
from support.rest import Caller, Json, Rest, running_rest

from eaves.cli.audit import verify
from eaves.controller.domain.audit import AuditEntry, Head, Link, chained
from eaves.controller.jobs.audit_archive import archive_audit
from eaves.controller.northbound.audit import export_lines
from eaves.controller.settings import Retention
from eaves.controller.store.audit_chain import (
    AuditFilter,
    find_head,
    list_audit,
    list_heads,
    note_audit,
    put_head,
    read_rows,
)
from eaves.controller.store.schema import migrate, upgrade
from eaves.controller.store.tables import audit, audit_heads
from eaves.controller.store.unit import open_engine, snapshot, unit_of_work

Tamper = Callable[[AsyncConnection, str], Awaitable[object]]
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


async def changed(db: AsyncConnection, _enterprise: str) -> None:
    await db.execute(update(audit).where(C.number == 3).values(user_name="mallory"))


async def changed_before_and_after(db: AsyncConnection, _enterprise: str) -> None:
    await db.execute(update(audit).where(C.number == 4).values(changes='{"title": [1, 2]}'))


async def dated_back(db: AsyncConnection, _enterprise: str) -> None:
    await db.execute(update(audit).where(C.number == 3).values(at=NOW))


async def removed(db: AsyncConnection, _enterprise: str) -> None:
    await db.execute(delete(audit).where(C.number == 3))


async def removed_and_counted_anew(db: AsyncConnection, _enterprise: str) -> None:
    await db.execute(delete(audit).where(C.number == 3))
    for number in range(4, 8):
        await db.execute(update(audit).where(C.number == number).values(number=number - 1))


async def inserted(db: AsyncConnection, _enterprise: str) -> None:
    for number in range(7, 2, -1):
        await db.execute(update(audit).where(C.number == number).values(number=number + 1))
    await copied(db, 2, 3)


async def copied(db: AsyncConnection, number: int, to: int) -> None:
    one = (await db.execute(select(audit).where(C.number == number))).one()._mapping
    values = {name: value for name, value in one.items() if name != "row"} | {"number": to}
    await db.execute(insert(audit).values(values))


async def exchanged(db: AsyncConnection, _enterprise: str) -> None:
    for before, after in ((3, 100), (4, 3), (100, 4)):
        await db.execute(update(audit).where(C.number == before).values(number=after))


async def written_anew(db: AsyncConnection, enterprise: str) -> None:
    """All digests fit, head and seals too, but for the key."""
    head = await find_head(db, enterprise)
    assert head is not None
    rows = await read_rows(db, enterprise, 0)
    entries = [one.entry for one in rows if one.number != 3]
    anew, newest = chained(b"a guess", head.archived, entries)
    await db.execute(delete(audit).where(C.number == rows[-1].number))
    for one in anew:
        await db.execute(
            update(audit)
            .where(C.number == one.number)
            .values(digest=one.digest, seal=one.seal, user_name=one.entry.user_name)
        )
    await put_head(db, Head(enterprise, newest, 1, head.archived, b""), b"a guess")


async def cut(db: AsyncConnection, _enterprise: str) -> None:
    await db.execute(delete(audit).where(C.number >= 6))


async def cut_with_its_head(db: AsyncConnection, enterprise: str) -> None:
    await cut(db, enterprise)
    last = (await read_rows(db, enterprise, 4))[0]
    await db.execute(update(audit_heads).values(number=5, digest=last.digest))


async def put_behind(db: AsyncConnection, _enterprise: str) -> None:
    await copied(db, 2, 8)


async def put_before(db: AsyncConnection, _enterprise: str) -> None:
    await copied(db, 2, -5)


async def without_head(db: AsyncConnection, _enterprise: str) -> None:
    await db.execute(delete(audit_heads))


async def without_seals(db: AsyncConnection, _enterprise: str) -> None:
    """As if a release without seals had written it; the head says so, but has no seal for it."""
    await db.execute(update(audit).values(seal=b""))
    await db.execute(update(audit_heads).values(sealed_from=8))


CASES: list[tuple[Tamper, int, str]] = [
    (changed, 3, "does not fit"),
    (changed_before_and_after, 4, "does not fit"),
    (dated_back, 3, "does not fit"),
    (removed, 3, "row 3 is missing"),
    (removed_and_counted_anew, 3, "does not fit"),
    (inserted, 3, "does not fit"),
    (exchanged, 3, "does not fit"),
    (written_anew, 1, ""),
    (cut, 6, "rows 6 to 7 are missing at the end"),
    (cut_with_its_head, 0, "the head, which names row 5"),
    (put_behind, 8, "behind the end"),
    (put_before, -5, "before the beginning"),
    (without_head, 0, "is gone"),
    (without_seals, 0, "bears no seal"),
]


async def test_a_check_names_the_first_row_that_does_not_fit(
    rest: Rest, alice: Caller, enterprise: str
) -> None:
    """Each in turn on the same log, which is put back in between."""
    await brands(alice, 2, 7)
    told = await alice.get(f"{PATH}/verify")
    assert (told["intact"], told["checked"], told["next"], told["unsealed"]) == (True, 7, 0, 0)
    async with snapshot(rest.engine) as db:
        kept = {
            table: [dict(one._mapping) for one in await db.execute(select(table))]
            for table in (audit, audit_heads)
        }
    for tamper, number, why in CASES:
        async with unit_of_work(rest.engine) as db:
            await tamper(db, enterprise)
        told = await alice.get(f"{PATH}/verify")
        assert not told["intact"], tamper
        assert told["fault"]["number"] == number, (tamper, told)
        assert why in told["fault"]["why"], (tamper, told)
        async with unit_of_work(rest.engine) as db:
            for table, rows in kept.items():
                await db.execute(delete(table))
                await db.execute(insert(table), rows)
        assert (await alice.get(f"{PATH}/verify"))["intact"], tamper


async def test_what_is_done_after_the_damage_does_not_hide_it(
    rest: Rest, alice: Caller, enterprise: str
) -> None:
    await brands(alice, 2, 7)
    for number, (tamper, what) in enumerate(
        ((cut_with_its_head, "names row 5"), (without_head, "is gone"))
    ):
        async with unit_of_work(rest.engine) as db:
            await tamper(db, enterprise)
        await brands(alice, number * 10 + 10, number * 10 + 12)
        told = await alice.get(f"{PATH}/verify")
        assert not told["intact"]
        told = await alice.get(PATH, verb="found damaged")
        assert what in told["list"][0]["result"]


async def test_an_older_copy_is_found_by_an_anchor(rest: Rest, alice: Caller) -> None:
    await brands(alice, 2, 5)
    async with snapshot(rest.engine) as db:
        old = (await db.execute(select(audit_heads))).one()._mapping
    await brands(alice, 6, 7)
    anchor = (await alice.get(f"{PATH}/verify"))["newest"]
    assert (await alice.get(f"{PATH}/verify", anchor=anchor))["intact"]
    async with unit_of_work(rest.engine) as db:
        await db.execute(delete(audit).where(C.number > 5))
        await db.execute(update(audit_heads).values(dict(old)))
    assert (await alice.get(f"{PATH}/verify"))["intact"]  # by itself it is
    told = await alice.get(f"{PATH}/verify", anchor=anchor)
    assert told["fault"]["number"] == 6
    assert "row 7 was seen once" in told["fault"]["why"]
    await brands(alice, 16, 17)
    told = await alice.get(f"{PATH}/verify", anchor=anchor)
    assert told["fault"]["number"] == 7
    wrong = await alice.http.get(f"{PATH}/verify", params={"anchor": "7:xyz"})
    assert wrong.status_code == 400


async def test_writers_beside_each_other_make_one_chain(
    rest: Rest, alice: Caller, enterprise: str, database_url: str
) -> None:
    key = rest.keys.audit_key
    engines = [open_engine(database_url, key) for _ in range(3)]

    async def write(engine: AsyncEngine, number: int) -> None:
        async with unit_of_work(engine) as db:
            for part in range(3):
                note_audit(db, AuditEntry(NOW, enterprise, f"{number}.{part}", "done"))

    await asyncio.gather(*(write(engines[n % 3], n) for n in range(24)))
    for engine in engines:
        await engine.dispose()
    told = await alice.get(f"{PATH}/verify")
    assert (told["intact"], told["checked"]) == (True, 1 + 24 * 3)
    async with snapshot(rest.engine) as db:
        verbs = [one.entry.verb for one in await read_rows(db, enterprise, 1)]
    turns = [verb.split(".") for verb in verbs]
    assert sorted({turn[0] for turn in turns}) == sorted(map(str, range(24)))
    for at in range(0, len(turns), 3):  # those of one transaction stand together, in their order
        assert turns[at : at + 3] == [[turns[at][0], str(part)] for part in range(3)]


async def test_what_is_undone_leaves_no_row(rest: Rest, alice: Caller, enterprise: str) -> None:
    async def undone() -> None:
        async with unit_of_work(rest.engine) as db:
            note_audit(db, AuditEntry(NOW, enterprise, "never", "done"))
            raise RuntimeError("undone")

    with pytest.raises(RuntimeError, match="undone"):
        await undone()
    assert (await alice.get(f"{PATH}/verify"))["checked"] == 1


async def test_old_rows_are_moved_to_files_that_fit_what_is_kept(
    rest: Rest, alice: Caller, enterprise: str, tmp_path: Path, database_url: str
) -> None:
    await brands(alice, 2, 12)
    folder, key = tmp_path / "moved", rest.keys.audit_key
    engine = open_engine(database_url, key)
    bound = Retention(audit_rows=4)
    async with snapshot(rest.engine) as db:
        third = (await read_rows(db, enterprise, 2, 1))[0].digest.hex()
    first = f"000000000001-000000000003-{third[:16]}"
    (folder / enterprise).mkdir(parents=True)
    before = folder / enterprise / f"{first}.jsonl.gz"
    before.write_bytes(b"of a log that an older copy took the place of")
    assert await archive_audit(engine, folder, bound, rest.clock(), segment=3) == 9
    assert before.read_bytes().startswith(b"of a log")
    before.unlink()
    assert await archive_audit(engine, folder, bound, rest.clock(), segment=3) == 0
    names = sorted(path.name for path in (folder / enterprise).iterdir())
    assert names[0] == f"{first}.2.jsonl.gz"
    files_told = [
        one["changes"]["file"] for one in (await alice.get(PATH, verb="archived"))["list"]
    ]
    assert sorted(files_told) == names
    files = [folder / enterprise / name for name in names]
    told = await alice.get(f"{PATH}/verify")
    assert told["intact"]
    assert told["first"] == 10
    exported = tmp_path / "audit.jsonl"
    exported.write_bytes((await alice.http.get(f"{PATH}/export")).content)
    run = CliRunner().invoke(verify, [*map(str, files), str(exported)])
    assert run.exit_code == 0, run.output
    assert run.output.rstrip().endswith(told["newest"])
    run = CliRunner().invoke(verify, [str(files[0]), str(files[2])])
    assert "row 4 is missing" in run.output
    cut = tmp_path / files[1].name
    cut.write_bytes(
        gzip.compress(b"\n".join(gzip.decompress(files[1].read_bytes()).split(b"\n")[:2]))
    )
    run = CliRunner().invoke(verify, [str(files[0]), str(cut)])
    assert "rows 6 to 6 are missing at the end" in run.output
    shutil.copy(files[2], cut)
    run = CliRunner().invoke(verify, [str(cut)])
    assert "does not hold what its name says" in run.output
    async with unit_of_work(rest.engine) as db:  # what was tampered with is not moved away
        await db.execute(update(audit).where(C.number == 11).values(result="nothing"))
    much_later = rest.clock() + timedelta(days=9999)
    assert await archive_audit(engine, folder, bound, much_later, segment=3) == 0
    await engine.dispose()
    assert (await alice.get(f"{PATH}/verify"))["fault"]["number"] == 11


async def test_an_export_is_checked_by_itself(alice: Caller, tmp_path: Path) -> None:
    await brands(alice, 2, 5)
    lines = (await alice.http.get(f"{PATH}/export")).text.splitlines()
    assert [json.loads(line).get("number") for line in lines] == [1, 2, 3, 4, 5, None]
    assert json.loads(lines[-1])["head"]["number"] == 5
    file = tmp_path / "audit.jsonl"

    def checked(*kept: str) -> str:
        file.write_text("\n".join(kept) + "\n")
        return CliRunner().invoke(verify, [str(file)]).output

    assert "rows 1 to 5" in checked(*lines)
    assert "row 3 is missing" in checked(*lines[:2], *lines[3:])
    assert "row 2 does not fit" in checked(lines[0], lines[1].replace("alice", "mallory"))
    assert "rows 4 to 5 are missing at the end" in checked(*lines[:3], lines[-1])
    assert "rows 3 to 5" in checked(*lines[2:])
    assert "it was cut" in checked(*lines[:3])
    assert "line 7 stands behind the end" in checked(*lines, lines[0])
    head = lines[-1].replace(json.loads(lines[-1])["head"]["digest"], "0" * 64)
    assert "row 5 is not the one" in checked(*lines[:-1], head)
    for odd in ("[]", "{}", '{"number": "x", "digest": ""}', "no JSON"):
        assert f"{file}: line 1 is no" in checked(odd)


async def test_an_export_that_is_overtaken_by_the_archive_is_not_whole(
    rest: Rest, alice: Caller, enterprise: str, tmp_path: Path, database_url: str
) -> None:
    await brands(alice, 2, 8)
    async with snapshot(rest.engine) as db:
        head = await find_head(db, enterprise)
    lines = export_lines(rest.engine, head, 0, at_once=2)
    exported = [await anext(lines)]
    engine = open_engine(database_url, rest.keys.audit_key)
    assert await archive_audit(engine, tmp_path, Retention(audit_rows=3), rest.clock(), 3) == 6
    await engine.dispose()
    exported += [part async for part in lines]
    numbers = [json.loads(line).get("number") for line in "".join(exported).splitlines()]
    assert numbers == [1, 2]  # no gap, and no last line: it is to be done again
    async with unit_of_work(rest.engine) as db:  # what somebody took away is shown as such
        await db.execute(delete(audit).where(C.number == 8))
        head = await find_head(db, enterprise)
    exported = [part async for part in export_lines(rest.engine, head, 0, at_once=2)]
    told = [json.loads(line) for line in "".join(exported).splitlines()]
    assert [line.get("number") for line in told][:2] == [7, 9]
    assert "head" in told[-1]


async def test_the_list_is_narrowed_by_what_was_asked_and_by_who_asks(
    rest: Rest, alice: Caller, enterprise: str
) -> None:
    project = await alice.create("/v1/projects", project_body("north"))
    await alice.create("/v1/projects", project_body("south"))
    told = await alice.get(PATH, objectId=project)
    assert [(one["verb"], one["user"]) for one in told["list"]] == [("created", "alice")]
    assert told["list"][0]["client"].startswith("127.0.0.1")
    assert told["list"][0]["changes"]["title"] == [None, "north"]
    page = await alice.get(PATH, **{"next.pageSize": "2"})
    assert len(page["list"]) == 2
    rest_of_it = await alice.get(PATH, **{"next.pageToken": page["next"]["pageToken"]})
    assert [one["number"] for one in rest_of_it["list"]] == [1]
    assert rest_of_it["list"][0]["result"] == "logged in"
    await rest.add_user("eve")
    async with rest.client(await rest.login("eve")) as http:
        others = (await http.get(PATH)).json()["list"]
        assert {one["user"] for one in others} == {"eve"}
        assert "alice" not in (await http.get(f"{PATH}/export")).text
    scope = {"accessUser": "PermissionAccessRead", "projectFilter": [project]}
    role: Json = {"name": "north-only", "title": "North", "scopes": [scope]}
    await alice.create("/v1/roles", {**role, "type": "USER_ROLE_USER_DEFINED"})
    blind = {
        "name": "blind",
        "title": "Blind",
        "scopes": [{"accessDevice": "PermissionAccessRead"}],
    }
    await alice.create("/v1/roles", {**blind, "type": "USER_ROLE_USER_DEFINED"})
    await rest.add_user("ned", enterprise=enterprise, role="north-only")
    await rest.add_user("bob", enterprise=enterprise, role="blind")
    async with rest.client(await rest.login("ned")) as http:
        seen = (await http.get(PATH)).json()["list"]
        assert "south" not in {one["objectName"] for one in seen}
        for path in ("export", "verify"):
            assert (await http.get(f"{PATH}/{path}")).status_code == 403
        body = {"anchor": f"1:{'00' * 32}", "reason": "none"}
        assert (await http.post(f"{PATH}/acknowledge", json=body)).status_code == 403
    async with rest.client(await rest.login("bob")) as http:
        for path in ("", "/export", "/verify"):
            assert (await http.get(f"{PATH}{path}")).status_code == 403


def project_body(name: str) -> Json:
    return {"name": name, "title": name, "type": "TAG_TYPE_PROJECT"}


async def test_rows_of_an_earlier_release_are_kept_in_the_chain(rest: Rest, alice: Caller) -> None:
    """As the migration leaves them: chained, without seals, and told as such."""
    await brands(alice, 2, 4)
    async with unit_of_work(rest.engine) as db:
        await db.execute(update(audit).values(seal=b""))
        await db.execute(update(audit_heads).values(sealed_from=5, seal=b""))
    told = await alice.get(f"{PATH}/verify")
    assert (told["intact"], told["unsealed"]) == (True, 4)
    await brands(alice, 5, 6)
    told = await alice.get(f"{PATH}/verify")
    assert (told["intact"], told["checked"], told["unsealed"]) == (True, 6, 4)
    assert told["unsealedUntil"].startswith("2026-01-02T03:04:05")


async def test_the_log_of_a_release_without_a_chain_is_read_after_the_upgrade(
    bare_engine: AsyncEngine,
) -> None:
    columns = ("project_id", "user_id", "user_name", "client", "request_id", "verb", "result")
    told = dict.fromkeys((*columns, "object_kind", "object_id", "object_name"), "said")
    before = table("audit", *map(column, ("at", "enterprise_id", "changes", *told)))
    rows = [{**told, "enterprise_id": "acme", "at": at, "changes": "{}"} for at in (7, 8)]
    await migrate(bare_engine, "0017")
    async with unit_of_work(bare_engine) as db:
        await db.execute(insert(before), rows)
    await upgrade(bare_engine)
    async with unit_of_work(bare_engine) as db:
        note_audit(db, AuditEntry(NOW, "acme", "upgraded", "done"))
    async with snapshot(bare_engine) as db:
        found = await read_rows(db, "acme", 0)
        assert await list_audit(db, ACME, AuditFilter()) == found[::-1]
        (head,) = await list_heads(db)
    assert [(one.number, one.seal, one.entry.verb) for one in found] == [
        (1, b"", "said"),
        (2, b"", "said"),
        (3, found[2].seal, "upgraded"),
    ]
    assert chained(b"", head.archived, [one.entry for one in found])[1] == head.newest


def test_an_anchor_reads_as_it_is_written() -> None:
    from eaves.controller.domain.audit import read_anchor  # noqa: PLC0415 - this test alone

    link = Link(12, b"\x01" * 32)
    assert read_anchor(str(link)) == link
    assert read_anchor("12:00") is None
